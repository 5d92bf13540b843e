package schema

import (
	"encoding/json"
	"reflect"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func seeds(f *testing.F, add func(value string)) {
	f.Helper()
	for _, value := range []string{typical, `{}`, `[]`, ``, event(AgentLogin, `{"capacity":{"chat":3}}`), event(AgentLogin, ``),
		event(AgentStatus, `{"status":"break","reason":{"id":1,"name":"\ud83d\ude00"}}`), event(AgentAssignment, `{"queue_ids":[1,"2"]}`),
		event(InteractionCreated, `{"channel":"voice","direction":"inbound","customer":{"id":1,"details":{"a":[{}]}}}`),
		event(InteractionMessage, `{"from":"a","to":"b","text":"\u0000\n","from_agent":false}`),
		event(InteractionEnded, `{"reason":"failed","cause":"busy"}`), event(AgentLogout, `null`, "sequence", "-5"),
		event(EventDirectory, `{"name":"x"}`, "type", `"cc.directory.team"`), `{"data":1-2}`, `{"data":{},"\u0064ata":{}}`} {
		add(value)
	}
}

// requireSound checks what holds of every event that was accepted.
func requireSound(t *testing.T, d *Decoder, ev *Event) {
	t.Helper()
	for _, id := range []string{ev.ID, ev.Subject, ev.ContactCenter} {
		require.NoError(t, CheckID(id, ""))
	}
	require.True(t, ev.Time >= minTime && ev.Time < maxTime)
	if len(ev.Data) > 0 {
		require.True(t, json.Valid(ev.Data), "data %q", ev.Data)
	}
	if len(ev.Customer) > 0 {
		require.True(t, json.Valid(ev.Customer), "customer %q", ev.Customer)
	}
	first := ev.Clone()
	var second Event
	require.NoError(t, d.DecodeStructured(AppendStructured(nil, first), &second))
	require.Equal(t, first, second.Clone(), "encoding and decoding again gives the same event")
}

func FuzzDecode(f *testing.F) {
	seeds(f, func(value string) { f.Add([]byte(value)) })
	f.Fuzz(func(t *testing.T, value []byte) {
		d := Decoder{MaxBytes: 1 << 16}
		var ev Event
		err := d.DecodeStructured(value, &ev)
		if err != nil {
			var v *Violation
			require.ErrorAs(t, err, &v)
			require.NotEmpty(t, v.Code)
			require.True(t, utf8.ValidString(v.Error()))
			if v.Code == CodeMalformedJSON {
				require.False(t, json.Valid(value), "refused as malformed, but is JSON")
			}
			return
		}
		require.True(t, json.Valid(value), "accepted, but is no JSON")
		var envelope struct{ Data any }
		var data any
		require.NoError(t, json.Unmarshal(value, &envelope))
		if len(ev.Data) > 0 {
			require.NoError(t, json.Unmarshal(ev.Data, &data))
		}
		if !hasKeyLike(value) {
			require.True(t, reflect.DeepEqual(envelope.Data, data), "data is what encoding/json sees as data")
		}
		requireSound(t, &d, &ev)
	})
}

// hasKeyLike reports names that encoding/json takes for "data" though they differ in case.
func hasKeyLike(value []byte) bool {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(value, &members)
	_, exact := members["data"]
	var like struct{ Data json.RawMessage }
	_ = json.Unmarshal(value, &like)
	return !exact && like.Data != nil || exact && string(like.Data) != string(members["data"])
}

func FuzzDecodeBinary(f *testing.F) {
	f.Add("e1", "/acd", "cc.agent.status", "a1", "2026-03-01T09:15:27Z", "6", "1", []byte(`{"status":"busy"}`))
	f.Add("e1", "/acd", "cc.agent.login", "a1", "2026-03-01T09:15:27.5+01:00", "6", "", []byte(nil))
	f.Add("\xff", "", "cc.directory.queue", "a\u0085", "2016-12-31T23:59:60Z", "6", "-9223372036854775808", []byte(` {"name":"\ud800"} `))
	f.Fuzz(func(t *testing.T, id, source, name, subject, moment, cc, sequence string, value []byte) {
		rec := &Record{Value: value, Headers: []Header{{"ce_specversion", []byte("1.0")}, {"ce_id", []byte(id)}, {"ce_source", []byte(source)},
			{"ce_type", []byte(name)}, {"ce_subject", []byte(subject)}, {"ce_time", []byte(moment)}, {"ce_contactcenter", []byte(cc)}}}
		if sequence != "" {
			rec.Headers = append(rec.Headers, Header{"ce_sequence", []byte(sequence)})
		}
		var d Decoder
		var ev Event
		if err := d.Decode(rec, &ev); err != nil {
			var v *Violation
			require.ErrorAs(t, err, &v)
			return
		}
		require.Equal(t, id, ev.ID)
		require.Equal(t, name, ev.TypeName())
		requireSound(t, &d, &ev)
	})
}
