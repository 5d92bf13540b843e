package floor

import (
	"slices"

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
func (h *Heads) Add(a *Agent) { h.add(a.Live.Status, a.Live.Suspended) }

func (h *Heads) add(status schema.Status, suspended bool) {
	if status == schema.LoggedOut {
		h.LoggedOut++
		return
	}
	h.LoggedIn++
	if status == schema.Available && suspended {
		h.Suspended++
		return
	}
	h.ByStatus[status]++
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

// Staff is what a queue or campaign has in people.
type Staff struct {
	Heads
	// Effective counts those logged in and not suspended, each as 1/k where it is assigned to k queues.
	Effective float64
	Ready     int // logged in and not suspended
	Available int
}

type heads struct {
	staffing          []Staffing // of all agents
	queues, campaigns map[string]*Staff
}

// QueueStaff counts the agents assigned to a queue.
func (v *View) QueueStaff(id string) Staff { return staffOf(v.shared.heads().queues, id) }

// CampaignStaff counts the agents assigned to a campaign.
func (v *View) CampaignStaff(id string) Staff { return staffOf(v.shared.heads().campaigns, id) }

func staffOf(m map[string]*Staff, id string) Staff {
	if s := m[id]; s != nil {
		return *s
	}
	return Staff{}
}

// Staffing is what the agents of one place come to.
type Staffing struct {
	Place *Place
	Heads
	Total     int
	Ready     int // logged in and not suspended
	Available int
	Load      [3]uint64 // live, semi-live and non-live workload of those logged in
}

func (s *Staffing) add(status schema.Status, suspended bool, load *[3]uint16) {
	s.Total++
	s.Heads.add(status, suspended)
	if status == schema.LoggedOut {
		return
	}
	for k, n := range load {
		s.Load[k] += uint64(n)
	}
	if suspended {
		return
	}
	s.Ready++
	if status == schema.Available {
		s.Available++
	}
}

// Count counts the agents that are wanted, by their place. Agents with a place of their own are counted each alone.
func (v *View) Count(s Selection) []Staffing {
	shared := v.shared.roster().shared
	out := make([]Staffing, len(shared))
	for n, p := range shared {
		out[n].Place = p
	}
	fits := s.fits(shared)
	for _, b := range v.shared.roster().blocks {
		b.each(b.mask(s.Status), func(i int) {
			if fits != nil && !b.fits(i, fits, s.Place) || s.Agent != nil && !s.Agent(b.agents[i]) {
				return
			}
			n := int(b.place[i])
			if n < 0 {
				n = len(out)
				out = append(out, Staffing{Place: b.agents[i].Place})
			}
			out[n].add(b.statusOf[i], b.paused[i/64]>>(i%64)&1 == 1, &b.load[i])
		})
	}
	return slices.DeleteFunc(out, func(s Staffing) bool { return s.Total == 0 })
}

func (v *View) countHeads() *heads {
	h := &heads{v.Count(Selection{}), map[string]*Staff{}, map[string]*Staff{}}
	for i := range h.staffing {
		s := &h.staffing[i]
		count(h.queues, s.Place.QueueIDs, s)
		count(h.campaigns, s.Place.CampaignIDs, s)
	}
	return h
}

// staffing is Count of all agents, counted once. It must not be changed.
func (v *View) staffing() []Staffing { return v.shared.heads().staffing }

func count(m map[string]*Staff, ids []string, of *Staffing) {
	for _, id := range ids {
		s := m[id]
		if s == nil {
			s = &Staff{}
			m[id] = s
		}
		s.Heads.Sum(&of.Heads)
		s.Ready += of.Ready
		s.Available += of.Available
		s.Effective += float64(of.Ready) / float64(len(ids))
	}
}

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
	return v.named(directory.KindQueue, v.shared.heads().queues, v.shared.waits().queues, func(i *schema.LiveInteraction, add func(string)) {
		add(i.Queue)
		add(i.FirstQueue)
		for n := range i.Visits {
			add(i.Visits[n].Queue)
		}
	})
}

// CampaignIDs are all campaigns that the directory, an assignment or an interaction names, in order.
func (v *View) CampaignIDs() []string {
	return v.named(directory.KindCampaign, v.shared.heads().campaigns, v.shared.waits().campaigns, func(i *schema.LiveInteraction, add func(string)) {
		add(i.Campaign)
	})
}

func (v *View) named(kind string, staffed map[string]*Staff, waiting map[string]Waiting,
	of func(*schema.LiveInteraction, func(string))) []string {
	set := map[string]bool{}
	for _, id := range v.Directory.IDs(kind) {
		set[id] = true
	}
	for id := range staffed {
		set[id] = true
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
