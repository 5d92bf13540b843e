package vonage

import (
	"context"
	"fmt"
	"math/bits"

	"github.com/gofiber/fiber/v2"

	"floorwalker/query/floor"
	"floorwalker/query/history"
	"floorwalker/query/problem"
	"floorwalker/schema"
)

// search is one question for activities.
type search struct {
	kinds    []kind
	agents   []string // nil: all
	from, to int64    // [from, to)
	include  string
	asOf     int64 // of history
	written  int64 // when that was written
}

// maxRows bounds what one answer may read.
const maxRows = 1_000_000

const hour = int64(3_600_000)

// finder answers a search: it reads what touches the window, and further to both sides where an activity that is to be shown
// begins or ends outside of what was read.
type finder struct {
	search
	ctx           context.Context
	contactCenter string
	history       History
	v             *floor.View
	changed       map[string]int64 // by agent: from when on anything was processed in the window
	rows          int
}

// find returns the activities in order.
func (a *API) find(ctx context.Context, v *floor.View, s search) ([]activity, error) {
	f := &finder{search: s, ctx: ctx, contactCenter: v.ContactCenter, history: a.History, v: v}
	// What began right at the window's begin is known to have begun there only by what was before.
	known, err := f.read(f.agents, f.from-1, f.to)
	if err != nil {
		return nil, err
	}
	if f.include == includeProcessed {
		if err := f.readChanged(known); err != nil {
			return nil, err
		}
	}
	var out []activity
	for round := 0; len(known) > 0; round++ {
		var unknown map[string]reach
		out, unknown = f.pick(out, known)
		if round == maxRounds {
			break
		}
		if known, err = f.extend(unknown, round); err != nil {
			return nil, err
		}
	}
	sortActivities(out)
	return out, nil
}

// present is after everything that history holds: events may be ahead of the clock by as much as is configured, an hour at the most.
func (f *finder) present() int64 { return max(f.asOf, f.to) + hour }

// maxRounds is more than any activity needs: each round reaches at least one interval further and doubles the rest.
const maxRounds = 64

// reach is how far an agent must be known.
type reach struct{ from, to int64 }

// pick takes what is to be shown. Agents of whom that cannot be told yet are left out and returned with how far they must be
// known.
func (f *finder) pick(out []activity, known map[string]*timeline) ([]activity, map[string]reach) {
	unknown := map[string]reach{}
	for agent, t := range known {
		n, need := len(out), reach{t.from, t.to}
		for _, k := range f.kinds {
			for _, act := range t.activities(f.v, agent, k) {
				if !f.wanted(&act) {
					continue
				}
				// A part says itself when it began and ended.
				if k != interactions && act.start <= t.from {
					need.from = min(need.from, act.start-1)
				}
				switch {
				case k == interactions || act.end < t.to:
				case act.end != schema.Open:
					need.to = max(need.to, act.end+1)
				case k == states && t.to < f.present():
					// The presence goes on, but what lies over it has not been read.
					need.to = t.to + 1
				}
				out = append(out, act)
			}
		}
		if need != (reach{t.from, t.to}) {
			out, unknown[agent] = out[:n], need
		}
	}
	return out, unknown
}

// wanted says what the window holds. Of an agent of whom something was processed, everything from there on is shown: whoever
// replaces what it has of that agent and time is then exact, whatever was taken back.
func (f *finder) wanted(act *activity) bool {
	if act.start >= f.from && act.start < f.to {
		return true
	}
	if f.include == includeStarted {
		return false
	}
	if act.end != schema.Open && act.end >= f.from && act.end < f.to {
		return true
	}
	since, processed := f.changed[act.agent]
	return processed && (act.end > since || act.start >= since)
}

// extend reads the agents again as far as they must be known, and a little more each round, those of like reach together.
func (f *finder) extend(unknown map[string]reach, round int) (map[string]*timeline, error) {
	more := hour << min(round, 16)
	groups := map[[2]int][]string{}
	for agent, r := range unknown {
		g := [2]int{bits.Len64(uint64(max(0, f.from-r.from) / hour)), bits.Len64(uint64(max(0, r.to-f.to) / hour))}
		groups[g] = append(groups[g], agent)
	}
	known := map[string]*timeline{}
	for _, agents := range groups {
		all := unknown[agents[0]]
		for _, agent := range agents {
			all.from, all.to = min(all.from, unknown[agent].from), max(all.to, unknown[agent].to)
		}
		if round > 0 {
			all.from = all.from - more
		}
		got, err := f.read(agents, all.from, all.to+more)
		if err != nil {
			return nil, err
		}
		for agent, t := range got {
			known[agent] = t
		}
	}
	return known, nil
}

// readChanged reads the agents of whom something was processed up to now.
func (f *finder) readChanged(known map[string]*timeline) error {
	var err error
	f.changed, err = f.history.Changed(f.ctx, history.Agents{ContactCenter: f.contactCenter, IDs: f.agents, From: f.from, To: f.to}, f.intervalKinds(), f.wants(interactions))
	if err != nil {
		return err
	}
	now := f.present()
	groups := map[int][]string{}
	for agent, since := range f.changed {
		g := bits.Len64(uint64(max(0, now-since) / hour))
		groups[g] = append(groups[g], agent)
	}
	for _, agents := range groups {
		since := f.from
		for _, agent := range agents {
			since = min(since, f.changed[agent])
		}
		got, err := f.read(agents, since-1, now)
		if err != nil {
			return err
		}
		for agent, t := range got {
			known[agent] = t
		}
	}
	return nil
}

func (f *finder) wants(k kind) bool {
	for _, w := range f.kinds {
		if w == k {
			return true
		}
	}
	return false
}

func (f *finder) intervalKinds() []schema.IntervalKind {
	var out []schema.IntervalKind
	if f.wants(presences) || f.wants(states) {
		out = append(out, schema.IntervalPresence)
	}
	if f.wants(workloads) || f.wants(states) {
		out = append(out, schema.IntervalWorkload)
	}
	if f.wants(states) {
		out = append(out, schema.IntervalStatus)
	}
	return out
}

// read is what touches [from, to) of the agents; of all where agents is nil.
func (f *finder) read(agents []string, from, to int64) (map[string]*timeline, error) {
	known := map[string]*timeline{}
	of := func(agent string) *timeline {
		t := known[agent]
		if t == nil {
			t = &timeline{from: from, to: to}
			known[agent] = t
		}
		return t
	}
	where := history.Agents{ContactCenter: f.contactCenter, IDs: agents, From: from, To: to}
	if kinds := f.intervalKinds(); len(kinds) > 0 {
		err := f.history.EachInterval(f.ctx, where, kinds, func(iv *schema.Interval) error {
			of(iv.Agent).add(iv)
			return f.count()
		})
		if err != nil {
			return nil, err
		}
	}
	if f.wants(interactions) {
		err := f.history.EachPart(f.ctx, where, func(p *schema.Part) error {
			t := of(p.Agent)
			t.parts = append(t.parts, *p)
			return f.count()
		})
		if err != nil {
			return nil, err
		}
	}
	return known, nil
}

func (f *finder) count() error {
	if f.rows++; f.rows > maxRows {
		return problem.New(fiber.StatusBadRequest, "too_many_rows", fmt.Sprintf("Request window holds more than %d rows; ask for a shorter one", maxRows))
	}
	return nil
}
