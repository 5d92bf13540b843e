package list

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"floorwalker/schema"
)

func TestEncoder_WritesWhatEncodingJsonReads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name, text := rapid.String().Draw(t, "name"), rapid.String().Draw(t, "text")
		number, float := rapid.Int64().Draw(t, "number"), rapid.Float64().Draw(t, "float")
		var e Encoder
		e.Object()
		e.Name(name + "1")
		e.String(text)
		e.Name(name + "2")
		e.Int(number)
		e.Name(name + "3")
		e.Array()
		e.Float(float)
		e.Null()
		e.Object()
		e.End()
		e.Texts([]string{text, name})
		e.EndArray()
		e.Name(name + "4")
		e.Raw([]byte(` {"a" : [1, 2]} `))
		e.End()
		var got map[string]any
		if err := json.Unmarshal(e.B, &got); err != nil {
			t.Fatalf("%s: %v", e.B, err)
		}
		if got[name+"1"] != text || got[name+"3"].([]any)[0] != float || len(got) != 4 {
			t.Fatalf("%s", e.B)
		}
	})
}

func TestEncoder_MendsWhatIsNotUTF8AndShowsNoMomentAsNull(t *testing.T) {
	var e Encoder
	e.Array()
	e.String("a\xffb\x01\u2028")
	e.Time(schema.NoTime)
	e.Time(schema.Open)
	e.Time(1)
	e.Text("")
	e.Raw([]byte("{"))
	e.EndArray()
	require.Equal(t, "[\"a\uFFFDb\\u0001\u2028\",null,null,\"1970-01-01T00:00:00.001Z\",null,null]", string(e.B))
}

func TestArrange_KeepsNullsLastInBothDirections(t *testing.T) {
	type row struct {
		id string
		n  *float64
	}
	f := func(v float64) *float64 { return &v }
	table := &Table[row]{ID: func(r row) string { return r.id }, Columns: []Column[row]{{Name: "n", Sort: func(r row) Key {
		if r.n == nil {
			return Null()
		}
		return Number(*r.n)
	}}}}
	for desc, want := range map[bool]string{false: "bdace", true: "abdce"} {
		rows := []row{{"c", nil}, {"a", f(2)}, {"e", nil}, {"d", f(1)}, {"b", f(1)}}
		table.Arrange(rows, Page{Sort: []SortKey{{"n", desc}}})
		got := ""
		for _, r := range rows {
			got += r.id
		}
		require.Equal(t, want, got)
	}
}

// Rows that neither keys nor ids tell apart, such as intervals of one group, stay in the order in which they came.
func TestArrange_KeepsTheOrderOfRowsWithOneID(t *testing.T) {
	type row struct{ group, interval int }
	table := &Table[row]{ID: func(r row) string { return strconv.Itoa(r.group) }, Columns: []Column[row]{{Name: "group", Sort: func(r row) Key { return Number(float64(r.group)) }}}}
	var rows []row
	for n := range 200 {
		rows = append(rows, row{n % 3, n})
	}
	table.Arrange(rows, Page{Sort: []SortKey{{"group", true}}})
	require.True(t, slices.IsSortedFunc(rows, func(a, b row) int { return cmp.Or(b.group-a.group, a.interval-b.interval) }), "%v", rows)
}

func TestPage_IsTheBeginningOfWhatArrangeGives(t *testing.T) {
	type row struct {
		id   string
		n    int
		text string
	}
	table := &Table[row]{ID: func(r row) string { return r.id }, Columns: []Column[row]{
		{Name: "n", Sort: func(r row) Key {
			if r.n == 0 {
				return Null()
			}
			return Number(float64(r.n))
		}},
		{Name: "text", Sort: func(r row) Key { return Text(r.text) }},
	}}
	rapid.Check(t, func(t *rapid.T) {
		rows := make([]row, rapid.IntRange(0, 300).Draw(t, "rows"))
		for i := range rows {
			rows[i] = row{fmt.Sprintf("r%03d", i), rapid.IntRange(0, 5).Draw(t, "n"), rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, "text")}
		}
		p := Page{Format: JSON, Offset: rapid.IntRange(0, 20).Draw(t, "offset"), Limit: rapid.IntRange(1, 30).Draw(t, "limit")}
		for _, field := range []string{"n", "text"} {
			if rapid.Bool().Draw(t, "by "+field) {
				p.Sort = append(p.Sort, SortKey{field, rapid.Bool().Draw(t, "desc")})
			}
		}
		all := slices.Clone(rows)
		table.Arrange(all, p)
		collected := table.Collect(p)
		for _, row := range rows {
			collected.Add(row)
		}
		page, total := collected.Page()
		require.Equal(t, len(rows), total)
		require.Equal(t, append([]row{}, Cut(all, p)...), append([]row{}, page...))
	})
}
