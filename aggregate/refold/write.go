package refold

import (
	"context"
	"errors"

	"floorwalker/aggregate/engine"
	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
)

// writers put rows into a scratch database.
type writers struct {
	conn         clickhouse.Inserter
	intervals    *clickhouse.AgentIntervals
	visits       *clickhouse.QueueVisits
	parts        *clickhouse.InteractionParts
	interactions *clickhouse.Interactions
	minutes      *clickhouse.Windows
	quarters     *clickhouse.Windows
}

func newWriters(conn clickhouse.Inserter) *writers {
	return &writers{conn: conn, intervals: clickhouse.NewAgentIntervals(), visits: clickhouse.NewQueueVisits(),
		parts: clickhouse.NewInteractionParts(), interactions: clickhouse.NewInteractions(),
		minutes: clickhouse.NewWindows(schema.WindowMinute), quarters: clickhouse.NewWindows(schema.WindowQuarter)}
}

// write stores rows with the stamp's version.
func (w *writers) write(ctx context.Context, stamp clickhouse.Stamp, r *engine.Rows, now int64) error {
	w.intervals.Append(stamp, r.Intervals)
	w.visits.Append(stamp, r.Visits)
	w.parts.Append(stamp, r.Parts)
	w.interactions.Append(stamp, r.Interactions)
	for k := range r.Windows {
		if r.Windows[k].Minutes == schema.WindowMinute {
			w.minutes.Append(stamp, &r.Windows[k])
		} else {
			w.quarters.Append(stamp, &r.Windows[k])
		}
	}
	var faults []error
	for _, t := range []interface {
		Send(ctx context.Context, conn clickhouse.Inserter, now int64) error
		Reset()
	}{w.intervals, w.visits, w.parts, w.interactions, w.minutes, w.quarters} {
		faults = append(faults, t.Send(ctx, w.conn, now))
		t.Reset()
	}
	return errors.Join(faults...)
}
