package floor

import (
	"slices"

	"floorwalker/schema"
)

// Past is the contact centre's directory over an empty floor: what rows that were read from history are shown with. asOf is the
// moment up to which they count what is open.
func (v *View) Past(asOf int64) *View { return NewView(v.ContactCenter, nil, v.Directory, asOf) }

// NewInteraction is the full row of an interaction that was read from elsewhere than a floor.
func NewInteraction(i *schema.LiveInteraction) *Interaction {
	return &Interaction{i, interactionNumber(i)}
}

// WithOlder lays what memory has forgotten and what it has over an interaction once more, in order.
func WithOlder(i *schema.LiveInteraction, older []schema.Annotation) *schema.LiveInteraction {
	type place struct {
		time       int64
		source, id string
	}
	all, known := slices.Clone(i.Annotations), map[place]bool{}
	for _, a := range all {
		known[place{a.Time, a.Source, a.ID}] = true
	}
	for _, a := range older {
		if !known[place{a.Time, a.Source, a.ID}] {
			all = append(all, a)
		}
	}
	slices.SortStableFunc(all, schema.CompareAnnotations)
	row := *i
	row.Annotations, row.Notes, row.ExtraItems = nil, nil, nil
	row.Recording, row.RecordingSince = false, schema.NoTime
	var decoder schema.Decoder
	for k := range all {
		var said schema.Event
		if decoder.DecodeStructured(schema.AppendStructured(nil, all[k].Event()), &said) == nil {
			row.Lay(&all[k], said.Clone())
		}
	}
	return &row
}
