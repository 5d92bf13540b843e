package clarity

import (
	"bytes"
	"slices"

	"github.com/valyala/fastjson"

	encode "floorwalker/query/list"
)

// A row that a client has is changed by what of it is other than before (docs/surfaces/clarity.md, Messages):
//
//   - fields that name the entity are always there; of metrics, their bags and currentStatus only what changed, null for what is gone;
//   - sessions and breakdowns as added, changed and removed ones;
//   - the status history as its pieces that go, stay and come.
//
// Times that run stand as {"since":ms} in rows, which therefore do not change while they run; clients get them in ms as of the message.

// differ writes rows. One goroutine uses it at a time.
type differ struct {
	old, new   fastjson.Parser
	textA, txB []byte
	asOf       int64
}

// naming fields are in every item.
var naming = []string{"key", "type", "groupType", "groupId", "id"}

// item appends what of a row is new to who has old, all of it where old is nil; false where nothing is.
func (d *differ) item(e *encode.Encoder, old, new []byte) bool {
	now, err := d.new.ParseBytes(new)
	if err != nil {
		return false // rows are our own
	}
	if old == nil {
		d.whole(e, now)
		return true
	}
	before, err := d.old.ParseBytes(old)
	if err != nil {
		d.whole(e, now)
		return true
	}
	begin := len(e.B)
	e.Object()
	for _, name := range naming {
		if v := now.Get(name); v != nil {
			e.Name(name)
			d.whole(e, v)
		}
	}
	named := len(e.B)
	d.entity(e, before, now)
	if len(e.B) == named {
		e.B = e.B[:begin]
		return false
	}
	e.End()
	return true
}

// depths are how deep into a field changes are told apart; others change as a whole.
var depths = map[string]int{"metrics": 2, "currentStatus": 1}

func (d *differ) entity(e *encode.Encoder, old, new *fastjson.Value) {
	for _, name := range fieldNames(old, new) {
		was, is := old.Get(name), new.Get(name)
		switch {
		case slices.Contains(naming, name):
		case name == "sessions":
			d.sessions(e, was, is)
		case name == "breakdowns":
			d.entries(e, "addedBreakdowns", "breakdowns", "removedBreakdowns", was.GetArray(), is.GetArray(), []string{"type", "id", "name"}, map[string]int{"metrics": 2})
		case name == "statusHistory":
			d.history(e, was.GetArray(), is.GetArray())
		default:
			d.field(&lazily{e: e, open: true}, name, was, is, depths[name])
		}
	}
}

// fieldNames are those of both objects, in the order of new.
func fieldNames(old, new *fastjson.Value) (names []string) {
	for _, v := range []*fastjson.Value{new, old} {
		v.GetObject().Visit(func(name []byte, _ *fastjson.Value) {
			if !slices.Contains(names, string(name)) {
				names = append(names, string(name))
			}
		})
	}
	return names
}

// field appends a field that is other than before.
func (d *differ) field(in *lazily, name string, was, is *fastjson.Value, depth int) {
	switch {
	case is == nil && (was == nil || was.Type() == fastjson.TypeNull), is != nil && was != nil && d.equal(was, is):
		return
	case is == nil:
		in.begin()
		in.e.Name(name)
		in.e.Null()
		return
	case depth == 0 || was == nil || was.Type() != fastjson.TypeObject || is.Type() != fastjson.TypeObject:
		in.begin()
		in.e.Name(name)
		d.whole(in.e, is)
		return
	}
	within := &lazily{e: in.e, name: name, over: in}
	for _, name := range fieldNames(was, is) {
		d.field(within, name, was.Get(name), is.Get(name), depth-1)
	}
	within.end()
}

func (d *differ) equal(a, b *fastjson.Value) bool {
	d.textA, d.txB = a.MarshalTo(d.textA[:0]), b.MarshalTo(d.txB[:0])
	return bytes.Equal(d.textA, d.txB)
}

// sessions appends what changed in the bag of sessions.
func (d *differ) sessions(e *encode.Encoder, old, new *fastjson.Value) {
	bag := &lazily{e: e, name: "sessions"}
	for m := range numModalities {
		begin, was := len(e.B), bag.open
		of := &lazily{e: e, name: modalityNames[m], over: bag}
		of.begin()
		empty := len(e.B)
		d.entries(e, "addedSessions", "sessions", "removedSessions", listIn(old, modalityNames[m], "sessions"), listIn(new, modalityNames[m], "sessions"),
			[]string{"sessionId"}, nil)
		if len(e.B) == empty {
			e.B, bag.open = e.B[:begin], was
			continue
		}
		of.end()
	}
	bag.end()
}

func listIn(v *fastjson.Value, path ...string) []*fastjson.Value {
	if v == nil {
		return nil
	}
	return v.GetArray(path...)
}

// entries appends what changed in a list of objects: those that are new as a whole, of others what changed, of those that are gone what
// names them.
func (d *differ) entries(e *encode.Encoder, added, changed, removed string, old, new []*fastjson.Value, names []string, depth map[string]int) {
	before := map[string]*fastjson.Value{}
	for _, v := range old {
		before[entryID(v, names)] = v
	}
	var come, other, gone []*fastjson.Value
	there := map[string]bool{}
	for _, v := range new {
		id := entryID(v, names)
		there[id] = true
		switch was := before[id]; {
		case was == nil:
			come = append(come, v)
		case !d.equal(was, v):
			other = append(other, v)
		}
	}
	for _, v := range old {
		if !there[entryID(v, names)] {
			gone = append(gone, v)
		}
	}
	d.each(e, added, come, d.whole)
	d.each(e, changed, other, func(e *encode.Encoder, v *fastjson.Value) {
		was := before[entryID(v, names)]
		e.Object()
		d.names(e, v, names)
		for _, name := range fieldNames(was, v) {
			if !slices.Contains(names, name) {
				d.field(&lazily{e: e, open: true}, name, was.Get(name), v.Get(name), depth[name])
			}
		}
		e.End()
	})
	d.each(e, removed, gone, func(e *encode.Encoder, v *fastjson.Value) {
		e.Object()
		d.names(e, v, names)
		e.End()
	})
}

func (d *differ) each(e *encode.Encoder, name string, all []*fastjson.Value, write func(*encode.Encoder, *fastjson.Value)) {
	if len(all) == 0 {
		return
	}
	e.Name(name)
	e.Array()
	for _, v := range all {
		write(e, v)
	}
	e.EndArray()
}

func (d *differ) names(e *encode.Encoder, v *fastjson.Value, names []string) {
	for _, name := range names {
		if field := v.Get(name); field != nil {
			e.Name(name)
			d.whole(e, field)
		}
	}
}

// entryID tells entries of a list apart: by number, else by name.
func entryID(v *fastjson.Value, names []string) string {
	var out []byte
	for _, name := range names {
		if field := v.Get(name); field != nil {
			out = append(field.MarshalTo(out), ',')
		}
	}
	return string(out)
}

// history appends how a list of pieces that grows at its end becomes another one: so many of the oldest go, so many stay, then come these.
func (d *differ) history(e *encode.Encoder, old, new []*fastjson.Value) {
	drop := 0
	for drop < len(old) && (len(new) == 0 || !d.equal(old[drop], new[0])) {
		drop++
	}
	keep := 0
	for drop+keep < len(old) && keep < len(new) && d.equal(old[drop+keep], new[keep]) {
		keep++
	}
	if drop == 0 && keep == len(old) && keep == len(new) {
		return
	}
	e.Name("statusHistoryRemoved")
	e.Int(int64(drop))
	e.Name("statusHistoryKept")
	e.Int(int64(keep))
	e.Name("statusHistory")
	e.Array()
	for _, v := range new[keep:] {
		d.whole(e, v)
	}
	e.EndArray()
}

// whole appends a value; times that run as they are at the message's moment.
func (d *differ) whole(e *encode.Encoder, v *fastjson.Value) {
	switch v.Type() {
	case fastjson.TypeObject:
		o, _ := v.Object()
		if since := o.Get(sinceField); since != nil && o.Len() == 1 {
			e.Int(max(0, d.asOf-since.GetInt64()))
			return
		}
		e.Object()
		o.Visit(func(name []byte, v *fastjson.Value) {
			e.Name(string(name))
			d.whole(e, v)
		})
		e.End()
	case fastjson.TypeArray:
		list, _ := v.Array()
		e.Array()
		for _, v := range list {
			d.whole(e, v)
		}
		e.EndArray()
	default:
		e.JSON(v.MarshalTo(nil))
	}
}
