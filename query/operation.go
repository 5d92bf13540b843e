package query

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/gofiber/fiber/v2"

	"floorwalker/internal/histogram"
	"floorwalker/query/route"
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

// forRequests is what proxies ask /readyz for.
const forRequests = "requests"

func healthz(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.SendString("ok\n")
}

func (a *App) readyz(c *fiber.Ctx) error {
	var r Readiness
	if c.Query("for") == forRequests && a.deps.Serving != nil {
		r = a.deps.Serving()
	} else {
		r = a.deps.Readiness(c.UserContext())
	}
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
	metrics.WriteFDMetrics(&text)
	return c.SendString(text.String())
}

// MetricsApp serves /metrics alone, for a port of its own.
func (a *App) MetricsApp() *fiber.App {
	app := fiber.New(fiber.Config{DisableStartupMessage: true, ReadTimeout: readTimeout, IdleTimeout: idleTimeout, ErrorHandler: a.fail})
	app.Get("/metrics", a.prometheus)
	return app
}

// requestMetrics counts requests by route and class of status, and how long they took by route. What is refused for who asks, or how
// often, is counted by status beside.
type requestMetrics struct {
	set     *metrics.Set
	routes  sync.Map // *route.Operation → *routeMetrics, made by the first request: most routes of most sites are never asked
	refused map[int]*metrics.Counter
}

type routeMetrics struct {
	byClass [6]*metrics.Counter
	seconds *histogram.Seconds
}

func newRequestMetrics(set *metrics.Set) *requestMetrics {
	m := &requestMetrics{set: set, refused: map[int]*metrics.Counter{}}
	for _, status := range []int{fiber.StatusUnauthorized, fiber.StatusForbidden, fiber.StatusTooManyRequests} {
		m.refused[status] = set.NewCounter(fmt.Sprintf(`floorwalker_query_refused_total{status="%d"}`, status))
	}
	return m
}

// of is what is counted of an operation; nil stands for what no operation answers.
func (m *requestMetrics) of(op *route.Operation) *routeMetrics {
	if known, ok := m.routes.Load(op); ok {
		return known.(*routeMetrics)
	}
	name := "none"
	if op != nil {
		name = op.Method + " " + op.Path
	}
	r := &routeMetrics{seconds: histogram.New(m.set, fmt.Sprintf("floorwalker_query_request_seconds{route=%q}", name))}
	for class := 1; class <= 5; class++ {
		r.byClass[class] = m.set.GetOrCreateCounter(fmt.Sprintf(`floorwalker_query_requests_total{route=%q,status="%dxx"}`, name, class))
	}
	known, _ := m.routes.LoadOrStore(op, r)
	return known.(*routeMetrics)
}

func (m *requestMetrics) add(op *route.Operation, status int, took time.Duration) {
	r := m.of(op)
	if class := status / 100; class >= 1 && class <= 5 {
		r.byClass[class].Inc()
	}
	r.seconds.Update(took.Seconds())
	if c := m.refused[status]; c != nil {
		c.Inc()
	}
}
