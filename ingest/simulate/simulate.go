// Package simulate invents a contact centre: its directory, its people and a day's traffic, as events of the contract
// (events.md). The Simulator is pure: the same configuration gives the same events, without a clock, a goroutine or I/O. The
// Runner writes them by the wall clock.
package simulate

import (
	"container/heap"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"strconv"
	"time"

	"floorwalker/schema"
)

const (
	second = int64(1000)
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

// Config of a simulated contact centre.
type Config struct {
	ContactCenter string
	Source        string         // CloudEvents source; empty: /simulator
	Agents        int            // in the directory, 8 or more; about half of them work at noon
	Rate          float64        // interactions per hour at the busiest time of day; 0: what keeps the agents some 80 % occupied
	Seed          uint64         // another seed, another day
	Start         time.Time      // of the first event
	Zone          *time.Location // of the arrival curve and the shifts; nil: UTC
}

// DefaultRate is the interactions per hour and agent that keep a centre busy without drowning it.
const DefaultRate = 4.3

func (c *Config) validate() error {
	var faults []error
	if c.ContactCenter == "" {
		faults = append(faults, errors.New("contact centre: empty; an id is needed"))
	}
	if c.Agents < 8 || c.Agents > 200_000 {
		faults = append(faults, fmt.Errorf("agents: %d; allowed are 8 to 200000", c.Agents))
	}
	if c.Rate < 0 || c.Rate > 10_000_000 || math.IsNaN(c.Rate) {
		faults = append(faults, fmt.Errorf("rate: %v; allowed are 0 to 10000000 interactions per hour", c.Rate))
	}
	if c.Start.IsZero() {
		faults = append(faults, errors.New("start: not set"))
	}
	return errors.Join(faults...)
}

// Simulator plays a contact centre, one event after the other. It is not safe for concurrent use.
type Simulator struct {
	cfg    Config
	rng    *rand.Rand
	prefix string // of all ids; carries the start, so that a later run invents no id again
	start  int64
	now    int64

	steps steps
	order uint64 // of steps at equal times
	data  *schema.Data

	teams     []*team
	agents    []*agent
	queues    map[string]*queue
	queueList []*queue

	open     map[string]*interaction
	created  int
	events   int
	dropped  int // arrivals for which nobody was free (own dials of agents)
	batch    []schema.Event
	last     []schema.Event // what Finish made
	finished bool
}

// New lays out the centre; the first Next begins its day at Config.Start.
func New(cfg Config) (*Simulator, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("simulator: %w", err)
	}
	if cfg.Source == "" {
		cfg.Source = "/simulator"
	}
	if cfg.Zone == nil {
		cfg.Zone = time.UTC
	}
	if cfg.Rate == 0 {
		cfg.Rate = DefaultRate * float64(cfg.Agents)
	}
	start := cfg.Start.UnixMilli()
	s := &Simulator{cfg: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, 0)), start: start, now: start, data: schema.NewData(),
		prefix: "s" + strconv.FormatInt(start, 36), open: map[string]*interaction{}}
	s.build() // the same people from start to start
	s.rng = rand.New(rand.NewPCG(cfg.Seed, uint64(start)))
	for _, a := range s.agents {
		s.planShift(a)
	}
	s.nextArrival()
	return s, nil
}

// Next returns the next events, which belong together, in event-time order within the call and from call to call. The slice is
// valid until the next call, the events' memory for ever. It is empty only after Finish.
func (s *Simulator) Next() []schema.Event {
	s.batch = s.batch[:0]
	if s.finished {
		s.batch, s.last = s.last, nil
		return s.batch
	}
	for len(s.batch) == 0 {
		next := heap.Pop(&s.steps).(step)
		s.now = max(s.now, next.at)
		next.do()
	}
	return s.batch
}

// Now is the moment up to which the simulator has played.
func (s *Simulator) Now() int64 { return s.now }

// Created is how many interactions began so far. Their ids are InteractionID(prefix, 1) to InteractionID(prefix, Created).
func (s *Simulator) Created() int { return s.created }

// Prefix begins all ids of this run.
func (s *Simulator) Prefix() string { return s.prefix }

// InteractionID is the id of a run's n-th interaction.
func InteractionID(prefix string, n int) string { return fmt.Sprintf("%s-%d", prefix, n) }

// Open lists the interactions that have not ended.
func (s *Simulator) Open() []string {
	out := make([]string, 0, len(s.open))
	for id := range s.open {
		out = append(out, id)
	}
	sort.Strings(out)
	return out
}

// Agents lists the ids of all agents.
func (s *Simulator) Agents() []string {
	out := make([]string, len(s.agents))
	for i, a := range s.agents {
		out[i] = a.id
	}
	return out
}

// Finish ends what is open and logs everybody out; Next then returns these events and after them nothing.
func (s *Simulator) Finish() {
	s.finished = true
	s.steps, s.batch = nil, nil
	s.now++
	for _, id := range s.Open() {
		ia := s.open[id]
		s.emit(schema.InteractionEnded, &ia.clock, s.payload().String("reason", "completed").String("by", "system"))
		delete(s.open, id)
	}
	s.now++ // nobody logs out of a call
	for _, a := range s.agents {
		if a.on {
			s.emit(schema.AgentLogout, &a.clock, s.payload().String("reason", "end of simulation"))
			a.on = false
		}
	}
	s.last, s.batch = s.batch, nil
}

// step is something that happens at a moment.
type step struct {
	at    int64
	order uint64
	do    func()
}

type steps []step

func (h steps) Len() int { return len(h) }
func (h steps) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].order < h[j].order
}
func (h steps) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *steps) Push(x any)   { *h = append(*h, x.(step)) }
func (h *steps) Pop() any {
	last := (*h)[len(*h)-1]
	(*h)[len(*h)-1] = step{}
	*h = (*h)[:len(*h)-1]
	return last
}

// after does something later; never at the same moment, so that every cause lies before its effect.
func (s *Simulator) after(ms int64, do func()) {
	if s.finished {
		return
	}
	s.order++
	heap.Push(&s.steps, step{at: s.now + max(ms, 1), order: s.order, do: do})
}

// clock keeps the events of one subject apart.
type clock struct {
	subject string
	last    int64
}

// emit adds an event of this moment. Events of one subject never share a millisecond, so that their order is in their times
// alone and survives any disorder on the way; where two would, the whole centre goes on a millisecond later.
func (s *Simulator) emit(t schema.EventType, c *clock, d *schema.Data) {
	s.now = max(s.now, c.last+1)
	c.last = s.now
	s.events++
	s.batch = append(s.batch, schema.Event{ID: s.prefix + "-e" + strconv.Itoa(s.events), Source: s.cfg.Source, Subject: c.subject,
		ContactCenter: s.cfg.ContactCenter, Type: t, Time: s.now, Data: clone(d)})
}

// payload starts an event's data; it is used up by emit.
func (s *Simulator) payload() *schema.Data { return s.data.Reset() }

func clone(d *schema.Data) []byte { return append([]byte(nil), d.Bytes()...) }

// logNormal draws a duration in ms around a median in s; most handling times are of this shape.
func (s *Simulator) logNormal(median, sigma float64) int64 {
	return int64(median * math.Exp(s.rng.NormFloat64()*sigma) * 1000)
}

// exponential draws a duration in ms with a mean in s.
func (s *Simulator) exponential(mean float64) int64 { return int64(s.rng.ExpFloat64() * mean * 1000) }

// uniform draws a duration in ms between two of seconds.
func (s *Simulator) uniform(from, to float64) int64 {
	return int64((from + s.rng.Float64()*(to-from)) * 1000)
}

func (s *Simulator) chance(p float64) bool { return s.rng.Float64() < p }

// split is math.Modf for what is not negative.
func split(f float64) (whole, fraction float64) { return math.Modf(f) }

// local returns the moment's distance from local midnight by the wall clock.
func (s *Simulator) local(ms int64) int64 {
	t := time.UnixMilli(ms).In(s.cfg.Zone)
	return int64(t.Hour())*hour + int64(t.Minute())*minute + int64(t.Second())*second + int64(t.Nanosecond()/1e6)
}
