package view

import (
	"bytes"
	"slices"
	"strings"

	"floorwalker/schema"
)

// keepNotes bounds what is kept in memory of each kind of annotation of one interaction, in bytes of payload; the newest stay.
const keepNotes = 64 << 10

// notes are the annotations of one live interaction. Published rows share its lists: these only grow, or are made anew.
type notes struct {
	contactCenter, interaction string

	all     []schema.Annotation        // in the order of the event contract
	texts   []schema.Annotation        // those of all that are notes
	effects []effect                   // those of all that replace something
	bytes   [schema.EventDirectory]int // by type

	forgotten bool // there were more than are kept
}

// effect is an annotation that replaces something.
type effect struct {
	schema.Annotation
	said *schema.Event // without Data
}

// annotate keeps an annotation for as long as its interaction lives.
func (c *center) annotate(ev *schema.Event, offset int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notesOf(ev.Subject).add(ev, offset)
}

func (c *center) notesOf(interaction string) *notes {
	n := c.noted[interaction]
	if n == nil {
		n = &notes{contactCenter: c.id, interaction: strings.Clone(interaction)}
		c.noted[n.interaction] = n
	}
	return n
}

// add takes each (source, id, time) once: what was read from the history may come again.
func (n *notes) add(ev *schema.Event, offset int64) {
	for k := len(n.all) - 1; k >= 0 && n.all[k].Time >= ev.Time; k-- {
		if o := &n.all[k]; o.Time == ev.Time && o.ID == ev.ID && o.Source == ev.Source {
			return
		}
	}
	a := schema.Annotation{ContactCenter: n.contactCenter, Interaction: n.interaction, Time: ev.Time, Source: n.source(ev.Source),
		ID: strings.Clone(ev.ID), Type: ev.Type, Sequence: ev.Sequence, HasSequence: ev.HasSequence, Offset: offset, Data: bytes.Clone(ev.Data)}
	n.all = insert(n.all, a)
	switch a.Type {
	case schema.InteractionNote:
		n.texts = insert(n.texts, a)
	case schema.InteractionUpdated, schema.InteractionRecording, schema.InteractionDisposition, schema.InteractionExtraItem:
		said := ev.Clone()
		said.Data = nil
		i := len(n.effects)
		for i > 0 && before(&a, &n.effects[i-1].Annotation) {
			i--
		}
		n.effects = slices.Insert(n.effects, i, effect{a, said})
	}
	n.bytes[a.Type] += len(a.Data)
	for n.bytes[a.Type] > keepNotes {
		n.forget(a.Type)
	}
}

// source is mostly the same one.
func (n *notes) source(name string) string {
	if k := len(n.all); k > 0 && n.all[k-1].Source == name {
		return n.all[k-1].Source
	}
	return strings.Clone(name)
}

// insert puts an annotation where it belongs; what lies in the list's array stays as it is unless that is a new one.
func insert(list []schema.Annotation, a schema.Annotation) []schema.Annotation {
	i := len(list)
	for i > 0 && before(&a, &list[i-1]) {
		i--
	}
	if i < len(list) {
		list = slices.Clip(list)
	}
	return slices.Insert(list, i, a)
}

// forget drops the oldest annotation of a type.
func (n *notes) forget(t schema.EventType) {
	n.forgotten = true
	k := slices.IndexFunc(n.all, func(a schema.Annotation) bool { return a.Type == t })
	n.bytes[t] -= len(n.all[k].Data)
	n.all = slices.Concat(n.all[:k], n.all[k+1:])
	if t == schema.InteractionNote {
		n.texts = slices.Clone(n.texts[1:])
	}
	if k := slices.IndexFunc(n.effects, func(e effect) bool { return e.Type == t }); k >= 0 {
		n.effects = slices.Delete(n.effects, k, k+1)
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
	i.Annotations, i.Notes = slices.Clip(n.all), slices.Clip(n.texts)
	for k := range n.effects {
		i.Replace(&n.effects[k].Annotation, n.effects[k].said)
	}
}
