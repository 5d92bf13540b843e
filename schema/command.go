package schema

// Command is a request to the telephony platform, a record of cc.commands (events.md, section Commands).
type Command struct {
	ID, Source, Subject, ContactCenter string
	Type                               string // cc.command.…
	Time                               int64  // ms
	Data                               []byte // a JSON object
}

// AppendCommand appends a command as CloudEvents JSON (structured mode).
func AppendCommand(dst []byte, c *Command) []byte {
	dst = append(dst, `{"specversion":"1.0","id":`...)
	dst = AppendString(dst, c.ID)
	dst = append(dst, `,"source":`...)
	dst = AppendString(dst, c.Source)
	dst = append(dst, `,"type":`...)
	dst = AppendString(dst, c.Type)
	dst = append(dst, `,"subject":`...)
	dst = AppendString(dst, c.Subject)
	dst = append(dst, `,"time":"`...)
	dst = AppendTime(dst, c.Time)
	dst = append(dst, `","contactcenter":`...)
	dst = AppendString(dst, c.ContactCenter)
	return appendPayload(dst, c.Data)
}
