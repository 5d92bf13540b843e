// Package alert watches figures of the live view: rules of the directory and of the configuration, their evaluation every second, the
// alerts that come of it and where they are told (native API, GET /alerts; events.md, directory kind alert_rule).
//
// The truth is a topic of its own. Whoever evaluates a rule only proposes: a transition counts once it has been read back from the topic
// and found to be the first of its number. So all nodes derive the same alerts, a restart repeats none, and two evaluators at once cannot
// double any. What has been accepted is listed, pushed, written to history and posted to webhooks.
package alert

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"floorwalker/query/floor"
	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
	"floorwalker/schema/metric"
)

// Message is a record to write; a nil value is a tombstone.
type Message struct {
	Key   string
	Value []byte
}

// Position is where a message was stored.
type Position struct {
	Partition int
	Offset    int64
}

// Topic is the alerts' topic.
type Topic interface {
	// Follow calls apply with every record of the partitions (nil: of all), from the oldest on, one at a time and in the order of each
	// partition, until ctx ends or apply fails. reached is called once, when everything has been applied that was there at the beginning.
	Follow(ctx context.Context, partitions []int, reached func(), apply func(rec *schema.Record) error) error
	// Write stores the messages, each in the partition of its key. After an error some may have been stored.
	Write(ctx context.Context, messages []Message) ([]Position, error)
}

// Generation is what this node may evaluate until the rules are shared out anew.
type Generation struct {
	Partitions []int
	Total      int           // partitions of the topic
	Committed  map[int]int64 // next offset whose posts have been settled, by partition; absent where nothing was
	Commit     func(next map[int]int64) error
}

// Directories lists the contact centres that the directory names.
type Directories interface{ ContactCenters() []string }

// Config of Alerts. Zero fields take the default.
type Config struct {
	Interval time.Duration                 // between two evaluations; 1 s
	Rules    map[string][]schema.AlertRule // of the configuration, by contact centre; a rule of the directory with the same id goes first
	Forget   time.Duration                 // how long the alert of a rule that is no more stays in the topic; 7 days
	Now      func() time.Time              // time.Now
}

// Deps are what Alerts are made of.
type Deps struct {
	Topic     Topic
	Source    *floor.Source
	Directory Directories
	Catalogue *metric.Catalogue
	Webhooks  *Webhooks
	History   clickhouse.Inserter // nil keeps none
	Metrics   *metrics.Set
	Log       *slog.Logger
}

// Alerts are the alerts of all contact centres. Its methods may be called from any goroutine.
type Alerts struct {
	cfg    Config
	deps   Deps
	counts counts
	ready  chan struct{}

	mu      sync.Mutex
	book    *book
	centers map[string]*listed
	version uint64
	changed chan struct{} // closed at the next change
	faults  []string      // rules that cannot be evaluated or posted, as their owner found them
}

// listed are a contact centre's open alerts.
type listed struct {
	open    map[string]*schema.Alert // by rule
	version uint64
}

const (
	defaultInterval = time.Second
	defaultForget   = 7 * 24 * time.Hour
)

// New makes Alerts; it starts nothing.
func New(cfg Config, d Deps) (*Alerts, error) {
	if d.Topic == nil || d.Source == nil || d.Directory == nil || d.Catalogue == nil || d.Webhooks == nil || d.Metrics == nil || d.Log == nil {
		return nil, errors.New("alerts: topic, source, directory, catalogue, webhooks, metrics and log must be given")
	}
	if cfg.Interval == 0 {
		cfg.Interval = defaultInterval
	}
	if cfg.Forget == 0 {
		cfg.Forget = defaultForget
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	a := &Alerts{cfg: cfg, deps: d, ready: make(chan struct{}), book: newBook(), centers: map[string]*listed{}, changed: make(chan struct{})}
	a.counts = newCounts(d.Metrics)
	return a, nil
}

// Run keeps the lists: it reads the whole topic and goes on reading it until ctx ends.
func (a *Alerts) Run(ctx context.Context) error {
	return a.deps.Topic.Follow(ctx, nil, sync.OnceFunc(func() { close(a.ready) }), func(rec *schema.Record) error {
		a.mu.Lock()
		defer a.mu.Unlock()
		accepted, err := a.book.apply(string(rec.Key), rec.Value)
		if err != nil {
			a.counts.refusedRecords.Inc()
			a.deps.Log.Warn("alert record refused", "partition", rec.Partition, "offset", rec.Offset, "error", err)
		}
		if accepted != nil {
			a.list(accepted)
		}
		return nil
	})
}

// Ready is closed once everything has been read that the topic held when Run began.
func (a *Alerts) Ready() <-chan struct{} { return a.ready }

// list takes an accepted transition over. Under mu.
func (a *Alerts) list(t *schema.Alert) {
	c := a.centers[t.ContactCenter]
	if c == nil {
		c = &listed{open: map[string]*schema.Alert{}}
		a.centers[t.ContactCenter] = c
	}
	if t.Open() {
		c.open[t.Rule.ID] = t
	} else {
		delete(c.open, t.Rule.ID)
	}
	a.version++
	c.version = a.version
	close(a.changed)
	a.changed = make(chan struct{})
}

// Active are the open alerts of a contact centre, triggered or active, in order of id, and a number that grows whenever they change. The slice
// is the caller's; what the alerts point to must not be changed.
func (a *Alerts) Active(contactCenter string) ([]schema.Alert, uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.centers[contactCenter]
	if c == nil {
		return nil, 0
	}
	rows := make([]schema.Alert, 0, len(c.open))
	for _, t := range c.open {
		rows = append(rows, *t)
	}
	slices.SortFunc(rows, func(x, y schema.Alert) int { return strings.Compare(x.ID, y.ID) })
	return rows, c.version
}

// Last is the newest alert of a rule, open or cleared; false where the topic knows none. Who pushes tells from it why an alert is gone.
func (a *Alerts) Last(contactCenter, rule string) (schema.Alert, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.book.rules[schema.AlertKey(contactCenter, rule)]
	if e == nil {
		return schema.Alert{}, false
	}
	return e.alert, true
}

// Changed is closed when the alerts of any contact centre have changed; ask again for the next change.
func (a *Alerts) Changed() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.changed
}

// Warnings names the rules that this node should evaluate or post and cannot, sorted.
func (a *Alerts) Warnings() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.faults)
}

// counts is what /metrics shows of this package.
type counts struct {
	set                                       *metrics.Set
	refusedRecords, evaluations, unknown      *metrics.Counter
	proposals, writeErrors, rows, rowErrors   *metrics.Counter
	delivered, retried, gaveUp, blocked, full *metrics.Counter
	rules, faults                             *metrics.Gauge
}

func newCounts(set *metrics.Set) counts {
	return counts{
		set:            set,
		refusedRecords: set.NewCounter("floorwalker_alert_refused_records_total"),
		evaluations:    set.NewCounter("floorwalker_alert_evaluations_total"),
		unknown:        set.NewCounter("floorwalker_alert_unknown_figures_total"),
		proposals:      set.NewCounter("floorwalker_alert_proposals_total"),
		writeErrors:    set.NewCounter("floorwalker_alert_write_errors_total"),
		rows:           set.NewCounter("floorwalker_alert_history_rows_total"),
		rowErrors:      set.NewCounter("floorwalker_alert_history_errors_total"),
		delivered:      set.NewCounter(`floorwalker_alert_posts_total{result="delivered"}`),
		retried:        set.NewCounter("floorwalker_alert_post_retries_total"),
		gaveUp:         set.NewCounter(`floorwalker_alert_posts_total{result="given_up"}`),
		blocked:        set.NewCounter(`floorwalker_alert_posts_total{result="not_allowed"}`),
		full:           set.NewCounter(`floorwalker_alert_posts_total{result="overflow"}`),
		rules:          set.NewGauge("floorwalker_alert_rules", nil),
		faults:         set.NewGauge("floorwalker_alert_faulty_rules", nil),
	}
}

func (c *counts) transition(state schema.AlertState) {
	c.set.GetOrCreateCounter(`floorwalker_alert_transitions_total{state="` + string(state) + `"}`).Inc()
}

// contactCenters are all that may have rules or alerts.
func (a *Alerts) contactCenters(b *book) []string {
	all := map[string]bool{}
	for _, cc := range a.deps.Directory.ContactCenters() {
		all[cc] = true
	}
	for cc := range a.cfg.Rules {
		all[cc] = true
	}
	for _, e := range b.rules {
		all[e.alert.ContactCenter] = true
	}
	return slices.Sorted(maps.Keys(all))
}
