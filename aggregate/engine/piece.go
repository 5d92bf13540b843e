package engine

// Piece is a stored part of a checkpoint: a base (the state folded to complete_until) or a segment (the packed events of an
// offset range). Data is compressed and checksummed.
type Piece struct {
	Base   bool
	Offset int64 // the next offset to apply after it
	Data   []byte
}

// Segment packs the events applied since the last Segment.
func (e *Engine) Segment() Piece { return Piece{Offset: e.next} }

// Base packs the whole state.
func (e *Engine) Base() Piece {
	b, _ := e.Snapshot()
	return Piece{Base: true, Offset: e.next, Data: b}
}

// Restore makes the engine whose newest pieces are given, oldest first.
func Restore(cfg Config, pieces []Piece) (*Engine, error) {
	var newest *Piece
	for i := range pieces {
		if pieces[i].Base {
			newest = &pieces[i]
		}
	}
	if newest == nil {
		return nil, ErrSnapshot
	}
	return RestoreSnapshot(cfg, newest.Data)
}
