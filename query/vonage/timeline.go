package vonage

import (
	"cmp"
	"slices"

	"floorwalker/query/floor"
	"floorwalker/schema"
)

// kind of activity, in the order in which those of equal start and agent are listed.
type kind uint8

const (
	presences kind = iota
	workloads
	interactions
	states // workforce management's
)

// activity is a stretch of an agent's time.
type activity struct {
	agent      string
	kind       kind
	start, end int64 // end is schema.Open while it goes on
	what       content
}

// content is what an activity says; two adjoining stretches of the same content are one activity.
type content struct {
	category    string
	description string
	reason      string
	load        [3]uint16
	// Of interactions: those of different parts are never one.
	interaction       string
	part              int64
	medium, direction string
}

// timeline is what is known of one agent over [from, to).
type timeline struct {
	from, to  int64
	intervals [schema.IntervalWorkload + 1][]schema.Interval // by kind, ascending, without gaps but for logged-out time
	parts     []schema.Part
}

func (t *timeline) add(iv *schema.Interval) {
	if int(iv.Kind) < len(t.intervals) {
		t.intervals[iv.Kind] = append(t.intervals[iv.Kind], *iv)
	}
}

// activities are those of a kind, ascending.
func (t *timeline) activities(v *floor.View, agent string, k kind) []activity {
	var out []activity
	extend := func(start, end int64, what content) {
		if n := len(out); n > 0 && out[n-1].end == start && out[n-1].what == what {
			out[n-1].end = end
			return
		}
		out = append(out, activity{agent, k, start, end, what})
	}
	switch k {
	case presences:
		for i := range t.intervals[schema.IntervalPresence] {
			iv := &t.intervals[schema.IntervalPresence][i]
			extend(iv.Start, iv.End, presenceOf(v, iv))
		}
	case workloads:
		for _, iv := range t.intervals[schema.IntervalWorkload] {
			extend(iv.Start, iv.End, content{load: [3]uint16{iv.Live, iv.SemiLive, iv.NonLive}})
		}
	case interactions:
		for i := range t.parts {
			out = append(out, partActivities(agent, &t.parts[i])...)
		}
	case states:
		t.states(v, extend)
	}
	return out
}

func presenceOf(v *floor.View, iv *schema.Interval) content {
	return content{category: presenceName(iv.Status), description: description(v, iv.Status, iv.Description, iv.ReasonID, iv.ReasonName)}
}

// states lays status and workload over the presences. While an agent is logged out it has neither.
func (t *timeline) states(v *floor.View, extend func(start, end int64, what content)) {
	status, load := cursor{rows: t.intervals[schema.IntervalStatus]}, cursor{rows: t.intervals[schema.IntervalWorkload]}
	for i := range t.intervals[schema.IntervalPresence] {
		presence := &t.intervals[schema.IntervalPresence][i]
		what := presenceOf(v, presence)
		if presence.Status == schema.LoggedOut {
			extend(presence.Start, presence.End, what)
			continue
		}
		for at := presence.Start; at < presence.End; {
			s, sUntil := status.at(at)
			l, lUntil := load.at(at)
			until := min(presence.End, sUntil, lUntil)
			extend(at, until, stateOf(s, l, what))
			at = until
		}
	}
}

// stateOf is the first that applies: an unanswered offer, wrap, work, the presence.
func stateOf(status, load *schema.Interval, presence content) content {
	what := content{category: presence.category, description: presence.description}
	var counts [3]uint16
	if load != nil {
		counts = [3]uint16{load.Live, load.SemiLive, load.NonLive}
	}
	m := idle
	if status != nil {
		m, _ = modeOf(status.Status)
	}
	switch {
	case m == unexpected:
		what.category = stateUnexpected
	case m == wrap:
		what.category = stateWrap
	case counts != [3]uint16{}:
		what.category = "Busy"
	default:
		return what
	}
	what.description = "Live"
	switch {
	case counts[0] > 0:
	case counts[1] > 0:
		what.description = "Semi-Live"
	case counts[2] > 0:
		what.description = "Non-Live"
	}
	return what
}

// cursor walks intervals forward.
type cursor struct {
	rows []schema.Interval
	n    int
}

// at is the interval that holds a moment, nil where none does, and until when that stays so.
func (c *cursor) at(ms int64) (iv *schema.Interval, until int64) {
	for c.n < len(c.rows) && c.rows[c.n].End <= ms {
		c.n++
	}
	switch {
	case c.n == len(c.rows):
		return nil, schema.Open
	case c.rows[c.n].Start > ms:
		return nil, c.rows[c.n].Start
	}
	return &c.rows[c.n], c.rows[c.n].End
}

// partActivities are a part's segments and marks. Connected and held on a call adjoin and are one; the reason is that of the first.
func partActivities(agent string, p *schema.Part) []activity {
	var out []activity
	for i := range p.Segments {
		s := &p.Segments[i]
		category, reason := interactionState(p.Channel, s.State, s.Role, s.Reason)
		if category == "" {
			continue
		}
		what := content{category: category, reason: reason, interaction: p.Interaction, part: p.Start, medium: mediumOf(p.Channel), direction: directionOf(p.Direction)}
		if n := len(out); n > 0 && out[n-1].end == s.Since && s.Until > s.Since && out[n-1].what.category == category &&
			(reason == "Monitor") == (out[n-1].what.reason == "Monitor") {
			out[n-1].end = s.Until
			continue
		}
		out = append(out, activity{agent, interactions, s.Since, s.Until, what})
	}
	return out
}

func inOrder(a, b activity) int {
	return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.agent, b.agent), cmp.Compare(a.kind, b.kind),
		cmp.Compare(a.what.interaction, b.what.interaction), cmp.Compare(a.what.part, b.what.part))
}

func sortActivities(all []activity) { slices.SortStableFunc(all, inOrder) }
