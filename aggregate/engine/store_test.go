package engine

import (
	"fmt"
	"sort"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

// store keeps the newest row of every key, as ClickHouse does.
type store struct {
	intervals    map[string]schema.Interval
	visits       map[string]schema.Visit
	parts        map[string]schema.Part
	interactions map[string]schema.Interaction
	windows      map[string]schema.Window
}

func newStore() *store {
	return &store{map[string]schema.Interval{}, map[string]schema.Visit{}, map[string]schema.Part{},
		map[string]schema.Interaction{}, map[string]schema.Window{}}
}

func put[R any](t require.TestingT, m map[string]R, seen map[string]bool, row R, deleted bool, key ...any) {
	k := fmt.Sprint(key...)
	require.False(t, seen[k], "two rows of one key in one flush: %s", k)
	seen[k] = true
	if deleted {
		delete(m, k)
	} else {
		m[k] = row
	}
}

// drain takes one flush.
func (s *store) drain(t require.TestingT, e *Engine) *store {
	var rows Rows
	e.Drain(&rows)
	seen := map[string]bool{}
	for _, r := range rows.Intervals {
		put(t, s.intervals, seen, r, r.Deleted, "i/", r.ContactCenter, "/", r.Kind, "/", r.Agent, "/", r.Start)
	}
	for _, r := range rows.Visits {
		put(t, s.visits, seen, r, r.Deleted, "v/", r.ContactCenter, "/", r.Interaction, "/", r.Start, "/", r.N)
	}
	for _, r := range rows.Parts {
		put(t, s.parts, seen, r, r.Deleted, "p/", r.ContactCenter, "/", r.Interaction, "/", r.Agent, "/", r.Start, "/", r.N)
	}
	for _, r := range rows.Interactions {
		put(t, s.interactions, seen, r, r.Deleted, "x/", r.ContactCenter, "/", r.ID, "/", r.Start)
	}
	for _, r := range rows.Windows {
		empty := r.Counts == [schema.NumCounts]uint32{}
		for m := range r.Measures {
			empty = empty && r.Measures[m].Count == 0
		}
		put(t, s.windows, seen, r, empty, fmt.Sprintf("w/%v/%d/%d", r.Dims, r.Start, r.Minutes))
	}
	return s
}

func (s *store) text() string {
	var lines []string
	for k, r := range s.intervals {
		lines = append(lines, fmt.Sprintf("%s %+v", k, r))
	}
	for k, r := range s.visits {
		lines = append(lines, fmt.Sprintf("%s %+v", k, r))
	}
	for k, r := range s.parts {
		lines = append(lines, fmt.Sprintf("%s %+v", k, r))
	}
	for k, r := range s.interactions {
		lines = append(lines, fmt.Sprintf("%s %+v", k, r))
	}
	for k, r := range s.windows {
		var b strings.Builder
		for c, n := range r.Counts {
			if n != 0 {
				fmt.Fprintf(&b, " %s=%d", schema.Count(c), n)
			}
		}
		for m, d := range r.Measures {
			if d.Count != 0 {
				fmt.Fprintf(&b, " %s=%+v", schema.Measure(m), d)
			}
		}
		lines = append(lines, k+b.String())
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// total sums the minute windows of a contact centre's queues (agent == "") or of one agent.
func (s *store) total(agent string) schema.Window {
	var w schema.Window
	for _, r := range s.windows {
		if r.Minutes == schema.WindowMinute && r.Agent == agent {
			for c := range r.Counts {
				w.Counts[c] += r.Counts[c]
			}
			for m := range r.Measures {
				w.Measures[m].Add(r.Measures[m])
			}
		}
	}
	return w
}

// statusTimes clips an agent's status intervals to [from, to) and sums them by status.
func (s *store) statusTimes(agent string, from, to int64) map[schema.Status]int64 {
	out := map[schema.Status]int64{}
	for _, r := range s.intervals {
		if r.Agent == agent && r.Kind == schema.IntervalStatus {
			if d := min(r.End, to) - max(r.Start, from); d > 0 {
				out[r.Status] += d
			}
		}
	}
	return out
}

const day = int64(1_760_000_000_000) / dayMs * dayMs // a UTC midnight

// at is a moment of the test day: seconds after 10:00 UTC.
func at(s float64) int64 { return day + 10*60*minuteMs + int64(s*1000) }

type floor struct {
	t   require.TestingT
	e   *Engine
	s   *store
	off int64
	id  int
}

func newFloor(t require.TestingT) *floor {
	return &floor{t: t, e: New(Config{Live: true}), s: newStore()}
}

func (f *floor) do(ev schema.Event) Outcome {
	f.id++
	if ev.ID == "" {
		ev.ID = fmt.Sprint("e", f.id)
	}
	ev.Source = "/test"
	if ev.ContactCenter == "" {
		ev.ContactCenter = "1"
	}
	if ev.Type == schema.InteractionCreated {
		if ev.Channel == 0 {
			ev.Channel = schema.ChannelVoice
		}
		if ev.Direction == 0 {
			ev.Direction = schema.Inbound
		}
		ev.CanRecord = true
	}
	o := f.e.Apply(&ev, f.off)
	f.off++
	return o
}

func (f *floor) flush() *store { return f.s.drain(f.t, f.e) }

// settle flushes and looks at the live state, after which finished interactions are cold.
func (f *floor) settle() {
	f.flush()
	for _, c := range f.e.centers {
		c.look()
	}
}

func login(s float64, agent string) schema.Event {
	return schema.Event{Type: schema.AgentLogin, Subject: agent, Time: at(s)}
}
func status(s float64, agent string, st schema.Status) schema.Event {
	return schema.Event{Type: schema.AgentStatus, Subject: agent, Time: at(s), Status: st}
}
func ix(s float64, typ schema.EventType, id string) schema.Event {
	return schema.Event{Type: typ, Subject: id, Time: at(s)}
}
func by(ev schema.Event, agent string) schema.Event { ev.AgentID = agent; return ev }
func queued(s float64, id, queue string) schema.Event {
	return schema.Event{Type: schema.InteractionQueued, Subject: id, Time: at(s), QueueID: queue}
}
func ended(s float64, id string, r schema.EndReason) schema.Event {
	return schema.Event{Type: schema.InteractionEnded, Subject: id, Time: at(s), End: r}
}

// holds reports whether the engine still has an interaction.
func (f *floor) holds(contactCenter, id string) bool {
	c, hash := f.e.centers[contactCenter], xxhash.Sum64String(id)
	_, cold := c.findCold(id, hash)
	return cold || c.findHot(id, hash) != nil
}
