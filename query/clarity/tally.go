package clarity

import (
	"floorwalker/query/floor"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// tally is what today's figures say of one agent, or of several together: counts and maxima by modality, times over all of them.
// Each number is that of the metric catalogue; only the counts of stretches are this API's (surfaces.md, Metric bags).
type tally struct {
	rona, offered, answered, transferredIn [numModalities]uint64
	directInbound, directOutbound, handles [numModalities]uint64
	longestWrap, longestHandle             [numModalities]int64
	active                                 [numModalities]uint64
	times                                  [numTimes]stretch
	loggedIn                               bool // at some time today
}

// stretch is a time with the stretches that it consists of.
type stretch struct {
	ms    int64
	count uint64
}

// Times of the agnostic bag, in its order.
const (
	timeAvailable = iota
	timeAfterCall
	timeTalk
	timeHold
	timeHandle
	timeDirectInbound
	timeDirectOutbound
	timeInCall
	timeUnavailable
	timeLoggedIn
	numTimes
)

var timeNames = [numTimes]string{"availableTime", "afterCallTime", "talkTime", "holdTime", "handleTime", "directInboundTime", "directOutboundTime",
	"inCallTime", "unavailableTime", "loggedInTime"}

// measured are the times that windows hold; the others come from status intervals, which have no queue.
var measured = [...]struct {
	time int
	of   schema.Measure
}{{timeAfterCall, schema.MeasureWrap}, {timeTalk, schema.MeasureTalk}, {timeHold, schema.MeasureHold}, {timeHandle, schema.MeasureHandle},
	{timeDirectInbound, schema.MeasureDirectInboundTime}, {timeDirectOutbound, schema.MeasureDirectOutboundTime}}

func (t *tally) addWindow(w *schema.Window) {
	m := modalityOf(w.Channel)
	for _, c := range []struct {
		to *[numModalities]uint64
		of schema.Count
	}{{&t.rona, schema.CountRona}, {&t.offered, schema.CountOffered}, {&t.answered, schema.CountAnswered}, {&t.transferredIn, schema.CountTransferredIn},
		{&t.directInbound, schema.CountDirectInbound}, {&t.directOutbound, schema.CountDirectOutbound}} {
		c.to[m] += uint64(w.Counts[c.of])
	}
	t.handles[m] += uint64(w.Measures[schema.MeasureHandle].Count)
	t.longestWrap[m] = max(t.longestWrap[m], w.Measures[schema.MeasureWrap].Max)
	t.longestHandle[m] = max(t.longestHandle[m], w.Measures[schema.MeasureHandle].Max)
	for i := range measured {
		s, d := &t.times[measured[i].time], &w.Measures[measured[i].of]
		s.ms += d.Sum
		s.count += uint64(d.Count)
	}
}

// timesOf are the times of the agnostic bag that a status counts in.
func timesOf(s *schema.Stretch) (out []int) {
	available := s.Status == schema.Available && !s.Suspended
	if available {
		out = append(out, timeAvailable)
	}
	if s.Status == schema.OnCall || s.Status == schema.Conference {
		out = append(out, timeInCall)
	}
	if !available && !s.Status.Occupied() {
		out = append(out, timeUnavailable)
	}
	return append(out, timeLoggedIn)
}

// statusTimes is timesOf by status, and whether suspended.
type statusTimes [schema.NumStatuses][2][]int

func newStatusTimes() *statusTimes {
	var out statusTimes
	for status := range out {
		out[status] = [2][]int{timesOf(&schema.Stretch{Status: schema.Status(status)}), timesOf(&schema.Stretch{Status: schema.Status(status), Suspended: true})}
	}
	return &out
}

func (st *statusTimes) of(s *schema.Stretch) []int {
	if s.Suspended {
		return st[s.Status][1]
	}
	return st[s.Status][0]
}

// addStatuses takes all stretches of one agent's effective status, in order.
func (t *tally) addStatuses(all []schema.Stretch, times *statusTimes, from, to, asOf int64) {
	var until [numTimes]int64 // where the last stretch of each time ended
	for i := range all {
		s := &all[i]
		begin, stop := max(s.Start, from), min(s.End, to)
		if s.End == schema.Open {
			stop = min(asOf, to)
		}
		if stop <= begin {
			continue
		}
		t.loggedIn = true
		for _, n := range times.of(s) {
			sum := &t.times[n]
			sum.ms += stop - begin
			if sum.count == 0 || until[n] != begin {
				sum.count++
			}
			until[n] = stop
		}
	}
}

func (t *tally) add(o *tally) {
	for m := range numModalities {
		t.rona[m] += o.rona[m]
		t.offered[m] += o.offered[m]
		t.answered[m] += o.answered[m]
		t.transferredIn[m] += o.transferredIn[m]
		t.directInbound[m] += o.directInbound[m]
		t.directOutbound[m] += o.directOutbound[m]
		t.handles[m] += o.handles[m]
		t.active[m] += o.active[m]
		t.longestWrap[m] = max(t.longestWrap[m], o.longestWrap[m])
		t.longestHandle[m] = max(t.longestHandle[m], o.longestHandle[m])
	}
	for n := range t.times {
		t.times[n].ms += o.times[n].ms
		t.times[n].count += o.times[n].count
	}
	t.loggedIn = t.loggedIn || o.loggedIn
}

// tallies are those of all agents, made of figures before they are shown.
type tallies struct{}

func talliesOf(f *floor.Figures) map[string]*tally {
	return f.Carried(tallies{}, func(f *floor.Figures) any {
		rows, times := make([]tally, 0, len(f.Days)), newStatusTimes()
		out := make(map[string]*tally, len(f.Days))
		of := func(agent string) *tally {
			t := out[agent]
			if t == nil {
				if len(rows) == cap(rows) {
					rows = make([]tally, 0, 64)
				}
				rows = append(rows, tally{})
				t = &rows[len(rows)-1]
				out[agent] = t
			}
			return t
		}
		for _, d := range f.Days {
			of(d.Agent).addStatuses(d.Intervals, times, f.From, f.To, f.AsOf)
		}
		for _, w := range f.Windows {
			if w.Agent != "" {
				of(w.Agent).addWindow(w)
			}
		}
		return out
	}).(map[string]*tally)
}

// byTeam are tallies of all agents of a team, as a directory has them.
type byTeam struct{ directory *directory.Directory }

func teamTalliesOf(d *directory.Directory, f *floor.Figures) map[string]*tally {
	return f.Carried(byTeam{d}, func(f *floor.Figures) any {
		all, out := talliesOf(f), make(map[string]*tally, len(d.Teams))
		for team := range d.Teams {
			sum := &tally{}
			for _, agent := range d.AgentsOfTeam(team) {
				if t := all[agent]; t != nil {
					sum.add(t)
				}
			}
			out[team] = sum
		}
		return out
	}).(map[string]*tally)
}

// byQueue are tallies of windows by agent, then queue.
type byQueue struct{}

func breakdownsOf(f *floor.Figures) map[string]map[string]*tally {
	return f.Once(byQueue{}, func() any {
		out := map[string]map[string]*tally{}
		for _, w := range f.Windows {
			if w.Agent == "" || w.Queue == "" {
				continue
			}
			if out[w.Agent] == nil {
				out[w.Agent] = map[string]*tally{}
			}
			if out[w.Agent][w.Queue] == nil {
				out[w.Agent][w.Queue] = &tally{}
			}
			out[w.Agent][w.Queue].addWindow(w)
		}
		return out
	}).(map[string]map[string]*tally)
}

// addActive counts the agent's interactions that are connected now (metric active_now), those of one queue where queue is not empty.
func (t *tally) addActive(v *floor.View, live *schema.LiveAgent, queue string) {
	for i := range live.Parts {
		p := &live.Parts[i]
		if !isActive(p) {
			continue
		}
		if queue != "" {
			if i, ok := v.Floor.Interactions.Get(p.Interaction); !ok || i.Queue != queue {
				continue
			}
		}
		t.active[modalityOf(p.Channel)]++
	}
}

// isActive reports whether metric active_now counts the part.
func isActive(p *schema.LivePart) bool {
	return !p.Role.Monitors() && (p.State == schema.StateConnected || p.State == schema.StateHeld && p.Channel.Spoken())
}
