// Package refold computes again what history should hold: it runs the engine over the raw events that ClickHouse has, writes what
// comes out into a scratch database beside the real one, in the columns that the worker writes, and tells where the two differ. So neither
// side ever has to lie in memory: both are read in the order of their keys.
package refold

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"floorwalker/aggregate/engine"
	"floorwalker/aggregate/history"
	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
)

// drainEvery is after how many events rows are written: what may be pending in memory.
const drainEvery = 50_000

// Engine is a fold of one partition into a scratch database. It is not safe for concurrent use.
type Engine struct {
	Source  history.Conn // where raw events are
	Log     Log
	Only    string // a contact centre, empty for all
	Applied int64  // events that were folded in
	// Late hears of every event that came beyond the horizon. The event is valid until it returns.
	Late func(ev *schema.Event, offset int64)
	// Progress hears of how many events were folded in, now and then.
	Progress func(applied int64)

	eng      *engine.Engine
	out      *writers
	dec      schema.Decoder
	rows     engine.Rows
	pending  int
	sequence int64 // of drains, where offsets do not ascend
}

// NewEngine begins with an empty state, or with a checkpoint's.
func NewEngine(cfg engine.Config, source history.Conn, log Log, begin Begin, scratch *Scratch) (*Engine, error) {
	e := &Engine{Source: source, Log: log, eng: engine.New(cfg), out: newWriters(scratch.Conn)}
	if begin.Snapshot != nil {
		var err error
		if e.eng, err = engine.Restore(cfg, begin.Snapshot); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// ByOffset folds the raw events of [from, until) in the order in which the worker did. The rows are stored when it returns, with
// the versions of their offsets.
func (e *Engine) ByOffset(ctx context.Context, from, until int64) error {
	err := eachByOffset(ctx, e.Source, e.Log, e.Only, from, until, func(raw *schema.RawEvent) error {
		if err := e.apply(raw); err != nil {
			return err
		}
		if e.pending < drainEvery {
			return nil
		}
		return e.drain(ctx, raw.Offset+1)
	})
	if err != nil {
		return err
	}
	return e.drain(ctx, until)
}

// ByTime folds the raw events of [from, until) in the order of their event times, each contact centre for itself. So none comes
// late but what is older than the state that the fold began with.
func (e *Engine) ByTime(ctx context.Context, from, until int64) error {
	err := eachByTime(ctx, e.Source, e.Log, e.Only, from, until, func(raw *schema.RawEvent) error {
		if err := e.apply(raw); err != nil {
			return err
		}
		if e.pending < drainEvery {
			return nil
		}
		e.sequence++
		return e.drain(ctx, e.sequence)
	})
	if err != nil {
		return err
	}
	e.sequence++
	return e.drain(ctx, e.sequence)
}

func (e *Engine) apply(raw *schema.RawEvent) error {
	rec := schema.RecordOf(e.Log.Topic, raw)
	var ev schema.Event
	if err := e.dec.Decode(&rec, &ev); err != nil {
		return fmt.Errorf("stored raw event at offset %d of %s/%d: %w", raw.Offset, e.Log.Topic, e.Log.Partition, err)
	}
	if e.eng.Apply(&ev, raw.Offset) == engine.Late && e.Late != nil {
		e.Late(&ev, raw.Offset)
	}
	e.pending++
	e.Applied++
	return nil
}

func (e *Engine) drain(ctx context.Context, position int64) error {
	r := &e.rows
	*r = engine.Rows{Intervals: r.Intervals[:0], Visits: r.Visits[:0], Parts: r.Parts[:0], Interactions: r.Interactions[:0],
		Windows: r.Windows[:0], Centers: r.Centers[:0]}
	e.eng.Drain(r)
	e.pending = 0
	if e.Progress != nil {
		e.Progress(e.Applied)
	}
	stamp := clickhouse.Stamp{Topic: e.Log.Topic, Partition: e.Log.Partition, Epoch: e.Log.Epoch, Position: position}
	return e.out.write(ctx, stamp, r, time.Now().UnixMilli())
}

// Begin is the state that a fold goes on from.
type Begin struct {
	Offset   int64            // the first that is applied
	Snapshot []byte           // nil: an empty engine
	Newest   map[string]int64 // by contact centre: the newest event time that the state has seen

	loss *loss // set: it begins empty after lost records
}

// Lost reports whether the fold begins after lost records: what began before them is not as a fold would make it.
func (b Begin) Lost() bool { return b.loss != nil }

// From is the first moment from which on everything that happened in a contact centre comes out of a fold that begins there.
func (b Begin) From(contactCenter string) int64 {
	if b.loss != nil {
		if at, ok := b.loss.resumed[contactCenter]; ok {
			return at
		}
		return b.loss.rest
	}
	if newest, ok := b.Newest[contactCenter]; ok {
		return newest + 1
	}
	return 0
}

// ErrNoBeginning says that nothing of this engine is stored that a fold could begin with.
var ErrNoBeginning = errors.New("no checkpoint of the running engine, and the raw events do not reach back to the beginning")

// Beginning finds where a fold must begin so that everything from the given moment on (0: everything) comes out of it: the newest
// checkpoint before it, else the log's beginning or, where another engine wrote it or raw events of it have expired, the first
// checkpoint of this engine.
func Beginning(ctx context.Context, conn history.Conn, store *history.Store, cfg engine.Config, log Log, only string, from int64) (Begin, error) {
	marks := log.marks
	if !log.whole && len(marks) == 0 {
		return Begin{}, ErrNoBeginning
	}
	if from > 0 {
		for _, m := range marks { // newest first
			newest, err := newestBefore(ctx, conn, log, only, m.Offset)
			if err != nil {
				return Begin{}, err
			}
			if latest(newest) >= from {
				continue // without loading it
			}
			if b, ok, err := load(ctx, store, cfg, m, only); err != nil || ok && latest(b.Newest) < from {
				return b, err
			}
		}
	}
	if log.whole && log.loss != nil {
		return Begin{Offset: log.loss.until, loss: log.loss}, nil
	}
	if log.whole {
		return Begin{}, nil
	}
	for k := len(marks) - 1; k >= 0; k-- { // oldest first
		if b, ok, err := load(ctx, store, cfg, marks[k], only); ok || err != nil {
			return b, err
		}
	}
	return Begin{}, ErrNoBeginning
}

func latest(newest map[string]int64) int64 {
	at := int64(math.MinInt64)
	for _, t := range newest {
		at = max(at, t)
	}
	return at
}

// load reads a checkpoint; false where it is broken.
func load(ctx context.Context, store *history.Store, cfg engine.Config, m history.Mark, only string) (Begin, bool, error) {
	snapshot, err := store.Load(ctx, m)
	if errors.Is(err, history.ErrBroken) {
		return Begin{}, false, nil
	}
	if err != nil {
		return Begin{}, false, err
	}
	eng, err := engine.Restore(cfg, snapshot)
	if err != nil {
		return Begin{}, false, nil
	}
	b := Begin{Offset: m.Offset, Snapshot: snapshot, Newest: map[string]int64{}}
	for _, c := range eng.Centers() {
		if only == "" || only == c.ContactCenter {
			b.Newest[c.ContactCenter] = c.NewestEvent
		}
	}
	return b, true, nil
}
