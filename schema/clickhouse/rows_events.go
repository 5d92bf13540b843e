package clickhouse

import (
	"unsafe"

	"floorwalker/schema"
)

// Events writes raw events.
type Events struct {
	block
	contactCenter, topic, source *low
	epoch                        *u16s
	partition                    *u32s
	offset, recordTime, time     *u64s
	kind                         *names
	subject, id, data            *texts
	sequence                     *nullable
	version                      *u64s
}

// NewEvents makes an empty writer of table events.
func NewEvents() *Events {
	e := &Events{contactCenter: newLow(), topic: newLow(), source: newLow(), epoch: newU16s(), partition: newU32s(), offset: newU64s(),
		recordTime: newU64s(), time: newU64s(), kind: vocabulary[schema.EventType](), subject: newTexts(), id: newTexts(),
		data: newTexts(), sequence: newNullable(), version: newU64s()}
	e.block = newBlock("events", "processed_at", named{"contact_center", e.contactCenter}, named{"epoch", e.epoch}, named{"topic", e.topic},
		named{"partition", e.partition}, named{"offset", e.offset}, named{"record_time", e.recordTime}, named{"time", e.time},
		named{"type", e.kind}, named{"subject", e.subject}, named{"source", e.source}, named{"id", e.id}, named{"sequence", e.sequence},
		named{"data", e.data}, named{"version", e.version})
	return e
}

// Append adds events of one partition, which must come in offset order. Their version is their own offset.
func (e *Events) Append(s Stamp, rows []schema.RawEvent) {
	for i := range rows {
		e.Add(s, &rows[i])
	}
}

// Add adds one event, as Append does.
func (e *Events) Add(s Stamp, r *schema.RawEvent) {
	e.contactCenter.add(r.ContactCenter)
	e.epoch.add(s.Epoch)
	e.topic.add(s.Topic)
	e.partition.add(uint32(s.Partition))
	e.offset.signed(r.Offset)
	e.recordTime.time(r.RecordTime)
	e.time.time(r.Time)
	e.kind.add(uint8(r.Type))
	e.subject.add(r.Subject)
	e.source.add(r.Source)
	e.id.add(r.ID)
	e.sequence.signed(r.Sequence, r.HasSequence)
	e.data.add(view(r.Data))
	e.version.add(Version(s.Epoch, r.Offset))
}

// At is the i-th event that was added; its texts are valid until Reset.
func (e *Events) At(i int) schema.RawEvent {
	sequence := e.sequence.nulls[i] == 0
	return schema.RawEvent{ContactCenter: e.contactCenter.at(i), Partition: int(e.partition.at(i)), Offset: int64(e.offset.at(i)),
		RecordTime: int64(e.recordTime.at(i)), Time: int64(e.time.at(i)), Type: schema.EventType(e.kind.keys[i]), Subject: e.subject.at(i),
		Source: e.source.at(i), ID: e.id.at(i), Sequence: int64(e.sequence.v.at(i)), HasSequence: sequence, Data: bytesOf(e.data.at(i))}
}

// bytesOf undoes view; nothing is nil.
func bytesOf(s string) []byte {
	if s == "" {
		return nil
	}
	return unsafe.Slice(unsafe.StringData(s), len(s))
}

// view is b as a string without a copy; b must not change while the string is used.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// DeadLetters writes records that could not be read.
type DeadLetters struct {
	block
	epoch                *u16s
	topic, code          *low
	partition            *u32s
	offset, recordTime   *u64s
	err, key, value      *texts
	headers              *array
	headerKey, headerVal *texts
	version              *u64s
}

// NewDeadLetters makes an empty writer of table dead_letters.
func NewDeadLetters() *DeadLetters {
	d := &DeadLetters{epoch: newU16s(), topic: newLow(), code: newLow(), partition: newU32s(), offset: newU64s(), recordTime: newU64s(),
		err: newTexts(), key: newTexts(), value: newTexts(), headerKey: newTexts(), headerVal: newTexts(), version: newU64s()}
	d.headers = newArray(d.headerKey, d.headerVal)
	d.block = newBlock("dead_letters", "processed_at", named{"epoch", d.epoch}, named{"topic", d.topic}, named{"partition", d.partition},
		named{"offset", d.offset}, named{"record_time", d.recordTime}, named{"code", d.code}, named{"error", d.err}, named{"key", d.key},
		named{"value", d.value}, named{"headers", d.headers}, named{"version", d.version})
	return d
}

// Append adds dead letters of one partition. Their version is their own offset.
func (d *DeadLetters) Append(s Stamp, rows []schema.DeadLetter) {
	for i := range rows {
		r := &rows[i]
		d.epoch.add(s.Epoch)
		d.topic.add(s.Topic)
		d.partition.add(uint32(s.Partition))
		d.offset.signed(r.Offset)
		d.recordTime.time(r.RecordTime)
		d.code.add(r.Code)
		d.err.add(r.Error)
		d.key.add(view(r.Key))
		d.value.add(view(r.Value))
		for _, h := range r.Headers {
			d.headerKey.add(h.Key)
			d.headerVal.add(view(h.Value))
		}
		d.headers.end()
		d.version.add(Version(s.Epoch, r.Offset))
	}
}

// Annotations writes events that change no status.
type Annotations struct {
	block
	contactCenter, source *low
	interaction, id, data *texts
	time, offset          *u64s
	kind                  *names
	sequence              *nullable
	version               *u64s
}

// NewAnnotations makes an empty writer of table annotations.
func NewAnnotations() *Annotations {
	a := &Annotations{contactCenter: newLow(), source: newLow(), interaction: newTexts(), id: newTexts(), data: newTexts(),
		time: newU64s(), offset: newU64s(), kind: vocabulary[schema.EventType](), sequence: newNullable(), version: newU64s()}
	a.block = newBlock("annotations", "processed_at", named{"contact_center", a.contactCenter}, named{"interaction", a.interaction},
		named{"time", a.time}, named{"source", a.source}, named{"id", a.id}, named{"type", a.kind}, named{"sequence", a.sequence},
		named{"offset", a.offset}, named{"data", a.data}, named{"version", a.version})
	return a
}

// Append adds annotations of one partition. Their version is their own offset.
func (a *Annotations) Append(s Stamp, rows []schema.Annotation) {
	for i := range rows {
		a.Add(s, &rows[i])
	}
}

// Add adds one annotation, as Append does.
func (a *Annotations) Add(s Stamp, r *schema.Annotation) {
	a.contactCenter.add(r.ContactCenter)
	a.interaction.add(r.Interaction)
	a.time.time(r.Time)
	a.source.add(r.Source)
	a.id.add(r.ID)
	a.kind.add(uint8(r.Type))
	a.sequence.signed(r.Sequence, r.HasSequence)
	a.offset.signed(r.Offset)
	a.data.add(view(r.Data))
	a.version.add(Version(s.Epoch, r.Offset))
}
