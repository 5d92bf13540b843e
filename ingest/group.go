package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

// GroupConfig says how the partitions of one topic are shared out among the members of a consumer group.
type GroupConfig struct {
	ID    string `yaml:"id"`
	Topic string `yaml:"-"` // the client's events topic if empty

	HeartbeatInterval time.Duration `yaml:"heartbeat_interval"`
	SessionTimeout    time.Duration `yaml:"session_timeout"`
	RebalanceTimeout  time.Duration `yaml:"rebalance_timeout"`
	JoinBackoff       time.Duration `yaml:"join_backoff"`
	WatchInterval     time.Duration `yaml:"watch_interval"` // for a changed number of partitions
	// StopTimeout is how long an owner may take to finish after its generation has ended. Heartbeats have stopped by then, so
	// it must be below the session's timeout: else others get the partitions while it is still writing.
	StopTimeout time.Duration `yaml:"stop_timeout"`
	// Gather lets fetches of the group's partitions wait at the broker for so many bytes, or for GatherWait: a fetch costs the broker and
	// its reader as much whether it brings one record or a thousand. 0 takes what there is.
	Gather     int           `yaml:"-"`
	GatherWait time.Duration `yaml:"-"`
}

// DefaultGroupConfig returns the settings of the history workers.
func DefaultGroupConfig() GroupConfig {
	return GroupConfig{
		ID:                "floorwalker",
		HeartbeatInterval: time.Second,
		SessionTimeout:    20 * time.Second,
		RebalanceTimeout:  30 * time.Second,
		JoinBackoff:       500 * time.Millisecond,
		WatchInterval:     5 * time.Second,
		StopTimeout:       15 * time.Second,
		Gather:            64 << 10, // history is written about once a second
		GatherWait:        100 * time.Millisecond,
	}
}

// Validate names every fault.
func (c GroupConfig) Validate() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf("group."+format, args...))
		}
	}
	fault(c.ID == "", "id is empty")
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"heartbeat_interval", c.HeartbeatInterval}, {"session_timeout", c.SessionTimeout}, {"rebalance_timeout", c.RebalanceTimeout},
		{"join_backoff", c.JoinBackoff}, {"watch_interval", c.WatchInterval}, {"stop_timeout", c.StopTimeout}} {
		fault(d.value <= 0, "%s is %s: must be positive", d.name, d.value)
	}
	fault(3*c.HeartbeatInterval > c.SessionTimeout, "heartbeat_interval is %s: at most a third of session_timeout %s is allowed", c.HeartbeatInterval, c.SessionTimeout)
	fault(c.StopTimeout >= c.SessionTimeout, "stop_timeout is %s: must be below session_timeout %s", c.StopTimeout, c.SessionTimeout)
	return errors.Join(faults...)
}

// Group is this process's membership in a consumer group.
type Group struct {
	client *Client
	cfg    GroupConfig
	rejoin backoff // after owners that ended early: each join stops the whole group
}

// maxRejoin is the longest pause before a member joins anew after an owner that gave up.
const maxRejoin = 10 * time.Second

// Group validates the configuration; Run joins.
func (c *Client) Group(cfg GroupConfig) (*Group, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Topic == "" {
		cfg.Topic = c.cfg.Topics.Events
	}
	return &Group{client: c, cfg: cfg, rejoin: backoff{first: cfg.JoinBackoff, longest: maxRejoin}}, nil
}

// Generation is what this member owns until the group is shared out anew.
type Generation struct {
	ID         int
	MemberID   string
	Partitions []*Partition  // in order; none when there are more members than partitions
	Committed  map[int]int64 // by partition; absent where nothing was committed yet
	Count      int           // partitions of the topic, whoever owns them

	group  *Group
	kafka  *kafka.Generation
	mu     sync.Mutex
	marks  map[int]int64
	closed bool // its owner has returned: whoever still holds it must not commit
}

// Run is a member of the group until ctx ends; it then leaves and returns nil. For each generation it calls own once, with a
// context that ends when the generation does. Until own has returned this member does not join the next one, so what own
// commits last is still valid. When own returns an error other than its context's or ErrFenced, Run leaves the group and
// returns it; when own returns early without one, or with one that is ErrGivenUp, the member joins anew after a pause.
//
// ErrOwnerStuck is returned when own has not returned StopTimeout after the end of its generation, ErrCloseTimeout when leaving
// takes too long: the process had better exit then, for something of it is still running.
func (g *Group) Run(ctx context.Context, own func(ctx context.Context, gen *Generation) error) error {
	balancer := &stickyBalancer{assigned: -1}
	member, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: g.cfg.ID, Brokers: g.client.cfg.Brokers, Dialer: g.client.dialer(), Topics: []string{g.cfg.Topic},
		GroupBalancers: []kafka.GroupBalancer{balancer}, HeartbeatInterval: g.cfg.HeartbeatInterval,
		SessionTimeout: g.cfg.SessionTimeout, RebalanceTimeout: g.cfg.RebalanceTimeout, JoinGroupBackoff: g.cfg.JoinBackoff,
		Timeout: g.client.cfg.RequestTimeout, StartOffset: kafka.FirstOffset,
		WatchPartitionChanges: true, PartitionWatchInterval: g.cfg.WatchInterval,
	})
	if err != nil {
		return fmt.Errorf("group %s: %w", g.cfg.ID, err)
	}
	err = g.serve(ctx, member, balancer, own)
	return errors.Join(err, g.leave(member))
}

func (g *Group) serve(ctx context.Context, member *kafka.ConsumerGroup, balancer *stickyBalancer, own func(context.Context, *Generation) error) error {
	again := backoff{first: 20 * time.Millisecond, longest: time.Second}
	for {
		kgen, err := member.Next(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			// The member itself waits before it tries again; this pause is for errors that it does not wait after.
			g.client.log.Warn("joining the group", "group", g.cfg.ID, "error", err)
			if again.pause(ctx) != nil {
				return nil
			}
			continue
		}
		again.reset()
		g.client.counters.generations.Inc()
		gen := g.generation(kgen)
		assigned := balancer.own(gen.numbers())
		g.client.log.Info("owning partitions", "group", g.cfg.ID, "generation", gen.ID, "partitions", gen.numbers())
		began := time.Now()
		err = g.hold(ctx, gen, assigned, own)
		switch {
		case errors.Is(err, ErrGivenUp) && ctx.Err() == nil:
			g.client.log.Error("partitions given back, joining anew", "group", g.cfg.ID, "generation", gen.ID, "error", err)
		case err != nil:
			return err
		case time.Since(began) > maxRejoin:
			g.rejoin.reset()
		}
	}
}

func (g *Group) generation(kgen *kafka.Generation) *Generation {
	gen := &Generation{ID: int(kgen.ID), MemberID: kgen.MemberID, Committed: map[int]int64{}, group: g, kafka: kgen, marks: map[int]int64{}}
	for _, p := range kgen.Assignments[g.cfg.Topic] {
		owned := g.client.Partition(g.cfg.Topic, p.ID)
		owned.gather, owned.gatherWait = g.cfg.Gather, g.cfg.GatherWait
		gen.Partitions = append(gen.Partitions, owned)
		gen.marks[p.ID] = -1
		if p.Offset >= 0 {
			gen.Committed[p.ID], gen.marks[p.ID] = p.Offset, p.Offset
		}
	}
	slices.SortFunc(gen.Partitions, func(x, y *Partition) int { return x.id - y.id })
	return gen
}

func (gen *Generation) numbers() []int {
	out := make([]int, len(gen.Partitions))
	for i, p := range gen.Partitions {
		out[i] = p.id
	}
	return out
}

// hold runs own for one generation and returns when both are over.
func (g *Group) hold(ctx context.Context, gen *Generation, assigned int, own func(context.Context, *Generation) error) error {
	over := make(chan error, 1)
	gen.kafka.Start(func(kctx context.Context) {
		ownCtx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(kctx, cancel)()
		if kctx.Err() != nil { // it ended before it began, and waits for nobody
			over <- nil
			return
		}
		over <- g.ownUntil(ownCtx, gen, assigned, own)
	})
	return <-over
}

// ownUntil runs own with a bound on how long it may take to return once ctx has ended.
func (g *Group) ownUntil(ctx context.Context, gen *Generation, assigned int, own func(context.Context, *Generation) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	returned := make(chan error, 1)
	go func() {
		count, err := g.count(ctx)
		if err != nil {
			returned <- err
			return
		}
		gen.Count = count
		watched := make(chan struct{})
		go func() {
			defer close(watched)
			g.watch(ctx, cancel, gen, assigned)
		}()
		err = own(ctx, gen)
		gen.close()
		over := ctx.Err() != nil
		if !over && (err == nil || errors.Is(err, ErrGivenUp)) {
			_ = g.rejoin.pause(ctx)
		}
		cancel()
		<-watched
		if errors.Is(err, ErrFenced) || over && errors.Is(err, context.Canceled) {
			err = nil
		}
		returned <- err
	}()
	select {
	case err := <-returned:
		return ignoreCanceled(ctx, err)
	case <-ctx.Done():
	}
	late := time.NewTimer(g.cfg.StopTimeout)
	defer late.Stop()
	select {
	case err := <-returned:
		return ignoreCanceled(ctx, err)
	case <-late.C:
		gen.close()
		return fmt.Errorf("group %s: generation %d, partitions %v: %w (%s)", g.cfg.ID, gen.ID, gen.numbers(), ErrOwnerStuck, g.cfg.StopTimeout)
	}
}

func ignoreCanceled(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// count asks until it is told: the topic exists, since the generation does.
func (g *Group) count(ctx context.Context) (int, error) {
	again := backoff{first: 20 * time.Millisecond, longest: time.Second}
	for {
		n, err := g.client.PartitionCount(ctx, g.cfg.Topic)
		if err == nil {
			return n, nil
		}
		g.client.log.Warn("counting partitions", "topic", g.cfg.Topic, "error", err)
		if err := again.pause(ctx); err != nil {
			return 0, err
		}
	}
}

// watch ends the generation when the number of partitions is not the one that was shared out. kafka-go's own watch begins with
// the number it finds after that, and so misses partitions that were added in between; the leader knows better.
func (g *Group) watch(ctx context.Context, end func(), gen *Generation, assigned int) {
	if assigned < 0 {
		assigned = gen.Count
	}
	for n := gen.Count; ; {
		if n != assigned {
			g.client.log.Info("number of partitions changed", "topic", g.cfg.Topic, "from", assigned, "to", n)
			end()
			return
		}
		if pause(ctx, g.cfg.WatchInterval) != nil {
			return
		}
		if now, err := g.client.PartitionCount(ctx, g.cfg.Topic); err == nil {
			n = now
		}
	}
}

// leave closes the membership, but not for ever: kafka-go waits for a broker that may be gone.
func (g *Group) leave(member *kafka.ConsumerGroup) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		member.Close()
	}()
	late := time.NewTimer(g.cfg.StopTimeout + g.client.cfg.RequestTimeout)
	defer late.Stop()
	select {
	case <-done:
		return nil
	case <-late.C:
		return fmt.Errorf("group %s: %w", g.cfg.ID, ErrCloseTimeout)
	}
}

func (gen *Generation) close() {
	gen.mu.Lock()
	gen.closed = true
	gen.mu.Unlock()
}

// Commit stores next offsets by partition. Offsets at or below what is committed are left out: commits only move forward. It
// fails with ErrFenced when the generation is over and with ErrUnavailable when the coordinator did not answer; a partition
// that the generation does not own is refused.
func (gen *Generation) Commit(next map[int]int64) error {
	gen.mu.Lock()
	defer gen.mu.Unlock()
	if gen.closed {
		return fmt.Errorf("commit in generation %d: %w", gen.ID, ErrFenced)
	}
	forward := map[int]int64{}
	for id, offset := range next {
		mark, owned := gen.marks[id]
		if !owned {
			return fmt.Errorf("commit of partition %d in generation %d: it owns %v", id, gen.ID, gen.numbers())
		}
		if offset > mark {
			forward[id] = offset
		}
	}
	if len(forward) == 0 {
		return nil
	}
	if err := gen.kafka.CommitOffsets(map[string]map[int]int64{gen.group.cfg.Topic: forward}); err != nil {
		gen.group.client.counters.commitErrors.Inc()
		return gen.commitError(err)
	}
	for id, offset := range forward {
		gen.marks[id] = offset
	}
	gen.group.client.counters.commits.Inc()
	return nil
}

func (gen *Generation) commitError(err error) error {
	for _, code := range []kafka.Error{kafka.IllegalGeneration, kafka.UnknownMemberId, kafka.RebalanceInProgress, kafka.FencedInstanceID} {
		if errors.Is(err, code) {
			return fmt.Errorf("commit in generation %d: %w: %w", gen.ID, ErrFenced, err)
		}
	}
	return fmt.Errorf("commit in generation %d: %w: %w", gen.ID, ErrUnavailable, err)
}
