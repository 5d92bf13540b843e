package history

import (
	"context"
	"fmt"

	"floorwalker/schema"
)

// Said is an event of an interaction without what it says.
type Said struct {
	Time   int64
	Type   schema.EventType
	Source string // who produced it
}

// Said reads which events with times in [from, to] named an interaction, in order of time. What changes a state leaves facts that do
// not tell who said so; the raw events do, as long as they are kept.
func (r *Reader) Said(ctx context.Context, contactCenter, interaction string, from, to int64) ([]Said, error) {
	s := &statement{}
	// Without FINAL: a row that was written twice says the same.
	s.add("SELECT DISTINCT toUnixTimestamp64Milli(time), toString(type), toString(source)\nFROM events WHERE contact_center = ", s.bind("String", contactCenter),
		" AND subject = ", s.bind("String", interaction), " AND time >= ", moment(s, from), " AND time <= ", moment(s, to), "\nORDER BY time")
	var out []Said
	var one Said
	var kind string
	err := r.each(ctx, s, []any{&one.Time, &kind, &one.Source}, func() error {
		if typ, ok := schema.ParseEventType(kind); ok && typ.OfInteraction() {
			one.Type = typ
			out = append(out, one)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("events of %q of %q: %w", interaction, contactCenter, err)
	}
	return out, nil
}
