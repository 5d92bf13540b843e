// Command compare runs Floorwalker beside its peers: the same job on the same records of one real Kafka (see package peers).
//
//	go run ./bench/compare --events 1000000 --rounds 5
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/spf13/cobra"

	"floorwalker/bench/peers"
	"floorwalker/internal/clickhouse"
)

func main() {
	switch {
	case clickhouse.IsChild():
		os.Exit(clickhouse.Main(os.Args))
	case peers.IsChild():
		os.Exit(peers.Main(os.Args))
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	o := peers.Options{Progress: os.Stderr}
	var lines, whole string
	cmd := &cobra.Command{
		Use:   "compare",
		Short: "Run Floorwalker, Apache Flink, Kafka Streams and ClickHouse alone on the same job",
		Long: "Each peer does the job \"queue minutes\" on the same records of one real Kafka, in a process of its own, in alternating runs. A result that\n" +
			"differs from the oracle's does not count and makes the command fail. A Markdown table goes to standard output, progress to standard\n" +
			"error. Needs Linux, Java 17, Maven (Flink and Kafka Streams, some 200 MB, once) and a ClickHouse (make setup).\n\nPeers: " +
			strings.Join(peers.Names(), ", "),
		Example:       "  go run ./bench/compare\n  go run ./bench/compare --events 100000 --rounds 1 --peers floorwalker-worker,flink-1 --lines runs.jsonl",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return run(cmd.Context(), cmd.OutOrStdout(), o, lines, whole)
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.Events, "events", 1_000_000, "events of the load")
	f.IntVar(&o.Rounds, "rounds", 5, "how often each peer runs")
	f.StringSliceVar(&o.Peers, "peers", nil, "which ones; all if not said")
	f.DurationVar(&o.Latency, "latency", 0, "how long to produce in each setting whose results' latency is measured, such as 60s; 0: none is")
	f.StringVar(&o.Dir, "dir", "", "in which the servers' data lie until the end; the system's temporary one if not said")
	f.StringVar(&lines, "lines", "", "file that gets each run as a line of JSON")
	f.StringVar(&whole, "json", "", "file that gets the whole report as JSON")
	return cmd
}

func run(ctx context.Context, out io.Writer, o peers.Options, lines, whole string) (err error) {
	if lines != "" {
		file, err := os.Create(lines)
		if err != nil {
			return err
		}
		defer file.Close()
		o.Lines = file
	}
	report, err := peers.Run(ctx, o)
	if len(report.Runs) == 0 {
		return err
	}
	if whole != "" {
		text, jsonErr := json.MarshalIndent(report, "", " ")
		if jsonErr == nil {
			jsonErr = os.WriteFile(whole, text, 0o644)
		}
		err = errors.Join(err, jsonErr)
	}
	_, writeErr := io.WriteString(out, report.Markdown())
	return errors.Join(err, writeErr)
}
