package schema

import "github.com/valyala/fastjson"

// MergeObjects lays a JSON object's fields over another's, field by field at the first level. Where one of the two is no object the
// other is returned.
func MergeObjects(base, over []byte) []byte {
	if len(base) == 0 {
		return over
	}
	var p, q fastjson.Parser
	b, err := p.ParseBytes(base)
	if err != nil || b.Type() != fastjson.TypeObject {
		return over
	}
	o, err := q.ParseBytes(over)
	if err != nil || o.Type() != fastjson.TypeObject {
		return base
	}
	o.GetObject().Visit(func(key []byte, v *fastjson.Value) { b.Set(string(key), v) })
	return b.MarshalTo(nil)
}
