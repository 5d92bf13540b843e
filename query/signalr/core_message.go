package signalr

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/valyala/fastjson"
)

const coreName = "core"

// separator ends every message of ASP.NET Core SignalR.
const separator = 0x1E

// Types of messages.
const (
	typeInvocation       = 1
	typeStreamItem       = 2
	typeCompletion       = 3
	typeStreamInvocation = 4
	typeCancelInvocation = 5
	typePing             = 6
	typeClose            = 7
)

// core is the JSON hub protocol of ASP.NET Core SignalR.
type core struct{}

func (core) name() string { return coreName }

// frame is one {"type":1,"target":…,"arguments":[…]} after the other.
func (core) frame(to []byte, _ string, batch []message, _ uint64) []byte {
	for i := range batch {
		if !batch[i].isCall() {
			to = append(to, batch[i].body...)
			continue
		}
		to = appendString(append(to, `{"type":1,"target":`...), batch[i].method)
		to = append(append(append(to, `,"arguments":`...), batch[i].body...), '}', separator)
	}
	return to
}

func (core) ping() []byte { return []byte("{\"type\":6}\x1e") }

func (core) end(reason Reason) []byte {
	out := appendString([]byte(`{"type":7,"error":`), string(reason))
	if reason == Shutdown || reason == Slow {
		out = append(out, `,"allowReconnect":true`...)
	}
	return append(out, '}', separator)
}

// handshaken answers the handshake; text is empty for a good one.
func handshaken(text string) []byte {
	if text == "" {
		return []byte("{}\x1e")
	}
	return append(appendString([]byte(`{"error":`), text), '}', separator)
}

// coreCall is a message of a client.
type coreCall struct {
	kind      int
	id        string
	answer    bool // it has an id, so it is to be answered
	target    string
	arguments []byte
}

// parseHandshake reads {"protocol":"json","version":1}.
func parseHandshake(message []byte) error {
	v, err := fastjson.ParseBytes(message)
	if err != nil {
		return fmt.Errorf("the handshake is not JSON: %w", err)
	}
	if name := v.GetStringBytes("protocol"); string(name) != "json" {
		return fmt.Errorf("protocol %.40q; allowed: json", name)
	}
	// Version 2 only adds stateful reconnects, which are not negotiated here.
	if version := v.GetInt("version"); version < 1 || version > 2 {
		return fmt.Errorf("version %d of the protocol; allowed: 1, 2", version)
	}
	return nil
}

// parseCoreCall reads one message, without its separator.
func parseCoreCall(message []byte) (call coreCall, err error) {
	v, err := fastjson.ParseBytes(message)
	if err != nil {
		return call, fmt.Errorf("a message that is not JSON: %w", err)
	}
	kind := v.Get("type")
	if kind == nil {
		return call, errors.New("a message without a type")
	}
	if call.kind, err = kind.Int(); err != nil {
		return call, errors.New("a message whose type is not a number")
	}
	if id := v.Get("invocationId"); id != nil && id.Type() != fastjson.TypeNull {
		if id.Type() != fastjson.TypeString {
			return call, errors.New("an invocationId that is not a string")
		}
		call.id, call.answer = string(id.GetStringBytes()), true
	}
	if call.kind != typeInvocation && call.kind != typeStreamInvocation {
		return call, nil
	}
	call.target = string(v.GetStringBytes("target"))
	if call.target == "" {
		return call, errors.New("an invocation without a target")
	}
	call.arguments, err = arguments(v.Get("arguments"))
	return call, err
}

// completion is the answer to an invocation.
func completion(call coreCall, result []byte, err error) []byte {
	out := appendString([]byte(`{"type":3,"invocationId":`), call.id)
	var told Error
	switch {
	case err == nil:
		out = append(append(out, `,"result":`...), result...)
	case errors.As(err, &told):
		out = appendString(append(out, `,"error":`...), string(told))
	default:
		out = appendString(append(out, `,"error":`...), "An unexpected error occurred invoking '"+call.target+"' on the server.")
	}
	return append(out, '}', separator)
}

// inbox puts messages together that come in parts.
type inbox struct{ rest []byte }

var errTooLong = errors.New("a message longer than allowed")

// feed calls each with every complete message; what it is given is valid during the call.
func (in *inbox) feed(data []byte, limit int, each func(message []byte) error) error {
	for {
		i := bytes.IndexByte(data, separator)
		if len(in.rest)+max(i, 0) > limit || i < 0 && len(in.rest)+len(data) > limit {
			return errTooLong
		}
		if i < 0 {
			in.rest = append(in.rest, data...)
			return nil
		}
		message := data[:i]
		if len(in.rest) > 0 {
			message = append(in.rest, message...)
			in.rest = nil
		}
		data = data[i+1:]
		if err := each(message); err != nil {
			return err
		}
		if len(data) == 0 {
			return nil
		}
	}
}
