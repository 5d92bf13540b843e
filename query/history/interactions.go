package history

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"floorwalker/schema"
)

// InteractionFilter selects interactions by when they were created; a list without entries selects everything.
type InteractionFilter struct {
	ContactCenter string
	From, To      int64 // ms, of created: [From, To)
	AsOf          int64 // ms; waits that go on count up to here

	IDs                          []string
	Numbers                      []int64 // those that events named
	CallIDs, ChatIDs             []string
	Channels, Directions, States []string
	Agents, Queues, Campaigns    []string
	CustomerIDs, CustomerPhones  []string // phone or display_phone
	WaitingLongerMs              int64
	Waiting                      bool // WaitingLongerMs counts
}

// InteractionOrder is one field to sort by, see InteractionOrders. Nulls come last; ties are broken by created, then id.
type InteractionOrder struct {
	Field string
	Desc  bool
}

// InteractionKey finds an interaction again.
type InteractionKey struct {
	ID    string
	Start int64
	N     uint16
	Ended int64 // schema.Open while it goes on
}

// far stands in ClickHouse for an end that has not come.
const far = "toDateTime64('2299-12-31 00:00:00', 3, 'UTC')"

// leadMs is how long before an interaction's first event an annotation of it may lie: as long as the horizon is.
const leadMs = 60 * minuteMs

// orders are the fields that interactions can be sorted by, as expressions of which null comes last; extra says what must be joined.
var orders = map[string]struct {
	expression string
	extra      extra
}{
	"id":                 {expression: "id"},
	"number":             {expression: numberExpression},
	"channel":            {expression: "nullIf(toString(channel), '')"},
	"direction":          {expression: "nullIf(toString(direction), '')"},
	"kind":               {expression: "nullIf(toString(kind), '')"},
	"call_id":            {"nullIf(said_call_id, '')", said},
	"chat_id":            {"nullIf(said_chat_id, '')", said},
	"campaign_id":        {expression: "nullIf(toString(campaign), '')"},
	"queue_id":           {expression: "nullIf(toString(queue), '')"},
	"first_queue_id":     {expression: "nullIf(toString(first_queue), '')"},
	"call_flow":          {"nullIf(said_call_flow, '')", said},
	"priority":           {expression: "priority"},
	"state":              {expression: "nullIf(toString(state), '')"},
	"state_since":        {expression: "state_since"},
	"created":            {expression: "start"},
	"queued":             {expression: "queued"},
	"connected":          {expression: "connected"},
	"ended":              {expression: "ended"},
	"end_reason":         {expression: "nullIf(toString(end_reason), '')"},
	"end_cause":          {expression: "nullIf(toString(end_cause), '')"},
	"ended_by":           {expression: "nullIf(toString(ended_by), '')"},
	"primary_agent_id":   {expression: "nullIf(primary_agent, '')"},
	"first_agent_id":     {expression: "nullIf(first_agent, '')"},
	"waiting":            {"waits", visited},
	"wait_ms":            {"wait_ms", visited},
	"hold_since":         {"hold_since", holding},
	"recording":          {"said_recording", said},
	"recording_since":    {"recording_since", said},
	"can_record":         {"said_can_record", said},
	"screen_pop_url":     {"nullIf(said_screen_pop_url, '')", said},
	"gruu":               {"nullIf(said_gruu, '')", said},
	"disposition_id":     {"nullIf(disposition_id, '')", said},
	"sub_disposition_id": {"nullIf(sub_disposition_id, '')", said},
}

// numberExpression is the integer that interactions show: the number that was said, else the id where it is a decimal integer
// without leading zeros, else FNV-1a of it (events.md, section Envelope).
const numberExpression = `multiIf(number > 0 AND number <= 2147483647, toUInt64(number),
 match(id, '^[1-9][0-9]{0,9}$') AND toUInt64OrZero(id) <= 2147483647, toUInt64OrZero(id),
 bitAnd(arrayFold((h, i) -> bitAnd(bitXor(h, toUInt64(ascii(substring(id, i, 1)))) * toUInt64(16777619), toUInt64(4294967295)),
  range(1, toUInt32(length(id)) + 1), toUInt64(2166136261)), toUInt64(2147483647)))`

// extra is what a filter or an order needs beside the table of interactions.
type extra uint8

const (
	said    extra = 1 << iota // what annotations say
	visited                   // queue visits
	holding                   // parts on hold
)

// InteractionOrders lists the fields that interactions can be sorted by.
func InteractionOrders() []string {
	names := make([]string, 0, len(orders))
	for name := range orders {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (f *InteractionFilter) validate() error {
	switch {
	case f.From < 0 || f.From > latestMs*1000:
		return faulty("from", "must be within the years that history can hold, from 1970 on")
	case f.To <= f.From:
		return faulty("to", "must be after from")
	}
	return nil
}

func (f *InteractionFilter) extras(sort []InteractionOrder) (extra, error) {
	var e extra
	for _, o := range sort {
		order, ok := orders[o.Field]
		if !ok {
			return 0, faulty("sort", "%q is none of %s", o.Field, strings.Join(InteractionOrders(), ", "))
		}
		e |= order.extra
	}
	if len(f.CallIDs)+len(f.ChatIDs)+len(f.CustomerIDs)+len(f.CustomerPhones) > 0 {
		e |= said
	}
	if f.Waiting {
		e |= visited
	}
	return e, nil
}

// selectKeys appends everything from FROM on: the interactions that pass the filter, joined with what filter and order need. Where they
// need nothing, each column that is not named spares ClickHouse the planning of it.
func (f *InteractionFilter) selectKeys(s *statement, e extra) {
	if e == 0 {
		f.ownRows(s)
		f.plainConditions(s)
		return
	}
	s.add("\nFROM (SELECT id, start, n, ended, number, channel, direction, kind, call_id, chat_id, campaign, queue, first_queue, call_flow, priority, state, state_since,",
		" queued, connected, end_reason, end_cause, ended_by, primary_agent, first_agent, customer, screen_pop_url, gruu, can_record")
	f.ownRows(s)
	f.plainConditions(s)
	s.add("\n) AS i")
	if e&said != 0 {
		f.joinSaid(s)
	}
	if e&visited != 0 {
		f.joinVisits(s)
	}
	if e&holding != 0 {
		f.joinHolds(s)
	}
	s.add("\nWHERE true")
	f.saidConditions(s)
	if f.Waiting {
		s.add(" AND waits AND wait_ms > ", s.bind("Int64", f.WaitingLongerMs))
	}
}

// ownRows appends FROM and WHERE of the newest version of the range's interactions.
func (f *InteractionFilter) ownRows(s *statement) {
	s.add("\nFROM interactions FINAL WHERE contact_center = ", s.bind("String", f.ContactCenter), " AND NOT deleted AND start >= ", moment(s, f.From),
		" AND start < ", moment(s, f.To))
}

// plainConditions are those that the table of interactions answers, and by agent.
func (f *InteractionFilter) plainConditions(s *statement) {
	if len(f.IDs)+len(f.Numbers) > 0 {
		s.add(" AND (id IN ", s.bind("Array(String)", f.IDs), " OR number > 0 AND number IN ", s.bind("Array(Int64)", f.Numbers), ")")
	}
	for _, c := range []struct {
		column string
		values []string
	}{{"channel", f.Channels}, {"direction", f.Directions}, {"state", f.States}, {"queue", f.Queues}, {"campaign", f.Campaigns}} {
		if len(c.values) > 0 {
			s.add(" AND ", c.column, " IN ", s.bind("Array(String)", c.values))
		}
	}
	if len(f.Agents) == 0 {
		return
	}
	s.add(" AND (id, start) IN (SELECT own_id, own_start FROM (SELECT interaction, start AS at FROM interaction_parts FINAL WHERE contact_center = ",
		s.bind("String", f.ContactCenter), " AND NOT deleted AND agent IN ", s.bind("Array(String)", f.Agents))
	f.whileTheyLast(s, "start")
	s.add(") AS p")
	f.joinOwn(s, "p.interaction", "p.at")
	s.add(" WHERE p.at <= own_ended)")
}

// whileTheyLast bounds a column of facts by when the range's interactions go on.
func (f *InteractionFilter) whileTheyLast(s *statement, column string) {
	s.add(" AND ", column, " >= ", moment(s, f.From), " AND ", column, " <= (SELECT max(ifNull(ended, ", far, "))")
	f.ownRows(s)
	s.add(")")
}

// joinOwn finds the interaction that something of an id and a moment belongs to: ids may be used again, so it is the one that
// began last before it.
func (f *InteractionFilter) joinOwn(s *statement, id, at string) {
	s.add("\nASOF JOIN (SELECT id AS own_id, start AS own_start, ifNull(ended, ", far, ") AS own_ended")
	f.ownRows(s)
	s.add(") AS own ON ", id, " = own.own_id AND ", at, " >= own.own_start")
}

// joinSaid lays over the interactions what annotations say of them.
func (f *InteractionFilter) joinSaid(s *statement) {
	newest := func(name, value, has string) string {
		return "argMaxIf(" + value + ", place, " + has + ") AS new_" + name + ", countIf(" + has + ") > 0 AS has_" + name
	}
	text := func(name, typ string, path ...string) string {
		at := "data, '" + strings.Join(path, "', '") + "'"
		return newest(name, "JSONExtractString("+at+")", "type = 'cc.interaction."+typ+"' AND JSONType("+at+") IN ('String', 'Int64', 'UInt64')") // ids may be integers
	}
	member := func(name string, path ...string) string { // of the customer, where null replaces too
		at := "data, '" + strings.Join(path, "', '") + "'"
		return newest(name, "JSONExtractString("+at+")", "type = 'cc.interaction.updated' AND JSONHas("+at+")")
	}
	recording := "type = 'cc.interaction.recording'"
	record := "type = 'cc.interaction.updated' AND JSONType(data, 'can_record') = 'Bool'"
	s.add("\nLEFT JOIN (SELECT own_id, own_start, ", strings.Join([]string{
		text("call_id", "updated", "call_id"), text("chat_id", "updated", "chat_id"), text("call_flow", "updated", "call_flow_id"),
		text("screen_pop_url", "updated", "screen_pop_url"), text("gruu", "updated", "gruu"),
		member("customer_id", "customer", "id"), member("customer_phone", "customer", "phone"), member("display_phone", "customer", "display_phone"),
		newest("can_record", "JSONExtractBool(data, 'can_record')", record),
	}, ", "))
	// A disposition without a sub-disposition takes the earlier one away.
	s.add(", argMaxIf(JSONExtractString(data, 'disposition_id'), place, type = 'cc.interaction.disposition') AS disposition_id",
		", argMaxIf(JSONExtractString(data, 'sub_disposition_id'), place, type = 'cc.interaction.disposition') AS sub_disposition_id",
		", arraySort(x -> x.1, groupArrayIf((place, JSONExtractBool(data, 'active'), time), ", recording, ")) AS recordings")
	s.add("\nFROM (SELECT interaction, type, time, data, (time, isNull(sequence), ifNull(sequence, 0), version) AS place FROM annotations FINAL WHERE contact_center = ",
		s.bind("String", f.ContactCenter), " AND interaction IN (SELECT id")
	f.ownRows(s)
	s.add(") AND type IN ('cc.interaction.updated', 'cc.interaction.recording', 'cc.interaction.disposition')) AS a")
	s.add("\nASOF JOIN (SELECT id AS own_id, start AS own_start, start - toIntervalMillisecond(", s.bind("Int64", leadMs), ") AS own_since",
		"\nFROM interactions FINAL WHERE contact_center = ", s.bind("String", f.ContactCenter), " AND NOT deleted AND start >= ", moment(s, f.From),
		" AND id IN (SELECT id")
	f.ownRows(s)
	s.add(")) AS own ON a.interaction = own.own_id AND a.time >= own.own_since")
	s.add("\nGROUP BY own_id, own_start) AS said ON i.id = said.own_id AND i.start = said.own_start")
}

// saidExpressions name what joinSaid found, over what the interaction's own row holds.
const saidExpressions = `if(has_call_id, new_call_id, call_id) AS said_call_id, if(has_chat_id, new_chat_id, chat_id) AS said_chat_id,
 if(has_call_flow, new_call_flow, toString(call_flow)) AS said_call_flow, if(has_screen_pop_url, new_screen_pop_url, screen_pop_url) AS said_screen_pop_url,
 if(has_gruu, new_gruu, gruu) AS said_gruu, if(has_can_record, new_can_record, can_record) AS said_can_record,
 if(has_customer_id, new_customer_id, JSONExtractString(customer, 'id')) AS said_customer_id,
 if(has_customer_phone, new_customer_phone, JSONExtractString(customer, 'phone')) AS said_customer_phone,
 if(has_display_phone, new_display_phone, JSONExtractString(customer, 'display_phone')) AS said_display_phone,
 notEmpty(recordings) AND recordings[-1].2 AS said_recording,
 if(said_recording, arrayFilter((r, was) -> r.2 AND NOT was.2, recordings, arrayPopBack(arrayPushFront(recordings, (recordings[1].1, false, recordings[1].3))))[-1].3, NULL) AS recording_since`

func (f *InteractionFilter) saidConditions(s *statement) {
	for _, c := range []struct {
		columns []string
		values  []string
	}{{[]string{"said_call_id"}, f.CallIDs}, {[]string{"said_chat_id"}, f.ChatIDs}, {[]string{"said_customer_id"}, f.CustomerIDs},
		{[]string{"said_customer_phone", "said_display_phone"}, f.CustomerPhones}} {
		if len(c.values) == 0 {
			continue
		}
		values := s.bind("Array(String)", c.values)
		for i, column := range c.columns {
			c.columns[i] = column + " IN " + values
		}
		s.add(" AND (", strings.Join(c.columns, " OR "), ")")
	}
}

// joinVisits adds whether the interaction waits, and its wait as the list shows it: of the visit that goes on, else of the newest.
func (f *InteractionFilter) joinVisits(s *statement) {
	s.add("\nLEFT JOIN (SELECT own_id, own_start, countIf(v.end IS NULL) > 0 AS waits,",
		" argMax(greatest(0, if(v.end IS NULL, ", s.bind("Int64", f.AsOf), ", toUnixTimestamp64Milli(assumeNotNull(v.end))) - toUnixTimestamp64Milli(v.at)), (v.end IS NULL, v.at, v.n)) AS waited",
		"\nFROM (SELECT interaction, start AS at, n, end FROM queue_visits FINAL WHERE contact_center = ", s.bind("String", f.ContactCenter), " AND NOT deleted")
	f.whileTheyLast(s, "start")
	s.add(") AS v")
	f.joinOwn(s, "v.interaction", "v.at")
	s.add("\nWHERE v.at <= own_ended GROUP BY own_id, own_start) AS visits ON i.id = visits.own_id AND i.start = visits.own_start")
}

// visitExpressions: where there was no visit, the join leaves an empty id.
const visitExpressions = "if(visits.own_id = '', NULL, waited) AS wait_ms"

// joinHolds adds since when the primary agent, else the first that does, holds.
func (f *InteractionFilter) joinHolds(s *statement) {
	s.add("\nLEFT JOIN (SELECT own_id, own_start, argMin(since, (NOT primary, p.at, p.n)) AS held",
		"\nFROM (SELECT interaction, start AS at, n, primary, segments_since[-1] AS since FROM interaction_parts FINAL WHERE contact_center = ",
		s.bind("String", f.ContactCenter), " AND NOT deleted AND ended IS NULL AND notEmpty(segments_state) AND segments_state[-1] = 'held' AND segments_until[-1] >= toDateTime64('2299-01-01 00:00:00', 3, 'UTC')")
	f.whileTheyLast(s, "start")
	s.add(") AS p")
	f.joinOwn(s, "p.interaction", "p.at")
	s.add("\nWHERE p.at <= own_ended GROUP BY own_id, own_start) AS holds ON i.id = holds.own_id AND i.start = holds.own_start")
}

const holdExpressions = "if(holds.own_id = '', NULL, held) AS hold_since"

// keyStatement selects keys in order, each as one text: reading a list value by value through the driver takes several times as long.
// limit 0 means all.
func (f *InteractionFilter) keyStatement(sort []InteractionOrder, offset, limit int) (*statement, error) {
	if err := f.validate(); err != nil {
		return nil, err
	}
	e, err := f.extras(sort)
	if err != nil {
		return nil, err
	}
	s := &statement{}
	s.add(expressions(e), "SELECT formatRowNoNewline('RowBinary', id, toUnixTimestamp64Milli(start), n, ifNull(toUnixTimestamp64Milli(ended), ", s.bind("Int64", schema.Open), ")) AS text")
	f.selectKeys(s, e)
	s.add("\nORDER BY ")
	for _, o := range sort {
		s.add(orders[o.Field].expression)
		if o.Desc {
			s.add(" DESC")
		}
		s.add(" NULLS LAST, ")
	}
	s.add("start, id, n")
	if limit > 0 {
		s.add(" LIMIT ", s.bind("UInt64", limit), " OFFSET ", s.bind("UInt64", offset))
	}
	return s, nil
}

// expressions names what is worked out of the joined columns.
func expressions(e extra) string {
	var with []string
	if e&said != 0 {
		with = append(with, saidExpressions)
	}
	if e&visited != 0 {
		with = append(with, visitExpressions)
	}
	if e&holding != 0 {
		with = append(with, holdExpressions)
	}
	if len(with) == 0 {
		return ""
	}
	return "WITH " + strings.Join(with, ", ") + "\n"
}

// joinSettings let a sort go to disk: an export must not need the memory that its rows take.
const joinSettings = ", allow_simdjson = 0, max_bytes_before_external_sort = 268435456, join_use_nulls = 0"

// pageSettings have ClickHouse count what the limit cuts off. All of the range goes through FINAL for that, which is quicker where it need
// not keep the order: then it merges only what overlaps.
const pageSettings = ", exact_rows_before_limit = 1, optimize_read_in_order = 0"

// InteractionPage returns the keys of a page, at most limit, and how many interactions pass the filter in all.
func (r *Reader) InteractionPage(ctx context.Context, f InteractionFilter, sort []InteractionOrder, offset, limit int) (keys []InteractionKey, total int, err error) {
	if limit <= 0 {
		return nil, 0, fmt.Errorf("interactions of %q: a page of %d", f.ContactCenter, limit)
	}
	ctx = ch.Context(ctx, ch.WithProfileInfo(func(info *ch.ProfileInfo) { total = int(info.RowsBeforeLimit) }))
	keys, err = r.keys(ctx, f, sort, offset, limit, pageSettings)
	return keys, total, err
}

// InteractionKeys returns the keys of a page, at most limit; 0 means all.
func (r *Reader) InteractionKeys(ctx context.Context, f InteractionFilter, sort []InteractionOrder, offset, limit int) ([]InteractionKey, error) {
	return r.keys(ctx, f, sort, offset, limit, "")
}

// keys reads them in one piece, the state of groupArray: tens of thousands of rows, each of them a string of its own, take several times as
// long. The ids of the keys are parts of that piece.
func (r *Reader) keys(ctx context.Context, f InteractionFilter, sort []InteractionOrder, offset, limit int, more string) (out []InteractionKey, err error) {
	inner, err := f.keyStatement(sort, offset, limit)
	if err != nil {
		return nil, err
	}
	s := &statement{args: inner.args, n: inner.n}
	s.add("SELECT CAST(groupArrayState(text), 'String') FROM (\n", inner.String(), "\n)", settingsOf(f.From, f.To), joinSettings, more)
	var state string
	err = r.each(ctx, s, []any{&state}, func() (err error) {
		out, err = keysOf(state)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("interactions of %q: %w", f.ContactCenter, err)
	}
	return out, nil
}

func keysOf(state string) ([]InteractionKey, error) {
	n, rest, ok := length(state)
	if !ok || n > uint64(len(rest)) {
		return nil, errRow
	}
	out := make([]InteractionKey, n)
	for i := range out {
		size, text, ok := length(rest)
		if !ok || size > uint64(len(text)) {
			return nil, errRow
		}
		if out[i], ok = keyOf(text[:size]); !ok {
			return nil, errRow
		}
		rest = text[size:]
	}
	return out, nil
}

// keyOf takes the text of a key apart.
func keyOf(text string) (key InteractionKey, ok bool) {
	n, b, ok := length(text)
	if !ok || n > uint64(len(b)) || uint64(len(b))-n != 8+2+8 {
		return key, false
	}
	b, numbers := b[:n], b[n:]
	return InteractionKey{ID: b, Start: int64(little(numbers[:8])), N: uint16(little(numbers[8:10])), Ended: int64(little(numbers[10:]))}, true
}

// KeyStream gives keys, one after the other.
type KeyStream interface {
	// Next returns io.EOF after the last key.
	Next() (InteractionKey, error)
	// Close ends the reading.
	Close() error
}

// StreamInteractionKeys begins to read all keys that pass the filter. The caller closes the stream.
func (r *Reader) StreamInteractionKeys(ctx context.Context, f InteractionFilter, sort []InteractionOrder) (KeyStream, error) {
	s, err := f.keyStatement(sort, 0, 0)
	if err != nil {
		return nil, err
	}
	s.add(settingsOf(f.From, f.To), joinSettings)
	rows, err := r.conn.Query(ctx, s.String(), s.args...)
	if err != nil {
		return nil, fmt.Errorf("interactions of %q: %w", f.ContactCenter, err)
	}
	k := &keyRows{rows: rows, of: f.ContactCenter}
	k.dest = []any{&k.text}
	return k, nil
}

type keyRows struct {
	rows driver.Rows
	of   string
	text string
	dest []any
}

func (k *keyRows) Next() (InteractionKey, error) {
	if !k.rows.Next() {
		if err := k.rows.Err(); err != nil {
			return InteractionKey{}, fmt.Errorf("interactions of %q: %w", k.of, err)
		}
		return InteractionKey{}, io.EOF
	}
	if err := k.rows.Scan(k.dest...); err != nil {
		return InteractionKey{}, err
	}
	key, ok := keyOf(k.text)
	if !ok {
		return key, errRow
	}
	return key, nil
}

func (k *keyRows) Close() error { return k.rows.Close() }
