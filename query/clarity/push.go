package clarity

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"floorwalker/query/hub"
	"floorwalker/query/signalr"
)

// Push is what subscriptions are made of; names and paths are ours, the specification has none.
type Push struct {
	Hub      *hub.Hub      // nil: there is no push
	Alerts   Alerts        // nil: none can be subscribed to
	Interval time.Duration // between two messages of one subscription; hub.DefaultInterval
	Timing   signalr.Timing
	Origins  []string     // whose pages may open WebSockets besides the server's own
	Metrics  *metrics.Set // nil: not counted
}

// Where clients connect, and the hub that they name.
const (
	hubName     = "ConnectHub"
	classicPath = "/webapi/signalr"
	corePath    = "/webapi/connecthub"
)

// maxSubscriptions bounds those of one connection; the hub takes one more, which tells of changes of the directory.
const maxSubscriptions = 31

// pushQueue bounds in bytes what a connection has not been sent yet: the state of a large floor comes at once.
const pushQueue = 32 << 20

// pusher holds the connections and their subscriptions.
type pusher struct {
	api    *API
	server *signalr.Server

	mu            sync.Mutex
	listeners     map[string]*listener // by connection id
	subscriptions map[string]*listener // by subscription id
}

func newPusher(a *API) (*pusher, error) {
	p := &pusher{api: a, listeners: map[string]*listener{}, subscriptions: map[string]*listener{}}
	if a.Push.Hub == nil {
		return p, nil
	}
	// Of the signing keys: a client of the process before learns at once that its connection is gone.
	key := hmac.New(sha256.New, []byte("floorwalker clarity connections"))
	for i := range a.Centers {
		if keys := a.Centers[i].Keys; len(keys) > 0 {
			key.Write(keys[0])
		}
	}
	var err error
	p.server, err = signalr.New(signalr.Config{Name: "claritySignalR", HubName: hubName, Paths: signalr.Paths{Classic: classicPath, Core: corePath},
		Authenticate: p.authenticate, Origins: a.Push.Origins, Key: key.Sum(nil), Timing: a.Push.Timing, Limits: signalr.Limits{QueueBytes: pushQueue},
		Metrics: a.Push.Metrics, Logger: a.Log}, p)
	return p, err
}

// Run serves connections until ctx ends, and closes them.
func (a *API) Run(ctx context.Context) error {
	if a.push.server == nil {
		<-ctx.Done()
		return nil
	}
	return a.push.server.Run(ctx)
}

// principalID is one agent's among all surfaces.
func principalID(who caller) string { return "clarity/" + who.contactCenter + "/" + who.agent }

// authenticate takes the token of the API beside it.
func (p *pusher) authenticate(c *fiber.Ctx) (signalr.Principal, error) {
	scheme, token, _ := strings.Cut(utils.CopyString(c.Get(fiber.HeaderAuthorization)), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return signalr.Principal{}, invisible()
	}
	who, until, err := p.api.verifyUntil(strings.TrimSpace(token))
	if err != nil {
		return signalr.Principal{}, invisible()
	}
	if _, ok := p.api.look(who); !ok {
		return signalr.Principal{}, invisible()
	}
	// Tokens are judged by the API's clock, connections live by the machine's.
	return signalr.Principal{ID: principalID(who), Value: who, Expires: time.Now().Add(until.Sub(p.api.Now()))}, nil
}

// Connected, Invoked, Reconnected and Closed make the pusher a signalr.Handler. Clients call nothing: they subscribe by the API.
func (p *pusher) Connected(c *signalr.Conn) {
	who, _ := c.Principal().Value.(caller)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listeners[c.ID()] = &listener{pusher: p, conn: c, who: who, subs: map[string]*subscription{}, fed: map[string]*subscription{}, ended: make(chan struct{})}
}

// Invoked refuses: the hub has no methods.
func (p *pusher) Invoked(*signalr.Conn, string, []byte) ([]byte, error) {
	return nil, signalr.Error("the hub has no methods; subscribe with POST " + root + "/v2/subscriptions/…")
}

// Reconnected sends the whole state again where messages were lost.
func (p *pusher) Reconnected(c *signalr.Conn, missed bool) {
	if l := p.listener(c.ID()); l != nil && missed {
		l.repeat()
	}
}

// Closed ends the connection's subscriptions.
func (p *pusher) Closed(c *signalr.Conn, _ signalr.Reason) {
	p.mu.Lock()
	l := p.listeners[c.ID()]
	delete(p.listeners, c.ID())
	p.mu.Unlock()
	if l != nil {
		l.close()
	}
}

// hangUp closes the connections of an agent.
func (p *pusher) hangUp(who caller) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.listeners {
		if l.who == who {
			l.conn.Close(signalr.Refused) // Closed is called beside this
		}
	}
}

func (p *pusher) listener(connection string) *listener {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.listeners[connection]
}

// listenerOf is the caller's own open connection of an id.
func (p *pusher) listenerOf(connection string, who caller) *listener {
	if p.server == nil {
		return nil
	}
	conn, ok := p.server.Connection(connection, principalID(who))
	if !ok {
		return nil
	}
	return p.listener(conn.ID())
}

// having is the connection that has a subscription.
func (p *pusher) having(subscription string) *listener {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.subscriptions[strings.ToLower(subscription)]
}
