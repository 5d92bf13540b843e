package vonage

import (
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"floorwalker/query/list"
	"floorwalker/query/problem"
	"floorwalker/query/route"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// Values of include.
const (
	includeStarted        = "Started"
	includeStartedOrEnded = "StartedOrEnded"
	includeProcessed      = "Processed"
)

// Values of type.
const (
	typePresence    = "Presence"
	typeInteraction = "Interaction"
	typeWorkload    = "Workload"
)

const (
	maxWindow = 31 * 24 * time.Hour
	tooWide   = "Request window size limit exceeded 31 days" // clients match it
	badMoment = "is not a date and time in ISO 8601"
)

// activities answers searches for the kinds.
func (a *API) activities(kinds ...kind) fiber.Handler {
	return func(c *fiber.Ctx) error {
		q := route.CallOf(c).Query
		now := a.Now().UnixMilli()
		s, err := readSearch(q, kinds, now)
		if err != nil {
			return err
		}
		v := a.Source.View(c.Locals(admittedKey).(string))
		if s.agents != nil {
			wanted := v.IDs(directory.KindAgent, map[string]bool{s.agents[0]: true})
			for id := range wanted {
				if id != s.agents[0] {
					s.agents = append(s.agents, id)
				}
			}
		}
		// The position is read first: rows read after it hold at least what it says, so the next window may begin there.
		at, err := a.History.Progress(c.UserContext(), v.ContactCenter)
		if err != nil {
			return problem.Internal(err)
		}
		s.asOf, s.written = at.AsOf, at.WrittenAt
		found, err := a.find(c.UserContext(), v, s)
		if err != nil {
			return err
		}
		p := readPage(q)
		e := p.begin(len(found))
		from, to := p.of(len(found))
		for i := range found[from:to] {
			if act := &found[from+i]; act.kind == states {
				writeState(e, act)
			} else {
				writeActivity(e, act)
			}
		}
		return finish(c, e, upTo(&s))
	}
}

// upTo is where the next window may begin without missing anything: never after what the clock that stamps what is processed says,
// which event time may run ahead of. What history has not said anything about yet begins where this window did.
func upTo(s *search) int64 {
	if s.asOf == schema.NoTime || s.written == schema.NoTime {
		return s.from
	}
	return min(s.asOf, s.written)
}

func readSearch(q *route.Query, kinds []kind, now int64) (s search, err error) {
	s = search{kinds: kinds, include: includeStarted, to: now}
	start, _ := q.Text("start")
	if start == "" {
		return s, problem.Parameter("start", "start is missing")
	}
	var ok bool
	if s.from, ok = moment(start); !ok {
		return s, problem.Parameter("start", "start "+badMoment)
	}
	if end, _ := q.Text("end"); end != "" {
		if s.to, ok = moment(end); !ok {
			return s, problem.Parameter("end", "end "+badMoment)
		}
	}
	switch {
	case s.to-s.from > maxWindow.Milliseconds():
		return s, problem.Parameter("start", tooWide)
	case s.to <= s.from && q.Has("end"):
		return s, problem.Parameter("end", "end must be after start")
	case s.to <= s.from: // a poller whose clock runs ahead of ours
		s.to = s.from + 1
	}
	if include, _ := q.Text("include"); include != "" {
		s.include = include
	}
	// The vendor's own samples write agentID.
	for _, name := range []string{"agentId", "agentID"} {
		if id, _ := q.Text(name); id != "" {
			s.agents = []string{id}
		}
	}
	switch of, _ := q.Text("type"); of {
	case typePresence:
		s.kinds = only(kinds, presences)
	case typeWorkload:
		s.kinds = only(kinds, workloads)
	case typeInteraction:
		s.kinds = only(kinds, interactions)
	}
	return s, nil
}

// only leaves endpoints of one kind as they are, which have no type.
func only(kinds []kind, k kind) []kind {
	if len(kinds) == 1 {
		return kinds
	}
	return []kind{k}
}

// moment reads ISO 8601, in UTC where no zone is said.
func moment(s string) (ms int64, ok bool) {
	s = strings.Replace(s, " ", "+", 1) // a plus that nobody encoded
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04Z07:00", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UnixMilli(), t.Year() >= 1970 && t.Year() < 2106
		}
	}
	return 0, false
}

func writePeriod(e *list.Encoder, act *activity) {
	e.Name("start")
	e.Time(act.start)
	e.Name("duration")
	if act.end == schema.Open {
		e.Null()
		return
	}
	e.Int(max(0, act.end-act.start))
}

func writeActivity(e *list.Encoder, act *activity) {
	e.Object()
	e.Name("agentId")
	e.String(act.agent)
	e.Name("type")
	e.String(typeOf(act.kind))
	e.Name("category")
	e.Text(act.what.category)
	// The vendor's published samples call the description name; the specification's vocabulary has description.
	e.Name("name")
	e.Text(act.what.description)
	e.Name("description")
	e.Text(act.what.description)
	writePeriod(e, act)
	e.Name("reason")
	e.Text(act.what.reason)
	e.Name("interaction")
	writeInteraction(e, act)
	e.Name("workload")
	if act.kind == workloads {
		e.Object()
		writeLoad(e, act.what.load)
		e.End()
	} else {
		e.Null()
	}
	e.End()
}

func typeOf(k kind) string {
	switch k {
	case presences:
		return typePresence
	case workloads:
		return typeWorkload
	}
	return typeInteraction
}

func writeInteraction(e *list.Encoder, act *activity) {
	if act.kind != interactions {
		e.Null()
		return
	}
	e.Object()
	e.Name("guid")
	e.String(act.what.interaction)
	e.Name("channelGuid")
	e.Null()
	e.Name("medium")
	e.Text(act.what.medium)
	e.Name("mediumManager")
	e.String(mediumManager)
	e.Name("direction")
	e.Text(act.what.direction)
	e.End()
}

func writeState(e *list.Encoder, act *activity) {
	e.Object()
	e.Name("agentId")
	e.String(act.agent)
	writePeriod(e, act)
	e.Name("state")
	e.String(act.what.category)
	e.Name("description")
	e.String(act.what.description)
	e.End()
}

func activitySchema() *route.Schema {
	text := func() *route.Schema { return route.String().OrNull() }
	return route.Object(route.F("agentId", route.String()), route.F("type", route.OneOf(typePresence, typeWorkload, typeInteraction)),
		route.F("category", text()),
		route.F("name", text()), route.F("description", text()), route.F("start", route.DateTime()),
		route.F("duration", route.Integer(0, 1<<53).OrNull().Says("milliseconds; null while it goes on")), route.F("reason", text()),
		route.F("interaction", route.Object(route.F("guid", route.String()), route.F("channelGuid", text()), route.F("medium", text()),
			route.F("mediumManager", route.String()), route.F("direction", text())).OrNull()),
		route.F("workload", route.Object(loadFields()...).OrNull())).Named("VonageActivity")
}

func stateSchema() *route.Schema {
	return route.Object(route.F("agentId", route.String()), route.F("start", route.DateTime()),
		route.F("duration", route.Integer(0, 1<<53).OrNull().Says("milliseconds; null while it goes on")),
		route.F("state", route.OneOf(ready, away, extendedAway, loggedOut, "Busy", stateWrap, stateUnexpected)),
		route.F("description", route.String())).Named("VonageAgentState")
}
