package clarity

import (
	"cmp"
	"slices"

	"floorwalker/query/floor"
	"floorwalker/schema"
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

// inState says which times of the agnostic bag an interval counts in.
func inState(n int, iv *schema.Interval) bool {
	switch n {
	case timeAvailable:
		return iv.Status == schema.Available && !iv.Suspended
	case timeInCall:
		return iv.Status == schema.OnCall || iv.Status == schema.Conference
	case timeUnavailable:
		return !iv.Status.Occupied() && !inState(timeAvailable, iv)
	case timeLoggedIn:
		return true
	}
	return false
}

// addIntervals takes all status intervals of one agent, in order.
func (t *tally) addIntervals(all []*schema.Interval, from, to, asOf int64) {
	var until [numTimes]int64 // where the last stretch of each time ended
	for _, iv := range all {
		end := iv.End
		if end == schema.Open {
			end = max(asOf, iv.Start)
		}
		begin, stop := max(iv.Start, from), min(end, to)
		if stop < begin || stop == begin && iv.End != schema.Open {
			continue
		}
		t.loggedIn = true
		for _, n := range []int{timeAvailable, timeInCall, timeUnavailable, timeLoggedIn} {
			if !inState(n, iv) {
				continue
			}
			s := &t.times[n]
			s.ms += stop - begin
			if s.count == 0 || until[n] != begin {
				s.count++
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

// tallies are those of all agents, made once of the same figures.
type tallies struct{}

func talliesOf(f *floor.Figures) map[string]*tally {
	return f.Once(tallies{}, func() any {
		out := map[string]*tally{}
		of := func(agent string) *tally {
			t := out[agent]
			if t == nil {
				t = &tally{}
				out[agent] = t
			}
			return t
		}
		for i := range f.Windows {
			if w := &f.Windows[i]; w.Agent != "" {
				of(w.Agent).addWindow(w)
			}
		}
		intervals := map[string][]*schema.Interval{}
		for i := range f.Intervals {
			if iv := &f.Intervals[i]; iv.Kind == schema.IntervalStatus && !iv.Deleted {
				intervals[iv.Agent] = append(intervals[iv.Agent], iv)
			}
		}
		for agent, all := range intervals {
			slices.SortFunc(all, func(a, b *schema.Interval) int { return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.N, b.N)) })
			of(agent).addIntervals(all, f.From, f.To, f.AsOf)
		}
		return out
	}).(map[string]*tally)
}

// byQueue are tallies of windows by agent, then queue.
type byQueue struct{}

func breakdownsOf(f *floor.Figures) map[string]map[string]*tally {
	return f.Once(byQueue{}, func() any {
		out := map[string]map[string]*tally{}
		for i := range f.Windows {
			w := &f.Windows[i]
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
		if p.Role.Monitors() || p.State != schema.StateConnected && !(p.State == schema.StateHeld && p.Channel.Spoken()) {
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
