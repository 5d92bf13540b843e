package simulate

import (
	"fmt"
	"hash/fnv"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
	"floorwalker/schema/directory"
)

var morning = time.Date(2026, 3, 2, 4, 0, 0, 0, time.UTC)

func config(agents int) Config {
	return Config{ContactCenter: "demo", Agents: agents, Seed: 7, Start: morning, Zone: time.UTC}
}

// play runs a simulator for a time and returns every event.
func play(t testing.TB, cfg Config, lasts time.Duration) (*Simulator, []schema.Event) {
	t.Helper()
	s, err := New(cfg)
	require.NoError(t, err)
	var out []schema.Event
	until := cfg.Start.Add(lasts).UnixMilli()
	for {
		batch := s.Next()
		require.NotEmpty(t, batch)
		out = append(out, batch...)
		if batch[0].Time >= until {
			return s, out
		}
	}
}

// Everything that the simulator writes is an event of the contract, and comes in event-time order.
func TestSimulator_EveryEventDecodes(t *testing.T) {
	s, events := play(t, config(120), 26*time.Hour)
	require.Greater(t, len(events), 50_000)
	var dec schema.Decoder
	var ev schema.Event
	var buf []byte
	last, ids := int64(0), map[string]bool{}
	types := map[schema.EventType]int{}
	for _, e := range s.Directory() {
		require.NoError(t, directory.Validate(&e), "%s %s", e.DirectoryKind, e.Data)
	}
	for _, e := range append(s.Directory(), events...) {
		buf = schema.AppendStructured(buf[:0], &e)
		require.NoError(t, dec.DecodeStructured(buf, &ev), "%s", buf)
		require.GreaterOrEqual(t, ev.Time, last)
		require.False(t, ids[ev.ID], ev.ID)
		last, ids[strings.Clone(ev.ID)] = ev.Time, true
		types[e.Type]++
	}
	for typ := schema.AgentLogin; typ <= schema.EventDirectory; typ++ {
		if typ != schema.InteractionUpdated { // nothing to replace
			require.NotZero(t, types[typ], "%s never occurs", typ)
		}
	}
}

// The same configuration gives the same bytes; another seed or another start gives others.
func TestSimulator_SameConfigSameEvents(t *testing.T) {
	sum := func(change func(*Config)) uint64 {
		cfg := config(40)
		change(&cfg)
		s, events := play(t, cfg, 3*time.Hour)
		h := fnv.New64a()
		for _, e := range append(s.Directory(), events...) {
			h.Write(schema.AppendStructured(nil, &e))
		}
		return h.Sum64()
	}
	same := func(*Config) {}
	require.Equal(t, sum(same), sum(same))
	require.NotEqual(t, sum(same), sum(func(c *Config) { c.Seed++ }))
	require.NotEqual(t, sum(same), sum(func(c *Config) { c.Start = c.Start.Add(time.Second) }))
}

// A restart meets the same people, teams and queues.
func TestSimulator_AnotherStart_SameDirectory(t *testing.T) {
	entities := func(start time.Time) (out []string) {
		cfg := config(40)
		cfg.Start = start
		s, err := New(cfg)
		require.NoError(t, err)
		for _, e := range s.Directory() {
			out = append(out, e.DirectoryKind+"/"+e.Subject+" "+string(e.Data))
		}
		return out
	}
	require.Equal(t, entities(morning), entities(morning.Add(13*time.Hour)))
}

// Two events of one subject at one moment would depend on their order on the way.
func TestSimulator_NoSubjectTwiceInOneMillisecond(t *testing.T) {
	_, events := play(t, config(120), 12*time.Hour)
	last := map[string]int64{}
	for _, e := range events {
		require.Less(t, last[e.Subject], e.Time, "%s %s", e.Type, e.Subject)
		last[e.Subject] = e.Time
	}
}

// The course of every interaction and of every agent fits the contract's states: nothing would be orphaned or refused.
func TestSimulator_CoursesFitTheStates(t *testing.T) {
	for _, agents := range []int{8, 30, 120} {
		t.Run(fmt.Sprint(agents), func(t *testing.T) {
			s, events := play(t, config(agents), 26*time.Hour)
			s.Finish()
			for batch := s.Next(); len(batch) > 0; batch = s.Next() {
				events = append(events, batch...)
			}
			c := newCourses(t)
			for i := range events {
				c.apply(&events[i])
			}
			require.Empty(t, c.talking, "agents still on a call after Finish")
			require.Empty(t, c.loggedIn, "agents still logged in after Finish")
			for id, ia := range c.interactions {
				require.True(t, ia.ended, id)
			}
		})
	}
}

// courses is a second, small reading of the contract's rules that the simulator must not break.
type courses struct {
	t            *testing.T
	dec          schema.Decoder
	buf          []byte
	interactions map[string]*course
	loggedIn     map[string]bool
	talking      map[string]string // agent → interaction by voice
}

type course struct {
	voice, waiting, ended bool
	dialing, offered      map[string]bool
	connected, held       map[string]bool
	parked, left          map[string]int64
	wrapping              map[string]bool
}

func newCourses(t *testing.T) *courses {
	return &courses{t: t, interactions: map[string]*course{}, loggedIn: map[string]bool{}, talking: map[string]string{}}
}

func (c *courses) apply(e *schema.Event) {
	c.buf = schema.AppendStructured(c.buf[:0], e)
	var ev schema.Event
	require.NoError(c.t, c.dec.DecodeStructured(c.buf, &ev))
	at := fmt.Sprintf("%s %s %s", ev.Type, ev.Subject, ev.Data)
	if ev.Type.OfAgent() {
		c.agent(ev.Clone(), at)
		return
	}
	ia := c.interactions[ev.Subject]
	if ev.Type == schema.InteractionCreated {
		require.Nil(c.t, ia, at)
		c.interactions[strings.Clone(ev.Subject)] = c.created(&ev)
		return
	}
	require.NotNil(c.t, ia, "orphan %s", at)
	c.interaction(ia, ev.Clone(), at)
}

func (c *courses) created(ev *schema.Event) *course {
	ia := &course{voice: ev.Channel.Spoken(), dialing: map[string]bool{}, offered: map[string]bool{}, connected: map[string]bool{},
		held: map[string]bool{}, parked: map[string]int64{}, left: map[string]int64{}, wrapping: map[string]bool{}}
	if ev.Direction != schema.Inbound {
		ia.dialing[strings.Clone(ev.AgentID)] = true
	}
	return ia
}

func (c *courses) agent(ev *schema.Event, at string) {
	switch ev.Type {
	case schema.AgentLogin:
		require.False(c.t, c.loggedIn[ev.Subject], at)
		c.loggedIn[ev.Subject] = true
	case schema.AgentLogout:
		require.True(c.t, c.loggedIn[ev.Subject], at)
		require.Empty(c.t, c.talking[ev.Subject], "logs out on a call: %s", at)
		delete(c.loggedIn, ev.Subject)
	default:
		require.True(c.t, c.loggedIn[ev.Subject], at)
	}
}

func (c *courses) interaction(ia *course, ev *schema.Event, at string) {
	a := ev.AgentID
	if !ev.Type.Annotation() && ev.Type != schema.InteractionWrapStarted && ev.Type != schema.InteractionWrapEnded {
		require.False(c.t, ia.ended, "after the end: %s", at)
	}
	switch ev.Type {
	case schema.InteractionQueued:
		require.Empty(c.t, ia.connected, at)
		ia.waiting = true
	case schema.InteractionOffered:
		require.True(c.t, c.loggedIn[a], at)
		require.False(c.t, ia.offered[a] || ia.connected[a], at)
		ia.offered[a] = true
	case schema.InteractionDeclined:
		require.True(c.t, ia.offered[a], at)
		delete(ia.offered, a)
	case schema.InteractionConnected:
		c.connected(ia, ev, at)
	case schema.InteractionHeld:
		require.True(c.t, ia.connected[a] && !ia.held[a], at)
		ia.held[a] = true
	case schema.InteractionResumed:
		require.True(c.t, ia.held[a], at)
		delete(ia.held, a)
	case schema.InteractionParked:
		require.True(c.t, ia.connected[a] && ia.parked[a] == 0, at)
		ia.parked[a] = ev.Time
	case schema.InteractionUnparked:
		require.NotZero(c.t, ia.parked[a], at)
		delete(ia.parked, a)
	case schema.InteractionTransferred:
		require.True(c.t, ia.connected[a], at)
		require.True(c.t, ev.ToQueueID != "" || ia.connected[ev.ToAgentID], at)
		c.part(ia, a, ev.Time)
	case schema.InteractionLeft:
		require.True(c.t, ia.connected[a], at)
		c.part(ia, a, ev.Time)
	case schema.InteractionWrapStarted:
		require.NotZero(c.t, ia.left[a], at)
		require.LessOrEqual(c.t, ev.Time-ia.left[a], int64(60_000), at)
		require.True(c.t, c.loggedIn[a], at)
		ia.wrapping[a] = true
	case schema.InteractionWrapEnded:
		require.True(c.t, ia.wrapping[a], at)
		delete(ia.wrapping, a)
	case schema.InteractionEnded:
		for a := range ia.connected {
			c.part(ia, a, ev.Time)
		}
		ia.ended = true
	}
}

func (c *courses) connected(ia *course, ev *schema.Event, at string) {
	a := ev.AgentID
	require.True(c.t, c.loggedIn[a], at)
	require.False(c.t, ia.connected[a], at)
	require.True(c.t, ia.offered[a] || ia.dialing[a] || ev.Role.Monitors() || ev.Role == schema.RoleBargeIn, at)
	delete(ia.offered, a)
	delete(ia.dialing, a)
	ia.connected[a], ia.waiting = true, false
	if ia.voice {
		require.Empty(c.t, c.talking[a], "two calls at once: %s", at)
		c.talking[a] = ev.Subject
	}
}

func (c *courses) part(ia *course, a string, at int64) {
	delete(ia.connected, a)
	delete(ia.held, a)
	delete(ia.parked, a)
	delete(c.talking, a)
	ia.left[a] = at
}

// A day looks like a contact centre's: these are the figures that somebody who knows one would look at first.
func TestSimulator_FiguresAreThoseOfACentre(t *testing.T) {
	_, events := play(t, config(120), 24*time.Hour)
	f := measure(t, events)
	for _, tc := range []struct {
		figure   string
		value    float64
		from, to float64
	}{
		{"interactions", f.created, 6000, 11000},
		{"inbound calls offered to queues", f.queued, 3500, 6500},
		{"abandon rate of calls", f.abandoned / f.queued, .01, .12},
		{"calls answered within 20 s", f.inTime / f.answered, .55, .97},
		{"mean talk of calls, s", f.talk / f.talks, 180, 420},
		{"median over mean of talk (skewed)", f.median / (f.talk / f.talks), .60, .95},
		{"RONA per offer", f.rona / f.offers, .01, .04},
		{"calls with a hold", f.holds / f.talks, .10, .35},
		{"busiest hour over the quietest", f.peak / max(f.trough, 1), 2.5, 9},
		{"agents logged in at noon", f.noon, 45, 95},
		{"agents logged in at four in the morning", f.night, 10, 35},
		{"chats at a time, most", f.chats, 2, 3},
	} {
		t.Logf("%-45s %10.3f  (%g to %g)", tc.figure, tc.value, tc.from, tc.to)
		require.GreaterOrEqual(t, tc.value, tc.from, tc.figure)
		require.LessOrEqual(t, tc.value, tc.to, tc.figure)
	}
}

type figures struct {
	created, queued, answered, abandoned, inTime, talk, talks, median, rona, offers, holds, peak, trough, noon, night, chats float64
}

func measure(t *testing.T, events []schema.Event) (f figures) {
	var dec schema.Decoder
	type call struct {
		voice, inbound    bool
		queued, connected int64
		agents            map[string]int64
		held              bool
	}
	calls, on, chats := map[string]*call{}, map[string]bool{}, map[string]int{}
	hours := map[int]float64{}
	var talks []float64
	for i := range events {
		var ev schema.Event
		require.NoError(t, dec.DecodeStructured(schema.AppendStructured(nil, &events[i]), &ev))
		e, at := ev.Clone(), time.UnixMilli(ev.Time).UTC()
		if at.Hour() == 12 && f.noon == 0 {
			f.noon = float64(len(on))
		}
		if at.Day() == 3 && at.Hour() == 3 && at.Minute() > 50 && f.night == 0 {
			f.night = float64(len(on))
		}
		ia := calls[e.Subject]
		switch e.Type {
		case schema.AgentLogin:
			on[e.Subject] = true
		case schema.AgentLogout:
			delete(on, e.Subject)
		case schema.InteractionCreated:
			f.created++
			hours[at.Hour()]++
			calls[e.Subject] = &call{voice: e.Channel == schema.ChannelVoice, inbound: e.Direction == schema.Inbound, agents: map[string]int64{}}
		case schema.InteractionQueued:
			if ia.voice && ia.queued == 0 {
				f.queued++
				ia.queued = e.Time
			}
		case schema.InteractionOffered:
			f.offers++
		case schema.InteractionDeclined:
			if e.Decline == schema.DeclineNoAnswer {
				f.rona++
			}
		case schema.InteractionHeld:
			if ia.voice && !ia.held {
				ia.held = true
				f.holds++
			}
		case schema.InteractionConnected:
			if ia.voice && ia.queued != 0 && ia.connected == 0 {
				f.answered++
				if e.Time-ia.queued <= 20_000 {
					f.inTime++
				}
			}
			if !ia.voice {
				chats[e.AgentID]++
				f.chats = max(f.chats, float64(chats[e.AgentID]))
			}
			ia.connected = e.Time
			ia.agents[e.AgentID] = e.Time
		case schema.InteractionEnded:
			if ia.voice && e.End == schema.EndAbandoned && ia.queued != 0 {
				f.abandoned++
			}
			for a, since := range ia.agents {
				if !ia.voice {
					chats[a]--
				} else if ia.inbound && len(ia.agents) == 1 {
					talks = append(talks, float64(e.Time-since)/1000)
				}
			}
		}
	}
	sort.Float64s(talks)
	for _, x := range talks {
		f.talk += x
	}
	f.talks, f.median = float64(len(talks)), talks[len(talks)/2]
	f.trough = f.created
	for h := range 24 {
		f.peak, f.trough = max(f.peak, hours[h]), min(f.trough, hours[h])
	}
	return f
}

func TestNew_BadConfig_EveryFault(t *testing.T) {
	_, err := New(Config{Agents: 3, Rate: -1})
	require.Error(t, err)
	for _, word := range []string{"contact centre", "agents: 3", "rate: -1", "start"} {
		require.Contains(t, err.Error(), word)
	}
}

// A bench plays centres far above the demo's size.
func BenchmarkSimulator(b *testing.B) {
	cfg := config(10_000)
	cfg.Start = cfg.Start.Add(6 * time.Hour)
	s, err := New(cfg)
	require.NoError(b, err)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n += len(s.Next())
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}
