package erase

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"floorwalker/aggregate/engine"
	"floorwalker/aggregate/history"
)

// lead is how long before an interaction's first event something may be said of it, and how long its id is not used again: a horizon.
func (r *run) lead() int64 { return cmp.Or(r.Engine.HorizonMs, engine.DefaultHorizonMs) }

// span is the time in which an id stands for an interaction of one of the customers: ids may be used again.
type span struct {
	id          string
	from, until int64 // ms, [from, until)
}

// owns reports whether an interaction that began then is one of theirs.
func (r *run) owns(id string, start int64) bool {
	n, found := slices.BinarySearchFunc(r.spans, id, func(s span, id string) int {
		switch {
		case s.id < id:
			return -1
		case s.id > id:
			return 1
		}
		return 0
	})
	for ; found && n < len(r.spans) && r.spans[n].id == id; n++ {
		if start >= r.spans[n].from && start < r.spans[n].until {
			return true
		}
	}
	return false
}

// mention is a place where one of the customers is named.
type mention struct {
	id string // of the interaction
	at int64  // ms
}

// known is the condition that a column holds one of the customers: a JSON object, or at path in one.
func known(column string, path ...string) string {
	at := column
	for _, p := range path {
		at += ", '" + p + "'"
	}
	value := func(field string) string {
		in := at + ", '" + field + "'"
		return "if(JSONType(" + in + ") = 'String', JSONExtractString(" + in + "), JSONExtractRaw(" + in + "))"
	}
	is := func(kind, field string) string {
		return "has({whom:Array(String)}, lower(hex(SHA256(concat({cc:String}, char(0), '" + kind + "', char(0), " + value(field) + ")))))"
	}
	return "(" + is(string(ByID), "id") + " OR " + is(string(ByPhone), "phone") + " OR " + is(string(ByPhone), "display_phone") + ")"
}

// sources are where customers are named, with the column of the interaction's id, the moment and the customer.
var sources = []struct{ table, id, time, where, customer string }{
	{"events", "subject", "time", "type IN ('cc.interaction.created', 'cc.interaction.updated')", "JSONExtractRaw(data, 'customer')"},
	{"annotations", "interaction", "time", "type = 'cc.interaction.updated'", "JSONExtractRaw(data, 'customer')"},
	{"interactions", "id", "start", "true", "customer"},
}

// mentions looks at all versions of all rows: what has been replaced lies on disk until it is merged away.
func (r *run) mentions(ctx context.Context) (out []mention, err error) {
	if len(r.report.Fingerprints) == 0 {
		return nil, nil
	}
	for _, s := range sources {
		rows, err := r.Conn.Query(ctx, "SELECT "+s.id+", toUnixTimestamp64Milli("+s.time+"), "+s.customer+" AS who FROM "+s.table+
			" WHERE contact_center = {cc:String} AND "+s.where+" AND who != '' AND "+known("who"), ch.Named("cc", r.ContactCenter), ch.Named("whom", r.report.Fingerprints))
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			var m mention
			var who string
			if err := rows.Scan(&m.id, &m.at, &who); err != nil {
				rows.Close()
				return nil, err
			}
			out = append(out, m)
			r.remember(who)
		}
		if err := rows.Err(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// remember keeps what tells of the customer in records that could not be read.
func (r *run) remember(customer string) {
	var fields map[string]any
	if json.Unmarshal([]byte(customer), &fields) != nil {
		return
	}
	for _, name := range []string{"id", "name", "phone", "display_phone", "email", "unique_identifier", "address"} {
		if s, ok := fields[name].(string); ok && s != "" && !slices.Contains(r.marks, s) {
			r.marks = append(r.marks, s)
		}
	}
}

// find works out which interactions are the customers', and when their ids stood for these.
func (r *run) find(ctx context.Context) error {
	found, err := r.mentions(ctx)
	if err != nil {
		return err
	}
	ids := map[string][]int64{}
	for _, m := range found {
		ids[m.id] = append(ids[m.id], m.at)
	}
	names := make([]string, 0, len(ids))
	for id := range ids {
		names = append(names, id)
	}
	slices.Sort(names)
	for part := range slices.Chunk(names, chunk) {
		starts, err := r.starts(ctx, part)
		if err != nil {
			return err
		}
		for _, id := range part {
			r.spans = append(r.spans, spansOf(id, starts[id], ids[id], r.lead())...)
		}
	}
	r.report.Interactions = len(r.spans)
	return r.earliest(ctx)
}

// chunk is how many interactions one statement is about.
const chunk = 1000

// starts are when interactions of these ids began, ascending.
func (r *run) starts(ctx context.Context, ids []string) (map[string][]int64, error) {
	rows, err := r.Conn.Query(ctx, "SELECT DISTINCT id, toUnixTimestamp64Milli(start) AS at FROM interactions WHERE contact_center = {cc:String}"+
		" AND id IN {ids:Array(String)} ORDER BY id, at", ch.Named("cc", r.ContactCenter), ch.Named("ids", ids))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string][]int64{}
	for rows.Next() {
		var id string
		var at int64
		if err := rows.Scan(&id, &at); err != nil {
			return nil, err
		}
		out[id] = append(out[id], at)
	}
	return out, rows.Err()
}

// spansOf are those stretches between the beginnings of an id's interactions in which a customer is named.
// Beginnings that lie close together are versions of one.
func spansOf(id string, starts, named []int64, lead int64) (out []span) {
	edges := []int64{math.MinInt64}
	for n, s := range starts {
		if n > 0 && s-starts[n-1] > lead {
			edges = append(edges, s-lead)
		}
	}
	edges = append(edges, math.MaxInt64)
	for n := range len(edges) - 1 {
		if slices.ContainsFunc(named, func(at int64) bool { return at >= edges[n] && at < edges[n+1] }) {
			out = append(out, span{id, edges[n], edges[n+1]})
		}
	}
	return out
}

// earliest is when the first event of the interactions was recorded: no checkpoint before it can know of them. Clocks may differ a little.
func (r *run) earliest(ctx context.Context) error {
	r.since = math.MaxInt64
	for part := range slices.Chunk(r.spans, chunk) {
		ids := make([]string, len(part))
		for n, s := range part {
			ids[n] = s.id
		}
		var rows uint64
		var at int64
		err := r.Conn.QueryRow(ctx, "SELECT count(), toUnixTimestamp64Milli(min(record_time)) FROM events WHERE contact_center = {cc:String} AND subject IN {ids:Array(String)}",
			ch.Named("cc", r.ContactCenter), ch.Named("ids", ids)).Scan(&rows, &at)
		if err != nil {
			return err
		}
		if rows == 0 { // raw events are gone: any checkpoint may know
			at = 0
		}
		r.since = min(r.since, at-r.lead())
	}
	return nil
}

// unknownTable is ClickHouse's code for it.
const unknownTable = 60

// Returned counts, by contact centre, the interactions of customers who were erased and are there again: a replay of Kafka, a new epoch or
// a backup has brought them back.
func Returned(ctx context.Context, conn history.Conn) (map[string]int, error) {
	rows, err := conn.Query(ctx, "SELECT DISTINCT contact_center FROM erasures")
	if refusal := (*ch.Exception)(nil); errors.As(err, &refusal) && refusal.Code == unknownTable {
		return nil, nil // of a release before erasures
	}
	if err != nil {
		return nil, fmt.Errorf("read erasures: %w", err)
	}
	defer rows.Close()
	out := map[string]int{}
	for rows.Next() {
		r := run{Config: Config{Conn: conn}}
		if err := rows.Scan(&r.ContactCenter); err != nil {
			return nil, fmt.Errorf("read erasures: %w", err)
		}
		for _, do := range []func(context.Context) error{r.whom, r.find} {
			if err := do(ctx); err != nil {
				return nil, fmt.Errorf("look for erased customers: %w", err)
			}
		}
		if r.report.Interactions > 0 {
			out[r.ContactCenter] = r.report.Interactions
		}
	}
	return out, rows.Err()
}
