// Package gate decides which records of the events topic are events: what history and the live view both let in.
package gate

import (
	"time"

	"floorwalker/schema"
)

// Gate judges the records of one partition; each partition needs a copy of its own.
type Gate struct {
	Partition, Partitions int
	AnyPartitioner        bool             // trust producers that do not partition by murmur2
	MaxAhead              time.Duration    // how far an event's time may be after its record's timestamp
	Clock                 func() time.Time // set: event times are checked against it too, because the broker does not bound timestamps

	until int64 // event times up to this one have been allowed by the clock, which is asked for later ones only
}

// Decoder reads a record into an event; a *schema.Violation says that the record is at fault.
type Decoder interface {
	Decode(rec *schema.Record, ev *schema.Event) error
}

// Admit decodes the record and checks what only the stream knows: its topic, partition and timestamp. A *schema.Violation makes it
// a dead letter.
func (g *Gate) Admit(dec Decoder, rec *schema.Record, ev *schema.Event) error {
	if err := dec.Decode(rec, ev); err != nil {
		return err
	}
	if ev.Type == schema.EventDirectory {
		return &schema.Violation{Code: schema.CodeUnknownType, Attribute: "type", Detail: "directory events belong to the directory's topic"}
	}
	if !g.AnyPartitioner {
		if err := schema.CheckPartition(ev, g.Partition, g.Partitions); err != nil {
			return err
		}
	}
	limit := rec.Timestamp + g.MaxAhead.Milliseconds()
	if g.Clock != nil && ev.Time > g.until {
		g.until = g.Clock().UnixMilli() + g.MaxAhead.Milliseconds()
		limit = min(limit, g.until)
	}
	return schema.CheckTime(ev, limit)
}
