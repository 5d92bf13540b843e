// Package history answers the metrics query over a past range from ClickHouse alone (native API, section Metrics; design,
// section History): counts and durations from windows, status times from status intervals, concurrency from the segments of
// parts. One figure is never half of one and half of another.
package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"floorwalker/schema"
	"floorwalker/schema/metric"
)

// Conn is what a Reader needs of a ClickHouse connection pool.
type Conn interface {
	// Query sends values beside the text, as server-side parameters.
	Query(ctx context.Context, query string, args ...any) (driver.Rows, error)
}

// Config of a Reader. Zero fields take the default.
type Config struct {
	MaxIntervals int // intervals that one query may ask for; 50 000
	MaxRows      int // rows that one answer may hold; 500 000
}

const (
	defaultMaxIntervals = 50_000
	defaultMaxRows      = 500_000
)

// Reader answers queries. It may be used from any goroutine.
type Reader struct {
	conn      Conn
	catalogue *metric.Catalogue
	cfg       Config
	logs      knownLogs
	packed    int64 // ms: the longest range of which histograms are handed over window by window
}

const packedAtMost = 100 * dayMs

// New makes a Reader.
func New(conn Conn, catalogue *metric.Catalogue, cfg Config) *Reader {
	cfg.MaxIntervals = cmp.Or(cfg.MaxIntervals, defaultMaxIntervals)
	cfg.MaxRows = cmp.Or(cfg.MaxRows, defaultMaxRows)
	return &Reader{conn: conn, catalogue: catalogue, cfg: cfg, packed: packedAtMost}
}

// Membership is who belongs to the teams, groups or business units of one dimension today, as the caller has resolved it from
// the directory.
type Membership struct {
	OfQueues bool                // Members are queues' ids; else agents'
	Members  map[string][]string // by the unit's id; a member may be in several units
}

// Query is one historical metrics query.
type Query struct {
	ContactCenter string
	From, To      int64 // ms, whole minutes: [From, To)
	Interval      Interval
	Location      *time.Location // where intervals begin at round local times; nil = UTC

	GroupBy []metric.Dimension
	// Filters: any of the ids, in all of the dimensions. A dimension without ids filters nothing.
	Filters map[metric.Dimension][]string
	// Units has the members of every unit dimension in GroupBy and Filters.
	Units map[metric.Dimension]Membership

	Metrics    []string // keys of the catalogue; none = all that fit
	AsOf       int64    // ms; 0 = the answer's own. A later one than that counts as that
	Thresholds metric.Thresholds
	Formula    metric.Formula

	// Fill adds rows for intervals in which nothing was counted, of every group that was met and of those listed in Filters
	// and Known.
	Fill  bool
	Known map[metric.Dimension][]string
}

// Row is one group in one interval.
type Row struct {
	Group    []string // ids in the order of GroupBy; empty where there was no queue or campaign
	From, To int64    // the interval, cut to the query's range

	totals  [metric.FamilyAgent + 1]*metric.Totals // nil where nothing was counted: an answer may have many rows
	options metric.Options
}

// Totals returns what was counted in a family.
func (r *Row) Totals(f metric.Family) *metric.Totals {
	if t := r.totals[f]; t != nil {
		return t
	}
	return &metric.Totals{Family: f}
}

// Value is a field's value as the native API shows it.
func (r *Row) Value(f metric.Field) any { return f.Value(r.Totals(f.Family), r.options) }

// Number is what to sort a field by, false for null.
func (r *Row) Number(f metric.Field) (float64, bool) {
	return f.Number(r.Totals(f.Family), r.options)
}

// Result is the whole answer, ordered by group, then by interval.
type Result struct {
	Fields []metric.Field // one per value, inputs of ratios included
	Rows   []Row
	// AsOf is the moment up to which what is open was counted, CompleteUntil the event time up to which nothing can change any
	// more except by backfill; both schema.NoTime where nothing of the contact centre was ever flushed.
	AsOf, CompleteUntil int64
}

// QueryError says which parameter of a query is at fault.
type QueryError struct{ Parameter, Detail string }

func (e *QueryError) Error() string { return e.Parameter + ": " + e.Detail }

func faulty(parameter, format string, args ...any) error {
	return &QueryError{parameter, fmt.Sprintf(format, args...)}
}

// plan is a query made ready: everything that is computed before ClickHouse is asked.
type plan struct {
	Query
	edges    []int64 // ms, ascending: interval i is [edges[i], edges[i+1])
	fields   []metric.Field
	columns  []metric.Dimension // dimensions that rows are read by: agent, queue, campaign, channel, direction
	allowed  []condition
	groups   grouping
	fallback metric.Threshold
	packed   int64
}

// Metrics answers a query. Errors are *QueryError and *metric.KeyError for what the caller got wrong, else ClickHouse's.
func (r *Reader) Metrics(ctx context.Context, q Query) (Result, error) {
	p, err := r.plan(q)
	if err != nil {
		return Result{}, err
	}
	// The position is read first: rows read after it hold at least what it says, so nothing that is open counts beyond what
	// the rows know.
	at, err := r.Progress(ctx, q.ContactCenter)
	if err != nil {
		return Result{}, err
	}
	if p.AsOf == 0 || p.AsOf > at.AsOf {
		p.AsOf = at.AsOf
	}
	t := newTable(p, r.cfg.MaxRows)
	if err = r.read(ctx, p, t); tooManyBins(err) && !p.summed() {
		p.packed = 0 // ClickHouse adds the histograms up
		t = newTable(p, r.cfg.MaxRows)
		err = r.read(ctx, p, t)
	}
	if err != nil {
		return Result{}, err
	}
	rows, err := t.list()
	if err != nil {
		return Result{}, err
	}
	return Result{Fields: p.fields, Rows: rows, AsOf: p.AsOf, CompleteUntil: at.CompleteUntil}, nil
}

// tooManyBins reports that ClickHouse would have had to hand over more bins of one row than a state of groupArray may hold, 2²⁴ - 1.
func tooManyBins(err error) bool {
	const tooLargeArraySize = 128
	var exception *ch.Exception
	return errors.As(err, &exception) && exception.Code == tooLargeArraySize
}

func (r *Reader) read(ctx context.Context, p *plan, t *table) error {
	for _, family := range []metric.Family{metric.FamilyQueue, metric.FamilyAgent} {
		needs := metric.NeedsOf(p.fields, family)
		if needs.Windows() {
			if err := r.readWindows(ctx, p, family, needs, t); err != nil {
				return fmt.Errorf("windows of %ss of %q: %w", family, p.ContactCenter, err)
			}
		}
		if needs.Intervals {
			if err := r.readStatusTime(ctx, p, t); err != nil {
				return fmt.Errorf("status intervals of %q: %w", p.ContactCenter, err)
			}
		}
		if needs.Parts {
			if err := r.readConcurrency(ctx, p, t); err != nil {
				return fmt.Errorf("parts of %q: %w", p.ContactCenter, err)
			}
		}
	}
	return nil
}

func (r *Reader) plan(q Query) (*plan, error) {
	if q.Location == nil {
		q.Location = time.UTC
	}
	if err := q.validate(); err != nil {
		return nil, err
	}
	edges, err := Edges(q.From, q.To, q.Interval, q.Location, r.cfg.MaxIntervals)
	if err != nil {
		return nil, err
	}
	fields, err := r.catalogue.Resolve(q.Metrics, q.grouping(), false)
	if err != nil {
		return nil, err
	}
	p := &plan{Query: q, edges: edges, fields: fields, fallback: q.Thresholds.Fallback(), packed: r.packed}
	p.columns = q.columns()
	p.allowed = q.conditions()
	p.groups = newGrouping(q, p.columns)
	return p, nil
}

// Whole minutes only, because windows are; the upper bound is what ClickHouse's DateTime can hold.
const (
	minuteMs = int64(time.Minute / time.Millisecond)
	dayMs    = 24 * 60 * minuteMs
	latestMs = int64(1<<32-1) * 1000
)

// written is a moment as callers write it.
func written(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.999Z07:00")
}

func (q *Query) validate() error {
	switch {
	case q.ContactCenter == "":
		return errors.New("a query without a contact centre")
	case q.From%minuteMs != 0 || q.From < 0:
		return faulty("from", "%s is not a whole minute from 1970 on", written(q.From))
	case q.To%minuteMs != 0 || q.To > latestMs:
		return faulty("to", "%s is not a whole minute before 2106", written(q.To))
	case q.To <= q.From:
		return faulty("to", "must be after from")
	case q.Thresholds.Pinned < 0 || q.Thresholds.Pinned > schema.MaxThresholdSeconds:
		return faulty("service_level_seconds", "%d is not within 1 to %d", q.Thresholds.Pinned, schema.MaxThresholdSeconds)
	}
	for i, d := range q.GroupBy {
		if slices.Contains(q.GroupBy[:i], d) {
			return faulty("group_by", "names %s twice", d)
		}
		if _, ok := q.Units[d]; d.Unit() && !ok {
			return fmt.Errorf("group_by %s without its members", d)
		}
	}
	for d, ids := range q.Filters {
		if _, ok := q.Units[d]; d.Unit() && len(ids) > 0 && !ok {
			return fmt.Errorf("filter %s without its members", d)
		}
	}
	return nil
}

// grouping is the query as the catalogue sees it.
func (q *Query) grouping() metric.Grouping {
	g := metric.Grouping{By: metric.Set(q.GroupBy...)}
	for d, ids := range q.Filters {
		if len(ids) > 0 {
			g.Filters |= metric.Set(d)
		}
	}
	for d, m := range q.Units {
		if m.OfQueues {
			g.OfQueues |= metric.Set(d)
		}
	}
	return g
}

// column is the column that a dimension is read by: a unit's is that of its members.
func (q *Query) column(d metric.Dimension) metric.Dimension {
	if !d.Unit() {
		return d
	}
	if q.Units[d].OfQueues {
		return metric.DimQueue
	}
	return metric.DimAgent
}

func (q *Query) columns() []metric.Dimension {
	var out []metric.Dimension
	for _, d := range q.GroupBy {
		if c := q.column(d); !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

// condition is a filter on one column.
type condition struct {
	column metric.Dimension
	ids    []string
}

func (q *Query) conditions() []condition {
	var out []condition
	for d := metric.DimAgent; d <= metric.DimBusinessUnit; d++ {
		ids := q.Filters[d]
		if len(ids) == 0 {
			continue
		}
		if d.Unit() {
			ids = q.Units[d].membersOf(ids)
		}
		out = append(out, condition{q.column(d), ids})
	}
	return out
}

// membersOf lists who is in any of the units, each once.
func (m Membership) membersOf(units []string) []string {
	out := []string{}
	for _, u := range units {
		out = append(out, m.Members[u]...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
