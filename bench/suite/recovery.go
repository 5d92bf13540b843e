package suite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"floorwalker/bench/load"
	"floorwalker/schema"
)

// Recovery: a line "kill" by agents, with serve_s, live_s and history_s: from when the process starts again after kill -9 until it serves,
// until its live view has all that Kafka has, and until history has; backlog: events that came while it was away; memory_bytes: resident
// when all is done; events: in the topic. The live view reads Kafka without a group. History waits for Kafka to give up the dead member of
// the group first, which takes the session's timeout (20 s) from its last heartbeat on, and is included.
const killed = "kill"

func (r *run) recovery(ctx context.Context) error {
	for _, agents := range r.Recover {
		for round := range r.FewRounds {
			r.say("  %d agents, round %d of %d", agents, round+1, r.FewRounds)
			values, err := r.recover(ctx, agents)
			if err != nil {
				return fmt.Errorf("recovery of %d agents: %w", agents, err)
			}
			if err := r.add(Line{Part: Recovery, Name: killed, Round: round + 1, Labels: map[string]string{"agents": fmt.Sprint(agents)}, Values: values}); err != nil {
				return err
			}
		}
	}
	return nil
}

// recover kills a node that has one partition with so many agents, after a checkpoint.
func (r *run) recover(ctx context.Context, agents int) (map[string]float64, error) {
	center := "1"
	s, err := r.newSite(ctx, "recovery", 1, []string{center}, fmt.Sprintf("checkpoint_interval: %s", r.Checkpoint))
	if err != nil {
		return nil, err
	}
	defer s.remove(context.WithoutCancel(ctx))
	n, err := s.start("")
	if err != nil {
		return nil, err
	}
	defer func() { n.kill() }()
	if err := n.ready(ctx); err != nil {
		return nil, err
	}
	before, while, err := r.recoverable(s, center, agents)
	if err != nil {
		return nil, err
	}
	defer before.Remove()
	defer while.Remove()
	if err := before.Produce(ctx, r.servers.kafka.Addr(), s.topic(), 1); err != nil {
		return nil, err
	}
	if err := errors.Join(n.live(ctx), n.past(ctx)); err != nil {
		return nil, err
	}
	if err := n.saved(ctx); err != nil {
		return nil, err
	}
	n.kill()
	if err := while.Produce(ctx, r.servers.kafka.Addr(), s.topic(), 1); err != nil {
		return nil, err
	}
	clean()
	return r.restart(ctx, s, &n, before.Events+while.Events, while.Events)
}

func (r *run) restart(ctx context.Context, s *site, n **node, events, backlog int) (map[string]float64, error) {
	began := time.Now()
	again, err := s.start("")
	if err != nil {
		return nil, err
	}
	*n = again
	if _, err := again.address(ctx); err != nil {
		return nil, err
	}
	served := time.Since(began)
	if err := again.live(ctx); err != nil {
		return nil, err
	}
	live := time.Since(began)
	if err := again.past(ctx); err != nil {
		return nil, err
	}
	return map[string]float64{"serve_s": served.Seconds(), "live_s": live.Seconds(), "history_s": time.Since(began).Seconds(), "events": float64(events),
		"backlog": float64(backlog), "memory_bytes": float64(residentOf(again.cmd.Process.Pid))}, nil
}

// recoverable makes what the centre's agents do until they are all there and a while on, ending now, and what they do in ten seconds more.
func (r *run) recoverable(s *site, center string, agents int) (before, while *load.Corpus, err error) {
	start := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	stream, err := load.NewStream(load.Config{Agents: agents, Seed: 7, Start: start}, center)
	if err != nil {
		return nil, nil, err
	}
	const first, away = 20 * time.Minute, 10 * time.Second
	shift := time.Since(start.Add(first + away)).Milliseconds()
	part := func(name string, end time.Time) (*load.Corpus, error) {
		n := 0
		return load.WriteCorpus(r.file(s.name+name), func() (schema.Event, int64, bool, error) {
			ev, _ := stream.Next()
			last := ev.Time >= end.UnixMilli()
			ev.Time += shift
			n++
			ev.ID = fmt.Sprint(name, "-", n)
			return ev, ev.Time, !last, nil
		})
	}
	if before, err = part("before", start.Add(first)); err != nil {
		return nil, nil, err
	}
	while, err = part("while", start.Add(first+away))
	return before, while, err
}

// saved waits for a worker's checkpoint that holds everything that Kafka had.
func (n *node) saved(ctx context.Context) error {
	ends, err := n.site.servers.ends(ctx, n.site.topic(), 1)
	if err != nil {
		return err
	}
	return until(ctx, readyWithin, "a checkpoint", func() error {
		var offset int64
		err := n.site.servers.admin.QueryRow(ctx, "SELECT toInt64(max(offset)) FROM "+n.site.name+".checkpoints").Scan(&offset)
		if err == nil && offset < ends[0] {
			err = fmt.Errorf("%d of %d", offset, ends[0])
		}
		return errors.Join(n.running(), err)
	})
}
