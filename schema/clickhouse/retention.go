package clickhouse

import (
	"context"
	"fmt"
	"strings"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// ttl is the clause that a table should have, empty for none, as ClickHouse itself writes it.
type ttl struct{ table, clause string }

func (o Options) ttls() []ttl {
	days := func(column string, n int) string {
		if n == 0 {
			return ""
		}
		return fmt.Sprintf("toDateTime(%s) + toIntervalDay(%d)", column, n)
	}
	return []ttl{
		{"progress", progressTTL},
		{"events", days("time", o.RawDays)},
		{"dead_letters", days("record_time", o.RawDays)},
		{"offset_gaps", days("processed_at", o.RawDays)},
		{"annotations", days("time", o.FactDays)},
		{"agent_intervals", days("start", o.FactDays)},
		{"queue_visits", days("start", o.FactDays)},
		{"interaction_parts", days("start", o.FactDays)},
		{"interactions", days("start", o.FactDays)},
		{"alerts", days("start", o.FactDays)},
		{"windows_1m", days("start", o.WindowDays)},
		{"windows_15m", days("start", o.WindowDays)},
	}
}

// progressTTL keeps each step of the progress log for two days, and of older ones the newest of each partition and contact centre:
// the last word on a partition that nobody works on must not vanish.
const progressTTL = "toDateTime(written_at) + toIntervalDay(2) GROUP BY contact_center, topic, partition, epoch SET " +
	"offset = max(offset), newest_event = max(newest_event), complete_until = max(complete_until), " +
	"caught_up = argMax(caught_up, written_at), worker = argMax(worker, written_at), written_at = max(written_at)"

// retain alters the tables whose TTL is not the wanted one and names them.
func retain(ctx context.Context, conn driver.Conn, o Options) (altered []string, err error) {
	for _, t := range o.ttls() {
		table := o.local(t.table)
		var engine string
		err := conn.QueryRow(ctx, "SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = {name:String}",
			ch.Named("name", table)).Scan(&engine)
		if err != nil {
			return altered, fmt.Errorf("read the retention of %s: %w", table, err)
		}
		if ttlOf(engine) == t.clause {
			continue
		}
		change := " MODIFY TTL " + t.clause
		if t.clause == "" {
			change = " REMOVE TTL"
		}
		if err := conn.Exec(ctx, "ALTER TABLE "+table+onCluster(o.Cluster)+change); err != nil {
			return altered, fmt.Errorf("change the retention of %s: %w", table, err)
		}
		altered = append(altered, "retention of "+t.table)
	}
	return altered, nil
}

// ttlOf cuts the TTL clause out of system.tables.engine_full, where only SETTINGS can follow it.
func ttlOf(engine string) string {
	_, after, found := strings.Cut(engine, " TTL ")
	if !found {
		return ""
	}
	clause, _, _ := strings.Cut(after, " SETTINGS ")
	return clause
}
