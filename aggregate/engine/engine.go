// Package engine is the pure state machine that turns the events of one partition into facts, windows and live state. It has no
// clock, no timer, no goroutine and does no I/O: its state after offset N is a function of the partition's first N records.
package engine

import "floorwalker/schema"

// Number identifies how this engine folds. It is raised whenever folding changes, and a checkpoint of another number is not
// restored but rebuilt from raw events.
const Number = 1

// Config of an engine; the same for all engines of a topic.
type Config struct {
	HorizonMs int64 // how far behind its contact centre's newest event an event may come; 0 = one hour
}

// Outcome says what became of an event. Everything but Applied is counted under its name.
type Outcome uint8

const (
	Applied    Outcome = iota
	Duplicate          // (source, id, time) was seen inside the horizon
	Late               // beyond the horizon: raw history only, or folded in as the newest of its entity
	Orphan             // of an interaction that nothing has begun
	OutOfState         // does not fit the state
)

var outcomeNames = []string{"applied", "duplicate", "late", "orphan", "out_of_state"}

func (o Outcome) String() string { return outcomeNames[o] }

// Rows is what changed since the last Drain: every key that Apply touched, deleted facts as tombstones, emptied windows as zeros.
type Rows struct {
	Intervals    []schema.Interval
	Visits       []schema.Visit
	Parts        []schema.Part
	Interactions []schema.Interaction
	Windows      []schema.Window
	Centers      []Center // contact centres that were touched
}

// Center is how far a contact centre has come.
type Center struct {
	ContactCenter              string
	NewestEvent, CompleteUntil int64
}

// Piece is a stored part of a checkpoint: a base (the state folded to complete_until) or a segment (the packed events of an
// offset range). Data is compressed and checksummed.
type Piece struct {
	Base   bool
	Offset int64 // the next offset to apply after it
	Data   []byte
}

// Engine holds the state of one partition. It is not safe for concurrent use.
type Engine struct{}

// New returns an empty engine that expects the partition's first record.
func New(cfg Config) *Engine { return &Engine{} }

// Apply folds one event in. The event's memory is not kept. Offsets must ascend; gaps are fine.
func (e *Engine) Apply(ev *schema.Event, offset int64) Outcome { return Applied }

// Skip notes an offset that holds no event (a dead letter), so that the position moves on.
func (e *Engine) Skip(offset int64) {}

// Position is the next offset to apply.
func (e *Engine) Position() int64 { return 0 }

// Drain appends to rows what changed since the last Drain.
func (e *Engine) Drain(rows *Rows) {}

// Segment packs the events applied since the last Segment.
func (e *Engine) Segment() Piece { return Piece{} }

// Base packs the whole state, folded to complete_until of each contact centre. Together with the segments that reach back to
// complete_until it restores the engine; Segment is to be called first.
func (e *Engine) Base() Piece { return Piece{} }

// Restore makes the engine whose newest pieces are given, oldest first. It needs one base and every segment that holds an event
// after the base's complete_until or offset; it says what is missing or broken.
func Restore(cfg Config, pieces []Piece) (*Engine, error) { return New(cfg), nil }
