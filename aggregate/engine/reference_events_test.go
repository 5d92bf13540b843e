package engine

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"

	"floorwalker/schema"
)

// Random floors: events of one contact centre, odd but mostly fitting. Their pauses favour the limits of the event contract.

// pace is what the pauses of a floor are drawn from; one list holds for a whole floor.
type pace struct {
	name         string
	pauses       [][]int64
	agents       int // at most
	interactions int // at most
	agentsOwn    int // so many of 15 events are agents' own
	sequenced    int // so many of 10 have a sequence
}

const (
	seconds = 1000
	minutes = 60 * seconds
	hours   = 60 * minutes
	days    = 24 * hours
)

var paces = []pace{
	{"usual", [][]int64{
		{0, 1, seconds, 5 * seconds, 30 * seconds, minutes, minutes + 1},
		{0, 0, 0, seconds},
		{0, seconds, 20 * seconds, minutes - 1, minutes, 5 * minutes, 30 * minutes, hours - seconds},
		{0, seconds, minutes, hours, hours + 1, hours + 30*seconds, 3 * hours, days - 1, days, 25*hours + 30*seconds},
	}, 3, 4, 3, 1},
	{"dense", [][]int64{{0, 0, 0, 0, seconds}}, 3, 4, 7, 5},
	{"alone", [][]int64{{0, 0, 0, 0, seconds}}, 1, 1, 4, 8},
	{"sparse", [][]int64{
		{0, seconds, minutes, hours, hours + 30*seconds, days - 1, days, 25*hours + 30*seconds, 13 * days, 30 * days, 55 * days},
	}, 3, 4, 3, 1},
}

func (p pace) withoutSequence() pace {
	p.name, p.sequenced = p.name+" without sequence", 0
	return p
}

// drawing makes the events of a floor.
type drawing struct {
	*rand.Rand
	pace
	who, what []string
	begun     map[string]bool
	now       int64
	events    []schema.Event
}

const clock = "clock" // the subject of an event long after all others

// anyFloor draws a floor of 3 to 42 events in the order of their times. One that lasts as long as something may expire has an event
// after all limits: then what nothing ends has ended when it is looked at.
func anyFloor(rng *rand.Rand, p pace) []schema.Event {
	n := 3 + rng.IntN(40)
	d := &drawing{Rand: rng, pace: p, who: people[:1+rng.IntN(p.agents)], what: ids[:1+rng.IntN(p.interactions)],
		begun: map[string]bool{}, now: day + 22*hours}
	pauses := p.pauses[rng.IntN(len(p.pauses))]
	for len(d.events) < n {
		d.now += pauses[rng.IntN(len(pauses))]
		if rng.IntN(15) < p.agentsOwn {
			d.add(d.agentsEvent())
		} else if ev := d.interactionsEvent(); ev.Type != schema.InteractionEnded || rng.IntN(3) == 0 {
			d.add(ev)
		}
	}
	if d.now-d.events[0].Time > 20*hours {
		d.now += 400 * days
		d.add(schema.Event{Type: schema.AgentSuspended, Subject: clock})
	}
	return d.events
}

func (d *drawing) add(ev schema.Event) {
	ev.ID, ev.Time = fmt.Sprint("n", len(d.events)), d.now
	if ev.HasSequence = d.IntN(10) < d.sequenced; ev.HasSequence {
		ev.Sequence = d.Int64N(4)
	}
	d.events = append(d.events, ev)
}

func (d *drawing) one(list ...string) string { return list[d.IntN(len(list))] }

func (d *drawing) agentsEvent() schema.Event {
	types := []schema.EventType{schema.AgentLogin, schema.AgentLogout, schema.AgentStatus, schema.AgentStatus, schema.AgentStatus,
		schema.AgentSuspended, schema.AgentAssignment}
	ev := schema.Event{Subject: d.one(d.who...), Type: types[d.IntN(len(types))], Suspended: d.IntN(2) == 0}
	switch ev.Type {
	case schema.AgentLogin:
		for c := range ev.Capacity {
			ev.Capacity[c] = uint16(d.IntN(3))
		}
	case schema.AgentStatus:
		often := []schema.Status{schema.LoggedOut, schema.Available, schema.Available, schema.Break, schema.Lunch}
		ev.Status, ev.ReasonID = often[d.IntN(len(often))], d.one("", "", "7")
		if d.IntN(3) == 0 {
			ev.Status = schema.Status(1 + d.IntN(schema.NumStatuses-1))
		}
	case schema.AgentAssignment:
		ev.Has, ev.QueueIDs = schema.HasQueueIDs, []string{"q"}
	}
	return ev
}

func (d *drawing) interactionsEvent() schema.Event {
	types := []schema.EventType{schema.InteractionCreated, schema.InteractionUpdated, schema.InteractionQueued, schema.InteractionQueued,
		schema.InteractionOffered, schema.InteractionOffered, schema.InteractionDeclined, schema.InteractionConnected,
		schema.InteractionConnected, schema.InteractionConnected, schema.InteractionHeld, schema.InteractionResumed,
		schema.InteractionParked, schema.InteractionUnparked, schema.InteractionTransferred, schema.InteractionLeft,
		schema.InteractionWrapStarted, schema.InteractionWrapStarted, schema.InteractionWrapEnded, schema.InteractionMessage,
		schema.InteractionEnded, schema.InteractionNote}
	ev := schema.Event{Subject: d.one(d.what...), AgentID: d.one(d.who...), Type: types[d.IntN(len(types))]}
	if !d.begun[ev.Subject] && d.IntN(4) > 0 {
		ev.Type = schema.InteractionCreated
	}
	d.begun[ev.Subject] = true
	d.fill(&ev)
	return ev
}

// fill adds what the type of an interaction's event needs.
func (d *drawing) fill(ev *schema.Event) {
	switch ev.Type {
	case schema.InteractionCreated:
		d.fillCreated(ev)
	case schema.InteractionUpdated:
		ev.Has, ev.CampaignID = schema.HasCampaignID, d.one("x", "y")
	case schema.InteractionQueued:
		ev.QueueID, ev.AgentID = d.one("q", "r"), ""
	case schema.InteractionOffered, schema.InteractionConnected:
		ev.Role = []schema.Role{0, 0, 1, 1, 2, 3, 3, 4, 5, 6, 7, 8}[d.IntN(12)]
	case schema.InteractionDeclined:
		ev.Decline = schema.DeclineReason(1 + d.IntN(7))
	case schema.InteractionTransferred:
		if d.IntN(2) == 0 {
			ev.ToQueueID = d.one("q", "r")
		} else {
			ev.ToAgentID = d.one(d.who...)
		}
	case schema.InteractionMessage:
		ev.FromAgent = d.IntN(3) > 0
		if d.IntN(2) == 0 {
			ev.AgentID = ""
		}
	case schema.InteractionEnded:
		ev.End, ev.AgentID = schema.EndReason(1+d.IntN(5)), ""
	}
}

func (d *drawing) fillCreated(ev *schema.Event) {
	ev.Channel = []schema.Channel{1, 1, 1, 2, 3, 3, 4, 5, 6}[d.IntN(9)]
	ev.Direction = schema.Direction(1 + d.IntN(3))
	if d.IntN(2) == 0 {
		ev.AgentID = ""
	}
	if d.IntN(5) == 0 {
		ev.Kind = schema.Kind(1 + d.IntN(3))
	}
	if d.IntN(3) == 0 {
		ev.CampaignID = "z"
	}
}

// anyArrival moves events inside the horizon. Those of one entity and time keep their order where sequence does not say it.
func anyArrival(rng *rand.Rand, events []schema.Event) []schema.Event {
	lag := []int64{0, seconds, grace, grace + seconds, 30 * minutes, horizon}[rng.IntN(6)]
	arrival := make(map[string]int64, len(events))
	for _, ev := range events {
		arrival[ev.ID] = ev.Time + rng.Int64N(lag+1)
	}
	out := slices.Clone(events)
	sort.SliceStable(out, func(i, j int) bool { return arrival[out[i].ID] < arrival[out[j].ID] })
	tie := func(ev *schema.Event) string { return fmt.Sprint(ev.Subject, ev.Time, ev.HasSequence, ev.Sequence) }
	ordered := map[string][]schema.Event{}
	for k := range events {
		ordered[tie(&events[k])] = append(ordered[tie(&events[k])], events[k])
	}
	for k := range out {
		t := tie(&out[k])
		out[k], ordered[t] = ordered[t][0], ordered[t][1:]
	}
	return out
}
