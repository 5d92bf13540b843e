package clickhouse

import "floorwalker/schema"

// Why offsets have no record.
const (
	GapAbsent      = "absent"       // Kafka has none for readers there: compacted, a transaction's marker, or aborted
	GapBeforeStart = "before_start" // gone when the topic was read for the first time
	GapLost        = "lost"         // neither Kafka nor a checkpoint nor history has what was there
)

// OffsetGap is [From, Until) of a partition, or what that means to a contact centre where one is named. Ended and Resumed are of
// GapLost, NoTime where not known.
type OffsetGap struct {
	From, Until   int64
	Reason        string
	ContactCenter string
	Ended         int64 // its newest event before
	Resumed       int64 // facts and windows that begin earlier are not written any more
	NotedAt       int64 // when it was written, for readers
}

// OffsetGaps writes offsets without a record.
type OffsetGaps struct {
	block
	epoch                        *u16s
	topic, reason, contactCenter *low
	partition                    *u32s
	from, until                  *u64s
	ended, resumed               *nullable
	version                      *u64s
}

// NewOffsetGaps makes an empty writer of table offset_gaps.
func NewOffsetGaps() *OffsetGaps {
	g := &OffsetGaps{epoch: newU16s(), topic: newLow(), reason: newLow(), contactCenter: newLow(), partition: newU32s(), from: newU64s(),
		until: newU64s(), ended: newNullable(), resumed: newNullable(), version: newU64s()}
	g.block = newBlock("offset_gaps", "processed_at", named{"epoch", g.epoch}, named{"topic", g.topic}, named{"partition", g.partition},
		named{"from_offset", g.from}, named{"until_offset", g.until}, named{"reason", g.reason}, named{"contact_center", g.contactCenter},
		named{"ended_at", g.ended}, named{"resumed_at", g.resumed}, named{"version", g.version})
	return g
}

// Append adds gaps of one partition as they were known at the stamp's position.
func (g *OffsetGaps) Append(s Stamp, rows []OffsetGap) {
	for i := range rows {
		r := &rows[i]
		g.epoch.add(s.Epoch)
		g.topic.add(s.Topic)
		g.partition.add(uint32(s.Partition))
		g.from.signed(r.From)
		g.until.signed(r.Until)
		g.reason.add(r.Reason)
		g.contactCenter.add(r.ContactCenter)
		g.ended.time(r.Ended)
		g.resumed.time(r.Resumed)
		g.version.add(s.version())
	}
}

// Directory writes records of the directory's topic.
type Directory struct {
	block
	contactCenter, kind, topic *low
	id, data                   *texts
	partition                  *u32s
	offset, time, version      *u64s
	deleted                    *u8s
}

// NewDirectory makes an empty writer of table directory.
func NewDirectory() *Directory {
	d := &Directory{contactCenter: newLow(), kind: newLow(), topic: newLow(), id: newTexts(), data: newTexts(), partition: newU32s(),
		offset: newU64s(), time: newU64s(), version: newU64s(), deleted: newU8s()}
	d.block = newBlock("directory", "processed_at", named{"contact_center", d.contactCenter}, named{"kind", d.kind}, named{"id", d.id},
		named{"time", d.time}, named{"data", d.data}, named{"deleted", d.deleted}, named{"version", d.version}, named{"topic", d.topic},
		named{"partition", d.partition}, named{"offset", d.offset})
	return d
}

// Add adds a directory event as it came at an offset of the topic's partition.
func (d *Directory) Add(topic string, partition int, offset int64, ev *schema.Event) {
	d.contactCenter.add(ev.ContactCenter)
	d.kind.add(ev.DirectoryKind)
	d.id.add(ev.Subject)
	d.time.time(ev.Time)
	d.data.add(view(ev.Data))
	d.deleted.bool(ev.Deleted)
	d.version.signed(offset)
	d.topic.add(topic)
	d.partition.add(uint32(partition))
	d.offset.signed(offset)
}
