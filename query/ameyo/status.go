package ameyo

import (
	"strings"

	"floorwalker/schema"
)

// userStatus is how an effective status is shown; empty for one that has no place in the table yet (surfaces.md, section Ameyo).
func userStatus(s schema.Status, suspended bool) string {
	switch s {
	case schema.LoggedOut:
		return "Logged Out"
	case schema.Available:
		if suspended {
			return "Suspended"
		}
		return "Ready"
	case schema.Busy:
		return "Busy"
	case schema.Away:
		return "Away"
	case schema.Break:
		return "On Break"
	case schema.Lunch:
		return "Lunch"
	case schema.Meeting:
		return "Meeting"
	case schema.Training:
		return "Training"
	case schema.OffPhone:
		return "Off Phone"
	case schema.BeRightBack:
		return "Be Right Back"
	case schema.OffWork:
		return "Off Work"
	case schema.Ringing:
		return "Ringing"
	case schema.Dialing:
		return "Dialing"
	case schema.OnCall:
		return "On Call"
	case schema.InChat:
		return "On Chat"
	case schema.Conference:
		return "Conference"
	case schema.Wrap:
		return "Wrap-up"
	case schema.Rona:
		return "No Answer"
	}
	return ""
}

// userStatuses are all values of user_status.
func userStatuses() []string {
	out := []string{userStatus(schema.Available, true)}
	for s := schema.LoggedOut; int(s) < schema.NumStatuses; s++ {
		if word := userStatus(s, false); word != "" {
			out = append(out, word)
		}
	}
	return out
}

// The contact's side of a row.
const (
	contactRinging   = "ringing"
	contactConnected = "connected"
	contactHungUp    = "hungup"
	inactive         = "Inactive" // of the status filter alone: a row without an open part
)

// contactStatus is how a part's state is shown; empty for marks and ends, which are no open part.
func contactStatus(s schema.PartState) string {
	switch s {
	case schema.StateRinging, schema.StateDialing:
		return contactRinging
	case schema.StateConnected, schema.StateHeld, schema.StateParked:
		return contactConnected
	case schema.StateWrap:
		return contactHungUp
	}
	return ""
}

// filterWord finds the value of the status filter that a text means, in any case; false where none does.
func filterWord(text string) (string, bool) {
	for _, word := range append([]string{inactive, contactRinging, contactConnected, contactHungUp}, userStatuses()...) {
		if strings.EqualFold(word, text) {
			return strings.ToLower(word), true
		}
	}
	return "", false
}
