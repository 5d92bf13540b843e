package hub

import (
	"encoding/json"

	"floorwalker/query/list"
)

// JSON is the message as an object, the way the native transports send it, in the memory of buffer:
//
//	{"type":"rows","topic":"agents","subscription":"a","cursor":"…","as_of":"…","reset":true,"more":false,"rows":[…],"removed":[…]}
//	{"type":"problem","topic":"metrics","subscription":"m","cursor":"…","problem":{…}}
func (m *Message) JSON(buffer []byte) []byte {
	e := list.Encoder{B: buffer[:0]}
	e.Object()
	e.Name("type")
	if m.Problem != nil {
		e.String("problem")
	} else {
		e.String("rows")
	}
	e.Name("topic")
	e.String(m.Topic)
	e.Name("subscription")
	e.String(m.Subscription)
	e.Name("cursor")
	e.String(m.Cursor)
	if m.Problem != nil {
		e.Name("problem")
		raw, _ := json.Marshal(m.Problem) // of texts and numbers: never fails
		e.JSON(raw)
		e.End()
		return e.B
	}
	e.Name("as_of")
	e.Time(m.AsOf)
	e.Name("reset")
	e.Bool(m.Reset)
	e.Name("more")
	e.Bool(m.More)
	e.Name("rows")
	e.JSON(m.Rows)
	e.Name("removed")
	e.JSON(m.Removed)
	e.End()
	return e.B
}
