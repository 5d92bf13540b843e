package floor

import "floorwalker/schema"

// Past is the contact centre's directory over an empty floor: what rows that were read from history are shown with. asOf is the
// moment up to which they count what is open.
func (v *View) Past(asOf int64) *View { return NewView(v.ContactCenter, nil, v.Directory, asOf) }

// NewInteraction is the full row of an interaction that was read from elsewhere than a floor.
func NewInteraction(i *schema.LiveInteraction) *Interaction {
	return &Interaction{i, interactionNumber(i)}
}
