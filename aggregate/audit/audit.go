// Package audit judges whether what history holds agrees with itself and with the raw events: the identities of issue and
// specification that must hold at every moment, whatever faults lie between.
//
// One partition's way: which state its log begins with (package refold) → every offset is there once (offsets.go) → its raw events
// folded again into a scratch database, with the backfills that were recorded (fold.go) → and for each contact centre: rows against
// rows (facts.go), the tiling of agents' time (tiling.go), the range rule of visits (visits.go), windows against facts (windows.go).
package audit

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"floorwalker/aggregate/engine"
	"floorwalker/aggregate/history"
	"floorwalker/aggregate/refold"
	"floorwalker/schema"
)

// Config of an audit.
type Config struct {
	Conn           history.Conn
	Store          *history.Store
	Database       string        // of Conn
	Open           refold.Opener // connects to another database of the same server
	Topic          string
	Engine         engine.Config
	RawDays        int    // how long raw events are kept, by event time; 0 for ever
	RowDays        int    // the shorter of how long facts and windows are
	ContactCenter  string // empty: all
	From, Until    int64  // ms of event time; 0: from the beginning, up to complete_until
	MaxDifferences int    // listed one by one, the others are counted; default 100
	Now            func() time.Time
	Progress       func(phase string, done, total int64)
}

// Kinds of checks.
const (
	CheckOffsets = "offsets" // raw events, dead letters and known gaps cover every offset once
	CheckFacts   = "facts"   // every fact and window equals its refold
	CheckTiling  = "tiling"  // an agent's status intervals tile its logged-in time
	CheckVisits  = "visits"  // the range rule of queue visits
	CheckWindows = "windows" // every window equals what the facts say
)

// Difference is one thing that is not as it must be.
type Difference struct {
	Check         string `json:"check"`
	ContactCenter string `json:"contact_center,omitempty"`
	Partition     *int   `json:"partition,omitempty"`
	Table         string `json:"table,omitempty"`
	Entity        string `json:"entity"` // what it is about
	What          string `json:"what"`   // what is wrong
	Explained     string `json:"explained,omitempty"`
}

// Repair is a backfill that makes differences go away.
type Repair struct {
	ContactCenter string `json:"contact_center"`
	From          int64  `json:"from"` // ms
	Late          int64  `json:"late_events"`
	First         int64  `json:"first_late"` // event times, ms
	Last          int64  `json:"last_late"`
}

// Judged is one contact centre and the range of event time that was judged, in ms.
type Judged struct {
	ContactCenter string `json:"contact_center"`
	From          int64  `json:"from"` // 0: from the first event on
	Until         int64  `json:"until"`
}

// Partition is how far one partition was judged.
type Partition struct {
	Partition int    `json:"partition"`
	Epoch     uint16 `json:"epoch"`
	From      int64  `json:"from_offset"`
	Until     int64  `json:"until_offset"`
	Events    int64  `json:"events"`
	Note      string `json:"note,omitempty"`
}

// Report is an audit's answer.
type Report struct {
	Partitions     []Partition      `json:"partitions"`
	ContactCenters []Judged         `json:"contact_centers"`
	Checked        map[string]int64 `json:"checked"` // how many things each check looked at
	Since          int64            `json:"written_since"`
	Differences    []Difference     `json:"differences"`
	Total          int64            `json:"differences_total"`
	Explained      []Difference     `json:"explained"`
	ExplainedTotal int64            `json:"explained_total"`
	Repairs        []Repair         `json:"repairs"`
	TookMs         int64            `json:"took_ms"`
}

// Clean reports whether nothing differs but what late events explain.
func (r *Report) Clean() bool { return r.Total == 0 }

// auditor is one audit under way.
type auditor struct {
	Config
	report *Report
	kept   int64 // event time from which on ClickHouse has dropped nothing yet; 0 where nothing expires
}

// Run judges. It reads what is stored and writes nothing but into scratch databases, which it drops.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.MaxDifferences <= 0 {
		cfg.MaxDifferences = 100
	}
	if cfg.Progress == nil {
		cfg.Progress = func(string, int64, int64) {}
	}
	began := cfg.Now()
	a := &auditor{Config: cfg, report: &Report{Checked: map[string]int64{}, Differences: []Difference{}, Explained: []Difference{}, Repairs: []Repair{}}}
	for _, days := range []int{cfg.RawDays, cfg.RowDays} {
		if days > 0 {
			a.kept = max(a.kept, began.UnixMilli()-int64(days-1)*dayMs)
		}
	}
	logs, err := refold.Logs(ctx, cfg.Conn, cfg.Store, cfg.Topic, cfg.RawDays, cfg.Now())
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, log := range logs {
		if err := a.partition(ctx, log, known); err != nil {
			return nil, fmt.Errorf("audit of partition %d: %w", log.Partition, err)
		}
	}
	if err := a.strangers(ctx, known); err != nil {
		return nil, err
	}
	if cfg.ContactCenter != "" && !known[cfg.ContactCenter] {
		return nil, fmt.Errorf("audit: no event of contact centre %q is stored", cfg.ContactCenter)
	}
	a.report.TookMs = cfg.Now().Sub(began).Milliseconds()
	return a.report, nil
}

func (a *auditor) partition(ctx context.Context, log refold.Log, known map[string]bool) (err error) {
	p := Partition{Partition: log.Partition, Epoch: log.Epoch, Until: log.Flushed}
	defer func() { a.report.Partitions = append(a.report.Partitions, p) }()
	begin, err := a.beginning(ctx, &log)
	if errors.Is(err, refold.ErrNoBeginning) {
		p.Note = err.Error() + ": not judged"
		return nil
	}
	if err != nil {
		return err
	}
	p.From = begin.Offset
	scratch, err := refold.NewScratch(ctx, a.Open, a.Conn, a.Database, a.Now())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, scratch.Close()) }()
	f, err := a.fold(ctx, log, begin, scratch)
	if err != nil {
		return err
	}
	p.Events = f.applied
	complete, err := refold.CompleteUntil(ctx, a.Conn, a.Engine, log, begin, a.ContactCenter, log.Flushed)
	if err != nil {
		return err
	}
	for _, cc := range sorted(complete) {
		known[cc] = true
		c := &center{auditor: a, id: cc, fold: f, begin: begin, scratch: scratch, born: begin.From(cc), until: complete[cc]}
		c.from = max(a.From, c.born, a.kept)
		if a.Until > 0 {
			c.until = min(c.until, a.Until)
		}
		if err := c.judge(ctx); err != nil {
			return fmt.Errorf("contact centre %s: %w", cc, err)
		}
	}
	return nil
}

// beginning is the state to fold from, once the offsets were found to be there from it on. Where raw events after it have expired,
// it is a later one.
func (a *auditor) beginning(ctx context.Context, log *refold.Log) (refold.Begin, error) {
	begin, err := refold.Beginning(ctx, a.Conn, a.Store, a.Engine, *log, a.ContactCenter, a.From)
	if err != nil {
		return begin, err
	}
	expired, err := a.offsets(ctx, *log, begin)
	if err != nil || expired <= begin.Offset {
		return begin, err
	}
	*log = log.After(expired)
	return refold.Beginning(ctx, a.Conn, a.Store, a.Engine, *log, a.ContactCenter, a.From)
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// center is one contact centre that is judged.
type center struct {
	*auditor
	id          string
	fold        *folded
	begin       refold.Begin
	scratch     *refold.Scratch
	born        int64 // from when on everything comes out of the fold
	from, until int64 // what is judged, in ms
}

func (c *center) judge(ctx context.Context) error {
	a := c.auditor
	a.repairs(c)
	if c.from >= c.until {
		return nil
	}
	a.report.ContactCenters = append(a.report.ContactCenters, Judged{c.id, c.from, c.until})
	for _, check := range []struct {
		name string
		run  func(context.Context) error
	}{{CheckFacts, c.facts}, {CheckTiling, c.tiling}, {CheckVisits, c.visits}, {CheckWindows, c.windows}} {
		a.Progress(check.name+" of contact centre "+c.id, 0, -1)
		if err := check.run(ctx); err != nil {
			return fmt.Errorf("check of %s: %w", check.name, err)
		}
	}
	return nil
}

// differs notes a difference; what explains it is empty where nothing does.
func (a *auditor) differs(d Difference) {
	list, total := &a.report.Differences, &a.report.Total
	if d.Explained != "" {
		list, total = &a.report.Explained, &a.report.ExplainedTotal
	}
	*total++
	if len(*list) < a.MaxDifferences {
		*list = append(*list, d)
	}
}

// full reports whether another difference would only be counted.
func (a *auditor) full() bool { return len(a.report.Differences) >= a.MaxDifferences }

func (c *center) differs(check, table, entity, what, explained string) {
	c.auditor.differs(Difference{Check: check, ContactCenter: c.id, Table: table, Entity: entity, What: what, Explained: explained})
}

// strangers finds facts and windows of contact centres that no raw event names.
func (a *auditor) strangers(ctx context.Context, known map[string]bool) error {
	if a.ContactCenter != "" || a.From > 0 || a.kept > 0 || slices.ContainsFunc(a.report.Partitions, func(p Partition) bool { return p.Note != "" || p.From > 0 }) {
		return nil // they may be of raw events that expired
	}
	for _, t := range refold.Tables() {
		rows, err := a.Conn.Query(ctx, "SELECT DISTINCT contact_center FROM "+t.Name+" WHERE NOT has({known:Array(String)}, contact_center)",
			ch.Named("known", sorted(known)))
		if err != nil {
			return err
		}
		for rows.Next() {
			var cc string
			if err := rows.Scan(&cc); err != nil {
				return errors.Join(err, rows.Close())
			}
			a.differs(Difference{Check: CheckFacts, ContactCenter: cc, Table: t.Name, Entity: "contact centre " + cc, What: "no raw event names it"})
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
	}
	return nil
}

// moment is a time for people.
func moment(ms int64) string {
	if ms == math.MaxInt64 || ms == schema.Open {
		return "open"
	}
	return schema.FormatTime(ms)
}

const (
	minuteMs  = 60_000
	quarterMs = 15 * minuteMs
	hourMs    = 60 * minuteMs
	dayMs     = 24 * hourMs
)

func up(t, unit int64) int64   { return (t + unit - 1) / unit * unit }
func down(t, unit int64) int64 { return t / unit * unit }
