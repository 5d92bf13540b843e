package schema

import "strconv"

// RecordOf makes the record again of which a raw event was read, in CloudEvents' binary mode (events.md, Envelope).
func RecordOf(topic string, r *RawEvent) Record {
	rec := Record{Topic: topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.RecordTime, Key: []byte(r.ContactCenter), Value: r.Data}
	add := func(name, value string) {
		rec.Headers = append(rec.Headers, Header{Key: "ce_" + name, Value: []byte(value)})
	}
	add("specversion", "1.0")
	add("id", r.ID)
	add("source", r.Source)
	add("type", r.Type.String())
	add("subject", r.Subject)
	add("time", FormatTime(r.Time))
	add("contactcenter", r.ContactCenter)
	if r.HasSequence {
		add("sequence", strconv.FormatInt(r.Sequence, 10))
	}
	return rec
}
