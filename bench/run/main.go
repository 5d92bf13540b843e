// Command run measures Floorwalker on this machine and writes the results down (see package suite).
//
//	go run ./bench/run --quick
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"floorwalker/bench/peers"
	"floorwalker/bench/suite"
	"floorwalker/internal/clickhouse"
)

func main() {
	switch {
	case clickhouse.IsChild():
		os.Exit(clickhouse.Main(os.Args))
	case peers.IsChild():
		os.Exit(peers.Main(os.Args))
	case suite.IsChild():
		os.Exit(suite.Main(os.Args))
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// flags of the command.
type flags struct {
	suite.Options
	rounds, events int
	agents, rates  []int
	quick, tiny    bool
	docs           string
	from           []string
}

func command() *cobra.Command {
	f := &flags{}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Measure throughput, growth, freshness, push, answers, recovery and the peers",
		Long: "Starts an Apache Kafka, a ClickHouse and Floorwalker on this machine, measures, and writes each measurement as a line of JSON into\n" +
			"--out. With --docs the tables and plots of docs/benchmarks.md and docs/capacity.md are made anew from them: of a part that did not\n" +
			"run they then say so. --from makes them from the lines of an earlier run.\n\n" +
			"Takes some half an hour on two quiet cores, with --quick some three minutes. Needs Linux, Java 17, Maven (Apache Kafka, and the\n" +
			"peers Flink and Kafka Streams), and a ClickHouse (make setup). Other work on the machine spoils latencies; events per CPU-second\n" +
			"bear some.\n\nParts: " + strings.Join(suite.Parts(), ", "),
		Example: "  go run ./bench/run --quick\n  go run ./bench/run --parts throughput,freshness --rounds 5 --out /tmp/bench\n" +
			"  go run ./bench/run --from data/bench/lines.jsonl --docs docs",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context()) },
	}
	p := cmd.Flags()
	p.StringSliceVar(&f.Parts, "parts", nil, "which ones; all if not said")
	p.IntVar(&f.rounds, "rounds", 0, "how often throughput and the peers are measured (5; quick: 1), growth and recovery at most 3 times")
	p.IntVar(&f.events, "events", 0, "of a round of throughput (500,000; quick: 100,000)")
	p.IntSliceVar(&f.agents, "agents", nil, "in all, that growth goes through (1000,10000,100000,1000000)")
	p.IntSliceVar(&f.rates, "rates", nil, "events a second that freshness goes through (1000,10000,25000,50000)")
	p.BoolVar(&f.quick, "quick", false, "small sizes: shows that all works, and orders of magnitude")
	p.BoolVar(&f.tiny, "tiny", false, "sizes that say nothing")
	_ = p.MarkHidden("tiny") // for trying the command itself
	p.StringVar(&f.Dir, "out", "data/bench", "for lines.jsonl, the report and the plots; servers and loads lie in it while it runs")
	p.StringVar(&f.docs, "docs", "", "directory of the documentation to bring up to date; empty: none, the same goes to --out")
	p.StringSliceVar(&f.from, "from", nil, "lines of earlier runs, the parts of later ones in place of the same parts before: nothing is measured")
	p.StringVar(&f.Binary, "binary", "", "floorwalker to measure; empty: it is built")
	p.StringVar(&f.RealDay, "real-day", "../shared/data/anonymous-bank-1999-08-01.csv", "call log of the Anonymous Bank; left out where it is not there")
	p.BoolVar(&f.Embedded, "embedded", false, "the embedded broker instead of Apache Kafka: no Java needed, and no figure comparable")
	return cmd
}

func (f *flags) run(ctx context.Context) error {
	lines, err := f.lines(ctx)
	if len(lines) == 0 {
		return err
	}
	to := f.docs
	if to == "" {
		to = f.Dir
	}
	return errors.Join(err, suite.Write(to, lines))
}

// lines measures, or reads what was measured before.
func (f *flags) lines(ctx context.Context) ([]suite.Line, error) {
	if len(f.from) > 0 {
		return read(f.from)
	}
	f.Command = strings.Join(append([]string{"go run ./bench/run"}, os.Args[1:]...), " ")
	f.Size = suite.Full()
	if f.quick {
		f.Size = suite.Quick()
	}
	if f.tiny {
		f.Size = suite.Tiny()
	}
	if f.rounds > 0 {
		f.Rounds, f.FewRounds = f.rounds, min(f.rounds, f.FewRounds)
	}
	if f.events > 0 {
		f.Events = f.events
	}
	if len(f.agents) > 0 {
		f.GrowAgents, f.Centers = f.agents, nil
	}
	if len(f.rates) > 0 {
		f.Rates = f.rates
	}
	if err := os.MkdirAll(f.Dir, 0o755); err != nil {
		return nil, err
	}
	file, err := os.Create(filepath.Join(f.Dir, "lines.jsonl"))
	if err != nil {
		return nil, err
	}
	f.Lines, f.Progress = file, os.Stderr
	out := f.Dir
	at, err := filepath.Abs(out) // the servers run in directories of their own
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if f.Dir, err = os.MkdirTemp(at, "servers-"); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	lines, err := suite.Run(ctx, f.Options)
	err = errors.Join(err, file.Close(), os.RemoveAll(f.Dir))
	f.Dir = out
	return lines, err
}

func read(files []string) ([]suite.Line, error) {
	var runs [][]suite.Line
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		lines, err := suite.ReadLines(file)
		if err = errors.Join(err, file.Close()); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		runs = append(runs, lines)
	}
	return suite.Merge(runs...), nil
}
