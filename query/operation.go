package query

import (
	"fmt"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/gofiber/fiber/v2"
)

// Readiness is how far every part has come.
type Readiness struct {
	Parts      []Part      `json:"parts"`
	Partitions []Partition `json:"partitions"`
}

// Part is one thing that must work: the live view, Kafka, ClickHouse, the lag against the retention.
type Part struct {
	Name   string `json:"name"`
	Ready  bool   `json:"ready"`
	Detail string `json:"detail,omitempty"` // for operators; without secrets
}

// Partition of the events topic. Offsets are those of the next record.
type Partition struct {
	Partition int    `json:"partition"`
	Applied   int64  `json:"applied"` // by the live view
	End       int64  `json:"end"`     // Kafka's
	CaughtUp  bool   `json:"caught_up"`
	History   *int64 `json:"history"` // flushed to ClickHouse; null where not known
	Error     string `json:"error,omitempty"`
}

// Ready reports whether every part is.
func (r *Readiness) Ready() bool {
	for _, p := range r.Parts {
		if !p.Ready {
			return false
		}
	}
	return true
}

// readiness is Readiness as /readyz shows it.
type readiness struct {
	Ready bool `json:"ready"`
	Readiness
}

func healthz(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.SendString("ok\n")
}

func (a *App) readyz(c *fiber.Ctx) error {
	r := a.deps.Readiness(c.UserContext())
	status := fiber.StatusOK
	if !r.Ready() {
		status = fiber.StatusServiceUnavailable
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Status(status)
	if c.Accepts(fiber.MIMETextPlain, fiber.MIMEApplicationJSON) == fiber.MIMEApplicationJSON {
		if r.Parts == nil {
			r.Parts = []Part{}
		}
		if r.Partitions == nil {
			r.Partitions = []Partition{}
		}
		return c.JSON(readiness{r.Ready(), r})
	}
	var text strings.Builder
	for _, p := range r.Parts {
		word := "ready"
		if !p.Ready {
			word = "not ready"
		}
		fmt.Fprintf(&text, "%s: %s", p.Name, word)
		if p.Detail != "" {
			text.WriteString(", " + strings.ReplaceAll(p.Detail, "\n", " "))
		}
		text.WriteByte('\n')
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextPlainCharsetUTF8)
	return c.SendString(text.String())
}

func (a *App) prometheus(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentType, "text/plain; version=0.0.4; charset=utf-8")
	var text strings.Builder
	for _, set := range a.deps.Sets {
		set.WritePrometheus(&text)
	}
	metrics.WriteProcessMetrics(&text)
	return c.SendString(text.String())
}

// MetricsApp serves /metrics alone, for a port of its own.
func (a *App) MetricsApp() *fiber.App {
	app := fiber.New(fiber.Config{DisableStartupMessage: true, ReadTimeout: readTimeout, IdleTimeout: idleTimeout, ErrorHandler: a.fail})
	app.Get("/metrics", a.prometheus)
	return app
}

// requestMetrics counts requests by class of status and by duration. Buckets are le, which any Prometheus understands.
type requestMetrics struct {
	byClass [6]*metrics.Counter
	buckets []bucket
	seconds *metrics.FloatCounter
	count   *metrics.Counter
}

type bucket struct {
	upTo  time.Duration
	count *metrics.Counter
}

func newRequestMetrics(set *metrics.Set) *requestMetrics {
	m := &requestMetrics{seconds: set.NewFloatCounter("floorwalker_query_request_seconds_sum"), count: set.NewCounter("floorwalker_query_request_seconds_count")}
	for class := 1; class <= 5; class++ {
		m.byClass[class] = set.NewCounter(fmt.Sprintf(`floorwalker_query_requests_total{status="%dxx"}`, class))
	}
	for _, le := range []string{"0.001", "0.005", "0.025", "0.1", "0.5", "2.5", "10"} {
		upTo, _ := time.ParseDuration(le + "s")
		m.buckets = append(m.buckets, bucket{upTo, set.NewCounter(`floorwalker_query_request_seconds_bucket{le="` + le + `"}`)})
	}
	m.buckets = append(m.buckets, bucket{1<<63 - 1, set.NewCounter(`floorwalker_query_request_seconds_bucket{le="+Inf"}`)})
	return m
}

func (m *requestMetrics) add(status int, took time.Duration) {
	if class := status / 100; class >= 1 && class <= 5 {
		m.byClass[class].Inc()
	}
	for _, b := range m.buckets {
		if took <= b.upTo {
			b.count.Inc()
		}
	}
	m.seconds.Add(took.Seconds())
	m.count.Inc()
}
