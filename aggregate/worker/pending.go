package worker

import (
	"unsafe"

	"floorwalker/aggregate/engine"
	"floorwalker/schema"
)

// pending is what a partition has for the next flush: rows of single records, whose bytes lie in its arena.
type pending struct {
	arena       arena
	raw         []schema.RawEvent
	annotations []schema.Annotation
	dead        []schema.DeadLetter
	events      int // applied since the last flush, whatever became of them
	rows        engine.Rows
}

func (p *pending) reset() {
	p.arena.reset()
	clear(p.raw)
	clear(p.annotations)
	clear(p.dead)
	p.raw, p.annotations, p.dead, p.events = p.raw[:0], p.annotations[:0], p.dead[:0], 0
	r := &p.rows
	clear(r.Intervals)
	clear(r.Visits)
	clear(r.Parts)
	clear(r.Interactions)
	clear(r.Windows)
	*r = engine.Rows{Intervals: r.Intervals[:0], Visits: r.Visits[:0], Parts: r.Parts[:0], Interactions: r.Interactions[:0],
		Windows: r.Windows[:0], Centers: r.Centers[:0]}
}

func (p *pending) addRaw(ev *schema.Event, rec *schema.Record) {
	a := &p.arena
	p.raw = append(p.raw, schema.RawEvent{ContactCenter: a.text(ev.ContactCenter), Source: a.text(ev.Source), ID: a.text(ev.ID),
		Subject: a.text(ev.Subject), Type: ev.Type, Time: ev.Time, Sequence: ev.Sequence, HasSequence: ev.HasSequence,
		Data: a.bytes(ev.Data), Partition: rec.Partition, Offset: rec.Offset, RecordTime: rec.Timestamp})
}

func (p *pending) addAnnotation(ev *schema.Event, offset int64) {
	a := &p.arena
	p.annotations = append(p.annotations, schema.Annotation{ContactCenter: a.text(ev.ContactCenter), Interaction: a.text(ev.Subject),
		Time: ev.Time, Source: a.text(ev.Source), ID: a.text(ev.ID), Type: ev.Type, Sequence: ev.Sequence, HasSequence: ev.HasSequence,
		Offset: offset, Data: a.bytes(ev.Data)})
}

func (p *pending) addDead(rec *schema.Record, code, reason string) {
	a := &p.arena
	d := schema.DeadLetter{Topic: rec.Topic, Partition: rec.Partition, Offset: rec.Offset, RecordTime: rec.Timestamp, Code: code,
		Error: reason, Key: a.bytes(rec.Key), Value: a.bytes(rec.Value)}
	for _, h := range rec.Headers {
		d.Headers = append(d.Headers, schema.Header{Key: a.text(h.Key), Value: a.bytes(h.Value)})
	}
	p.dead = append(p.dead, d)
}

// arena copies bytes into large chunks that are used again: one allocation for some thousand rows.
type arena struct {
	chunks [][]byte // all but the last are full
	spare  [][]byte
	used   int
}

const arenaChunk = 1 << 20

func (a *arena) bytes(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	a.used += len(b)
	if len(b) > arenaChunk/4 {
		return append([]byte(nil), b...)
	}
	last := len(a.chunks) - 1
	if last < 0 || cap(a.chunks[last])-len(a.chunks[last]) < len(b) {
		a.chunks = append(a.chunks, a.take())
		last++
	}
	at := len(a.chunks[last])
	a.chunks[last] = append(a.chunks[last], b...)
	return a.chunks[last][at : at+len(b) : at+len(b)]
}

func (a *arena) take() []byte {
	if n := len(a.spare); n > 0 {
		c := a.spare[n-1]
		a.spare = a.spare[:n-1]
		return c
	}
	return make([]byte, 0, arenaChunk)
}

func (a *arena) text(s string) string {
	b := a.bytes(unsafe.Slice(unsafe.StringData(s), len(s)))
	return unsafe.String(unsafe.SliceData(b), len(b))
}

func (a *arena) reset() {
	for _, c := range a.chunks {
		a.spare = append(a.spare, c[:0])
	}
	a.chunks, a.used = a.chunks[:0], 0
}
