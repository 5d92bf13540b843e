package peers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/segmentio/kafka-go"

	"floorwalker/bench/load"
	"floorwalker/internal/clickhouse"
	"floorwalker/internal/kafkatest"
	sink "floorwalker/schema/clickhouse"
)

const (
	topic        = "cc.events"
	partitions   = 8
	runTimeout   = 10 * time.Minute
	settleFor    = time.Minute
	memoryLimit  = 4 << 30 // ClickHouse's
	resultsParts = 4
)

// Options of a comparison. Zero values mean the default in brackets.
type Options struct {
	Events   int           // of the load (1,000,000)
	Rounds   int           // how often each peer runs (5)
	Peers    []string      // of Names (all)
	Dir      string        // in which the servers' data lie until the end (the system's temporary directory)
	Latency  time.Duration // of production in each setting whose results' latency is measured; 0: none is
	Lines    io.Writer     // gets each run as a line of JSON (none)
	Progress io.Writer     // gets a line of text for each step, with the time that is left (none)
}

func (o Options) withDefaults() (Options, error) {
	for name, n := range map[string]int{"events": o.Events, "rounds": o.Rounds} {
		if n < 0 {
			return o, fmt.Errorf("peers: %s is %d; 1 or more are allowed, 0 means the default", name, n)
		}
	}
	if o.Events == 0 {
		o.Events = 1_000_000
	}
	if o.Rounds == 0 {
		o.Rounds = 5
	}
	if o.Lines == nil {
		o.Lines = io.Discard
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	return o, nil
}

// Run compares the peers: the same records in the same topic of one real Kafka, round after round, each peer once in each, first another
// one every time. It needs Java 17 and Maven, a ClickHouse (internal/clickhouse) and Linux. The program that calls it must hand
// control to Main where IsChild, and to internal/clickhouse's where that package's IsChild.
//
// A result that differs from the oracle's is an error, but does not stop the others: the report then tells of it too.
func Run(ctx context.Context, o Options) (Report, error) {
	o, err := o.withDefaults()
	if err != nil {
		return Report{}, err
	}
	chosen, err := choose(o.Peers)
	if err != nil {
		return Report{}, err
	}
	s := &stage{Options: o}
	defer s.close()
	if err := s.open(ctx, chosen); err != nil {
		return Report{}, err
	}
	report := Report{Events: o.Events, Bytes: s.bytes, Rounds: o.Rounds, Cells: len(s.want), Machine: machine(), CPUs: runtime.NumCPU(),
		Versions: s.versions(ctx), Date: time.Now().UTC().Truncate(time.Second)}
	if o.Latency > 0 {
		if report.Latencies, err = s.measureLatencies(ctx, o.Latency); err != nil {
			return report, err
		}
	}
	began, done := time.Now(), 0
	var wrong []error
	for round := range o.Rounds {
		for n := range chosen {
			p := chosen[(n+round)%len(chosen)]
			left := "unknown"
			if done > 0 {
				left = (time.Since(began) / time.Duration(done) * time.Duration(o.Rounds*len(chosen)-done)).Round(time.Second).String()
			}
			s.say("round %d of %d: %s; left: %s", round+1, o.Rounds, p.title, left)
			r, err := s.run(ctx, p, round+1)
			if err != nil {
				return report, fmt.Errorf("peers: %s, round %d: %w", p.name, round+1, err)
			}
			done++
			if r.Wrong != "" {
				wrong = append(wrong, fmt.Errorf("peers: %s, round %d: %s", p.name, round+1, r.Wrong))
			}
			report.Runs = append(report.Runs, r)
			if err := json.NewEncoder(o.Lines).Encode(r); err != nil {
				return report, fmt.Errorf("peers: line of JSON: %w", err)
			}
		}
	}
	return report, errors.Join(wrong...)
}

// stage is what all runs share.
type stage struct {
	Options
	dir    string
	java   string
	kafka  *kafkatest.Node
	server *clickhouse.Server
	admin  driver.Conn
	want   Cells
	bytes  int64
	n      int // runs so far
}

func (s *stage) say(format string, args ...any) { fmt.Fprintf(s.Progress, format+"\n", args...) }

func (s *stage) open(ctx context.Context, chosen []peer) (err error) {
	if s.Dir != "" {
		err = os.MkdirAll(s.Dir, 0o755)
	}
	if err == nil {
		s.dir, err = os.MkdirTemp(s.Dir, "floorwalker-peers-")
	}
	if err != nil {
		return fmt.Errorf("peers: %w", err)
	}
	for _, p := range chosen {
		if p.class == "" && s.Latency == 0 {
			continue
		}
		s.say("building the peers' programs, where that has not been done")
		if s.java, err = buildJava(ctx); err != nil {
			return err
		}
		break
	}
	s.say("starting Kafka and ClickHouse")
	if s.kafka, err = kafkatest.Open(ctx, filepath.Join(s.dir, "kafka")); err != nil {
		return err
	}
	quiet := slog.New(slog.DiscardHandler)
	s.server, err = clickhouse.Start(ctx, clickhouse.Config{Dir: filepath.Join(s.dir, "clickhouse"), MemoryLimit: memoryLimit, Log: quiet})
	if err != nil {
		return err
	}
	if s.admin, err = sink.Open(ctx, sink.Config{Addresses: []string{s.server.Addr()}, Database: "default"}); err != nil {
		return err
	}
	return s.produce(ctx)
}

func (s *stage) produce(ctx context.Context) error {
	s.say("making and producing %d events", s.Events)
	records, err := load.Records(load.Floor(s.Events))
	if err != nil {
		return err
	}
	if err := s.createTopic(ctx, topic, partitions, keepAll,
		kafka.ConfigEntry{ConfigName: "max.message.bytes", ConfigValue: "10000000"}); err != nil {
		return err
	}
	if s.bytes, err = load.Produce(ctx, s.kafka.Addr(), topic, partitions, records); err != nil {
		return err
	}
	if s.want, err = Oracle(records); err != nil {
		return err
	}
	debug.FreeOSMemory() // the records' memory is the peers' from now on
	return nil
}

func (s *stage) close() {
	ctx := context.Background() // also after an interrupt
	if s.admin != nil {
		_ = s.admin.Close()
	}
	if s.server != nil {
		_ = s.server.Stop(ctx)
	}
	if s.kafka != nil {
		s.kafka.Close()
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}

// keepAll, because records carry event times, and those of a load may be long ago.
var keepAll = kafka.ConfigEntry{ConfigName: "retention.ms", ConfigValue: "-1"}

func (s *stage) createTopic(ctx context.Context, name string, parts int, config ...kafka.ConfigEntry) error {
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(s.kafka.Addr()), Timeout: 10 * time.Second, Transport: transport}
	answer, err := client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{
		{Topic: name, NumPartitions: parts, ReplicationFactor: 1, ConfigEntries: config}}})
	if err == nil {
		err = answer.Errors[name]
	}
	if err != nil {
		return fmt.Errorf("peers: create topic %s: %w", name, err)
	}
	return awaitTopic(ctx, client, name, parts)
}

// awaitTopic waits for the leaders of a new topic's partitions.
func awaitTopic(ctx context.Context, client *kafka.Client, name string, parts int) error {
	var ask []kafka.OffsetRequest
	for p := range parts {
		ask = append(ask, kafka.LastOffsetOf(p))
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		answer, err := client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{name: ask}})
		if err == nil {
			for _, p := range answer.Topics[name] {
				err = errors.Join(err, p.Error)
			}
			if err == nil && len(answer.Topics[name]) == parts {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("peers: topic %s: %w", name, errors.Join(ctx.Err(), err))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// run lets one peer do the job once, from a fresh start.
func (s *stage) run(ctx context.Context, p peer, round int) (Trial, error) {
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	s.n++
	name := fmt.Sprintf("run_%d", s.n)
	dir := filepath.Join(s.dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Trial{}, err
	}
	defer os.RemoveAll(dir)
	if err := s.prepare(ctx, p, name); err != nil {
		return Trial{}, err
	}
	t := task{Peer: p.name, Broker: s.kafka.Addr(), Topic: topic, Records: s.Events, Native: s.server.Addr(), HTTP: s.server.HTTPAddr(), Database: name}
	cmd, err := p.command(t, s.java, dir, name)
	if err != nil {
		return Trial{}, err
	}
	storeCPU := func() (time.Duration, error) { return treeCPU(s.server.PID()) }
	before, err := storeCPU()
	if err != nil {
		return Trial{}, err
	}
	c, err := follow(ctx, cmd, dir, storeCPU)
	if err != nil {
		return Trial{}, err
	}
	r := newTrial(p, round, s.Events, c)
	if p.stores {
		if err := s.settle(ctx); err != nil {
			return r, err
		}
		settled, err := storeCPU()
		if err != nil {
			return r, err
		}
		r.setStore(p, settled-before)
	}
	return r, s.judge(ctx, p, name, &r)
}

func (s *stage) prepare(ctx context.Context, p peer, name string) error {
	if !p.stores {
		return s.createTopic(ctx, name, resultsParts, keepAll)
	}
	conn, err := sink.Open(ctx, sink.Config{Addresses: []string{s.server.Addr()}, Database: name})
	if err != nil {
		return err
	}
	defer conn.Close()
	switch p.name {
	case floorwalkerWorker:
		_, err = sink.Migrate(ctx, conn, sink.Options{})
	case clickhouseAlone:
		err = createAlone(ctx, conn)
	}
	return err
}

// settle waits until ClickHouse has merged what was inserted, so that this work is on the bill of whom it was done for.
func (s *stage) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, settleFor)
	defer cancel()
	for quiet := 0; quiet < 3; {
		var merges uint64
		if err := s.admin.QueryRow(ctx, "SELECT count() FROM system.merges").Scan(&merges); err != nil {
			return fmt.Errorf("merges: %w", err)
		}
		if quiet++; merges > 0 {
			quiet = 0
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("merges still go on: %w", ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}

// judge reads the peer's result, what reading costs included, compares it, and cleans up.
func (s *stage) judge(ctx context.Context, p peer, name string, r *Trial) error {
	var got Cells
	var err error
	if p.stores {
		before, cpuErr := treeCPU(s.server.PID())
		began := time.Now()
		got, err = s.readTables(ctx, p, name)
		r.AnswerSeconds = time.Since(began).Seconds()
		after, cpuErr2 := treeCPU(s.server.PID())
		r.AnswerCPU = (after - before).Seconds()
		err = errors.Join(err, cpuErr, cpuErr2, s.admin.Exec(ctx, "DROP DATABASE "+name+" SYNC"))
	} else {
		got, err = readTopic(ctx, s.kafka.Addr(), name)
	}
	if err != nil {
		return fmt.Errorf("result: %w", err)
	}
	r.Cells = len(got)
	if err := got.Equal(s.want); err != nil {
		r.Wrong = err.Error()
	}
	return nil
}
