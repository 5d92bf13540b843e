package exotel

import "floorwalker/schema"

// The five words of this vendor.
const (
	offline       = "offline"
	available     = "available"
	onCall        = "on-call"
	afterCallWork = "after-call-work"
	busy          = "busy"
)

// words in the order of the specification's table.
func words() []string { return []string{available, onCall, busy, afterCallWork, offline} }

// wordOf is how an effective status is shown; empty for one that has no place in the table yet (surfaces.md, section Exotel).
func wordOf(s schema.Status, suspended bool) string {
	switch s {
	case schema.LoggedOut:
		return offline
	case schema.Available:
		if suspended {
			return busy
		}
		return available
	case schema.OnCall, schema.Conference, schema.Ringing, schema.Dialing:
		return onCall
	case schema.Wrap:
		return afterCallWork
	case schema.InChat, schema.Rona, schema.Busy, schema.Away, schema.Break, schema.Lunch, schema.Meeting, schema.Training,
		schema.OffPhone, schema.BeRightBack, schema.OffWork:
		return busy
	}
	return ""
}

// presenceOf is the presence that setting a word writes; false for words that nobody sets.
func presenceOf(word string) (schema.Status, bool) {
	switch word {
	case available:
		return schema.Available, true
	case busy:
		return schema.Busy, true
	case offline:
		return schema.LoggedOut, true
	}
	return 0, false
}

// mayChange reports whether a client may set to while the agent is in from (specification, Valid Status Transitions).
func mayChange(from, to string) bool {
	switch from {
	case offline:
		return to == available
	case available:
		return to == busy || to == offline
	case afterCallWork, busy:
		return to == available || to == offline
	}
	return false
}
