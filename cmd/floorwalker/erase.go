package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"floorwalker/aggregate/erase"
	"floorwalker/cmd/floorwalker/config"
	"floorwalker/query/auditlog"
)

type eraseOptions struct {
	operation
	contactCenter, by     string
	customers, phones     []string
	fingerprints          []string
	again, dryRun, asJSON bool
}

func newErase() *cobra.Command {
	var o eraseOptions
	cmd := &cobra.Command{
		Use:   "erase",
		Short: "Take a customer out of the history, for good",
		Long: `Takes a customer out of ClickHouse: out of raw events, interactions, annotations, dead letters and checkpoints. What the customer's
interactions counted stays, with their times, queues and agents; what backfill and audit compute anew agrees with it. Messages, notes, prompts
and extra items of these interactions become the word "erased".

A customer is known by customer.id, and with --phone by customer.phone or customer.display_phone, letter for letter as the events say it.

It does not reach Kafka, whose topics keep the records until their retention ends, backups, or what the workers and live views hold in memory:
interactions that go on, or ended less than two horizons before the newest event. These are listed, and the exit code is 1: run it again once
they have ended for that long. What brings records back that were read before (a new epoch, a backup, a replay) brings the customer back: --again erases all who were
erased before, of whom a fingerprint is kept; --fingerprint those whose erasure a backup does not know. audit says where that is needed.`,
		Example: "  floorwalker erase --config floorwalker.yaml --contact-center 6 --customer C-1047 --dry-run\n" +
			"  floorwalker erase --config floorwalker.yaml --contact-center 6 --customer C-1047 --phone +4930123456\n" +
			"  floorwalker erase --config floorwalker.yaml --contact-center 6 --again",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.operation.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.contactCenter, "contact-center", "", "whose customer it is; required")
	f.StringArrayVar(&o.customers, "customer", nil, "the customer's id")
	f.StringArrayVar(&o.phones, "phone", nil, "a telephone number of the customer's")
	f.StringArrayVar(&o.fingerprints, "fingerprint", nil, "whom an earlier erasure was about, as the audit log has it behind sha256:")
	f.BoolVar(&o.again, "again", false, "erase all again who were erased before")
	f.BoolVar(&o.dryRun, "dry-run", false, "say what would be erased, and change nothing")
	f.StringVar(&o.by, "by", "", "who asks for it, for the audit log; the user of the system unless said")
	f.BoolVar(&o.asJSON, "json", false, "print the report as JSON")
	cmd.MarkFlagsMutuallyExclusive("again", "customer")
	cmd.MarkFlagsMutuallyExclusive("again", "phone")
	cmd.MarkFlagsMutuallyExclusive("again", "fingerprint")
	cmd.MarkFlagsOneRequired("customer", "phone", "fingerprint", "again")
	if err := cmd.MarkFlagRequired("contact-center"); err != nil {
		panic(err) // the flag was defined above
	}
	return cmd
}

func (o *eraseOptions) whom() (out []erase.Whom, err error) {
	for kind, values := range map[erase.Kind][]string{erase.ByID: o.customers, erase.ByPhone: o.phones} {
		for _, v := range values {
			if v == "" {
				return nil, fmt.Errorf("the customer's %s is empty", kind)
			}
			out = append(out, erase.Whom{Kind: kind, Value: v})
		}
	}
	return out, nil
}

func (o *eraseOptions) run(cmd *cobra.Command) error {
	whom, err := o.whom()
	if err != nil {
		return err
	}
	c, err := o.load()
	if err != nil {
		return err
	}
	log, err := o.auditLog(&c)
	if err != nil {
		return err
	}
	p, err := openPast(cmd.Context(), &c)
	if err != nil {
		return err
	}
	defer p.conn.Close()
	by := cmp.Or(o.by, systemUser())
	steps := newSteps(cmd.ErrOrStderr())
	report, err := erase.Run(cmd.Context(), erase.Config{Conn: p.conn, Store: p.store, Cluster: c.ClickHouse.Cluster, Topic: c.Kafka.Topics.Events, Engine: engineOf(&c),
		ContactCenter: o.contactCenter, Whom: whom, Fingerprints: o.fingerprints, By: by, DryRun: o.dryRun, Now: time.Now, Progress: steps.tell})
	steps.done()
	o.audit(log, report, by, err)
	if err != nil {
		return err
	}
	if o.asJSON {
		err = printJSON(cmd.OutOrStdout(), report)
	} else {
		o.print(cmd.OutOrStdout(), &c, report)
	}
	if err == nil && !o.dryRun && !report.Clean() {
		err = errors.New("something of it is still held, or was written meanwhile: run it again later")
	}
	return err
}

// auditLog is that of the configuration, so that erasures stand beside what the APIs note.
func (o *eraseOptions) auditLog(c *config.Config) (*auditlog.Log, error) {
	if c.AuditLog == "" || o.dryRun {
		return nil, nil
	}
	return auditlog.New(c.AuditLog, auditlog.Options{})
}

// audit notes fingerprints: an id or a number would be kept by it.
func (o *eraseOptions) audit(log *auditlog.Log, r *erase.Report, by string, err error) {
	if r == nil {
		return
	}
	e := auditlog.Entry{Action: "customer.erase", Outcome: auditlog.OK, ContactCenter: o.contactCenter, Principal: by, Target: "sha256:" + strings.Join(r.Fingerprints, ",")}
	switch {
	case err != nil:
		e.Outcome, e.Detail = auditlog.Failed, "broken off; run it again"
	case !r.Clean():
		e.Detail = fmt.Sprintf("%d interactions; %d still held, %d written meanwhile", r.Interactions, len(r.Held), len(r.Left))
	default:
		e.Detail = fmt.Sprintf("%d interactions", r.Interactions)
	}
	log.Record(e)
}

func systemUser() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return fmt.Sprint("uid ", os.Getuid())
}

func (o *eraseOptions) print(out io.Writer, c *config.Config, r *erase.Report) {
	word := "erased"
	if o.dryRun {
		word = "would be erased"
	}
	fmt.Fprintf(out, "contact centre %s: %d interactions %s\n", o.contactCenter, r.Interactions, word)
	for _, table := range slices.Sorted(maps.Keys(r.Rows)) {
		fmt.Fprintf(out, "  %s: %d rows\n", table, r.Rows[table])
	}
	if r.Checkpoints > 0 {
		fmt.Fprintf(out, "  checkpoints: %d\n", r.Checkpoints)
	}
	if r.Deleted > 0 {
		fmt.Fprintf(out, "  checkpoints of other releases or broken ones, which were deleted: %d\n", r.Deleted)
	}
	few := func(title string, ids []string) {
		if len(ids) > 0 {
			fmt.Fprintf(out, "%s: %s\n", title, plain(strings.Join(ids, ", "), 400))
		}
	}
	few("held in memory, and written again when something happens to them", r.Held)
	few("written meanwhile", r.Left)
	fmt.Fprintf(out, "Kafka keeps what topic %s holds until its retention ends; live views and their files in data_dir until the interactions have left them.\n", c.Kafka.Topics.Events)
}
