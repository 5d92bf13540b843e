package clickhouse

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"floorwalker/schema"
)

const insertAlerts = "INSERT INTO alerts (contact_center, rule, target, start, id, end, severity, value, threshold, data, acknowledged_by, deleted, version, " +
	"rule_name, metric, scope, window, comparison, clear_threshold, for_seconds, webhook, state, since, active_at, reason, processed_at)"

// InsertAlerts writes alerts as they are after one of their transitions, as of now (ms): a later transition's row stands for an earlier one's.
// Writing a row again is safe. They are few, so the driver's own way will do.
func InsertAlerts(ctx context.Context, conn Inserter, alerts []schema.Alert, now int64) (err error) {
	if len(alerts) == 0 {
		return nil
	}
	batch, err := conn.PrepareBatch(ctx, insertAlerts)
	if err != nil {
		return fmt.Errorf("insert into alerts: %w", err)
	}
	defer func() {
		if err != nil {
			_ = batch.Abort() // the connection may be in the middle of a block
		}
	}()
	for i := range alerts {
		a := &alerts[i]
		scope, err := json.Marshal(a.Rule.Scope)
		if err != nil {
			return fmt.Errorf("insert into alerts: scope of rule %q: %w", a.Rule.ID, err)
		}
		if err := batch.Append(a.ContactCenter, a.Rule.ID, "", at(a.Triggered), a.ID, moment(a.Cleared), a.Rule.Severity, a.Value, a.Rule.Threshold,
			"{}", "", false, a.Seq, a.Rule.Name, a.Rule.Metric, string(scope), a.Rule.Window, a.Rule.Comparison, a.Rule.ClearThreshold,
			uint32(a.Rule.ForSeconds), a.Rule.Webhook, string(a.State), moment(a.Since), moment(a.Active), a.Reason, at(now)); err != nil {
			return fmt.Errorf("insert into alerts: alert %q: %w", a.ID, err)
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("insert %d rows into alerts: %w", len(alerts), err)
	}
	return nil
}

func at(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// moment is null for NoTime.
func moment(ms int64) *time.Time {
	if ms == schema.NoTime {
		return nil
	}
	t := at(ms)
	return &t
}
