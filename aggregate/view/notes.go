package view

import (
	"slices"

	"floorwalker/schema"
)

// keepNotes bounds what is kept in memory of each kind of annotation of one interaction, in bytes of payload; the newest stay.
const keepNotes = 64 << 10

// note is an annotation with what it replaces, if it replaces something.
type note struct {
	schema.Annotation
	said *schema.Event // of updated, recording, disposition and extra_item; without Data
}

// notes are the annotations of one live interaction, in the order of the event contract.
type notes struct {
	list  []note
	bytes [schema.EventDirectory]int // by type

	forgotten bool // there were more than are kept
}

// annotate keeps an annotation for as long as its interaction lives.
func (c *center) annotate(ev *schema.Event, offset int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.noted[ev.Subject]
	if n == nil {
		n = &notes{}
		kept := ev.Clone()
		c.noted[kept.Subject] = n
	}
	n.add(ev, offset)
}

// add takes each (source, id, time) once: what was read from the history may come again.
func (n *notes) add(ev *schema.Event, offset int64) {
	for k := len(n.list) - 1; k >= 0 && n.list[k].Time >= ev.Time; k-- {
		if o := &n.list[k]; o.Time == ev.Time && o.ID == ev.ID && o.Source == ev.Source {
			return
		}
	}
	e := ev.Clone()
	x := note{Annotation: schema.Annotation{ContactCenter: e.ContactCenter, Interaction: e.Subject, Time: e.Time, Source: e.Source, ID: e.ID,
		Type: e.Type, Sequence: e.Sequence, HasSequence: e.HasSequence, Offset: offset, Data: e.Data}}
	switch e.Type {
	case schema.InteractionUpdated, schema.InteractionRecording, schema.InteractionDisposition, schema.InteractionExtraItem:
		e.Data = nil
		x.said = e
	}
	i := len(n.list)
	for i > 0 && before(&x.Annotation, &n.list[i-1].Annotation) {
		i--
	}
	n.list = slices.Insert(n.list, i, x)
	n.bytes[x.Type] += len(x.Data)
	for n.bytes[x.Type] > keepNotes {
		k := slices.IndexFunc(n.list, func(o note) bool { return o.Type == x.Type })
		n.bytes[x.Type] -= len(n.list[k].Data)
		n.list, n.forgotten = slices.Delete(n.list, k, k+1), true
	}
}

// before is the order within one entity: time, those with a sequence first, sequence, offset.
func before(a, b *schema.Annotation) bool {
	switch {
	case a.Time != b.Time:
		return a.Time < b.Time
	case a.HasSequence != b.HasSequence:
		return a.HasSequence
	case a.Sequence != b.Sequence:
		return a.Sequence < b.Sequence
	}
	return a.Offset < b.Offset
}

// lay puts what the annotations say over an interaction's row.
func (n *notes) lay(i *schema.LiveInteraction) {
	i.RecordAllowed = true
	if n == nil {
		return
	}
	i.Recording, i.RecordingSince, i.Forgotten = false, schema.NoTime, n.forgotten
	for k := range n.list {
		i.Lay(&n.list[k].Annotation, n.list[k].said)
	}
}
