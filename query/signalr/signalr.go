// Package signalr is the server side of SignalR's wire, whatever is sent over it: classic ASP.NET SignalR 2.x (protocols 1.2 to 2.0)
// and ASP.NET Core SignalR (JSON hub protocol, version 1), each on webSockets, serverSentEvents and longPolling. One Server is one
// hub: clients call its methods (Handler.Invoked), and it calls theirs (Conn.Invoke).
//
// A connection is negotiated, connected by a transport, opened (classic: /start; Core: the handshake) and closed. Between two
// transports a classic connection lives on for Timing.Disconnect: a client that comes back with its cursor misses nothing and gets
// nothing twice, as long as what it missed fits Limits; else Handler.Reconnected says that it needs the state anew.
//
// An idle connection costs one goroutine that waits for the client to say something. Writers exist while there is something to
// write; one ticker serves the timeouts of all.
package signalr

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/fasthttp/websocket"
	"github.com/gofiber/fiber/v2"
)

// Handler is what a hub does. The calls for one connection come one after the other, Connected first and Closed last, once each;
// those of different connections come at the same time. A panic is logged and answered as a failure.
type Handler interface {
	// Connected tells of a connection that is open now; messages may be sent to it and Server.Connection finds it.
	Connected(c *Conn)
	// Invoked answers a client's call. arguments is a JSON array, valid during the call; the result is JSON, nil for null. An Error
	// goes to the client as it is, of any other it learns only that there was one.
	Invoked(c *Conn, method string, arguments []byte) (result []byte, err error)
	// Reconnected tells of a client that came back. If missed, messages were lost: it needs the state anew. Else what it missed is
	// being sent again.
	Reconnected(c *Conn, missed bool)
	// Closed tells that nothing more comes from or goes to the connection.
	Closed(c *Conn, reason Reason)
}

// Error is the text of a failure that the calling client may see.
type Error string

func (e Error) Error() string { return string(e) }

// Principal is who a request comes from.
type Principal struct {
	ID      string    // unique; a connection belongs to it
	Value   any       // what the handler wants to know of it
	Expires time.Time // when its credential ends, and with it its connections; zero for never
}

// Reason says why a connection was closed. It is what the client is told, and a label of metrics.
type Reason string

// The reasons.
const (
	Aborted  Reason = "closed by the client"
	Lost     Reason = "the client did not come back"
	Silent   Reason = "the client fell silent"
	Unopened Reason = "the connection was not opened in time"
	Slow     Reason = "the client reads too slowly"
	Expired  Reason = "the credential has expired"
	Mistaken Reason = "the client broke the protocol"
	Shutdown Reason = "the server is shutting down"
	Refused  Reason = "closed by the server"
)

var reasons = []Reason{Aborted, Lost, Silent, Unopened, Slow, Expired, Mistaken, Shutdown, Refused}

// Paths are where the two protocols are served, such as /signalr; an empty one is not.
type Paths struct {
	Classic, Core string
}

// Limits bound what clients may use. Zero fields take the default.
type Limits struct {
	Connections  int // in all; 20,000
	PerPrincipal int // connections of one principal; 100
	Negotiates   int // of one principal in a minute; 600
	Message      int // bytes of one message of a client; 64 KiB
	Queue        int // messages to a connection that are not sent yet; 4096
	QueueBytes   int // 2 MiB
	Resume       int // messages of a classic connection kept after sending, for a client that comes back; 1000
	ResumeBytes  int // 256 KiB
}

// Timing holds the protocols' clocks. Zero fields take the default.
type Timing struct {
	KeepAlive  time.Duration // silence after which the server says something; 10 s
	Disconnect time.Duration // how long a connection lives without a transport; 30 s
	Poll       time.Duration // how long a poll waits; 110 s
	Open       time.Duration // from negotiating to opening; 30 s
	Silence    time.Duration // of a Core client, or of a WebSocket that answers no ping; 30 s
	Write      time.Duration // how long a write may block; 10 s
	Close      time.Duration // how long a shutdown may take; 5 s
}

// Config of a server.
type Config struct {
	Name    string // of the hub's operations in the OpenAPI document, unique; signalr
	HubName string // as clients call it, in any case of letters
	Paths   Paths
	// Authenticate finds out who calls; its errors are answered as they are (a problem.Problem by its status). A token in the query
	// (access_token) has been put into the Authorization header before, where there was none.
	Authenticate func(*fiber.Ctx) (Principal, error)
	// Origins are those whose pages may open a WebSocket besides the server's own: scheme://host[:port].
	Origins []string
	// Key protects connection tokens, 32 bytes or more. With a key that survives a restart, a client of the process before learns
	// at once that its connection is gone, instead of trying until its timeout. nil makes one.
	Key     []byte
	Limits  Limits
	Timing  Timing
	Clock   func() time.Time // time.Now
	Metrics *metrics.Set
	Logger  *slog.Logger
}

func (c Config) withDefaults() (Config, error) {
	if c.Name == "" {
		c.Name = "signalr"
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Metrics == nil {
		c.Metrics = metrics.NewSet()
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	c.Limits, c.Timing = c.Limits.withDefaults(), c.Timing.withDefaults()
	if c.Key == nil {
		c.Key = make([]byte, 32)
		if _, err := rand.Read(c.Key); err != nil {
			return c, fmt.Errorf("making the key of connection tokens: %w", err)
		}
	}
	return c, c.check()
}

func (c *Config) check() error {
	if c.HubName == "" || strings.ContainsAny(c.HubName, "\"\\\n") {
		return fmt.Errorf("hub name %q; allowed: an identifier", c.HubName)
	}
	if c.Authenticate == nil {
		return errors.New("no Authenticate")
	}
	if len(c.Key) < 32 {
		return fmt.Errorf("key of %d bytes; allowed: 32 or more", len(c.Key))
	}
	if c.Paths.Classic == c.Paths.Core {
		return fmt.Errorf("classic and Core both on path %q; allowed: different ones, one of them may be empty", c.Paths.Core)
	}
	for _, path := range []string{c.Paths.Classic, c.Paths.Core} {
		if path != "" && (!strings.HasPrefix(path, "/") || strings.HasSuffix(path, "/")) {
			return fmt.Errorf("path %q; allowed: /…, without a / at the end", path)
		}
	}
	if l := c.Limits; min(l.Connections, l.PerPrincipal, l.Negotiates, l.Message, l.Queue, l.QueueBytes, l.Resume, l.ResumeBytes) < 0 {
		return fmt.Errorf("limits %+v: none may be negative", l)
	}
	t := c.Timing
	if min(t.KeepAlive, t.Disconnect, t.Poll, t.Open, t.Silence, t.Write, t.Close) < 0 {
		return fmt.Errorf("timing %+v: none may be negative", t)
	}
	if t.Silence <= t.KeepAlive {
		return fmt.Errorf("silence %s; allowed: longer than keep-alive, %s", t.Silence, t.KeepAlive)
	}
	return nil
}

func (l Limits) withDefaults() Limits {
	for _, f := range []struct {
		field *int
		value int
	}{{&l.Connections, 20_000}, {&l.PerPrincipal, 100}, {&l.Negotiates, 600}, {&l.Message, 64 << 10}, {&l.Queue, 4096},
		{&l.QueueBytes, 2 << 20}, {&l.Resume, 1000}, {&l.ResumeBytes, 256 << 10}} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	return l
}

func (t Timing) withDefaults() Timing {
	for _, f := range []struct {
		field *time.Duration
		value time.Duration
	}{{&t.KeepAlive, 10 * time.Second}, {&t.Disconnect, 30 * time.Second}, {&t.Poll, 110 * time.Second}, {&t.Open, 30 * time.Second},
		{&t.Silence, 30 * time.Second}, {&t.Write, 10 * time.Second}, {&t.Close, 5 * time.Second}} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	return t
}

// Server is one hub. Operations mounts it, Run lives it.
type Server struct {
	config   Config
	handler  Handler
	counts   *counts
	upgrader websocket.FastHTTPUpgrader

	group sync.WaitGroup // lines, writers and calls of Closed; added to while running, or by one of them

	mu         sync.RWMutex
	running    bool
	conns      map[string]*Conn
	principals map[string]int // connections by principal
	negotiates map[string]int // by principal, in this minute
	minute     time.Time
	list       []*Conn // of tick, used again
}

// New checks the configuration; nothing runs yet.
func New(c Config, h Handler) (*Server, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("signalr: %w", err)
	}
	if h == nil {
		return nil, errors.New("signalr: the handler is missing")
	}
	s := &Server{config: c, handler: h, conns: map[string]*Conn{}, principals: map[string]int{}, negotiates: map[string]int{}}
	s.counts = newCounts(c.Metrics, s.size)
	s.upgrader = newUpgrader(c.Origins)
	return s, nil
}

// Run serves connections until ctx ends, then closes all of them, tells clients and handler why, and waits until all is done; that
// takes no longer than Timing.Close, besides what the handler takes. Requests outside Run are answered with 503.
func (s *Server) Run(ctx context.Context) error {
	s.mu.Lock()
	s.running = true
	s.mu.Unlock()
	ticker := time.NewTicker(s.period())
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.tick(s.config.Clock())
		case <-ctx.Done():
			s.stop()
			return nil
		}
	}
}

// period is how exact the timeouts are.
func (s *Server) period() time.Duration {
	return max(min(time.Second, s.config.Timing.KeepAlive/4), 10*time.Millisecond)
}

func (s *Server) stop() {
	s.mu.Lock()
	s.running = false
	s.mu.Unlock()
	all := s.all()
	for _, c := range all {
		c.close(Shutdown, "")
	}
	hard := time.AfterFunc(s.config.Timing.Close, func() {
		for _, c := range all {
			c.hangUp()
		}
	})
	s.group.Wait()
	hard.Stop()
}

// tick lets every connection look at the clock.
func (s *Server) tick(now time.Time) {
	if now.Sub(s.minute) >= time.Minute {
		s.mu.Lock()
		s.minute = now
		clear(s.negotiates)
		s.mu.Unlock()
	}
	for _, c := range s.all() {
		c.tick(now)
	}
	clear(s.list)
}

// all is for one goroutine at a time, that of Run.
func (s *Server) all() []*Conn {
	s.mu.RLock()
	defer s.mu.RUnlock()
	s.list = s.list[:0]
	for _, c := range s.conns {
		s.list = append(s.list, c)
	}
	return s.list
}

// Connection finds an open connection of a principal by its id. Another principal's is not found.
func (s *Server) Connection(id, principal string) (*Conn, bool) {
	c := s.find(id)
	if c == nil || c.principal.ID != principal || !c.isOpen() {
		return nil, false
	}
	return c, true
}

// find also finds connections that are not open yet.
func (s *Server) find(id string) *Conn {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.conns[strings.ToLower(id)]
}

func (s *Server) size() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.conns)
}

// enter counts a goroutine that Run waits for; leave with s.group.Done.
func (s *Server) enter() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.running {
		s.group.Add(1)
	}
	return s.running
}

// add takes a negotiated connection in.
func (s *Server) add(c *Conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, who := s.config.Limits, c.principal.ID
	switch {
	case !s.running:
		return errNotRunning
	case s.negotiates[who] >= l.Negotiates:
		s.counts.refused("rate")
		return tooMany("more than %d connections negotiated in a minute", l.Negotiates)
	case s.principals[who] >= l.PerPrincipal:
		s.counts.refused("principal")
		return tooMany("more than %d connections of one principal", l.PerPrincipal)
	case len(s.conns) >= l.Connections:
		s.counts.refused("all")
		return errFull
	}
	s.negotiates[who]++
	s.principals[who]++
	s.conns[c.id] = c
	return nil
}

func (s *Server) remove(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns[c.id] != c {
		return
	}
	delete(s.conns, c.id)
	if s.principals[c.principal.ID]--; s.principals[c.principal.ID] == 0 {
		delete(s.principals, c.principal.ID)
	}
}
