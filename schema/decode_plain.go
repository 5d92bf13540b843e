package schema

// Most payloads hold texts without escapes, small integers, bools, lists of such texts and objects of them. These are read where they
// stand, without a parse tree.

// plainReader goes through JSON that has been judged, so that every index that it looks at exists. Between its calls it stands on a value
// or on what follows one.
type plainReader struct {
	b []byte
	i int
}

// enter steps into an object or a list; false where it is empty.
func (r *plainReader) enter() bool {
	if r.i = skipSpace(r.b, r.i+1); r.b[r.i] != '}' && r.b[r.i] != ']' {
		return true
	}
	r.i = skipSpace(r.b, r.i+1)
	return false
}

// next steps to the next member or element, or behind the object or list where there is none.
func (r *plainReader) next() bool {
	more := r.b[r.i] == ','
	r.i = skipSpace(r.b, r.i+1)
	return more
}

// text reads a text without escapes; false where there is anything else.
func (r *plainReader) text() ([]byte, bool) {
	if r.b[r.i] != '"' {
		return nil, false
	}
	from := r.i + 1
	to := skipPlain(r.b, from)
	if r.b[to] != '"' {
		return nil, false
	}
	r.i = skipSpace(r.b, to+1)
	return r.b[from:to], true
}

// key reads a member's name without escapes and stands on its value then.
func (r *plainReader) key() ([]byte, bool) {
	key, ok := r.text()
	if ok {
		r.i = skipSpace(r.b, r.i+1) // behind the colon
	}
	return key, ok
}

// integer reads digits alone, at most 18; false where there is anything else.
func (r *plainReader) integer() (int64, bool) {
	n, i := int64(0), r.i
	for ; r.b[i]-'0' <= 9; i++ {
		n = n*10 + int64(r.b[i]-'0')
	}
	if i == r.i || i-r.i > 18 {
		return 0, false
	}
	switch r.b[i] {
	case '.', 'e', 'E':
		return 0, false
	}
	r.i = skipSpace(r.b, i)
	return n, true
}

// plainPayload reads the payload up to the first violation. It reports false where something in it is not plain, or is a violation that
// parsePayload words: that then reads all of it.
func (d *Decoder) plainPayload() bool {
	r := plainReader{b: d.data}
	for more := r.enter(); more; more = r.next() {
		key, ok := r.key()
		if !ok || !d.plainMember(&r, key) {
			return false
		}
		if d.err != nil {
			return true
		}
	}
	return true
}

func (d *Decoder) plainMember(r *plainReader, key []byte) bool {
	if r.b[r.i] == '"' {
		s, ok := r.text()
		return ok && d.plainField(key, text(s))
	}
	i := d.fieldOf(key)
	if i < 0 {
		return d.err != nil
	}
	d.said |= 1 << i
	f := &d.fields[i]
	switch c := r.b[r.i]; {
	case c == 't', c == 'f':
		return d.plainBool(r, f)
	case c == '[':
		return d.plainList(r, f)
	case c == '{':
		return d.plainObject(r, f)
	}
	return d.plainInteger(r, f)
}

// plainField takes one member of data whose value is a text, and reports false where its field may be more than that.
func (d *Decoder) plainField(key []byte, s string) bool {
	i := d.fieldOf(key)
	if i < 0 || d.err != nil {
		return true
	}
	f := &d.fields[i]
	d.said |= 1 << i
	if at, has := d.ev.idField(f.field); at != nil {
		d.checkText(s, f.name, MaxIDBytes)
		*at = s
		d.ev.Has |= has
		return true
	}
	if at, has := d.ev.textField(f.field); at != nil {
		*at = s
		d.ev.Has |= has
		return true
	}
	return d.word(f, s)
}

func (d *Decoder) plainBool(r *plainReader, f *payloadField) bool {
	at, has := d.ev.boolField(f.field)
	if at == nil {
		return false
	}
	*at, d.ev.Has = r.b[r.i] == 't', d.ev.Has|has
	r.i = skipSpace(r.b, r.i+literal(r.b[r.i:]))
	return true
}

func (d *Decoder) plainInteger(r *plainReader, f *payloadField) bool {
	n, ok := r.integer()
	ev := d.ev
	switch {
	case ok && f.field == fieldPriority:
		ev.Priority, ev.Has = n, ev.Has|HasPriority
	case ok && f.field == fieldDuration && n <= maxDuration:
		ev.DurationMs, ev.Has = n, ev.Has|HasDuration
	case ok && f.field == fieldNumber && n >= 1 && n <= MaxNumber:
		ev.Number, ev.Has = n, ev.Has|HasNumber
	default:
		return false
	}
	return true
}

func (d *Decoder) plainList(r *plainReader, f *payloadField) bool {
	from := len(d.list)
	for more := r.enter(); more; more = r.next() {
		s, ok := r.text()
		if !ok || !isID(text(s)) {
			return false
		}
		d.list = append(d.list, text(s))
	}
	list, ev := d.list[from:len(d.list):len(d.list)], d.ev
	switch f.field {
	case fieldQueueIDs:
		ev.QueueIDs, ev.Has = list, ev.Has|HasQueueIDs
	case fieldCampaignIDs:
		ev.CampaignIDs, ev.Has = list, ev.Has|HasCampaignIDs
	case fieldSkills:
		ev.Skills, ev.Has = list, ev.Has|HasSkills
	default:
		return false
	}
	return true
}

// plainObject reads an object of texts. A customer is kept as JSON without white space.
func (d *Decoder) plainObject(r *plainReader, f *payloadField) bool {
	d.seenIn = 0
	from := len(d.arena)
	d.arena = append(d.arena, '{')
	for more := r.enter(); more; more = r.next() {
		key, ok := r.key()
		if !ok {
			return false
		}
		s, ok := r.text()
		if !ok || !d.plainInner(f.field, key, text(s)) {
			return false
		}
		if len(d.arena) > from+1 {
			d.arena = append(d.arena, ',')
		}
		d.arena = append(append(append(append(append(d.arena, '"'), key...), `":"`...), s...), '"')
	}
	d.arena = append(d.arena, '}')
	switch f.field {
	case fieldCustomer:
		d.ev.Customer, d.ev.Has = d.arena[from:len(d.arena):len(d.arena)], d.ev.Has|HasCustomer
	case fieldReason, fieldLogoutReason, fieldDevice:
		d.arena = d.arena[:from]
	default:
		return false
	}
	return true
}

// plainInner takes a text inside one of the payload's objects.
func (d *Decoder) plainInner(f field, key []byte, s string) bool {
	switch f {
	case fieldReason, fieldLogoutReason:
		switch string(key) {
		case "id":
			d.ev.ReasonID = s
			return isID(s) && d.once(0)
		case "name":
			d.ev.ReasonName = s
			return d.once(1)
		}
	case fieldDevice:
		switch string(key) {
		case "type":
			d.ev.DeviceType = s
			return d.once(0)
		case "contact_uri":
			d.ev.DeviceURI = s
			return d.once(1)
		}
	case fieldCustomer:
		for i := range customerFields {
			if c := &customerFields[i]; c.name == string(key) {
				return c.name != "details" && (!c.idField || isID(s)) && d.once(i)
			}
		}
	}
	return true
}

// once notes that a known member of an object inside the payload stands there, and reports whether it is the first time.
func (d *Decoder) once(bit int) bool {
	was := d.seenIn
	d.seenIn |= 1 << bit
	return was&(1<<bit) == 0
}

func isID(s string) bool {
	code, _ := idFault(s, MaxIDBytes)
	return code == ""
}
