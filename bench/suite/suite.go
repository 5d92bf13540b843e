package suite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"floorwalker/bench/peers"
)

// The parts of a run, in order.
const (
	Throughput = "throughput"
	Growth     = "growth"
	Freshness  = "freshness"
	Push       = "push"
	Answers    = "answers"
	Recovery   = "recovery"
	Peers      = "peers"
)

// Parts lists all of them.
func Parts() []string { return []string{Throughput, Growth, Freshness, Push, Answers, Recovery, Peers} }

// Size says how much is measured.
type Size struct {
	Rounds      int           // of throughput and peers
	FewRounds   int           // of growth and recovery
	Events      int           // of a round of throughput
	GrowAgents  []int         // in all, each in GrowCenters centres
	GrowCenters int           //
	Centers     []int         // with as many agents in all as CentersOf
	CentersOf   int           //
	GrowEvents  int           // that are counted, after all agents have come
	Rates       []int         // of freshness, events a second
	RateFor     time.Duration // of each
	FreshAgents int           // of each of the centres of freshness and push
	PushRate    int           // events a second
	Crowd       int           // streams beside those that are watched
	AskAgents   int           // of answers
	AskFor      time.Duration // of each request, rate and ingest
	LiveRates   []int         // requests a second
	PastRates   []int         // of history
	Ingest      int           // events a second beside the requests
	Recover     []int         // agents of the one partition
	Checkpoint  time.Duration // of recovery's workers
	PeerEvents  int
	Peers       []string // names of package peers; none: all
}

// Full takes some half an hour on two quiet cores.
func Full() Size {
	return Size{Rounds: 5, FewRounds: 3, Events: 500_000,
		GrowAgents: []int{1000, 10_000, 100_000, 1_000_000}, GrowCenters: 10, Centers: []int{1, 10, 100, 1000}, CentersOf: 100_000, GrowEvents: 600_000,
		Rates: []int{1000, 10_000, 25_000, 50_000}, RateFor: 20 * time.Second, FreshAgents: 1250, PushRate: 5000, Crowd: 960,
		AskAgents: 10_000, AskFor: 3 * time.Second, LiveRates: []int{100, 500, 1000}, PastRates: []int{5, 20, 50}, Ingest: 5000,
		Recover: []int{1000, 10_000, 100_000}, Checkpoint: 5 * time.Second, PeerEvents: 500_000,
		Peers: []string{"floorwalker-worker", "floorwalker-job", "flink-1", "flink-2", "streams-rocksdb", "streams-memory", "clickhouse"}}
}

// Quick takes some three minutes: it shows that all works, and orders of magnitude.
func Quick() Size {
	return Size{Rounds: 1, FewRounds: 1, Events: 100_000,
		GrowAgents: []int{1000, 10_000}, GrowCenters: 10, Centers: []int{1, 10, 100}, CentersOf: 10_000, GrowEvents: 50_000,
		Rates: []int{1000, 5000}, RateFor: 4 * time.Second, FreshAgents: 300, PushRate: 1000, Crowd: 160,
		AskAgents: 2000, AskFor: time.Second, LiveRates: []int{100}, PastRates: []int{5}, Ingest: 1000,
		Recover: []int{1000}, Checkpoint: 2 * time.Second, PeerEvents: 100_000, Peers: []string{"floorwalker-worker", "floorwalker-job", "clickhouse"}}
}

// Tiny takes seconds: it shows that all works.
func Tiny() Size {
	return Size{Rounds: 1, FewRounds: 1, Events: 3000,
		GrowAgents: []int{80, 160}, GrowCenters: 10, Centers: []int{1, 10}, CentersOf: 80, GrowEvents: 2000,
		Rates: []int{200}, RateFor: time.Second, FreshAgents: 20, PushRate: 200, Crowd: 16,
		AskAgents: 50, AskFor: 200 * time.Millisecond, LiveRates: []int{20}, PastRates: []int{10}, Ingest: 100,
		Recover: []int{50}, Checkpoint: time.Second, PeerEvents: 5000, Peers: []string{"floorwalker-job"}}
}

// Options of a run.
type Options struct {
	Size
	Parts    []string  // of Parts; none: all
	Dir      string    // for servers and loads; what is made in it stays. Empty: a temporary one
	Binary   string    // floorwalker's; empty: it is built
	RealDay  string    // file of the call log; empty or not there: it is left out
	Command  string    // how a reader calls this run
	Embedded bool      // the embedded broker instead of Apache Kafka, for tries
	Lines    io.Writer // gets each Line as JSON; nil: nobody
	Progress io.Writer // nil: nobody
}

// Line is one measurement. What the Values mean is said where they are made.
type Line struct {
	Part   string             `json:"part"`
	Name   string             `json:"name"` // of what was measured
	Round  int                `json:"round,omitempty"`
	Labels map[string]string  `json:"labels,omitempty"`
	Values map[string]float64 `json:"values,omitempty"`
	Detail json.RawMessage    `json:"detail,omitempty"` // of the machine and of the peers
}

// run is a Run under way.
type run struct {
	Options
	dir     string
	lines   []Line
	servers *servers
	steps   []step
	load    string // of the machine before
}

// step is a piece of work that progress is told of; weight is roughly how long it takes on two quiet cores, in seconds.
type step struct {
	name   string
	weight float64
	do     func(context.Context) error
}

// Run measures the chosen parts. The program that calls it must hand control to packages clickhouse and peers, and to this one's Main, where
// it finds itself to be their child. On an error the lines so far are returned too.
func Run(ctx context.Context, o Options) ([]Line, error) {
	if len(o.Parts) == 0 {
		o.Parts = Parts()
	}
	for _, p := range o.Parts {
		if !slices.Contains(Parts(), p) {
			return nil, fmt.Errorf("part %q is unknown; allowed are %v", p, Parts())
		}
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	r := &run{Options: o, load: loadAverage()}
	err := r.all(ctx)
	return r.lines, err
}

func (r *run) all(ctx context.Context) (err error) {
	if r.dir = r.Dir; r.dir == "" {
		if r.dir, err = os.MkdirTemp("", "floorwalker-bench-"); err != nil {
			return err
		}
		defer os.RemoveAll(r.dir)
	}
	if err := os.MkdirAll(r.dir, 0o755); err != nil {
		return err
	}
	defer asTheProgram()()
	// The peers have servers of their own; ours have ended by then.
	err = r.withServers(ctx)
	if !r.chosen(Peers) || ctx.Err() != nil {
		return err
	}
	r.say("peers (%d rounds; their own progress follows)", r.Rounds)
	if peersErr := r.comparePeers(ctx); peersErr != nil {
		err = errors.Join(err, r.noteFailure(Peers, peersErr))
	}
	return err
}

func (r *run) chosen(part string) bool { return slices.Contains(r.Parts, part) }

func (r *run) withServers(ctx context.Context) (err error) {
	r.plan()
	if len(r.steps) == 0 {
		return r.noteMachine(ctx)
	}
	r.say("starting Kafka and ClickHouse")
	if r.servers, err = startServers(ctx, r.dir, r.Embedded); err != nil {
		return err
	}
	defer r.servers.close()
	if err := r.noteMachine(ctx); err != nil {
		return err
	}
	began, done := time.Now(), 0.0
	var failed []error
	for n, s := range r.steps {
		left := 0.0
		for _, s := range r.steps[n:] {
			left += s.weight
		}
		if done > left/10 { // as fast as up to now
			left *= time.Since(began).Seconds() / done
		}
		r.say("%d of %d: %s; %s left, some %s", n+1, len(r.steps), s.name, plural(len(r.steps)-n, "step"), time.Duration(left*float64(time.Second)).Round(time.Second))
		if err := s.do(ctx); err != nil {
			failed = append(failed, r.noteFailure(s.name, err))
			if ctx.Err() != nil {
				break
			}
		}
		done += s.weight
	}
	return errors.Join(failed...)
}

// noteFailure keeps a run going, and its report honest: what comes after is measured all the same.
func (r *run) noteFailure(of string, err error) error {
	r.say("failed: %s: %v", of, err)
	detail, jsonErr := json.Marshal(err.Error())
	return errors.Join(fmt.Errorf("%s: %w", of, err), jsonErr, r.add(Line{Part: failures, Name: of, Detail: detail}))
}

// failures is the part of lines that tell of a step that failed.
const failures = "failure"

func plural(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}

// plan lays out the chosen parts. Throughput goes round by round through its loads, so that what changes on the machine meanwhile is not
// one load's alone.
func (r *run) plan() {
	add := func(name string, weight float64, do func(context.Context) error) {
		r.steps = append(r.steps, step{name, weight, do})
	}
	if r.chosen(Freshness) || r.chosen(Push) || r.chosen(Answers) || r.chosen(Recovery) {
		add("building floorwalker", 5, func(ctx context.Context) error {
			_, err := r.program(ctx)
			return err
		})
	}
	million := float64(r.Events) / 1e6
	if r.chosen(Throughput) {
		var loads []*measured
		add("throughput: loads", 1+30*million, func(ctx context.Context) (err error) {
			loads, err = r.loads(ctx)
			return err
		})
		for round := range r.Rounds {
			add(fmt.Sprintf("throughput: round %d of %d", round+1, r.Rounds), 10+60*million, func(ctx context.Context) error {
				for _, m := range loads {
					if err := r.measure(ctx, m, round+1, decoding, folding, working, viewing); err != nil {
						return err
					}
				}
				return nil
			})
		}
		add("throughput: end", 1, func(ctx context.Context) error {
			for _, m := range loads {
				r.forget(ctx, m)
			}
			return nil
		})
	}
	if r.chosen(Growth) {
		r.planGrowth(add)
	}
	if r.chosen(Freshness) {
		add("freshness", 20+float64(len(r.Rates))*(r.RateFor+warmUp+grace).Seconds(), r.freshness)
	}
	if r.chosen(Push) {
		add("push", 20+(r.RateFor+warmUp+grace).Seconds(), r.push)
	}
	if r.chosen(Answers) {
		add("answers", 30+2*(8*float64(len(r.LiveRates))+3*float64(len(r.PastRates)))*1.2*r.AskFor.Seconds(), r.answers)
	}
	if r.chosen(Recovery) {
		weight := 0.0
		for _, agents := range r.Recover {
			weight += 35 + float64(agents)/4000
		}
		add("recovery", weight*float64(r.FewRounds), r.recovery)
	}
}

// manyAgents is from where on a round takes minutes, so that there are two at most.
const manyAgents = 200_000

// planGrowth measures the engine, the worker and the replica at growing numbers of agents, and the engine at growing numbers of centres.
func (r *run) planGrowth(add func(string, float64, func(context.Context) error)) {
	grow := func(agents, centers int, names ...string) {
		rounds := r.FewRounds
		if agents > manyAgents {
			rounds = min(rounds, 2)
		}
		weight := 3 + float64(agents)/30_000 + float64(rounds*len(names))*(float64(r.GrowEvents)/200_000+float64(agents)/40_000+1)
		add(fmt.Sprintf("growth: %d agents in %d centres", agents, centers), weight, func(ctx context.Context) error {
			m, err := r.grown(ctx, agents, centers)
			if err != nil {
				return err
			}
			defer r.forget(context.WithoutCancel(ctx), m)
			for round := range rounds {
				if err := r.measure(ctx, m, round+1, names...); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for _, agents := range r.GrowAgents {
		grow(agents, r.GrowCenters, folding, working, viewing)
	}
	for _, centers := range r.Centers {
		if centers != r.GrowCenters || !slices.Contains(r.GrowAgents, r.CentersOf) {
			grow(r.CentersOf, centers, folding)
		}
	}
}

// comparePeers leaves the sides and their judgement to package peers.
func (r *run) comparePeers(ctx context.Context) error {
	report, err := peers.Run(ctx, peers.Options{Events: r.PeerEvents, Rounds: r.Rounds, Peers: r.Size.Peers, Dir: r.file("peers"), Progress: r.Progress})
	if len(report.Runs) == 0 {
		return err
	}
	detail, jsonErr := json.Marshal(report)
	return errors.Join(err, jsonErr, r.add(Line{Part: Peers, Name: peerReport, Detail: detail}))
}

const peerReport = "report"

// asTheProgram bounds memory and collects garbage as seldom as `floorwalker serve` does (cmd/floorwalker/memory.go).
func asTheProgram() (restore func()) {
	percent := debug.SetGCPercent(300)
	limit := debug.SetMemoryLimit(-1)
	_, err := memlimit.Set(memlimit.WithRatio(0.7), memlimit.WithProvider(memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem)))
	if err != nil {
		debug.SetGCPercent(100)
	}
	return func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
}

// clean gives back what the step before has used, so that the next one begins as in a new process.
func clean() {
	runtime.GC()
	debug.FreeOSMemory()
}

// add notes a measurement.
func (r *run) add(l Line) error {
	r.lines = append(r.lines, l)
	if r.Lines == nil {
		return nil
	}
	return json.NewEncoder(r.Lines).Encode(l)
}

func (r *run) say(format string, args ...any) { fmt.Fprintf(r.Progress, format+"\n", args...) }

func (r *run) file(name string) string { return filepath.Join(r.dir, name) }

var errEnded = errors.New("it has ended")
