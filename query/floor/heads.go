package floor

import (
	"slices"
	"sync"

	"floorwalker/schema"
	"floorwalker/schema/directory"
	"floorwalker/schema/metric"
)

// Heads counts agents by effective status. A suspended agent whose status is available counts as suspended instead, so that
// the counts by status sum to LoggedIn.
type Heads struct {
	LoggedIn  int
	LoggedOut int
	Suspended int
	ByStatus  [schema.NumStatuses]int // without LoggedOut
}

// Add counts one agent.
func (h *Heads) Add(a *Agent) { h.add(a.Live.Status, a.Live.Suspended, 1) }

func (h *Heads) add(status schema.Status, suspended bool, n int) {
	if status == schema.LoggedOut {
		h.LoggedOut += n
		return
	}
	h.LoggedIn += n
	if status == schema.Available && suspended {
		h.Suspended += n
		return
	}
	h.ByStatus[status] += n
}

// Sum adds other counts.
func (h *Heads) Sum(o *Heads) {
	h.LoggedIn += o.LoggedIn
	h.LoggedOut += o.LoggedOut
	h.Suspended += o.Suspended
	for s := range h.ByStatus {
		h.ByStatus[s] += o.ByStatus[s]
	}
}

// Staff is what some agents come to.
type Staff struct {
	Heads
	Total     int
	Staffed   int       // logged in and assigned to a queue or campaign
	Ready     int       // logged in and not suspended
	Available int       // of these
	Load      [3]uint64 // live, semi-live and non-live workload of those logged in
	// Effective counts those who are ready, each as 1/k where it is assigned to k of what is counted, such as queues.
	Effective float64
}

// sum adds other agents, each of whom belongs to so many of what is counted.
func (s *Staff) sum(o *Staff, of int) {
	s.Heads.Sum(&o.Heads)
	s.Total += o.Total
	s.Staffed += o.Staffed
	s.Ready += o.Ready
	s.Available += o.Available
	for k, n := range o.Load {
		s.Load[k] += n
	}
	s.Effective += float64(o.Ready) / float64(of)
}

// heads are all agents of one state by what they belong to, counted when that is first asked for.
type heads map[string]func() *grouped

func (v *View) countHeads() heads {
	out := make(heads, len(groupsOf))
	for by := range groupsOf {
		out[by] = sync.OnceValue(func() *grouped { return v.group(by, v.Count(Selection{})) })
	}
	return out
}

func (h heads) queues() *grouped    { return h["queue"]() }
func (h heads) campaigns() *grouped { return h["campaign"]() }

// QueueStaff counts the agents assigned to a queue.
func (v *View) QueueStaff(id string) Staff { return v.shared.heads().queues().staff(id) }

// CampaignStaff counts the agents assigned to a campaign.
func (v *View) CampaignStaff(id string) Staff { return v.shared.heads().campaigns().staff(id) }

// Waiting is what waits in a queue or of a campaign.
type Waiting struct {
	Count  int
	Oldest int64 // entry of the one that waits longest; NoTime where nothing waits
}

// QueueWaiting counts the interactions in a queue, also those that ring at an agent.
func (v *View) QueueWaiting(id string) Waiting {
	return waitingOf(v.shared.waits().queues, id)
}

// CampaignWaiting counts the interactions of a campaign that are in a queue.
func (v *View) CampaignWaiting(id string) Waiting {
	return waitingOf(v.shared.waits().campaigns, id)
}

func waitingOf(m map[string]Waiting, id string) Waiting {
	if w, ok := m[id]; ok {
		return w
	}
	return Waiting{Oldest: schema.NoTime}
}

type waits struct {
	queues, campaigns map[string]Waiting
}

func (v *View) countWaiting() *waits {
	w := &waits{map[string]Waiting{}, map[string]Waiting{}}
	v.Floor.Interactions.Scan(func(_ string, i *schema.LiveInteraction) bool {
		if visit := (&Interaction{LiveInteraction: i}).Visit(); visit != nil {
			addWaiting(w.queues, visit.Queue, visit.Start)
			if visit.Campaign != "" {
				addWaiting(w.campaigns, visit.Campaign, visit.Start)
			}
		}
		return true
	})
	return w
}

func addWaiting(m map[string]Waiting, id string, since int64) {
	w, ok := m[id]
	if !ok || since < w.Oldest {
		w.Oldest = since
	}
	w.Count++
	m[id] = w
}

// EstimatedWait of a queue in ms, false where nobody who could answer is assigned (metrics.md, Estimated wait). handles are
// the queue's handles that finished in the last 60 minutes.
func (v *View) EstimatedWait(queue string, handles metric.Distribution) (ms float64, ok bool) {
	staff, waiting := v.QueueStaff(queue), v.QueueWaiting(queue)
	return metric.EstimatedWait(metric.Crew{Waiting: uint64(waiting.Count), Available: staff.Available, LoggedIn: staff.Ready,
		Effective: staff.Effective, HandleCount: handles.Count, HandleSumMs: handles.Sum})
}

// QueueIDs are all queues that the directory, an assignment or a visit names, in order.
func (v *View) QueueIDs() []string {
	return v.named(directory.KindQueue, v.shared.heads().queues(), v.shared.waits().queues, func(i *schema.LiveInteraction, add func(string)) {
		add(i.Queue)
		add(i.FirstQueue)
		for n := range i.Visits {
			add(i.Visits[n].Queue)
		}
	})
}

// CampaignIDs are all campaigns that the directory, an assignment or an interaction names, in order.
func (v *View) CampaignIDs() []string {
	return v.named(directory.KindCampaign, v.shared.heads().campaigns(), v.shared.waits().campaigns, func(i *schema.LiveInteraction, add func(string)) {
		add(i.Campaign)
	})
}

func (v *View) named(kind string, staffed *grouped, waiting map[string]Waiting,
	of func(*schema.LiveInteraction, func(string))) []string {
	set := map[string]bool{}
	for _, id := range v.Directory.IDs(kind) {
		set[id] = true
	}
	for i, id := range staffed.members.ids {
		if staffed.staffs[i].Total > 0 {
			set[id] = true
		}
	}
	for id := range waiting {
		set[id] = true
	}
	v.Floor.Interactions.Scan(func(_ string, i *schema.LiveInteraction) bool {
		of(i, func(id string) { set[id] = true })
		return true
	})
	delete(set, "")
	ids := make([]string, 0, len(set))
	for id := range set {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Merge adds the keys of a map to ids, which are in order, and keeps the order.
func Merge[V any](ids []string, more map[string]V) []string {
	out := slices.Clone(ids)
	for id := range more {
		if _, found := slices.BinarySearch(ids, id); !found {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}
