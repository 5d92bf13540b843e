package engine

import "fmt"

// Centers are the contact centres that the engine holds, and how far each has come, in no order.
func (e *Engine) Centers() []Center {
	out := make([]Center, 0, len(e.centers))
	for _, c := range e.centers {
		out = append(out, Center{ContactCenter: c.id, NewestEvent: c.newest, CompleteUntil: c.completeUntil})
	}
	return out
}

// Move takes a contact centre over from another engine of the same configuration, directly after a Drain of both. It goes on as it
// would have there: nothing in it knows of the partition.
func (e *Engine) Move(from *Engine, contactCenter string) error {
	c := from.centers[contactCenter]
	switch {
	case c == nil:
		return fmt.Errorf("contact centre %q is not there to be moved", contactCenter)
	case e.centers[contactCenter] != nil:
		return fmt.Errorf("contact centre %q is held by both engines", contactCenter)
	case len(e.dirty) > 0 || len(from.dirty) > 0:
		return ErrUndrained
	}
	c.expired = &e.expired
	e.centers[c.id] = c
	delete(from.centers, contactCenter)
	from.last = nil
	return nil
}
