package top

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rivo/uniseg"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func raw(texts ...string) (out []json.RawMessage) {
	for _, text := range texts {
		out = append(out, json.RawMessage(text))
	}
	return out
}

func rowsOf(subscription string, texts ...string) Rows {
	return Rows{Subscription: subscription, AsOf: noon, Reset: true, Rows: raw(texts...)}
}

func queueRow(id string, waiting int, since string) string {
	at := "null"
	if since != "" {
		at = `"2026-11-21T` + since + `Z"`
	}
	return fmt.Sprintf(`{"id":%q,"name":"Queue %s","waiting":%d,"longest_wait_since":%s,"agents":{"logged_in":9,"available":2,"on_call":3,"in_chat":1,"wrap":1,"break":2}}`,
		id, strings.ToUpper(id), waiting, at)
}

func figuresRow(queue string, offered, answered int, level string) string {
	group := "{}"
	if queue != "" {
		group = fmt.Sprintf(`{"queue":%q}`, queue)
	}
	return fmt.Sprintf(`{"group":%s,"interval":{},"values":{"offered":%d,"answered":%d,"abandoned":1,"service_level":{"value":%s,"threshold_seconds":30}}}`,
		group, offered, answered, level)
}

func agentRow(id, status, since string) string {
	return fmt.Sprintf(`{"id":%q,"name":"Agent %s","team":{"id":"t","name":"Team"},"status":%q,"status_since":"2026-11-21T%sZ"}`, id, id, status, since)
}

// model has taken in what makes three queues.
func model(t *testing.T, more ...Message) *Model {
	t.Helper()
	m := NewModel("demo", DefaultLimits(), noon)
	messages := append([]Message{
		rowsOf(subQueues, queueRow("a", 1, "11:59:00"), queueRow("b", 5, "11:59:50"), queueRow("c", 0, "")),
		rowsOf(subByQueue, figuresRow("a", 10, 9, "0.9"), figuresRow("b", 30, 10, "0.4"), figuresRow("c", 20, 0, "null")),
		rowsOf(subSummary, `{"group":{},"agents":{"logged_in":27,"staffed":27,"available":6,"on_call":9,"in_chat":3,"wrap":3,"break":6,"suspended":0,"logged_out":4}}`),
		rowsOf(subToday, figuresRow("", 60, 19, "0.7")),
		rowsOf(subRates, figuresRow("", 10, 5, "0.7")),
		rowsOf(subAgents, agentRow("1", "wrap", "11:50:00"), agentRow("2", "break", "11:30:00"), agentRow("3", "available", "08:00:00"), agentRow("4", "break", "11:55:00")),
	}, more...)
	for _, msg := range messages {
		require.NoError(t, m.Apply(msg))
	}
	return m
}

func queueIDs(m *Model) (out string) {
	for _, q := range m.Queues() {
		out += q.ID
	}
	return out
}

func keys(list ...Key) (out []Message) {
	for _, k := range list {
		out = append(out, k)
	}
	return out
}

func TestModel_QueuesAreWhatTheMessagesLeave(t *testing.T) {
	change := func(removed, rows []json.RawMessage, reset, more bool) Rows {
		return Rows{subQueues, noon.Add(time.Second), reset, more, rows, removed}
	}
	for name, c := range map[string]struct {
		messages []Message
		want     string
	}{
		"the longest wait first, nobody waiting last": {nil, "abc"},
		"changed":                            {[]Message{change(nil, raw(queueRow("c", 1, "11:00:00")), false, false)}, "cab"},
		"removed":                            {[]Message{change(raw(`"a"`, `"never seen"`), nil, false, false)}, "bc"},
		"reset":                              {[]Message{change(nil, raw(queueRow("d", 0, "")), true, false)}, "d"},
		"a reset that goes on shows no half": {[]Message{change(nil, raw(queueRow("d", 0, "")), true, true)}, "abc"},
		"a reset in two messages": {[]Message{change(nil, raw(queueRow("d", 0, ""), queueRow("f", 0, "")), true, true),
			change(raw(`"f"`), raw(queueRow("e", 0, "")), false, false)}, "de"},
		"in waiting":           {keys("s"), "bac"},
		"in waiting, reversed": {keys("s", "r"), "cab"},
		"in service level, worst first, none last": {keys("s", "s"), "bac"},
		"none stays last":                          {keys("s", "s", "r"), "abc"},
		"in offered":                               {keys("s", "s", "s"), "bca"},
		"in name":                                  {keys("s", "s", "s", "s", "s"), "abc"},
		"all keys once round":                      {keys("s", "s", "s", "s", "s", "s"), "abc"},
		"filter":                                   {keys("/", "e", " ", "B", "enter"), "b"},
		"filter while it is typed":                 {keys("/", "x", "backspace", "c"), "c"},
		"q and s in a filter":                      {keys("/", "q", "u", "s"), ""},
		"esc clears":                               {keys("/", "x", "enter", "esc"), "abc"},
		"an unknown subscription":                  {[]Message{rowsOf("later", `{}`)}, "abc"},
		"an unknown field is ignored":              {[]Message{change(nil, raw(`{"id":"b","name":"B","waiting":0,"colour":"red"}`), false, false)}, "abc"},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, queueIDs(model(t, c.messages...))) })
	}
}

func TestModel_BadRow_NamedAndNothingChanged(t *testing.T) {
	m := model(t)
	err := m.Apply(rowsOf(subQueues, queueRow("x", 1, ""), `{"id":7}`))
	require.ErrorContains(t, err, "rows of queues")
	require.Equal(t, "abc", queueIDs(m))
}

// What a list says as an age and the push as a moment is the same.
func TestModel_ListedAndPushedWaitsAgree(t *testing.T) {
	m := model(t, rowsOf(subQueues, `{"id":"l","waiting":1,"longest_wait_ms":90000}`, queueRow("p", 1, "11:58:30")))
	for _, q := range m.Queues() {
		require.Equal(t, noon.Add(-90*time.Second), q.LongestSince.UTC(), q.ID)
	}
}

// Ages tick by the server's clock, whatever this machine's says.
func TestModel_AgesTickByTheServersClock(t *testing.T) {
	wrong := noon.Add(-time.Hour)
	m := model(t, Tick{wrong}, Clock{time.Hour})
	require.Equal(t, 30*time.Minute, m.TooLong()[0].For)
	require.Equal(t, "1m00s", longest(m, &m.Queues()[0]))
	require.NoError(t, m.Apply(Tick{wrong.Add(5 * time.Second)}))
	require.Equal(t, "1m05s", longest(m, &m.Queues()[0]))
	require.Equal(t, 5*time.Second, m.Age())
}

func TestModel_TooLong_ByLimitOfTheStatus_FurthestFirst(t *testing.T) {
	m := model(t)
	late := m.TooLong()
	require.Len(t, late, 2, "available has no limit, five minutes of break are fine")
	require.Equal(t, []string{"2", "1"}, []string{late[0].ID, late[1].ID})
	require.Equal(t, 30*time.Minute, late[0].For)
	require.Equal(t, 20*time.Minute, late[0].Limit)
	for _, msg := range keys("/", "w", "r", "a", "p", "enter") {
		require.NoError(t, m.Apply(msg))
	}
	require.Len(t, m.TooLong(), 1, "the filter looks at statuses")
}

func TestModel_Banner_SaysWhatIsWrong(t *testing.T) {
	m := model(t)
	for _, c := range []struct {
		msg  Message
		want string
	}{
		{Tick{noon.Add(StaleAfter)}, ""},
		{Tick{noon.Add(StaleAfter + time.Second)}, "DATA ARE 21s OLD"},
		{Beat{floorStream, noon.Add(20 * time.Second)}, "DATA ARE 21s OLD"}, // the other streams say nothing
		{Beat{"today", noon.Add(20 * time.Second)}, "DATA ARE 21s OLD"},
		{Beat{"rates", noon.Add(20 * time.Second)}, ""},
		{Trouble{floorStream, "NO CONNECTION: refused"}, "NO CONNECTION: refused"},
		{Trouble{"rates", "NO CONNECTION: refused"}, "NO CONNECTION: refused"},
		{Trouble{floorStream, ""}, "NO CONNECTION: refused"},
		{Trouble{"rates", ""}, ""},
	} {
		require.NoError(t, m.Apply(c.msg))
		require.Equal(t, c.want, m.Banner(), "%#v", c.msg)
	}
}

func TestModel_KeysThatLeave(t *testing.T) {
	require.True(t, model(t, keys("q")...).Quit())
	require.True(t, model(t, keys("ctrl-c")...).Quit())
	require.True(t, model(t, keys("/", "ctrl-c")...).Quit())
	require.False(t, model(t, keys("/", "q")...).Quit())
}

// Arrows move the list that tab has chosen, never beyond its ends.
func TestModel_ArrowsScrollTheChosenList(t *testing.T) {
	var many []string
	for n := range 60 {
		many = append(many, queueRow(fmt.Sprintf("q%02d", n), 0, ""))
	}
	m := model(t, rowsOf(subQueues, many...))
	top := func(list ...Key) string {
		for _, msg := range keys(list...) {
			require.NoError(t, m.Apply(msg))
		}
		var shown []string
		for _, line := range m.Draw(80, 24, time.UTC) {
			if name, _, _ := strings.Cut(line.String(), "  "); strings.HasPrefix(name, "Queue") {
				shown = append(shown, name)
			}
		}
		return shown[0]
	}
	require.Equal(t, "Queue Q00", top())
	require.Equal(t, "Queue Q01", top("down"))
	require.Equal(t, "Queue Q00", top("up", "up"))
	require.Equal(t, "Queue Q12", top("pgdn"))
	require.Equal(t, "Queue Q48", top("end"))
	require.Equal(t, "Queue Q47", top("up"))
	require.Equal(t, "Queue Q47", top("tab", "home"), "the other list moves")
	require.Equal(t, "Queue Q00", top("tab", "home"))
}

func TestModel_LookOfTheCommandLine(t *testing.T) {
	m := model(t)
	require.NoError(t, m.Look("", "offered:asc"))
	require.Equal(t, "acb", queueIDs(m))
	require.NoError(t, m.Look("queue c", "name"))
	require.Equal(t, "c", queueIDs(m))
	require.ErrorContains(t, m.Look("", "size"), `"size": one of longest,`)
	require.ErrorContains(t, m.Look("", "name:up"), `"up": asc or desc`)
}

func TestDraw_Golden(t *testing.T) {
	crowd := []string{}
	for n := range 12 {
		crowd = append(crowd, agentRow(fmt.Sprintf("a%02d", n), "break", fmt.Sprintf("10:%02d:00", n)))
	}
	for name, c := range map[string]struct {
		width, height int
		messages      []Message
	}{
		"80x24":         {80, 24, nil},
		"120x40":        {120, 40, nil},
		"80x24-crowded": {80, 24, []Message{rowsOf(subAgents, crowd...), Key("/"), Key("a")}},
		"80x24-stale":   {80, 24, []Message{Tick{noon.Add(10 * time.Minute)}, Trouble{floorStream, "NO CONNECTION: connection refused"}}},
	} {
		t.Run(name, func(t *testing.T) {
			lines := model(t, c.messages...).Draw(c.width, c.height, time.UTC)
			var b strings.Builder
			for _, line := range lines {
				b.WriteString(trimmed(line) + "\n")
			}
			file := filepath.Join("testdata", name+".txt")
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(b.String()), 0o644))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, string(want), b.String())
		})
	}
}

// Whatever the size and whatever people are called, nothing is drawn outside of the screen, and nothing that moves the cursor.
func TestDraw_StaysInsideOfTheScreen(t *testing.T) {
	wild := "Zoë \x1b[2J\n\t漢字漢字漢字漢字漢字漢字漢字 \u009b31m"
	text, err := json.Marshal(wild)
	require.NoError(t, err)
	m := model(t, rowsOf(subAgents, fmt.Sprintf(`{"id":"w","name":%s,"team":{"name":%s},"status":"break","status_since":"2026-11-21T08:00:00Z"}`, text, text)),
		rowsOf(subQueues, fmt.Sprintf(`{"id":"w","name":%s,"waiting":1}`, text)), Trouble{floorStream, wild})
	m.ContactCenter = wild
	for width := 1; width < 140; width += 3 {
		for height := 1; height < 50; height += 4 {
			lines := m.Draw(width, height, time.UTC)
			require.LessOrEqual(t, len(lines), height)
			for _, line := range lines {
				require.LessOrEqual(t, uniseg.StringWidth(line.String()), width, "%dx%d: %q", width, height, line)
				require.NotContains(t, line.String(), "\x1b")
				require.NotContains(t, line.String(), "\u009b")
			}
		}
	}
}

// Waiting beyond the service level's threshold stands out.
func TestDraw_WaitBeyondTheThresholdStandsOut(t *testing.T) {
	looks := map[string]Look{}
	for _, line := range model(t).Draw(80, 24, time.UTC) {
		if strings.HasPrefix(line.String(), "Queue") {
			looks[strings.TrimSpace(line[0].Text)] = line[2].Look
		}
	}
	require.Equal(t, map[string]Look{"Queue A": Warn, "Queue B": Plain, "Queue C": Plain}, looks)
}

// Scripts rely on these names.
func TestDocument_Golden(t *testing.T) {
	var b strings.Builder
	require.NoError(t, model(t).WriteJSON(&b))
	file := filepath.Join("testdata", "document.json")
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String())

	empty := NewModel("none", nil, noon)
	raw, err := json.Marshal(empty.Document())
	require.NoError(t, err)
	require.NotContains(t, string(raw), `"queues":null`)
	require.NotContains(t, string(raw), `"agents":null`)
}

// Whoever writes a script finds every key explained.
func TestDocument_EveryKeyIsDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "top.md"))
	require.NoError(t, err)
	raw, err := json.Marshal(model(t).Document())
	require.NoError(t, err)
	var document map[string]any
	require.NoError(t, json.Unmarshal(raw, &document))
	seen := 0
	var check func(v any)
	check = func(v any) {
		object, _ := v.(map[string]any)
		for key, inner := range object {
			seen++
			require.Contains(t, string(page), "`"+key+"`")
			if key != "agents" { // statuses
				check(inner)
			}
			if list, ok := inner.([]any); ok {
				check(list[0])
			}
		}
	}
	check(document)
	require.Greater(t, seen, 30)
}
