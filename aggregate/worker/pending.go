package worker

import (
	"unsafe"

	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
)

// pending is what a partition has for the next flush: rows of single records, already in ClickHouse's form, and dead letters,
// whose bytes lie in its arena.
type pending struct {
	arena       arena
	raw         []*clickhouse.Events
	annotations []*clickhouse.Annotations
	dead        []schema.DeadLetter
	gaps        []clickhouse.OffsetGap
	events      int // applied since the last flush, whatever became of them
	full        int // bytes of all writers but the last ones
	pool        *pool
}

// bytes is roughly what is held.
func (p *pending) bytes() int {
	n := p.full + p.arena.used
	if k := len(p.raw); k > 0 {
		n += p.raw[k-1].Bytes()
	}
	if k := len(p.annotations); k > 0 {
		n += p.annotations[k-1].Bytes()
	}
	return n
}

// reset gives the writers back, and makes room.
func (p *pending) reset() {
	p.pool.give(p.raw, p.annotations)
	p.arena.reset()
	clear(p.raw)
	clear(p.annotations)
	clear(p.dead)
	clear(p.gaps)
	p.raw, p.annotations, p.dead, p.gaps, p.events, p.full = p.raw[:0], p.annotations[:0], p.dead[:0], p.gaps[:0], 0, 0
}

func (p *pending) addRaw(s clickhouse.Stamp, ev *schema.Event, rec *schema.Record) {
	k := len(p.raw)
	if k == 0 || p.raw[k-1].Rows() == clickhouse.PieceRows {
		if k > 0 {
			p.full += p.raw[k-1].Bytes()
		}
		p.raw = append(p.raw, p.pool.takeEvents())
		k++
	}
	p.raw[k-1].Add(s, &schema.RawEvent{ContactCenter: ev.ContactCenter, Source: ev.Source, ID: ev.ID, Subject: ev.Subject, Type: ev.Type,
		Time: ev.Time, Sequence: ev.Sequence, HasSequence: ev.HasSequence, Data: ev.Data, Offset: rec.Offset, RecordTime: rec.Timestamp})
}

func (p *pending) addAnnotation(s clickhouse.Stamp, ev *schema.Event, offset int64) {
	k := len(p.annotations)
	if k == 0 || p.annotations[k-1].Rows() == clickhouse.PieceRows {
		if k > 0 {
			p.full += p.annotations[k-1].Bytes()
		}
		p.annotations = append(p.annotations, p.pool.takeAnnotations())
		k++
	}
	p.annotations[k-1].Add(s, &schema.Annotation{ContactCenter: ev.ContactCenter, Interaction: ev.Subject, Time: ev.Time, Source: ev.Source,
		ID: ev.ID, Type: ev.Type, Sequence: ev.Sequence, HasSequence: ev.HasSequence, Offset: offset, Data: ev.Data})
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
