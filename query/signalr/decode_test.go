package signalr

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

var testKey = []byte("0123456789abcdef0123456789abcdef")

func TestToken_SaysWhoseConnectionItIs(t *testing.T) {
	id := uuid.New()
	token := protect(testKey, id, "ann")
	got, ours, ok := unprotect(testKey, token, "ann")
	require.True(t, ok && ours)
	require.Equal(t, id, got)
	_, ours, ok = unprotect(testKey, token, "bob")
	require.True(t, ok)
	require.False(t, ours)
	require.NotContains(t, token, "ann")
	_, _, ok = unprotect([]byte("another key, of 32 bytes or more"), token, "ann")
	require.False(t, ok)
	for i := range token { // every character counts
		changed := []byte(token)
		changed[i] ^= 1
		_, ours, ok = unprotect(testKey, string(changed), "ann")
		require.False(t, ok && ours, "character %d", i)
	}
}

func FuzzToken(f *testing.F) {
	good := protect(testKey, uuid.MustParse("6f3f0e0e-3b1f-4a65-9d6e-f2f2ab6a1a51"), "ann")
	f.Add(good, "ann")
	f.Add(good[:len(good)-1], "bob")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, token, who string) {
		id, ours, ok := unprotect(testKey, token, who)
		if ok && token != protect(testKey, id, "ann") {
			t.Fatalf("%q was never made", token)
		}
		if ours && (!ok || who != "ann") {
			t.Fatalf("%q is taken for %q's", token, who)
		}
	})
}

func FuzzClassicCall(f *testing.F) {
	for _, seed := range []string{`{"H":"floorhub","M":"Subscribe","A":[1,"x",null,{"a":[]}],"I":0,"S":{"a":1}}`, `{"H":"h","M":"m","I":"7"}`,
		`{"M":"m","I":1e9}`, `[]`, `{"M":1}`, `{"M":"\ud800","I":"\u0000\"","A":[]}`, `{"H":"h","M":"m","I":-,"A":[01]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		call, err := parseClassicCall(frame)
		if err != nil {
			return
		}
		require.NotEmpty(t, call.method)
		require.True(t, bytes.HasPrefix(call.arguments, []byte("[")))
		for _, answer := range [][]byte{classicReply(call, []byte("null"), nil), classicReply(call, nil, Error("x\"y")), classicReply(call, nil, errors.New("x"))} {
			require.True(t, json.Valid(answer), "%s", answer)
		}
	})
}

func FuzzConnectionData(f *testing.F) {
	for _, seed := range []string{`[{"name":"metricshub"}]`, `[]`, ``, `{}`, `[1]`, `[{"Name":"x"},{"name":null}]`} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, s string) { _, _ = parseConnectionData(s) })
}

// FuzzCore feeds frames in two parts: where they are cut must not matter.
func FuzzCore(f *testing.F) {
	for _, seed := range []string{"{\"protocol\":\"json\",\"version\":1}\x1e", "{\"type\":1,\"invocationId\":\"1\",\"target\":\"a\",\"arguments\":[]}\x1e{\"type\":6}\x1e",
		"{\"type\":1,\"target\":\"a\"}\x1e{\"type\"", "\x1e\x1e", "{\"type\":7}\x1e", "{\"type\":1e99}\x1e"} {
		f.Add([]byte(seed), 5)
	}
	f.Fuzz(func(t *testing.T, frame []byte, cut int) {
		const limit = 200
		if cut < 0 || cut > len(frame) {
			cut = 0
		}
		read := func(parts ...[]byte) (messages []string, err error) {
			var in inbox
			for _, part := range parts {
				err = in.feed(part, limit, func(message []byte) error {
					messages = append(messages, string(message))
					_ = parseHandshake(message)
					call, err := parseCoreCall(message)
					if err == nil && call.answer {
						answer := completion(call, []byte("null"), nil)
						require.True(t, json.Valid(answer[:len(answer)-1]), "%s", answer)
					}
					return nil
				})
				if err != nil {
					return messages, err
				}
				require.LessOrEqual(t, len(in.rest), limit)
			}
			return messages, nil
		}
		whole, err := read(frame)
		parts, err2 := read(frame[:cut], frame[cut:])
		require.Equal(t, whole, parts)
		require.Equal(t, err == nil, err2 == nil)
	})
}

func TestCursor_BackAndForth(t *testing.T) {
	for _, n := range []uint64{0, 1, 255, 1<<64 - 1} {
		got, ok := parseCursor(string(appendCursor(nil, n)))
		require.True(t, ok)
		require.Equal(t, n, got)
	}
	for _, bad := range []string{"", "d-", "d-g", "7", "d-ffffffffffffffff0", "D-1"} {
		_, ok := parseCursor(bad)
		require.False(t, ok, bad)
	}
}

// A line break inside JSON must not end an event.
func TestEvent_IsOneLine(t *testing.T) {
	require.Equal(t, "data: {\"a\":  1}", string(event(nil, []byte("{\"a\":\r\n1}"))))
}
