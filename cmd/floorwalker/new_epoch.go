package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/spf13/cobra"

	"floorwalker/aggregate/epoch"
	"floorwalker/aggregate/history"
	"floorwalker/aggregate/worker"
	"floorwalker/cmd/floorwalker/config"
	"floorwalker/schema"
)

type newEpochOptions struct {
	operation
	recreated bool
	land      map[string]int
}

func newNewEpoch() *cobra.Command {
	var o newEpochOptions
	cmd := &cobra.Command{
		Use:   "new-epoch",
		Short: "Go on with a topic that has other partitions, or was made anew",
		Long: `Workers refuse a topic of events whose number of partitions has changed, or whose end lies below what a checkpoint has seen. If that
is meant, stop all workers and run this: it takes in what the old epoch still has (up to the ends that the partitions have now, judged by
the old number of partitions), and writes a checkpoint of each partition in which every contact centre is where its events come from now on.
Nothing of the history changes. Workers then start, and live views boot anew by themselves.

Of a topic that was made anew, the records of the old one that no worker had taken in are lost; it says which offset that was. It is
recognized by its end. --recreated says so where it has grown past that since.`,
		Example: "  floorwalker new-epoch --config floorwalker.yaml\n  floorwalker new-epoch --config floorwalker.yaml --recreated",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), cmd.OutOrStdout()) },
	}
	o.operation.flags(cmd)
	cmd.Flags().BoolVar(&o.recreated, "recreated", false, "the topic was made anew, though it holds more records than the one before had")
	cmd.Flags().StringToIntVar(&o.land, "land", nil, "contact centre=partition, for producers that do not partition by murmur2 (kafka.partitioner: any)")
	return cmd
}

// drainTime is for the last flush and checkpoint of the old epoch.
const drainTime = 10 * time.Minute

func (o *newEpochOptions) run(ctx context.Context, out io.Writer) (err error) {
	cfg, err := o.load()
	if err != nil {
		return err
	}
	cfg.Kafka.CreateTopics = false // a topic that is not there is not what is meant
	log := newLogger("info", "text")
	s := &server{cfg: cfg, log: log, components: newComponents(log), set: metrics.NewSet()}
	defer func() { err = errors.Join(err, s.components.stop()) }()
	if err := s.startKafka(ctx); err != nil {
		return err
	}
	past, err := openPast(ctx, &cfg)
	if err != nil {
		return err
	}
	s.history = past.conn
	s.components.closeLast(past.conn.Close)
	store := history.Config{Worker: "new-epoch", Cluster: cfg.ClickHouse.Cluster, RawDays: config.Days(cfg.ClickHouse.Retention.Raw), Log: log}
	w, err := s.newWorker(store, drainTime)
	if err != nil {
		return err
	}
	store.Insert, store.Attempt, store.Log = math.MaxInt, drainTime, slog.New(slog.DiscardHandler) // all checkpoints or none
	all, err := history.NewStore(past.conn, s.set, store)
	if err != nil {
		return err
	}
	list, err := s.kafka.Partitions(ctx, cfg.Kafka.Topics.Events)
	if err != nil {
		return err
	}
	var partitions []worker.Partition
	for _, p := range list {
		partitions = append(partitions, p)
	}
	report, err := epoch.Run(ctx, epoch.Config{Topic: cfg.Kafka.Topics.Events, Partitions: partitions, Worker: w, Conn: past.conn, Store: all,
		Engine: s.engineConfig(), Land: o.landing(&cfg), Recreated: o.recreated})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "epoch %d: %d partitions, %d before", report.Epoch, report.Is, report.Was)
	if report.Recreated {
		fmt.Fprint(out, "; the topic was made anew")
	}
	fmt.Fprintln(out)
	for _, l := range report.Left {
		fmt.Fprintf(out, "of the old partition %d everything before offset %d is in the history; what came after it is lost\n", l.ID, l.Offset)
	}
	for _, p := range report.Partitions {
		fmt.Fprintf(out, "partition %d: from offset %d on, contact centres %s\n", p.ID, p.Offset, strings.Join(p.ContactCenters, ", "))
	}
	return nil
}

// landing is murmur2, as the contract says, but for those that the operator has placed.
func (o *newEpochOptions) landing(cfg *config.Config) func(string, int) (int, error) {
	return func(contactCenter string, partitions int) (int, error) {
		if p, ok := o.land[contactCenter]; ok {
			return p, nil
		}
		if cfg.Kafka.Partitioner == config.PartitionerAny {
			return 0, fmt.Errorf("kafka.partitioner is any: --land %s=PARTITION is needed", contactCenter)
		}
		return schema.Murmur2Partition([]byte(contactCenter), partitions), nil
	}
}
