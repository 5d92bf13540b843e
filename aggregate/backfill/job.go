package backfill

import (
	"context"
	"errors"
	"time"

	"floorwalker/aggregate/engine"
	"floorwalker/aggregate/history"
	"floorwalker/aggregate/refold"
	"floorwalker/schema/clickhouse"
)

// factsBefore is how long before the range a fact may have begun that reaches into it: the longest an interaction lives without an
// event, and a day.
const factsBefore = 31 * 24 * 60 * 60 * 1000

// Job is the backfill of one partition.
type Job struct {
	Source, Dest  history.Conn // where raw events and checkpoints are, and what is corrected: the same but for an audit
	Database      string       // beside which the scratch database is made
	Open          refold.Opener
	Engine        engine.Config
	Log           refold.Log
	Begin         refold.Begin
	ContactCenter string // empty: all of the partition
	From, Until   int64  // ms
	Offset        int64  // the worker's flushed offset at the start: raw events before it count
	Now           func() time.Time
	Progress      func(applied int64)
}

// Written counts the rows that were corrected.
type Written struct{ Facts, Windows int64 }

// Run computes the partition's history again in event-time order and corrects what differs: facts that touch the range and had ended
// by complete_until, and windows that lie in it, with the version of Offset + 1.
func (j *Job) Run(ctx context.Context) (w Written, err error) {
	complete, err := refold.CompleteUntil(ctx, j.Source, j.Engine, j.Log, j.Begin, j.ContactCenter, j.Offset)
	if err != nil {
		return w, err
	}
	scratch, err := refold.NewScratch(ctx, j.Open, j.Source, j.Database, j.Now())
	if err != nil {
		return w, err
	}
	defer func() { err = errors.Join(err, scratch.Close()) }()
	e, err := refold.NewEngine(j.Engine, j.Source, j.Log, j.Begin, scratch)
	if err != nil {
		return w, err
	}
	e.Only, e.Progress = j.ContactCenter, j.Progress
	if err := e.ByTime(ctx, j.Begin.Offset, j.Offset); err != nil {
		return w, err
	}
	for cc, until := range complete {
		for _, t := range refold.Tables() {
			n, err := j.correct(ctx, scratch, t, cc, until)
			if err != nil {
				return w, err
			}
			if t.Windows > 0 {
				w.Windows += n
			} else {
				w.Facts += n
			}
		}
	}
	return w, nil
}

// correct writes what differs in one table of a contact centre.
func (j *Job) correct(ctx context.Context, scratch *refold.Scratch, t *refold.Table, cc string, complete int64) (int64, error) {
	r := refold.Range{ContactCenter: cc, From: max(0, j.From-factsBefore), Until: min(j.Until, complete)}
	if t.Windows > 0 {
		r.From = j.From
	}
	if r.From >= r.Until {
		return 0, nil
	}
	patch := refold.NewPatch(t, cc, clickhouse.Version(j.Log.Epoch, j.Offset+1))
	_, err := refold.Compare(ctx, j.Dest, scratch.Conn, t, r, func(d refold.Difference) error {
		if !j.concerns(&d, complete) {
			return nil
		}
		return patch.Add(ctx, j.Dest, scratch, &d)
	})
	if err != nil {
		return patch.Written, err
	}
	return patch.Written, patch.Write(ctx, j.Dest, scratch)
}

// concerns reports whether a difference is one that this backfill may write.
func (j *Job) concerns(d *refold.Difference, complete int64) bool {
	row := d.Row()
	if d.Table.Windows > 0 {
		return row.Start >= j.From && row.Ended <= min(j.Until, complete) && row.Start >= j.Begin.From(d.ContactCenter)
	}
	if d.Extra() { // what began before the fold does not come out of it
		return row.Start >= j.Begin.From(d.ContactCenter) && row.Ended <= complete && row.Ended > j.From
	}
	touches := d.Wanted.Ended > j.From || !d.Missing() && d.Stored.Ended > j.From
	return touches && d.Wanted.Ended <= complete
}
