// Package query is the HTTP server: it wires the native API and the other surfaces into one Fiber application with request
// ids, problems, access log, health and metrics (native API, sections Access and Operation).
package query

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/gofiber/fiber/v2"

	"floorwalker/query/auditlog"
	"floorwalker/query/auth"
	"floorwalker/query/command"
	"floorwalker/query/floor"
	"floorwalker/query/hub"
	"floorwalker/query/mask"
	"floorwalker/query/native"
	"floorwalker/query/route"
	"floorwalker/query/session"
	"floorwalker/schema/metric"
)

// Config of the server. Zero fields take the default.
type Config struct {
	BodyLimit   int // bytes of a request's body; 8 MiB
	Concurrency int // connections at a time; 65536
	// RequestsPerSecond and Burst bound each principal; 0 requests a second is no bound.
	RequestsPerSecond, Burst int
	Limits                   native.Limits
	Masks                    map[auth.Role]*mask.Mask // what each role is not to see of customers on the native API; surfaces have their own
	StreamWriteTimeout       time.Duration            // how long a client of a stream may take nothing in; 30 s
	StreamHeartbeat          time.Duration            // between signs of life on streams; 15 s
	Sessions                 session.Config
	Origins                  []string // whose pages may call from a browser: scheme://host[:port]
	TrustedProxies           []string // addresses or networks whose X-Forwarded-For is believed
	// MetricsElsewhere leaves /metrics out here, because MetricsApp serves it on a port of its own.
	MetricsElsewhere bool
}

const (
	defaultBodyLimit    = 8 << 20
	defaultConcurrency  = 1 << 16
	readTimeout         = 10 * time.Second
	idleTimeout         = 60 * time.Second
	defaultWriteTimeout = 30 * time.Second
	readBufferSize      = 32 << 10 // bounds headers: long tokens, cookies, SignalR's query strings
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

// Surface is one more API on the same server.
type Surface interface {
	Operations() []route.Operation
}

// Deps are what the server is made of.
type Deps struct {
	Source        *floor.Source // the views that all surfaces show
	Catalogue     *metric.Catalogue
	Authenticator native.Authenticator
	Accounts      session.Accounts  // nil: browsers cannot sign in
	Collector     native.Collector  // nil: events are not taken
	History       native.History    // nil: the past is not served
	Commands      *command.Commands // nil: presences, suspensions and the directory cannot be written
	Push          *hub.Hub          // nil: nothing is pushed; who made it runs it
	Alerts        native.Alerts     // nil: there are none
	Surfaces      []Surface
	// Readiness tells how far every part has come; it is asked on each call of /readyz.
	Readiness func(ctx context.Context) Readiness
	// Serving tells whether requests may be sent here, of the process itself and at once: what other systems do is the same for every node.
	// nil: as Readiness says.
	Serving func() Readiness
	Audit   *auditlog.Log  // nil: none is kept
	Sets    []*metrics.Set // all that /metrics shows, Set included
	Set     *metrics.Set   // where the server counts its own
	Logger  *slog.Logger
	Now     func() time.Time
}

func (d *Deps) check() error {
	switch {
	case d.Source == nil:
		return errors.New("query: the source of views is missing")
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
	config  Config
	proxies []netip.Prefix
	limiter *limiter
	fiber   *fiber.App
	deps    Deps
	counts  *requestMetrics

	registry *route.Registry
	document []byte // OpenAPI, as /openapi.json answers it
	draining atomic.Bool
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
	proxies, err := parseProxies(c.TrustedProxies)
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	a := &App{config: c, proxies: proxies, limiter: newLimiter(c.RequestsPerSecond, c.Burst, d.Now), deps: d, counts: newRequestMetrics(d.Set)}
	sessions, err := a.newSessions()
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	api, err := native.New(native.Deps{Source: d.Source, Catalogue: d.Catalogue, Authenticator: d.Authenticator, Sessions: sessions, Collector: d.Collector,
		History: d.History, Masks: c.Masks, Commands: d.Commands, Alerts: d.Alerts, Push: d.Push, Limits: c.Limits, Now: d.Now,
		Streams: native.Streams{WriteTimeout: c.StreamWriteTimeout, Heartbeat: c.StreamHeartbeat, Origins: c.Origins}})
	if err != nil {
		return nil, err
	}
	a.fiber = a.newFiber(c)
	a.fiber.Use(a.outermost)
	operations := append(a.ownOperations(!c.MetricsElsewhere), api.Operations()...)
	for _, s := range d.Surfaces {
		operations = append(operations, s.Operations()...)
	}
	if a.registry, err = route.NewRegistry(operations...); err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	if a.document, err = a.registry.Document(info); err != nil {
		return nil, fmt.Errorf("query: the OpenAPI document: %w", err)
	}
	a.registry.Mount(a.fiber, a.admitted)
	server := a.fiber.Server()
	server.Handler = knownMethods(server.Handler)
	server.HeaderReceived = a.bodyLimit
	return a, nil
}

// newSessions is nil, of the interface's type, where browsers cannot sign in.
func (a *App) newSessions() (native.Sessions, error) {
	if a.deps.Accounts == nil {
		return nil, nil
	}
	return session.New(a.config.Sessions, session.Deps{Accounts: a.deps.Accounts, Address: a.addressOf, Set: a.deps.Set, Logger: a.deps.Logger, Now: a.deps.Now})
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
		// Else fiber believes X-Forwarded-Host and X-Forwarded-Proto of anybody.
		EnableTrustedProxyCheck: true,
		TrustedProxies:          c.TrustedProxies,
	})
}

// Registry holds every operation of the server.
func (a *App) Registry() *route.Registry { return a.registry }

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
	if err := a.fiber.Listener(&patientListener{listener, cmp.Or(a.config.StreamWriteTimeout, defaultWriteTimeout)}); err != nil {
		return fmt.Errorf("serving the API on %s: %w", listener.Addr(), err)
	}
	return nil
}

// Drain has every answer from now on close its connection: clients and proxies that keep one for later go elsewhere, or come anew, and
// none is closed by Shutdown while the next request is on its way. Requests are answered as ever.
func (a *App) Drain() { a.draining.Store(true) }

// Shutdown stops taking connections and waits for the requests that are running, until ctx ends.
func (a *App) Shutdown(ctx context.Context) error {
	a.Drain()
	return a.fiber.ShutdownWithContext(ctx)
}
