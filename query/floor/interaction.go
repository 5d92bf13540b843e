package floor

import (
	"hash/fnv"

	"floorwalker/schema"
)

// Interactions are all that the live view holds, in order of id.
func (v *View) Interactions() []*Interaction {
	rows := make([]*Interaction, 0, v.Floor.Interactions.Len())
	v.Floor.Interactions.Scan(func(_ string, i *schema.LiveInteraction) bool {
		rows = append(rows, &Interaction{i, interactionNumber(i)})
		return true
	})
	return rows
}

// Interaction is one interaction by id, else by number: of several with the same number the newest.
func (v *View) Interaction(id string) (*Interaction, bool) {
	if i, ok := v.Floor.Interactions.Get(id); ok {
		return &Interaction{i, interactionNumber(i)}, true
	}
	n, ok := decimal(id)
	if !ok {
		return nil, false
	}
	var found *Interaction
	v.Floor.Interactions.Scan(func(_ string, i *schema.LiveInteraction) bool {
		if interactionNumber(i) == n && (found == nil || i.Start > found.Start) {
			found = &Interaction{i, n}
		}
		return true
	})
	return found, found != nil
}

// interactionNumber is the integer id that APIs show: the number that was said, else the id where it is a decimal integer, else
// FNV-1a of it (events.md, section Envelope).
func interactionNumber(i *schema.LiveInteraction) int32 {
	if i.Number > 0 && i.Number <= 1<<31-1 {
		return int32(i.Number)
	}
	if n, ok := decimal(i.ID); ok {
		return n
	}
	h := fnv.New32a()
	h.Write([]byte(i.ID))
	return int32(h.Sum32() & 0x7fffffff)
}
