package hub_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/btree"
	"pgregory.net/rapid"

	"floorwalker/query/floor"
	"floorwalker/query/hub"
	"floorwalker/query/problem"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// world is a contact centre whose clock stands still, and the hub that looks at it.
type world struct {
	mu    sync.Mutex
	floor schema.Floor
	clock time.Time
	looks int
	hub   *hub.Hub
	set   *metrics.Set

	figures func() *floor.Figures // nil: they are not known
}

func newWorld(t require.TestingT, limits hub.Limits) *world {
	w := &world{clock: time.UnixMilli(1_800_000_000_000), set: metrics.NewSet(), floor: schema.Floor{ContactCenter: "6", NewestEvent: 1, CompleteUntil: 0,
		Agents: &btree.Map[string, *schema.LiveAgent]{}, Interactions: &btree.Map[string, *schema.LiveInteraction]{}}}
	var err error
	w.hub, err = hub.New(hub.Config{Source: w, Limits: limits, Metrics: w.set, Now: w.now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	require.NoError(t, err)
	return w
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}

// set gives an agent a status.
func (w *world) say(id string, status schema.Status) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := &schema.LiveAgent{ID: id, Status: status, Presence: schema.LivePresence{Status: status}}
	w.floor.Agents.Set(id, a)
	w.floor.Changes = w.floor.Changes.Then(&schema.Change{Agent: a})
	w.floor.Version++
}

// View implements hub.Source.
func (w *world) View(string) *floor.View {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looks++
	f := w.floor
	f.Agents, f.Interactions = f.Agents.Copy(), f.Interactions.Copy()
	f.AsOf = w.clock.UnixMilli()
	return floor.NewView("6", &f, &directory.Directory{ID: "6", Location: time.UTC, ContactCenter: &directory.ContactCenter{}}, f.AsOf)
}

func (w *world) Figures(*floor.View, string) *floor.Figures {
	if w.figures == nil {
		return nil
	}
	return w.figures()
}

// feed holds the agents of one status, where some are named only these.
func feed(status schema.Status, among ...string) hub.Feed {
	some := map[string]bool{}
	return hub.Feed{Key: fmt.Sprint(status, among), Build: func(c *hub.Change, rows *hub.Rows) error {
		if c.Anew && len(among) > 0 {
			clear(some)
			for _, id := range among {
				some[id] = true
			}
			rows.Only(some)
		}
		put := func(a floor.Picked) {
			if len(some) > 0 && !some[a.ID] {
				return
			}
			if a.Live.Status == status {
				rows.Put(a.ID, fmt.Appendf(nil, `{"id":%q}`, a.ID))
			} else {
				rows.Remove(a.ID)
			}
		}
		if c.Whole {
			c.View.Select(floor.Selection{}, put)
			return nil
		}
		for _, id := range c.Agents {
			if a, ok := c.View.Row(id); ok {
				put(floor.Pick(a))
			}
		}
		return nil
	}}
}

func (w *world) agentsIn(status schema.Status, among ...string) []string {
	ids := []string{}
	w.View("").Select(floor.Selection{}, func(a floor.Picked) {
		if a.Live.Status == status && (len(among) == 0 || slices.Contains(among, a.ID)) {
			ids = append(ids, a.ID)
		}
	})
	return ids
}

// client rebuilds what a subscription is about from its messages.
type client struct {
	w       *world
	session *hub.Session
	status  schema.Status
	among   []string // only these; none: all
	every   time.Duration
	rows    map[string]bool
	cursor  string
	heard   time.Time
	resets  int
	broken  string
}

func (w *world) connect(t require.TestingT, c *client) {
	c.w = w
	var err error
	c.session, err = w.hub.Open(hub.Subscriber{ContactCenter: "6", Principal: "p"})
	require.NoError(t, err)
	require.NoError(t, c.session.Subscribe(hub.Subscription{ID: "s", Topic: "agents", Feed: feed(c.status, c.among...), Interval: c.every, Cursor: c.cursor}))
}

// over is a context that has ended: Next returns what is due and waits for nothing.
func over() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func (c *client) next() *hub.Message {
	c.heard = c.w.now()
	m, err := c.session.Next(over())
	if err != nil {
		return nil
	}
	c.apply(m)
	return m
}

func (c *client) apply(m *hub.Message) {
	var rows []struct{ ID string }
	var removed []string
	if json.Unmarshal(m.Rows, &rows) != nil || json.Unmarshal(m.Removed, &removed) != nil {
		c.broken = fmt.Sprintf("not JSON: %s %s", m.Rows, m.Removed)
	}
	if m.Reset {
		c.rows = map[string]bool{}
		c.resets++
	}
	for _, r := range rows {
		c.rows[r.ID] = true
	}
	for _, id := range removed {
		delete(c.rows, id)
	}
	c.cursor = m.Cursor
}

func (c *client) ids() []string { return append([]string{}, slices.Sorted(maps.Keys(c.rows))...) }

func TestSubscriber_GetsTheStateAtOnceAndThenOneMessagePerInterval(t *testing.T) {
	w := newWorld(t, hub.Limits{})
	w.say("a", schema.Break)
	c := &client{status: schema.Break, every: time.Second}
	w.connect(t, c)
	require.Nil(t, c.next(), "nothing has been looked at")
	w.hub.Look("6")
	m := c.next()
	require.True(t, m.Reset)
	require.Equal(t, `[{"id":"a"}]`, string(m.Rows))
	w.advance(time.Second)
	w.say("b", schema.Break)
	w.hub.Look("6")
	require.Equal(t, `[{"id":"b"}]`, string(c.next().Rows), "at once: the interval was quiet")
	for _, status := range []schema.Status{schema.Lunch, schema.Break, schema.Lunch} {
		w.say("a", status)
		w.say("c", status)
		w.hub.Look("6")
		require.Nil(t, c.next())
	}
	w.advance(time.Second)
	m = c.next()
	require.Equal(t, `["a"]`, string(m.Removed), "the last state alone; what came and went was never there")
	require.Equal(t, `[]`, string(m.Rows))
	w.advance(time.Second)
	require.Nil(t, c.next(), "nothing twice")
}

// Whatever changes when, and however late a client is: never two messages in one interval, and nothing waits longer than for the next one.
func TestInterval_OneMessageAtMost_NothingWaitsLonger(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, hub.Limits{})
		w.say("a", schema.Break)
		c := &client{status: schema.Break, every: time.Second}
		w.connect(t, c)
		w.hub.Look("6")
		began := w.now()
		require.NotNil(t, c.next())
		interval := func() int64 { return int64(w.now().Sub(began) / c.every) }
		last, waiting := interval(), int64(-1) // of the newest message; of the oldest change that was not sent
		for n := range rapid.IntRange(1, 60).Draw(t, "steps") {
			w.advance(time.Duration(rapid.Int64Range(1, 700).Draw(t, "ms")) * time.Millisecond)
			if rapid.Bool().Draw(t, "changes") {
				w.say(fmt.Sprint(n), schema.Break)
				w.hub.Look("6")
				if waiting < 0 {
					waiting = interval()
				}
			}
			if !rapid.Bool().Draw(t, "asks") {
				continue
			}
			if m := c.next(); m != nil {
				require.Greater(t, interval(), last, "two messages in one interval")
				last, waiting = interval(), -1
				continue
			}
			require.True(t, waiting < 0 || waiting == last && interval() == last, "a change of interval %d waits in interval %d, the last message was in %d", waiting, interval(), last)
		}
	})
}

func TestRowThatIsAsItWas_IsNotSentAgain(t *testing.T) {
	w := newWorld(t, hub.Limits{})
	w.say("a", schema.Break)
	c := &client{status: schema.Break, every: 50 * time.Millisecond}
	w.connect(t, c)
	w.hub.Look("6")
	require.NotNil(t, c.next())
	w.advance(time.Second)
	w.say("a", schema.Break)
	w.hub.Look("6")
	require.Nil(t, c.next())
}

// Newer figures may come in the middle of a look. Feeds that share what they made of the older ones show the newer ones after the next.
func TestFiguresThatComeDuringALook_AreShownByEveryFeed(t *testing.T) {
	for during := range 6 { // after so many questions
		w := newWorld(t, hub.Limits{})
		asked := 0
		w.figures = func() *floor.Figures {
			asked++
			if asked <= during {
				return older
			}
			return newer
		}
		sessions := make([]*hub.Session, 3)
		for n := range sessions {
			var err error
			sessions[n], err = w.hub.Open(hub.Subscriber{ContactCenter: "6", Principal: "p"})
			require.NoError(t, err)
			require.NoError(t, sessions[n].Subscribe(hub.Subscription{ID: "s", Interval: hub.ShortestInterval, Feed: hub.Feed{Key: fmt.Sprint(n), Windows: []string{"today"},
				Build: func(c *hub.Change, rows *hub.Rows) error {
					of := c.LiveWindow("today")
					rows.Put("all", c.Row("all", func() []byte { return fmt.Appendf(nil, `{"asOf":%d}`, of.AsOf) }))
					return nil
				}}}))
		}
		shown := make([]string, len(sessions))
		for range during + 2 { // each look asks once at least
			w.hub.Look("6")
			for n, session := range sessions {
				if m, err := session.Next(over()); err == nil {
					shown[n] = string(m.Rows)
				}
			}
			w.advance(time.Second)
		}
		require.Equal(t, []string{`[{"asOf":2}]`, `[{"asOf":2}]`, `[{"asOf":2}]`}, shown, "they came after %d questions", during)
	}
}

var (
	older = &floor.Figures{LiveMetrics: schema.LiveMetrics{AsOf: 1}}
	newer = &floor.Figures{LiveMetrics: schema.LiveMetrics{AsOf: 2}}
)

func TestBigState_ComesInPiecesAndMissesNothingThatChangesMeanwhile(t *testing.T) {
	w := newWorld(t, hub.Limits{})
	for n := range 2500 {
		w.say(fmt.Sprintf("%04d", n), schema.Break)
	}
	c := &client{status: schema.Break, every: time.Minute}
	w.connect(t, c)
	w.hub.Look("6")
	m := c.next()
	require.True(t, m.Reset && m.More)
	require.Equal(t, 1000, m.Entries)
	w.say("0000", schema.Lunch) // sent already
	w.say("2400", schema.Lunch) // not sent yet
	w.hub.Look("6")
	// A client that comes back in the middle goes on there.
	c.session.Close()
	w.connect(t, c)
	w.hub.Look("6")
	for n := 0; ; n++ {
		require.Less(t, n, 4)
		m = c.next()
		require.False(t, m.Reset)
		if !m.More {
			break
		}
	}
	require.Equal(t, w.agentsIn(schema.Break), c.ids())
	require.Equal(t, 1, c.resets)
}

// The promise: whatever happens, a client that reads on has what the list would say.
func TestClient_HasTheListWhateverHappens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, hub.Limits{})
		statuses := []schema.Status{schema.Break, schema.Lunch}
		clients := make([]*client, rapid.IntRange(1, 5).Draw(t, "clients"))
		for n := range clients {
			some := []string{"0", "3", "4", "7"}[:rapid.SampledFrom([]int{0, 0, 1, 4}).Draw(t, "some")]
			clients[n] = &client{status: rapid.SampledFrom(statuses).Draw(t, "of"), among: some, every: time.Duration(rapid.IntRange(1, 20).Draw(t, "interval")) * 50 * time.Millisecond}
		}
		pick := func(t *rapid.T) *client { return rapid.SampledFrom(clients).Draw(t, "client") }
		t.Repeat(map[string]func(*rapid.T){
			"change": func(t *rapid.T) {
				for range rapid.IntRange(1, 5).Draw(t, "times") {
					w.say(fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "agent")), rapid.SampledFrom([]schema.Status{schema.Break, schema.Lunch, schema.Available}).Draw(t, "status"))
				}
			},
			"look":    func(*rapid.T) { w.hub.Look("6") },
			"advance": func(t *rapid.T) { w.advance(time.Duration(rapid.IntRange(1, 40_000).Draw(t, "ms")) * time.Millisecond) },
			"come": func(t *rapid.T) {
				c := pick(t)
				if c.session != nil {
					return
				}
				late, resets := w.now().Sub(c.heard) > hub.KeepFor, c.resets
				known := c.cursor != ""
				w.connect(t, c)
				w.hub.Look("6")
				c.next()
				if known && !late && c.resets != resets && !strings.HasSuffix(c.cursor, ".-") {
					t.Fatalf("came back after %s and got the state again", w.now().Sub(c.heard))
				}
			},
			"go": func(t *rapid.T) {
				if c := pick(t); c.session != nil {
					c.session.Close()
					c.session = nil
				}
			},
			"read": func(t *rapid.T) {
				if c := pick(t); c.session != nil {
					c.next()
				}
			},
			"": func(t *rapid.T) {
				for _, c := range clients {
					if c.broken != "" {
						t.Fatal(c.broken)
					}
				}
			},
		})
		w.hub.Look("6")
		for _, c := range clients {
			if c.session == nil {
				w.connect(t, c)
			}
		}
		w.hub.Look("6")
		w.advance(time.Minute)
		for _, c := range clients {
			for c.next() != nil {
			}
			require.Equal(t, w.agentsIn(c.status, c.among...), c.ids())
			c.session.Close()
		}
	})
}

func TestFeedWithoutSubscribers_IsForgottenAfterAMinute(t *testing.T) {
	for _, away := range []time.Duration{59 * time.Second, 61 * time.Second} {
		w := newWorld(t, hub.Limits{})
		w.say("a", schema.Break)
		c := &client{status: schema.Break, every: 50 * time.Millisecond}
		w.connect(t, c)
		w.hub.Look("6")
		c.next()
		c.session.Close()
		w.say("a", schema.Lunch)
		w.advance(away)
		w.connect(t, c)
		w.hub.Look("6")
		m := c.next()
		require.Equal(t, away > hub.KeepFor, m.Reset)
		require.Empty(t, c.ids())
	}
}

func TestCursorOfAnotherNode_BringsTheState(t *testing.T) {
	one, two := newWorld(t, hub.Limits{}), newWorld(t, hub.Limits{})
	for n, w := range []*world{one, two} {
		w.say(fmt.Sprint("of node ", n), schema.Break)
		first := &client{status: schema.Break, every: 50 * time.Millisecond}
		w.connect(t, first)
		w.hub.Look("6")
		first.next()
	}
	c := &client{status: schema.Break, every: 50 * time.Millisecond}
	one.connect(t, c)
	c.next()
	c.session.Close()
	two.connect(t, c)
	require.True(t, c.next().Reset)
	require.Equal(t, two.agentsIn(schema.Break), c.ids())
}

func TestBuildThatFails_IsToldOnceAndThatItWorksAgain(t *testing.T) {
	w := newWorld(t, hub.Limits{})
	broken := true
	f := hub.Feed{Key: "k", Whole: true, Timed: true, Build: func(_ *hub.Change, rows *hub.Rows) error {
		if broken {
			return problem.Unavailable("not_yet", "later", 1)
		}
		rows.Put("a", []byte(`{}`))
		return nil
	}}
	s, err := w.hub.Open(hub.Subscriber{ContactCenter: "6"})
	require.NoError(t, err)
	require.NoError(t, s.Subscribe(hub.Subscription{ID: "1", Topic: "t", Feed: f}))
	step := func() *hub.Message {
		w.advance(time.Second)
		w.hub.Look("6")
		m, _ := s.Next(over())
		return m
	}
	require.Equal(t, "not_yet", step().Problem.Code)
	require.Nil(t, step())
	broken = false
	m := step()
	require.Nil(t, m.Problem)
	require.True(t, m.Reset)
	broken = true
	require.NotNil(t, step().Problem)
	broken = false
	require.Equal(t, 0, step().Entries, "nothing changed, but it works again")
}

// What a feed is not about costs it nothing: a thousand screens with ten agents each are not all built for each change of a floor.
// feedOf fails while it is broken, and has one row.
func feedOf(broken *bool, builds *int) hub.Feed {
	return hub.Feed{Key: "k", Whole: true, Timed: true, Build: func(_ *hub.Change, rows *hub.Rows) error {
		*builds++
		if *broken {
			return problem.Unavailable("not_yet", "later", 1)
		}
		rows.Put("a", []byte(`{}`))
		return nil
	}}
}

func (w *world) follow(t require.TestingT, f hub.Feed, every time.Duration) *hub.Session {
	s, err := w.hub.Open(hub.Subscriber{ContactCenter: "6"})
	require.NoError(t, err)
	require.NoError(t, s.Subscribe(hub.Subscription{ID: "1", Topic: "t", Feed: f, Interval: every}))
	return s
}

func TestFeedThatFails_IsBuiltAsOftenAsItsInterval(t *testing.T) {
	w, broken, builds := newWorld(t, hub.Limits{}), true, 0
	s := w.follow(t, feedOf(&broken, &builds), 10*time.Second)
	defer s.Close()
	for range 60 {
		w.hub.Look("6")
		w.advance(time.Second)
	}
	require.Equal(t, 6, builds)
}

func TestFeedThatFails_AsOfStands(t *testing.T) {
	w, broken, builds := newWorld(t, hub.Limits{}), false, 0
	s := w.follow(t, feedOf(&broken, &builds), time.Second)
	defer s.Close()
	w.hub.Look("6")
	_, err := s.Next(over())
	require.NoError(t, err)
	had := s.AsOf()
	require.Equal(t, w.now().UnixMilli(), had)
	broken = true
	for range 60 {
		w.advance(time.Second)
		w.hub.Look("6")
		_, _ = s.Next(over())
	}
	require.Equal(t, had, s.AsOf())
}

func TestWhoComesToAFeedThatFailedOnce_IsToldHowItIsNow(t *testing.T) {
	w, broken, builds := newWorld(t, hub.Limits{}), true, 0
	first := w.follow(t, feedOf(&broken, &builds), time.Second)
	w.hub.Look("6")
	m, err := first.Next(over())
	require.NoError(t, err)
	require.NotNil(t, m.Problem)
	first.Close()
	broken = false
	w.advance(50 * time.Second)
	second := w.follow(t, feedOf(&broken, &builds), time.Second)
	defer second.Close()
	m, _ = second.Next(over())
	require.Nil(t, m, "before the next look nothing is known")
	w.hub.Look("6")
	m, err = second.Next(over())
	require.NoError(t, err)
	require.Nil(t, m.Problem)
	require.Equal(t, `[{}]`, string(m.Rows))
}

func TestFeedOfSomeAgents_IsBuiltForTheseAlone(t *testing.T) {
	w := newWorld(t, hub.Limits{})
	for _, id := range []string{"a", "b", "c", "d"} {
		w.say(id, schema.Break)
	}
	mine, builds := map[string]bool{"b": true, "d": true}, 0
	f := hub.Feed{Key: "k", Build: func(c *hub.Change, rows *hub.Rows) error {
		builds++
		if c.Anew {
			rows.Only(mine)
		}
		put := func(a floor.Picked) {
			if mine[a.ID] {
				rows.Put(a.ID, fmt.Appendf(nil, `{"id":%q,"status":%q}`, a.ID, a.Live.Status))
			}
		}
		if c.Whole {
			c.View.Select(floor.Selection{}, put)
		}
		for _, a := range c.ChangedAgents() {
			put(floor.Pick(a.Now))
		}
		return nil
	}}
	s, err := w.hub.Open(hub.Subscriber{ContactCenter: "6"})
	require.NoError(t, err)
	require.NoError(t, s.Subscribe(hub.Subscription{ID: "1", Topic: "t", Feed: f}))
	step := func(changed ...string) (m *hub.Message) {
		for _, id := range changed {
			w.say(id, schema.Status(2+builds%3)) // another one at each build
		}
		w.advance(time.Second)
		w.hub.Look("6")
		m, _ = s.Next(over())
		return m
	}
	require.Equal(t, 2, step().Entries)
	for _, others := range [][]string{nil, {"a"}, {"a", "c"}} {
		before, asOf := builds, s.AsOf()
		require.Nil(t, step(others...))
		require.Equal(t, before, builds, "%q changed", others)
		require.Greater(t, s.AsOf(), asOf, "the rows are as of the latest look all the same")
	}
	for _, some := range [][]string{{"b"}, {"a", "b", "c"}, {"d", "a"}, {"a", "c", "d"}} {
		require.Equal(t, 1, step(some...).Entries, "%q changed", some)
	}
}

func TestLimits_AreHeldAndGivenBack(t *testing.T) {
	w := newWorld(t, hub.Limits{Streams: 3, StreamsPerPrincipal: 2, Subscriptions: 1, Feeds: 1})
	open := func(principal string) (*hub.Session, error) {
		return w.hub.Open(hub.Subscriber{ContactCenter: "6", Principal: principal})
	}
	refused := func(err error, status int, code string) {
		t.Helper()
		var p *problem.Problem
		require.ErrorAs(t, err, &p)
		require.Equal(t, []any{status, code}, []any{p.Status, p.Code})
	}
	a, err := open("x")
	require.NoError(t, err)
	_, err = open("x")
	require.NoError(t, err)
	_, err = open("x")
	refused(err, 429, "too_many_streams")
	b, err := open("y")
	require.NoError(t, err)
	_, err = open("z")
	refused(err, 503, "too_many_streams")
	require.NoError(t, a.Subscribe(hub.Subscription{ID: "1", Feed: feed(schema.Break)}))
	refused(a.Subscribe(hub.Subscription{ID: "2", Feed: feed(schema.Break)}), 429, "too_many_subscriptions")
	refused(b.Subscribe(hub.Subscription{ID: "1", Feed: feed(schema.Lunch)}), 503, "too_many_feeds")
	require.NoError(t, b.Subscribe(hub.Subscription{ID: "1", Feed: feed(schema.Break)}), "the same feed")
	a.Close()
	_, err = open("x")
	require.NoError(t, err)
	b.Close()
	c, err := open("y")
	require.NoError(t, err)
	require.NoError(t, c.Subscribe(hub.Subscription{ID: "1", Feed: feed(schema.Lunch)}), "a feed that nobody is subscribed to gives way")
}

func TestAsOf_IsOfWhatWasSent(t *testing.T) {
	w := newWorld(t, hub.Limits{})
	c := &client{status: schema.Break, every: time.Minute}
	w.connect(t, c)
	require.Zero(t, c.session.AsOf())
	w.hub.Look("6")
	first := c.next().AsOf
	require.Equal(t, w.now().UnixMilli(), first)
	w.advance(time.Second)
	w.hub.Look("6")
	require.Equal(t, first+1000, c.session.AsOf(), "nothing was to be said")
	w.say("a", schema.Break)
	w.hub.Look("6")
	require.Equal(t, first, c.session.AsOf(), "something is to be said, but not yet")
	w.advance(time.Minute)
	require.Equal(t, first+1000, c.next().AsOf)
}

func TestCredentialThatExpires_EndsTheSession(t *testing.T) {
	w := newWorld(t, hub.Limits{})
	s, err := w.hub.Open(hub.Subscriber{ContactCenter: "6", Until: w.now().Add(time.Minute)})
	require.NoError(t, err)
	_, err = s.Next(over())
	require.ErrorIs(t, err, context.Canceled)
	w.advance(time.Minute)
	_, err = s.Next(over())
	var ended *hub.EndedError
	require.True(t, errors.As(err, &ended))
	require.Equal(t, hub.CredentialExpired, ended.Reason)
}

// started runs the hub beside the test, with the real clock.
func started(t testing.TB, w *world, look time.Duration) (stop func()) {
	var err error
	w.hub, err = hub.New(hub.Config{Source: w, Look: look, Metrics: w.set, Limits: hub.Limits{Streams: 100_000, StreamsPerPrincipal: 100_000}, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = w.hub.Run(ctx) }()
	return func() { cancel(); <-done }
}

func TestSubscriberThatStopsReading_KeepsNobodyWaiting(t *testing.T) {
	w := newWorld(t, hub.Limits{})
	stop := started(t, w, time.Millisecond)
	defer stop()
	stopped, reading := &client{status: schema.Break, every: 50 * time.Millisecond}, &client{status: schema.Break, every: 50 * time.Millisecond}
	w.connect(t, stopped)
	w.connect(t, reading)
	defer stopped.session.Close()
	defer reading.session.Close()
	for n := range 20 {
		id := fmt.Sprint(n)
		w.say(id, schema.Break)
		for !reading.rows[id] {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			m, err := reading.session.Next(ctx)
			cancel()
			require.NoError(t, err)
			reading.apply(m)
		}
	}
	m := stopped.next()
	require.Equal(t, 20, m.Entries, "all that it missed, in one message")
}

func TestRun_EndsSessionsAndWaitsForThem(t *testing.T) {
	w := newWorld(t, hub.Limits{})
	stop := started(t, w, time.Millisecond)
	c := &client{status: schema.Break}
	w.connect(t, c)
	closed := make(chan error, 1)
	go func() {
		for {
			if _, err := c.session.Next(context.Background()); err != nil {
				c.session.Close()
				closed <- err
				return
			}
		}
	}()
	stop()
	var ended *hub.EndedError
	require.ErrorAs(t, <-closed, &ended)
	require.Equal(t, hub.ShuttingDown, ended.Reason)
	_, err := w.hub.Open(hub.Subscriber{ContactCenter: "6"})
	require.Error(t, err)
}

func TestNobodySubscribed_NothingIsLookedAt(t *testing.T) {
	w := newWorld(t, hub.Limits{})
	c := &client{status: schema.Break}
	w.connect(t, c)
	w.hub.Look("6")
	c.session.Close()
	before := w.looks
	w.hub.Look("6")
	require.Equal(t, before, w.looks)
}

func TestConnectsAndDisconnects_LeaveNothingBehind(t *testing.T) {
	rounds := 300
	if long() {
		rounds = 10_000
	}
	w := newWorld(t, hub.Limits{})
	for n := range 500 {
		w.say(fmt.Sprint(n), schema.Break)
	}
	stop := started(t, w, time.Millisecond)
	defer stop()
	round := func() {
		c := &client{status: schema.Break, every: 50 * time.Millisecond}
		w.connect(t, c)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, err := c.session.Next(ctx)
		require.NoError(t, err)
		c.session.Close()
	}
	round()
	goroutines, heap := runtime.NumGoroutine(), heapOf()
	for range rounds {
		round()
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), goroutines)
	require.Less(t, heapOf(), heap+2<<20)
}

// What a look keeps of feeds of some agents goes with those feeds.
func TestFeedsOfSomeAgents_LeaveNothingBehind(t *testing.T) {
	w := newWorld(t, hub.Limits{Feeds: 10})
	for n := range 100 {
		w.say(fmt.Sprint(n), schema.Break)
	}
	round := func(n int) {
		c := &client{status: schema.Break, among: []string{fmt.Sprint(n % 100), fmt.Sprint(n / 100), "nobody"}}
		w.connect(t, c)
		w.hub.Look("6")
		require.NotNil(t, c.next())
		c.session.Close()
	}
	for n := range 20 {
		round(n)
	}
	heap := heapOf()
	for n := range 5000 {
		round(n)
	}
	require.Less(t, heapOf(), heap+1<<20)
	runtime.KeepAlive(w)
}

func heapOf() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
