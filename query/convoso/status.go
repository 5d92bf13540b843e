package convoso

import "floorwalker/schema"

// counted says what an agent in an effective status counts as; mapped is false for a status that has no place in the table yet
// (surfaces.md, section Convoso).
func counted(s schema.Status, suspended bool) (loggedIn, ready, mapped bool) {
	switch s {
	case schema.LoggedOut:
		return false, false, true
	case schema.Available:
		return true, !suspended, true
	case schema.Busy, schema.Away, schema.Break, schema.Lunch, schema.Meeting, schema.Training, schema.OffPhone, schema.BeRightBack,
		schema.OffWork, schema.Ringing, schema.Dialing, schema.OnCall, schema.InChat, schema.Conference, schema.Wrap, schema.Rona:
		return true, false, true
	}
	return false, false, false
}
