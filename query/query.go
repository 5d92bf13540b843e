// Package query is the HTTP server: it wires the native API and the other surfaces into one Fiber application with request
// ids, problems, access log, health and metrics (native API, sections Access and Operation).
package query

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/gofiber/fiber/v2"

	"floorwalker/query/floor"
	"floorwalker/query/native"
	"floorwalker/schema/metric"
)

// Config of the server. Zero fields take the default.
type Config struct {
	ContactCenters []string // that exist even where neither directory nor events name them
	BodyLimit      int      // bytes of a request's body; 8 MiB
	Concurrency    int      // connections at a time; 65536
	// MetricsElsewhere leaves /metrics out here, because MetricsApp serves it on a port of its own.
	MetricsElsewhere bool
}

const (
	defaultBodyLimit   = 8 << 20
	defaultConcurrency = 1 << 16
	readTimeout        = 10 * time.Second
	idleTimeout        = 60 * time.Second
	readBufferSize     = 32 << 10 // bounds headers: long tokens, cookies, SignalR's query strings
)

func (c Config) withDefaults() (Config, error) {
	if c.BodyLimit == 0 {
		c.BodyLimit = defaultBodyLimit
	}
	if c.Concurrency == 0 {
		c.Concurrency = defaultConcurrency
	}
	if c.BodyLimit < 1024 || c.Concurrency < 1 {
		return c, fmt.Errorf("body limit %d, concurrency %d: at least 1024 and 1 are allowed", c.BodyLimit, c.Concurrency)
	}
	return c, nil
}

// Surface is one more API on the same server. Its routes come after the native ones.
type Surface interface {
	Mount(app fiber.Router)
}

// Deps are what the server is made of.
type Deps struct {
	Live          floor.Live
	Directory     floor.Directories
	Catalogue     *metric.Catalogue
	Authenticator native.Authenticator
	Collector     native.Collector // nil: events are not taken
	History       native.History   // nil: the past is not served
	Surfaces      []Surface
	// Readiness tells how far every part has come; it is asked on each call of /readyz.
	Readiness func(ctx context.Context) Readiness
	Sets      []*metrics.Set // all that /metrics shows, Set included
	Set       *metrics.Set   // where the server counts its own
	Logger    *slog.Logger
	Now       func() time.Time
}

func (d *Deps) check() error {
	switch {
	case d.Live == nil:
		return errors.New("query: the live view is missing")
	case d.Directory == nil:
		return errors.New("query: the directory is missing")
	case d.Authenticator == nil:
		return errors.New("query: the authenticator is missing")
	case d.Readiness == nil:
		return errors.New("query: readiness is missing")
	}
	if d.Catalogue == nil {
		d.Catalogue = metric.NewCatalogue()
	}
	if d.Set == nil {
		d.Set = metrics.NewSet()
	}
	if d.Logger == nil {
		d.Logger = slog.Default()
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	return nil
}

// App is the server.
type App struct {
	fiber  *fiber.App
	deps   Deps
	source *floor.Source
	counts *requestMetrics
}

// New wires the server; nothing listens yet.
func New(c Config, d Deps) (*App, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	a := &App{deps: d, source: floor.NewSource(d.Live, d.Directory, c.ContactCenters, d.Now), counts: newRequestMetrics(d.Set)}
	api, err := native.New(native.Deps{Source: a.source, Catalogue: d.Catalogue, Authenticator: d.Authenticator, Collector: d.Collector,
		History: d.History, Now: d.Now})
	if err != nil {
		return nil, err
	}
	a.fiber = a.newFiber(c)
	a.fiber.Use(a.outermost)
	a.fiber.Get("/healthz", healthz)
	a.fiber.Get("/readyz", a.readyz)
	if !c.MetricsElsewhere {
		a.fiber.Get("/metrics", a.prometheus)
	}
	api.Mount(a.fiber)
	for _, s := range d.Surfaces {
		s.Mount(a.fiber)
	}
	return a, nil
}

func (a *App) newFiber(c Config) *fiber.App {
	return fiber.New(fiber.Config{
		AppName:               "floorwalker",
		BodyLimit:             c.BodyLimit,
		Concurrency:           c.Concurrency,
		ReadTimeout:           readTimeout,
		IdleTimeout:           idleTimeout,
		ReadBufferSize:        readBufferSize,
		StrictRouting:         true,
		CaseSensitive:         true,
		DisableStartupMessage: true,
		ErrorHandler:          a.fail,
		Network:               fiber.NetworkTCP,
	})
}

// Source is where surfaces take their views from.
func (a *App) Source() *floor.Source { return a.source }

// Fiber is the application, for tests and for surfaces that need more than a router.
func (a *App) Fiber() *fiber.App { return a.fiber }

// Listen serves on an address until Shutdown.
func (a *App) Listen(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listening for the API on %q: %w", address, err)
	}
	return a.Serve(listener)
}

// Serve serves a listener, which it closes, until Shutdown.
func (a *App) Serve(listener net.Listener) error {
	if err := a.fiber.Listener(listener); err != nil {
		return fmt.Errorf("serving the API on %s: %w", listener.Addr(), err)
	}
	return nil
}

// Shutdown stops taking connections and waits for the requests that are running, until ctx ends.
func (a *App) Shutdown(ctx context.Context) error { return a.fiber.ShutdownWithContext(ctx) }
