package route

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"
)

func TestSchema_JudgesTextsAndValuesAlike(t *testing.T) {
	id := String().Matching("^[a-z]+$").Length(1, 3)
	for _, c := range []struct {
		schema *Schema
		text   string
		value  string // JSON; empty where the text says the same
		fits   bool
	}{
		{Integer(1, 9), "9", "", true}, {Integer(1, 9), "0", "", false}, {Integer(1, 9), "+5", "", false}, {Integer(1, 9), "5x", `"5"`, false},
		{Integer(1, 9), "1e1", "2.5", false}, {Number(), "2.5", "", true}, {Number(), "NaN", `"NaN"`, false}, {Number(), "0x1", `"0x1"`, false},
		{Boolean(), "true", "", true}, {Boolean(), "1", "", false},
		{OneOf("a", "b"), "a", `"a"`, true}, {OneOf("a", "b"), "c", `"c"`, false},
		{id, "abc", `"abc"`, true}, {id, "abcd", `"abcd"`, false}, {id, "A", `"A"`, false}, {id, "", `""`, false},
		{Moment(), "now-30m", `"now-30m"`, true}, {Moment(), "2026-11-21T09:00:00Z", `"2026-11-21T09:00:00Z"`, true}, {Moment(), "soon", `"soon"`, false},
	} {
		require.Equal(t, c.fits, c.schema.FitsText(c.text), "%s", c.text)
		if c.value == "" {
			c.value = c.text
		}
		v, err := decodeJSON([]byte(c.value))
		if err == nil {
			require.Equal(t, c.fits, c.schema.Check(v) == nil, "%s", c.value)
		}
	}
}

func TestSchema_NamesWhereAValueDoesNotFit(t *testing.T) {
	s := Object(F("name", String()), May("parts", Array(Object(F("n", Integer(0, 9))))))
	for body, want := range map[string]string{
		`{"name":"x"}`: "", `{"name":"x","parts":[{"n":3}]}`: "", `{}`: "name", `{"name":1}`: "name", `{"name":"x","nam":1}`: "nam",
		`{"name":"x","parts":[{"n":3},{"n":30}]}`: "parts[1].n", `[]`: "?",
	} {
		v, err := decodeJSON([]byte(body))
		require.NoError(t, err)
		m := s.Check(v)
		switch want {
		case "":
			require.Nil(t, m, body)
		case "?":
			require.NotNil(t, m, body)
		default:
			require.Equal(t, want, m.Path, body)
		}
	}
}

func TestOf_DerivesWhatEncodingJSONWrites(t *testing.T) {
	type inner struct {
		N *int `json:"n"`
	}
	type outer struct {
		inner
		Name  string   `json:"name,omitempty"`
		Tags  []string `json:"tags"`
		skip  int
		Inner *inner `json:"inner"`
	}
	n := 3
	for _, v := range []outer{{}, {inner: inner{&n}, Name: "x", Tags: []string{"a"}, Inner: &inner{}}} {
		raw, err := json.Marshal(v)
		require.NoError(t, err)
		decoded, err := decodeJSON(raw)
		require.NoError(t, err)
		require.Nil(t, Of[outer]().Check(decoded), "%s %d", raw, v.skip)
	}
}

func TestRegistry_RefusesFaultyDeclarations(t *testing.T) {
	surface := &Surface{Tag: "t"}
	good := Operation{Surface: surface, Method: "GET", Path: "/x/{id}", ID: "a", Summary: "s", Parameters: []Parameter{InPath("id", "d", String())},
		Responses: []Response{JSON(200, "d", Anything())}, Handler: func(*fiber.Ctx) error { return nil }}
	_, err := NewRegistry(good)
	require.NoError(t, err)
	for what, change := range map[string]func(*Operation){
		"not declared": func(o *Operation) { o.Parameters = nil },
		"has no":       func(o *Operation) { o.Path = "/x" },
		"surface":      func(o *Operation) { o.Surface = nil },
		"scheme":       func(o *Operation) { o.Security = []string{"nothing"} },
		"responses":    func(o *Operation) { o.Responses = nil },
		"method":       func(o *Operation) { o.Method = "FETCH" },
	} {
		bad := good
		change(&bad)
		_, err := NewRegistry(bad)
		require.ErrorContains(t, err, what)
	}
	twin := good
	twin.ID, twin.Path, twin.Parameters = "b", "/x/{other}", []Parameter{InPath("other", "d", String())}
	_, err = NewRegistry(good, twin)
	require.ErrorContains(t, err, "twice")
	_, err = NewRegistry(good, good)
	require.True(t, err != nil && strings.Contains(err.Error(), "twice"))
}
