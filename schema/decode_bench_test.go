package schema

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const typical = `{"specversion":"1.0","id":"0192f3c4-7a1b-7c3d-9e5f-1a2b3c4d5e6f","source":"/acd/emea-1","type":"cc.interaction.connected",` +
	`"subject":"call-20260301-000123456","time":"2026-03-01T09:15:27.123Z","contactcenter":"6","sequence":"42",` +
	`"datacontenttype":"application/json","data":{"agent_id":"agent-10023","role":"agent","initiating_agent_id":"agent-10017"}}`

func typicalBinary() *Record {
	return &Record{
		Headers: []Header{{"ce_specversion", []byte("1.0")}, {"ce_id", []byte("0192f3c4-7a1b-7c3d-9e5f-1a2b3c4d5e6f")},
			{"ce_source", []byte("/acd/emea-1")}, {"ce_type", []byte("cc.interaction.connected")},
			{"ce_subject", []byte("call-20260301-000123456")}, {"ce_time", []byte("2026-03-01T09:15:27.123Z")},
			{"ce_contactcenter", []byte("6")}, {"ce_sequence", []byte("42")}, {"content-type", []byte("application/json")}},
		Value: []byte(`{"agent_id":"agent-10023","role":"agent","initiating_agent_id":"agent-10017"}`),
	}
}

func BenchmarkDecode(b *testing.B) {
	var d Decoder
	var ev Event
	rec := &Record{Value: []byte(typical)}
	b.SetBytes(int64(len(typical)))
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Decode(rec, &ev); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeBinary(b *testing.B) {
	var d Decoder
	var ev Event
	rec := typicalBinary()
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Decode(rec, &ev); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendStructured(b *testing.B) {
	var d Decoder
	var ev Event
	require.NoError(b, d.DecodeStructured([]byte(typical), &ev))
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendStructured(dst[:0], &ev)
	}
}
