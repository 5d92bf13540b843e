package schema

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Plain payloads are read on a way of their own; a member that nobody knows, and that is no text, puts the same payload on the other
// one.
func TestPayload_PlainAndParsedAgree(t *testing.T) {
	values := []string{`true`, `false`, `null`, `0`, `7`, `-1`, `-0`, `1.5`, `1e2`, `3000000000`, `9007199254740993`, `999999999999999999`,
		`1000000000000000000`, `99999999999999999999`, `[]`, `[ "a" , "b" ]`, `[""]`, `["a", 1]`, `["\u0061"]`, `{}`, `{ "id" : "i" , "name" : "n" }`,
		`{"id":1}`, `{"id":""}`, `{"id":"i","id":"i"}`, `{"name":null}`, `{"type":"t","contact_uri":"sip:x","more":"m"}`, `{"type":"t","type":"u"}`,
		`{"details":"d"}`, `{"details":{"a":[1]}}`, `{"phone":"+1", "email":"e", "a":"b"}`, `{"\u0061":"b"}`, `{"voice":2,"chat":3}`, `{"voice":"2"}`}
	for _, v := range []string{"x", "", "voice", "agent", "busy", "completed", "warm", "42", "ü", "a\x7fb", "a\u0085b", strings.Repeat("y", MaxIDBytes+1)} {
		values = append(values, `"`+v+`"`)
	}
	for kind := AgentLogin; kind < EventDirectory; kind++ {
		of := func(values ...string) []string {
			members := []string{` "other" : "" `, ``}
			for _, f := range payloads[kind] {
				for _, v := range values {
					members = append(members, `"`+f.name+`":`+v)
				}
			}
			return members
		}
		for _, first := range of(values...) {
			for _, second := range of(`"x"`, `""`, `7`, `["a"]`, `{"id":"x"}`) {
				members := strings.Trim(first+","+second, ",")
				plain, perr := decoded(event(kind, `{ `+members+`}`))
				parsed, err := decoded(event(kind, `{ `+strings.TrimPrefix(members+`,"zz":1}`, ",")))
				require.Equal(t, err, perr, "%s %s", kind, members)
				if err == nil {
					plain.Data, parsed.Data = nil, nil
					require.Equal(t, parsed, plain, "%s %s", kind, members)
				}
			}
		}
	}
}

func decoded(value string) (*Event, error) {
	var d Decoder
	var ev Event
	if err := d.DecodeStructured([]byte(value), &ev); err != nil {
		return nil, err
	}
	return ev.Clone(), nil
}
