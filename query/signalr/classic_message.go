package signalr

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/valyala/fastjson"
)

const classicName = "classic"

// classic is the wire of ASP.NET SignalR 2.x.
type classic struct{}

func (classic) name() string { return classicName }

// frame is {"C":cursor,"M":[{"H":hub,"M":method,"A":[…]},…]}.
func (classic) frame(to []byte, hub string, batch []message, cursor uint64) []byte {
	if !batch[0].isCall() {
		return append(to, batch[0].body...)
	}
	to = append(appendCursor(append(to, `{"C":"`...), cursor), `","M":[`...)
	for i := range batch {
		if i > 0 {
			to = append(to, ',')
		}
		to = append(append(append(to, `{"H":"`...), hub...), `","M":`...)
		to = append(append(appendString(to, batch[i].method), `,"A":`...), batch[i].body...)
		to = append(to, '}')
	}
	return append(to, `]}`...)
}

func (classic) ping() []byte { return []byte("{}") }

// end stops the client with an error; a server that goes down asks it to reconnect instead.
func (classic) end(reason Reason) []byte {
	if reason == Shutdown {
		return []byte(`{"T":1,"M":[]}`)
	}
	return append(appendString([]byte(`{"E":`), string(reason)), `,"M":[]}`...)
}

// initialized is the first frame of a connection.
func initialized(cursor uint64) []byte {
	return append(appendCursor([]byte(`{"C":"`), cursor), `","S":1,"M":[]}`...)
}

// nothingNew is the answer to a poll that nothing came for.
func nothingNew(cursor uint64) []byte {
	return append(appendCursor([]byte(`{"C":"`), cursor), `","M":[]}`...)
}

// Cursors are opaque to clients; ours is the number of the last message of the connection.
const cursorPrefix = "d-"

func appendCursor(to []byte, cursor uint64) []byte {
	return strconv.AppendUint(append(to, cursorPrefix...), cursor, 16)
}

// parseCursor reads a messageId; false where it is none of ours.
func parseCursor(s string) (cursor uint64, ok bool) {
	digits, ok := strings.CutPrefix(s, cursorPrefix)
	if !ok {
		return 0, false
	}
	cursor, err := strconv.ParseUint(digits, 16, 64)
	return cursor, err == nil
}

// classicCall is a client's call of a hub's method.
type classicCall struct {
	id        string // as the reply says it: a number in JavaScript, text in .NET
	hub       string
	method    string
	arguments []byte
}

// maxState is what a client may say of a hub's state, which this server does not keep.
const maxState = 4096

// parseClassicCall reads {"H":"hub","M":"Method","A":[…],"I":0,"S":{…}}.
func parseClassicCall(frame []byte) (call classicCall, err error) {
	v, err := fastjson.ParseBytes(frame)
	if err != nil {
		return call, fmt.Errorf("a call that is not JSON: %w", err)
	}
	if v.Type() != fastjson.TypeObject {
		return call, errors.New("a call that is not a JSON object")
	}
	call.hub, call.method = string(v.GetStringBytes("H")), string(v.GetStringBytes("M"))
	if call.method == "" {
		return call, errors.New("a call without M, the method's name")
	}
	switch id := v.Get("I"); {
	case id == nil:
		return call, errors.New("a call without I, its id")
	case id.Type() == fastjson.TypeString:
		call.id = string(id.GetStringBytes())
	case id.Type() == fastjson.TypeNumber:
		call.id = id.String()
	default:
		return call, fmt.Errorf("the field I is a %s; allowed: a number or a string", id.Type())
	}
	if state := v.Get("S"); state != nil && len(state.MarshalTo(nil)) > maxState {
		return call, fmt.Errorf("a state of more than %d characters", maxState)
	}
	call.arguments, err = arguments(v.Get("A"))
	return call, err
}

// arguments is a JSON array; a missing one is empty.
func arguments(v *fastjson.Value) ([]byte, error) {
	if v == nil {
		return []byte("[]"), nil
	}
	if v.Type() != fastjson.TypeArray {
		return nil, fmt.Errorf("arguments are a %s; allowed: an array", v.Type())
	}
	return v.MarshalTo(nil), nil
}

// classicReply is {"I":"0","R":value} or {"I":"0","E":"text"}; H marks an error that the hub meant for the client.
func classicReply(call classicCall, result []byte, err error) []byte {
	out := appendString([]byte(`{"I":`), call.id)
	var told Error
	switch {
	case err == nil:
		return append(append(append(out, `,"R":`...), result...), '}')
	case errors.As(err, &told):
		return append(appendString(append(out, `,"H":true,"E":`...), string(told)), '}')
	}
	text := fmt.Sprintf("There was an error invoking Hub method '%s.%s'.", call.hub, call.method)
	return append(appendString(append(out, `,"E":`...), text), '}')
}

// parseConnectionData reads the hubs that a client asks for: [{"name":"metricshub"}]; none is possible.
func parseConnectionData(s string) (hubs []string, err error) {
	if s == "" {
		return nil, nil
	}
	v, err := fastjson.Parse(s)
	if err != nil {
		return nil, fmt.Errorf("connectionData is not JSON: %w", err)
	}
	list, err := v.Array()
	if err != nil {
		return nil, errors.New("connectionData is not a JSON array")
	}
	for _, item := range list {
		name := item.GetStringBytes("name")
		if name == nil {
			name = item.GetStringBytes("Name")
		}
		if name == nil {
			return nil, errors.New("connectionData has an item without a name")
		}
		hubs = append(hubs, string(name))
	}
	return hubs, nil
}

// appendString writes a JSON string.
func appendString(to []byte, s string) []byte {
	b, err := json.Marshal(s)
	if err != nil { // of a string there is none
		return append(to, `""`...)
	}
	return append(to, b...)
}
