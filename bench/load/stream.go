package load

import (
	"container/heap"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"

	"floorwalker/ingest/simulate"
	"floorwalker/schema"
)

// Stream plays centres side by side without end, one event after the other in the order in which they arrive. It holds what is under way
// only, so that it serves for loads of any length. It is not safe for concurrent use.
type Stream struct {
	cfg     Config
	centers playing
	rng     *rand.Rand
	late    delayed
	order   uint64
}

// NewStream lays out the centres. Their names are 1, 2 and so on where none are given. Events and End of the configuration are not used.
func NewStream(cfg Config, names ...string) (*Stream, error) {
	if len(names) == 0 {
		for i := range cfg.Centers {
			names = append(names, strconv.Itoa(i+1))
		}
	}
	if len(names) == 0 {
		return nil, errors.New("load: no contact centres")
	}
	s := &Stream{cfg: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, 1))}
	for i, name := range names {
		sim, err := simulate.New(simulate.Config{ContactCenter: name, Agents: cfg.Agents, Rate: cfg.Rate, Seed: cfg.Seed + uint64(i), Start: cfg.Start})
		if err != nil {
			return nil, fmt.Errorf("load: %w", err)
		}
		s.centers = append(s.centers, &center{sim: sim, next: slices.Clone(sim.Next())})
	}
	heap.Init(&s.centers)
	return s, nil
}

// Directory is what all centres' directories hold, as events.
func (s *Stream) Directory() []schema.Event {
	var out []schema.Event
	for _, c := range s.centers {
		out = append(out, c.sim.Directory()...)
	}
	return out
}

// Agents lists the ids of a centre's agents; nil for a centre that there is not.
func (s *Stream) Agents(name string) []string {
	for _, c := range s.centers {
		if c.next[0].ContactCenter == name {
			return c.sim.Agents()
		}
	}
	return nil
}

// Next is the next event and when it arrives, in ms.
func (s *Stream) Next() (schema.Event, int64) {
	for {
		if len(s.late) > 0 && s.late[0].at <= s.centers[0].next[0].Time {
			d := heap.Pop(&s.late).(delay)
			return d.ev, d.at
		}
		ev := s.take()
		if s.cfg.LateShare == 0 || s.rng.Float64() >= s.cfg.LateShare {
			return ev, ev.Time
		}
		s.order++
		heap.Push(&s.late, delay{ev.Time + s.rng.Int64N(s.cfg.Latest.Milliseconds()+1), s.order, ev})
	}
}

// take is the next event by its own time.
func (s *Stream) take() schema.Event {
	c := s.centers[0]
	ev := c.next[0]
	if c.next = c.next[1:]; len(c.next) == 0 {
		c.next = append(c.next, c.sim.Next()...)
	}
	heap.Fix(&s.centers, 0)
	return ev
}

// playing are centres, that with the earliest event first; of two at once the one with the smaller name.
type playing []*center

func (p playing) Len() int { return len(p) }
func (p playing) Less(i, j int) bool {
	a, b := &p[i].next[0], &p[j].next[0]
	return a.Time < b.Time || a.Time == b.Time && a.ContactCenter < b.ContactCenter
}
func (p playing) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p *playing) Push(x any)   { *p = append(*p, x.(*center)) }
func (p *playing) Pop() any     { panic("load: centres never end") }

// delay is an event on its way.
type delay struct {
	at    int64
	order uint64
	ev    schema.Event
}

type delayed []delay

func (d delayed) Len() int { return len(d) }
func (d delayed) Less(i, j int) bool {
	return d[i].at < d[j].at || d[i].at == d[j].at && d[i].order < d[j].order
}
func (d delayed) Swap(i, j int) { d[i], d[j] = d[j], d[i] }
func (d *delayed) Push(x any)   { *d = append(*d, x.(delay)) }
func (d *delayed) Pop() any {
	last := (*d)[len(*d)-1]
	*d = (*d)[:len(*d)-1]
	return last
}
