package history

import (
	"context"
	"fmt"
	"strings"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"floorwalker/schema/metric"
)

// Every table here is a ReplacingMergeTree, of which only the newest version of a row counts. FINAL is the way to it: argMax by
// key would group every row of the range by its whole key, and must read every column twice. FINAL was measured to be dear
// where it merges many overlapping parts, so it is kept from doing that:
//   - partitions are months of a key column, so two versions of a row are always in one: a month that has been merged to one
//     part is read plain (do_not_merge_across_partitions_select_final), and inside a month ClickHouse merges only parts whose
//     keys overlap;
//   - the contact centre and the time, which lead the keys, cut the range before anything is merged;
//   - only the columns of the metrics asked for are read, histograms least of all.
//
// Columns that are no part of a key are filtered after FINAL, never before: else an older version that still passes would stand for
// a newer one that does not. Conditions on key columns are asked before the other columns are read
// (optimize_move_to_prewhere_if_final moves no others): all versions of a row have the same key.
//
// Contact centres are shards, so a subquery may stay on its shard.
const settings = "\nSETTINGS do_not_merge_across_partitions_select_final = 1, optimize_move_to_prewhere_if_final = 1, distributed_product_mode = 'local', use_uncompressed_cache = 1"

// oneThread is added to settings where little is read: handing pieces of that to several threads costs more than reading them, most of
// it outside of what ClickHouse puts on the query's own bill.
const oneThread = ", max_threads = 1"

// settingsOf are those of a statement that reads all of a range, in ms.
func settingsOf(from, to int64) string {
	if to-from <= dayMs {
		return settings + oneThread
	}
	return settings
}

// statement is a query with its parameters. Text comes from this package's constants and the catalogue's fixed names alone;
// whatever a caller said is a server-side parameter.
type statement struct {
	strings.Builder
	args []any
	n    int
}

func (s *statement) add(parts ...string) *statement {
	for _, p := range parts {
		s.WriteString(p)
	}
	return s
}

// bind gives a value a name and returns the placeholder.
func (s *statement) bind(typ string, value any) string {
	s.n++
	name := fmt.Sprintf("p%d", s.n)
	s.args = append(s.args, ch.Named(name, value))
	return "{" + name + ":" + typ + "}"
}

// where adds the query's filters on the columns that the table has.
func (s *statement) where(conditions []condition) {
	for _, c := range conditions {
		s.add(" AND ", columnNames[c.column], " IN ", s.bind("Array(String)", c.ids))
	}
}

var columnNames = map[metric.Dimension]string{
	metric.DimAgent: "agent", metric.DimQueue: "queue", metric.DimCampaign: "campaign",
	metric.DimChannel: "channel", metric.DimDirection: "direction",
}

// columnList is "agent, queue, " for rows read by these.
func columnList(columns []metric.Dimension) string {
	var b strings.Builder
	for _, c := range columns {
		b.WriteString(columnNames[c] + ", ")
	}
	return b.String()
}

// each runs a statement and calls row once per row, after scanning it into dest.
func (r *Reader) each(ctx context.Context, s *statement, dest []any, row func() error) error {
	rows, err := r.conn.Query(ctx, s.String(), s.args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		if err := row(); err != nil {
			return err
		}
	}
	return rows.Err()
}
