// Package erase takes a customer out of the history, for good: out of raw events, interactions, annotations, dead letters and checkpoints.
// What is counted stays as it is, and what is computed anew from the raw events that remain (backfill, audit) is the same as what is stored.
//
// An erased event keeps the fields that tell of no customer (schema.PlainFields); what somebody wrote or said becomes the word "erased",
// everything else is gone. Ids of interactions and calls remain: they tell who it was only to whoever keeps that elsewhere.
package erase

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"floorwalker/aggregate/engine"
	"floorwalker/aggregate/history"
	"floorwalker/schema/clickhouse"
)

// Word stands for what somebody wrote or said.
const Word = "erased"

// Kind is what a customer is known by.
type Kind string

const (
	ByID    Kind = "id"    // customer.id
	ByPhone Kind = "phone" // customer.phone or customer.display_phone, as it was said
)

// Whom is one thing that a customer is known by.
type Whom struct {
	Kind  Kind
	Value string
}

// Fingerprint stands for it where it is not to be kept.
func (w Whom) Fingerprint(contactCenter string) string {
	sum := sha256.Sum256([]byte(contactCenter + "\x00" + string(w.Kind) + "\x00" + w.Value))
	return hex.EncodeToString(sum[:])
}

// Config of a run.
type Config struct {
	Conn          history.Conn
	Store         *history.Store
	Cluster       string // of ClickHouse; empty for a single server
	Topic         string // of the events
	Engine        engine.Config
	ContactCenter string
	Whom          []Whom   // whom to erase
	Fingerprints  []string // likewise, by what an earlier erasure's record says; where there is neither: all who were erased before
	By            string   // who asks, for the record
	DryRun        bool     // count only
	Now           func() time.Time
	Progress      func(step string, done, total int64)
}

// Report is what was erased, or with DryRun would be.
type Report struct {
	Fingerprints []string       `json:"fingerprints"`
	Interactions int            `json:"interactions"`        // by id and beginning
	Rows         map[string]int `json:"rows"`                // that changed, by table
	Checkpoints  int            `json:"checkpoints"`         // that held something of them
	Deleted      int            `json:"deleted_checkpoints"` // that this release cannot read
	// Held are interactions that the workers and live views still hold, and will write again when something happens to them: they go on, or ended
	// less than two horizons before the newest event.
	Held []string `json:"held"`
	// Left are interactions that were found again after all was done: they were written meanwhile.
	Left []string `json:"left"`
}

// Clean reports whether nothing is left, or will come again by itself.
func (r *Report) Clean() bool { return len(r.Held)+len(r.Left) == 0 }

// run is one erasure on its way.
type run struct {
	Config
	report Report
	spans  []span
	marks  []string // texts that tell dead letters of these customers
	since  int64    // ms: no checkpoint before it can hold them
}

// Run erases. Running it again does no harm, and finishes what was broken off.
func Run(ctx context.Context, c Config) (*Report, error) {
	if c.ContactCenter == "" {
		return nil, errors.New("erase: the contact centre is missing")
	}
	r := &run{Config: c, report: Report{Rows: map[string]int{}, Held: []string{}, Left: []string{}}}
	// What tells which interactions are theirs goes last, so that a run which was broken off can be run again.
	steps := []struct {
		name string
		do   func(context.Context) error
	}{{"whom", r.whom}, {"find", r.find}, {"going on", r.goingOn}, {"checkpoints", r.checkpoints}, {"dead letters", r.deadLetters}, {"annotations", r.annotations},
		{"interactions", r.interactions}, {"events", r.events}, {"look again", r.again}, {"record", r.record}}
	for n, s := range steps {
		if c.Progress != nil {
			c.Progress(s.name, int64(n), int64(len(steps)))
		}
		if err := s.do(ctx); err != nil {
			return &r.report, fmt.Errorf("erase: %s: %w", s.name, err)
		}
	}
	return &r.report, nil
}

// whom makes fingerprints of those who are named, or reads those of earlier erasures.
func (r *run) whom(ctx context.Context) error {
	for _, w := range r.Whom {
		if w.Value == "" {
			return fmt.Errorf("the customer's %s is empty", w.Kind)
		}
		r.report.Fingerprints = append(r.report.Fingerprints, w.Fingerprint(r.ContactCenter))
		r.marks = append(r.marks, w.Value)
	}
	for _, f := range r.Config.Fingerprints {
		if raw, err := hex.DecodeString(f); err != nil || len(raw) != sha256.Size {
			return fmt.Errorf("%q is no fingerprint: 64 hexadecimal digits", f)
		}
		r.report.Fingerprints = append(r.report.Fingerprints, strings.ToLower(f))
	}
	if len(r.report.Fingerprints) > 0 {
		return nil
	}
	rows, err := r.Conn.Query(ctx, "SELECT fingerprint FROM erasures FINAL WHERE contact_center = {cc:String} ORDER BY fingerprint", ch.Named("cc", r.ContactCenter))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var f string
		if err := rows.Scan(&f); err != nil {
			return err
		}
		r.report.Fingerprints = append(r.report.Fingerprints, f)
	}
	return rows.Err()
}

// record notes whom was erased. It comes last: what was broken off has not been done.
func (r *run) record(ctx context.Context) error {
	if r.DryRun || len(r.Whom)+len(r.Config.Fingerprints) == 0 {
		return nil
	}
	batch, err := r.Conn.PrepareBatch(ctx, "INSERT INTO erasures (contact_center, fingerprint, erased_at, erased_by)")
	if err != nil {
		return err
	}
	defer batch.Close()
	for _, f := range r.report.Fingerprints {
		if err := batch.Append(r.ContactCenter, f, r.Now().UTC(), r.By); err != nil {
			return err
		}
	}
	return batch.Send()
}

// again looks whether somebody wrote of the customers meanwhile.
func (r *run) again(ctx context.Context) error {
	if r.DryRun {
		return nil
	}
	left, err := r.mentions(ctx)
	if err != nil {
		return err
	}
	for _, m := range left {
		r.report.Left = append(r.report.Left, m.id)
	}
	slices.Sort(r.report.Left)
	r.report.Left = slices.Compact(r.report.Left)
	return nil
}

// checkpoints writes those anew that hold something of the customers. The newest of a partition tells what its worker holds in memory.
func (r *run) checkpoints(ctx context.Context) error {
	if len(r.spans) == 0 {
		return nil
	}
	marks, err := r.Store.All(ctx, r.Topic)
	if err != nil {
		return err
	}
	newest := map[int]bool{}
	for n, m := range marks {
		if r.Progress != nil {
			r.Progress("checkpoints", int64(n), int64(len(marks)))
		}
		first := !newest[m.Partition] && m.Whole()
		newest[m.Partition] = newest[m.Partition] || first
		if m.WrittenAt < r.since {
			continue
		}
		if err := r.checkpoint(ctx, m, first); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) checkpoint(ctx context.Context, m history.Mark, newest bool) error {
	var eng *engine.Engine
	data, err := r.Store.Load(ctx, m)
	if err == nil {
		eng, err = engine.Restore(r.Engine, data)
	}
	if errors.Is(err, history.ErrBroken) || errors.Is(err, engine.ErrSnapshot) {
		return r.unreadable(ctx, m)
	}
	if err != nil {
		return err
	}
	var held []string
	n := eng.Erase(r.ContactCenter, func(id string, start int64) bool {
		mine := r.owns(id, start)
		if mine && newest {
			held = append(held, id)
		}
		return mine
	})
	if newest {
		r.hold(held)
	}
	if n == 0 {
		return nil
	}
	r.report.Checkpoints++
	if r.DryRun {
		return nil
	}
	if data, err = eng.Snapshot(); err != nil {
		return err
	}
	return r.Store.Replace(ctx, m, data)
}

// unreadable deletes what no process of this release can begin with: who knows what it holds.
func (r *run) unreadable(ctx context.Context, m history.Mark) error {
	r.report.Deleted++
	if r.DryRun {
		return nil
	}
	return r.Store.Forget(ctx, m)
}

func (r *run) hold(ids []string) {
	r.report.Held = append(r.report.Held, ids...)
	slices.Sort(r.report.Held)
	r.report.Held = slices.Compact(r.report.Held)
}

// goingOn notes what the newest checkpoints may not know yet: workers hold an interaction until complete_until is a horizon past its end, and
// complete_until is a horizon behind the newest event.
func (r *run) goingOn(ctx context.Context) error {
	var edge int64
	err := r.Conn.QueryRow(ctx, "SELECT toUnixTimestamp64Milli(max(newest_event)) FROM progress WHERE contact_center = {cc:String}", ch.Named("cc", r.ContactCenter)).Scan(&edge)
	if err != nil {
		return err
	}
	edge -= 2 * r.lead()
	return r.each(ctx, "id", "start", func(where string, args []any) error {
		var ids []string
		err := r.Conn.QueryRow(ctx, "SELECT groupUniqArray(id) FROM interactions FINAL WHERE NOT deleted AND "+where+
			" AND (ended IS NULL OR toUnixTimestamp64Milli(ended) > {edge:Int64})", append(args, ch.Named("edge", edge))...).Scan(&ids)
		r.hold(ids)
		return err
	})
}

// exec changes a table on all its servers, and returns when that is done.
func (r *run) exec(ctx context.Context, table, change, where string, args []any) error {
	var n uint64
	if err := r.Conn.QueryRow(ctx, "SELECT count() FROM "+table+" WHERE "+where, args...).Scan(&n); err != nil {
		return err
	}
	if n == 0 {
		return nil
	}
	if r.report.Rows[table] += int(n); r.DryRun {
		return nil
	}
	return r.Conn.Exec(ctx, "ALTER TABLE "+clickhouse.Altered(table, r.Cluster)+" UPDATE "+change+" WHERE "+where+" SETTINGS mutations_sync = 2", args...)
}
