package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"floorwalker/aggregate/backfill"
	"floorwalker/cmd/floorwalker/config"
	"floorwalker/schema"
)

type backfillOptions struct {
	operation
	period
	contactCenter string
}

func newBackfill() *cobra.Command {
	var o backfillOptions
	cmd := &cobra.Command{
		Use:   "backfill",
		Short: "Compute history again where events came too late for it",
		Long: `Computes a range of history again from raw events in the order of their event times, and corrects what differs: facts that touch the
range and have ended, and windows that lie in it, up to complete_until. It runs beside the workers, and running it again changes nothing.
audit says where it is needed. What goes on while it runs is corrected by a later backfill, once it has ended. Computes in a scratch
database beside the real one, which it drops.`,
		Example: "  floorwalker backfill --config floorwalker.yaml --from 2026-03-01T09:00:00Z --contact-center 6\n" +
			"  floorwalker backfill --data ./data --from 2026-03-01 --to 2026-03-02",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.operation.flags(cmd)
	o.period.flags(cmd, "compute from this moment or day (UTC) on; required", "up to this one; complete_until unless said")
	cmd.Flags().StringVar(&o.contactCenter, "contact-center", "", "this contact centre only")
	return cmd
}

func (o *backfillOptions) run(cmd *cobra.Command) error {
	from, until, err := o.bounds()
	if err != nil {
		return err
	}
	if from == 0 {
		return errors.New("--from is required, such as 2026-03-01T00:00:00Z")
	}
	c, err := o.load()
	if err != nil {
		return err
	}
	p, err := openPast(cmd.Context(), &c)
	if err != nil {
		return err
	}
	defer p.conn.Close()
	steps := newSteps(cmd.ErrOrStderr())
	report, err := backfill.Run(cmd.Context(), backfill.Config{Conn: p.conn, Store: p.store, Database: p.options.Database, Open: p.other,
		Topic: c.Kafka.Topics.Events, Engine: engineOf(&c), RawDays: config.Days(c.ClickHouse.Retention.Raw), ContactCenter: o.contactCenter,
		From: from, Until: until, Progress: func(partition int, applied, total int64) {
			steps.tell(fmt.Sprintf("partition %d", partition), applied, total)
		}})
	steps.done()
	if report == nil {
		return err
	}
	for _, p := range report.Partitions {
		fmt.Fprintf(cmd.OutOrStdout(), "partition %d: %s to %s from raw events %d to %d: %d facts and %d windows corrected\n", p.Partition,
			schema.FormatTime(report.From), schema.FormatTime(report.Until), p.Begin, p.Offset-1, p.Facts, p.Windows)
	}
	return err
}
