package simulate

import (
	"container/heap"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"floorwalker/schema"
)

// Writer stores events in order. It returns nil only when all of them are stored; events that it is given again are
// duplicates by id, which the contract drops.
type Writer interface {
	Write(ctx context.Context, events []schema.Event) error
}

// Disorder lets some events arrive late, as networks do.
type Disorder struct {
	Fraction float64       // of events, 0 to 1
	Max      time.Duration // how late, evenly spread up to this
}

// RunConfig says how a simulated centre runs by the wall clock.
type RunConfig struct {
	Config                 // Start is set by the runner
	Backfill time.Duration // how long before the present the day begins
	Speed    float64       // how fast that past is passed: 0 at once, else so many times as fast as the clock, 1 or more
	Disorder Disorder
	State    string           // file that remembers what is open; empty: nothing is remembered
	Now      func() time.Time // nil: time.Now
}

// Runner writes a simulated centre's events. Event time never runs ahead of the clock: a past is caught up with, and from then on
// every event is written at its own moment. For one Run.
type Runner struct {
	cfg    RunConfig
	writer Writer
	log    *slog.Logger
	state  state
	grace  time.Duration // for ending the day
}

const (
	batchSize = 1000
	tick      = 100 * time.Millisecond
)

// NewRunner checks the configuration.
func NewRunner(cfg RunConfig, w Writer, log *slog.Logger) (*Runner, error) {
	var faults []error
	probe := cfg.Config
	probe.Start = time.Unix(0, 0)
	if err := probe.validate(); err != nil {
		faults = append(faults, err)
	}
	if cfg.Backfill < 0 || cfg.Backfill > 31*24*time.Hour {
		faults = append(faults, fmt.Errorf("backfill: %s; allowed are 0 to 744h", cfg.Backfill))
	}
	if cfg.Speed != 0 && !(cfg.Speed >= 1 && cfg.Speed <= 1e6) {
		faults = append(faults, fmt.Errorf("speed: %v; allowed are 0 (at once) and 1 to 1000000", cfg.Speed))
	}
	if !(cfg.Disorder.Fraction >= 0 && cfg.Disorder.Fraction <= 1) {
		faults = append(faults, fmt.Errorf("disorder: fraction %v; allowed are 0 to 1", cfg.Disorder.Fraction))
	}
	if cfg.Disorder.Max < 0 || cfg.Disorder.Max > time.Hour {
		faults = append(faults, fmt.Errorf("disorder: at most %s late; allowed are 0 to 1h", cfg.Disorder.Max))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, fmt.Errorf("simulator: %w", err)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Runner{cfg: cfg, writer: w, log: log, grace: 5 * time.Second}, nil
}

// Run writes the directory and then events until ctx ends; it then ends what is open and logs everybody out, so that no ghost is
// left on a call. What an earlier run was killed in is ended first. It returns nil when ctx ended.
func (r *Runner) Run(ctx context.Context) error {
	start, err := r.begin(ctx)
	if err != nil {
		return ignoreEnd(ctx, err)
	}
	cfg := r.cfg.Config
	cfg.Start = start
	sim, err := New(cfg)
	if err != nil {
		return err
	}
	if err := r.write(ctx, sim.Directory()); err != nil {
		return ignoreEnd(ctx, err)
	}
	late := newDelay(r.cfg.Disorder, cfg.Seed)
	err = r.play(ctx, sim, late)
	return errors.Join(ignoreEnd(ctx, err), r.close(late))
}

func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// begin ends what an earlier run left open and says when this one's day begins.
func (r *Runner) begin(ctx context.Context) (time.Time, error) {
	start := r.cfg.Now().Add(-r.cfg.Backfill).Truncate(time.Millisecond)
	if err := r.state.load(r.cfg.State); err != nil {
		return start, err
	}
	if r.state.Until == 0 || r.state.ContactCenter != r.cfg.ContactCenter {
		r.state = state{ContactCenter: r.cfg.ContactCenter}
		return start, nil
	}
	if left := r.leftovers(); len(left) > 0 {
		r.log.Info("simulator ends what an earlier run left open", "interactions", len(r.state.open), "agents", len(r.state.loggedIn))
		if err := r.write(ctx, left); err != nil {
			return start, err
		}
	}
	if after := time.UnixMilli(r.state.Until + 1000); after.After(start) {
		start = after
	}
	return start, nil
}

// leftovers ends interactions and sessions of an earlier run, a moment after the last event that it may have written.
func (r *Runner) leftovers() []schema.Event {
	var out []schema.Event
	source := r.cfg.Source
	if source == "" {
		source = "/simulator"
	}
	add := func(t schema.EventType, subject string, at int64, d *schema.Data) {
		out = append(out, schema.Event{ID: fmt.Sprintf("close-%s-%d", subject, at), Source: source, Subject: subject,
			ContactCenter: r.cfg.ContactCenter, Type: t, Time: at, Data: d.Bytes()})
	}
	for _, id := range sorted(r.state.open) {
		add(schema.InteractionEnded, id, r.state.Until+1, schema.NewData().String("reason", "completed").String("by", "system"))
	}
	for _, id := range sorted(r.state.loggedIn) {
		add(schema.AgentLogout, id, r.state.Until+2, schema.NewData().String("reason", "simulator restarted"))
	}
	return out
}

// play writes events as the clock reaches them.
func (r *Runner) play(ctx context.Context, sim *Simulator, late *delay) error {
	wall := r.cfg.Now()
	next := sim.Next()
	reported := false
	for {
		present := r.cfg.Now()
		target := r.target(sim, wall, present)
		var batch []schema.Event
		for len(batch) < batchSize && next[0].Time <= target {
			batch = late.pass(batch, next)
			next = sim.Next()
		}
		if next[0].Time > target {
			batch = late.release(batch, target)
		}
		if len(batch) > 0 {
			if err := r.write(ctx, batch); err != nil {
				return err
			}
		}
		if next[0].Time <= target {
			continue
		}
		if !reported && target >= present.UnixMilli() {
			reported = true
			r.log.Info("simulator has caught up with the clock", "interactions", sim.Created(), "open", len(sim.Open()))
		}
		if err := sleep(ctx, tick); err != nil {
			return err
		}
	}
}

// target is the event time that has been reached: the present, or less while the past is passed at a speed.
func (r *Runner) target(sim *Simulator, wall, present time.Time) int64 {
	if r.cfg.Speed == 0 {
		return present.UnixMilli()
	}
	passed := float64(present.Sub(wall).Milliseconds()) * r.cfg.Speed
	return min(present.UnixMilli(), sim.start+int64(passed))
}

// close writes what was delayed and the end of everything that the written events left open; Kafka gets a few seconds for it.
func (r *Runner) close(late *delay) error {
	ctx, cancel := context.WithTimeout(context.Background(), r.grace)
	defer cancel()
	if err := r.write(ctx, late.release(nil, math.MaxInt64)); err != nil {
		return fmt.Errorf("simulator: ending the day: %w", err)
	}
	if err := r.write(ctx, r.leftovers()); err != nil {
		return fmt.Errorf("simulator: ending the day: %w", err)
	}
	return r.state.save(r.cfg.State)
}

// write remembers what the events open before they are written, and forgets what they close after that: a kill between the two
// leaves nothing open that the next run does not know.
func (r *Runner) write(ctx context.Context, events []schema.Event) error {
	if len(events) == 0 {
		return nil
	}
	r.state.add(events)
	if err := r.state.save(r.cfg.State); err != nil {
		return err
	}
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		err := r.writer.Write(ctx, events)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return err
		}
		r.log.Warn("simulator cannot write; trying again", "events", len(events), "error", err, "pause", pause)
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
	r.state.remove(events)
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// state is what the next run must know to end this one. Open and LoggedIn may name more than is open, never less.
type state struct {
	ContactCenter string   `json:"contact_center"`
	Until         int64    `json:"until"` // no event is later
	Open          []string `json:"open"`
	LoggedIn      []string `json:"logged_in"`

	open, loggedIn map[string]bool
}

func (s *state) load(file string) error {
	*s = state{}
	if file == "" {
		return nil
	}
	data, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(data, s)
	}
	if err != nil {
		return fmt.Errorf("simulator: state %q: %w", file, err)
	}
	s.open, s.loggedIn = setOf(s.Open), setOf(s.LoggedIn)
	return nil
}

func setOf(ids []string) map[string]bool {
	out := make(map[string]bool, len(ids))
	for _, id := range ids {
		out[id] = true
	}
	return out
}

func (s *state) add(events []schema.Event) {
	if s.open == nil {
		s.open, s.loggedIn = map[string]bool{}, map[string]bool{}
	}
	for i := range events {
		e := &events[i]
		s.Until = max(s.Until, e.Time)
		switch {
		case e.Type.OfInteraction() && e.Type != schema.InteractionEnded && e.Type.Begins():
			s.open[e.Subject] = true
		case e.Type == schema.AgentLogin || e.Type == schema.AgentStatus:
			s.loggedIn[e.Subject] = true
		}
	}
}

func (s *state) remove(events []schema.Event) {
	for i := range events {
		switch e := &events[i]; e.Type {
		case schema.InteractionEnded:
			delete(s.open, e.Subject)
		case schema.AgentLogout:
			delete(s.loggedIn, e.Subject)
		}
	}
}

func (s *state) save(file string) error {
	if file == "" {
		return nil
	}
	s.Open, s.LoggedIn = sorted(s.open), sorted(s.loggedIn)
	data, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("simulator: state: %w", err)
	}
	temp := filepath.Join(filepath.Dir(file), "."+filepath.Base(file)+".tmp")
	if err := os.WriteFile(temp, data, 0o600); err != nil {
		return fmt.Errorf("simulator: state: %w", err)
	}
	if err := os.Rename(temp, file); err != nil {
		return fmt.Errorf("simulator: state: %w", err)
	}
	return nil
}

func sorted(set map[string]bool) []string {
	out := make([]string, 0, len(set))
	for id := range set {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// delay holds events back until event time has gone on by a random while.
type delay struct {
	Disorder
	rng  *rand.Rand
	held heldEvents
	n    int
}

type held struct {
	at    int64 // when it may go
	n     int
	event schema.Event
}

type heldEvents []held

func (h heldEvents) Len() int { return len(h) }
func (h heldEvents) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].n < h[j].n
}
func (h heldEvents) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *heldEvents) Push(x any)   { *h = append(*h, x.(held)) }
func (h *heldEvents) Pop() any {
	last := (*h)[len(*h)-1]
	(*h)[len(*h)-1] = held{}
	*h = (*h)[:len(*h)-1]
	return last
}

func newDelay(d Disorder, seed uint64) *delay {
	return &delay{Disorder: d, rng: rand.New(rand.NewPCG(seed, 1))}
}

// pass lets events through, in their order but for those that it holds back and those whose while is over.
func (d *delay) pass(out, events []schema.Event) []schema.Event {
	for _, e := range events {
		out = d.release(out, e.Time)
		if d.Fraction > 0 && d.Max > 0 && d.rng.Float64() < d.Fraction {
			d.n++
			heap.Push(&d.held, held{at: e.Time + d.rng.Int64N(d.Max.Milliseconds()+1), n: d.n, event: e})
			continue
		}
		out = append(out, e)
	}
	return out
}

// release lets go what may go at an event time.
func (d *delay) release(out []schema.Event, at int64) []schema.Event {
	for len(d.held) > 0 && d.held[0].at <= at {
		out = append(out, heap.Pop(&d.held).(held).event)
	}
	return out
}
