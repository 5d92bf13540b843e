package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"floorwalker/aggregate/audit"
	"floorwalker/aggregate/erase"
	"floorwalker/cmd/floorwalker/config"
	"floorwalker/schema"
)

type auditOptions struct {
	operation
	period
	contactCenter  string
	maxDifferences int
	json           bool
}

func newAudit() *cobra.Command {
	var o auditOptions
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Judge whether history agrees with itself and with the raw events",
		Long: `Judges what lies before complete_until at the flushed position, beside a system that runs on:
  offsets  raw events, dead letters and known gaps cover every offset exactly once
  facts    every fact and every window equals what the raw events make, folded again in the order of their offsets
  tiling   an agent's status intervals tile its logged-in time exactly
  visits   waiting at the start + offered = left in any way + waiting at the end, for every queue and day
  windows  every window of 1 and 15 minutes equals what the facts say: counts, sums, maxima, histograms

Prints each difference with what it is about. The exit code is 1 if there is one. What events from beyond the horizon explain is listed
apart, with the backfill that takes it in, and is no failure. Computes in a scratch database beside the real one, which it drops.`,
		Example: "  floorwalker audit --config floorwalker.yaml\n" +
			"  floorwalker audit --data ./data --from 2026-03-01 --to 2026-03-02 --contact-center 6 --json",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.operation.flags(cmd)
	o.period.flags(cmd, "judge what begins at or after this moment or day (UTC); the beginning unless said", "and before this one; complete_until unless said")
	cmd.Flags().StringVar(&o.contactCenter, "contact-center", "", "judge this contact centre only")
	cmd.Flags().IntVar(&o.maxDifferences, "max-differences", 100, "how many differences are listed; more are counted")
	cmd.Flags().BoolVar(&o.json, "json", false, "print the report as JSON")
	return cmd
}

func (o *auditOptions) run(cmd *cobra.Command) error {
	from, until, err := o.bounds()
	if err != nil {
		return err
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
	report, err := audit.Run(cmd.Context(), audit.Config{Conn: p.conn, Store: p.store, Database: p.options.Database, Open: p.other,
		Topic: c.Kafka.Topics.Events, Engine: engineOf(&c), RawDays: config.Days(c.ClickHouse.Retention.Raw), RowDays: rowDays(c.ClickHouse.Retention), ContactCenter: o.contactCenter,
		From: from, Until: until, MaxDifferences: o.maxDifferences, Progress: steps.tell})
	steps.done()
	if err != nil {
		return err
	}
	if o.json {
		e := json.NewEncoder(cmd.OutOrStdout())
		e.SetIndent("", "  ")
		err = e.Encode(report)
	} else {
		o.print(cmd.OutOrStdout(), report)
	}
	if err == nil && !report.Clean() {
		err = fmt.Errorf("%d differences", report.Total)
	}
	return errors.Join(err, o.returned(cmd, p))
}

// returned tells of customers who were erased and have come back.
func (o *auditOptions) returned(cmd *cobra.Command, p *past) error {
	back, err := erase.Returned(cmd.Context(), p.conn)
	if err != nil || len(back) == 0 {
		return err
	}
	var faults []error
	for _, cc := range slices.Sorted(maps.Keys(back)) {
		if o.contactCenter == "" || o.contactCenter == cc {
			faults = append(faults, fmt.Errorf("contact centre %s: %d interactions of customers who had been erased are there again\n  floorwalker erase %s --contact-center %s --again",
				cc, back[cc], o.arg(), cc))
		}
	}
	return errors.Join(faults...)
}

// rowDays is the shorter of what facts and windows are kept for, 0 for ever.
func rowDays(r config.Retention) int {
	facts, windows := config.Days(r.Facts), config.Days(r.Windows)
	if facts == 0 || windows == 0 {
		return max(facts, windows)
	}
	return min(facts, windows)
}

// print writes the report for people.
func (o *auditOptions) print(out io.Writer, r *audit.Report) {
	for _, p := range r.Partitions {
		fmt.Fprintf(out, "partition %d, epoch %d: offsets %d to %d, %d events folded again", p.Partition, p.Epoch, p.From, p.Until, p.Events)
		if p.Note != "" {
			fmt.Fprintf(out, "; %s", p.Note)
		}
		fmt.Fprintln(out)
	}
	for _, c := range r.ContactCenters {
		from := "the beginning"
		if c.From > 0 {
			from = schema.FormatTime(c.From)
		}
		fmt.Fprintf(out, "contact centre %s: from %s to %s\n", c.ContactCenter, from, schema.FormatTime(c.Until))
	}
	list := func(title string, list []audit.Difference, total int64) {
		if total == 0 {
			return
		}
		fmt.Fprintf(out, "\n%s:\n", title)
		for _, d := range list {
			fmt.Fprintln(out, "  "+line(d))
		}
		if more := total - int64(len(list)); more > 0 {
			fmt.Fprintf(out, "  and %d more\n", more)
		}
	}
	list("differences", r.Differences, r.Total)
	list("explained differences", r.Explained, r.ExplainedTotal)
	if len(r.Repairs) > 0 {
		fmt.Fprintf(out, "\nevents from beyond the horizon, which a backfill takes in:\n")
		for _, p := range r.Repairs {
			fmt.Fprintf(out, "  contact centre %s: %d events of %s to %s\n    floorwalker backfill %s --contact-center %s --from %s\n", p.ContactCenter, p.Late,
				schema.FormatTime(p.First), schema.FormatTime(p.Last), o.arg(), p.ContactCenter, schema.FormatTime(p.From))
		}
	}
	fmt.Fprintf(out, "\n%d offsets, %d facts and windows, %d agents, %d queues and days, %d windows against facts, in %s: %d differences, %d explained\n",
		r.Checked[audit.CheckOffsets], r.Checked[audit.CheckFacts], r.Checked[audit.CheckTiling], r.Checked[audit.CheckVisits],
		r.Checked[audit.CheckWindows], (time.Duration(r.TookMs) * time.Millisecond).String(), r.Total, r.ExplainedTotal)
	if r.Since > 0 {
		fmt.Fprintf(out, "%d rows were written after the flushed position and not judged\n", r.Since)
	}
}

func line(d audit.Difference) string {
	out := d.Check + ": "
	if d.ContactCenter != "" {
		out += "contact centre " + d.ContactCenter + ", "
	}
	if d.Table != "" {
		out += d.Table + ", "
	}
	out += d.Entity
	if d.What != "" {
		out += ": " + d.What
	}
	if d.Explained != "" {
		out += " (" + d.Explained + ")"
	}
	return out
}
