// Package view is the live view of a query node: engines fed by every partition, and the immutable floors that readers pin.
package view

import (
	"context"

	"floorwalker/schema"
)

// Partition is what the view needs of one partition of the events topic.
type Partition interface {
	ID() int
	// Bounds returns the first offset that is still kept and the next one to be written.
	Bounds(ctx context.Context) (first, next int64, err error)
	// Read calls handle with batches of records from the offset on, in order, until ctx ends (then it returns ctx's error) or
	// handle fails. next is the partition's end as the broker last told it; an empty batch says that nothing new has come.
	Read(ctx context.Context, from int64, handle func(batch []schema.Record, next int64) error) error
}

// Status of one partition of the view.
type Status struct {
	Partition    int
	Applied, End int64 // next offset to apply, and Kafka's end
	CaughtUp     bool
	Err          error // why it stands still
}

// View holds the live state of all contact centres. Its methods may be called from any goroutine.
type View struct{}

// Pin returns the newest state of a contact centre, false where no event has named it.
func (v *View) Pin(contactCenter string) (*schema.Floor, bool) { return nil, false }

// Metrics returns what live windows hold over [from, to) (whole minutes), counting what is open up to the answer's AsOf.
func (v *View) Metrics(contactCenter string, from, to int64) (schema.LiveMetrics, bool) {
	return schema.LiveMetrics{}, false
}

// Status tells how far each partition has come.
func (v *View) Status() []Status { return nil }

// Run feeds the view until ctx ends.
func (v *View) Run(ctx context.Context, partitions []Partition) error { return nil }
