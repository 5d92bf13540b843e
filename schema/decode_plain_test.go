package schema

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Payloads of plain texts are read on a way of their own; a member that nobody knows, and that is no text, puts the same payload on
// the other one.
func TestPayload_PlainAndParsedAgree(t *testing.T) {
	values := []string{"x", "", "voice", "agent", "busy", "completed", "warm", "42", "ü", "a\x7fb", "a\u0085b", strings.Repeat("y", MaxIDBytes+1)}
	for kind := AgentLogin; kind < EventDirectory; kind++ {
		var all []string
		for _, f := range payloads[kind] {
			for _, v := range values {
				all = append(all, `"`+f.name+`":"`+v+`"`)
			}
		}
		all = append(all, `"other":"text"`, ``)
		for _, first := range all {
			for _, second := range append([]string{` "other" : "" `}, all...) {
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
