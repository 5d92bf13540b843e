package surfaces_test

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"floorwalker/aggregate/engine"
	"floorwalker/query/history"
	"floorwalker/schema"
)

// past is a history in memory: what an engine wrote, in the newest version of each row, with the moment of the flush.
type past struct {
	t         testing.TB
	engine    *engine.Engine
	offset    int64
	intervals map[string]stored[schema.Interval]
	parts     map[string]stored[schema.Part]
	asOf      int64
}

type stored[T any] struct {
	row       T
	processed int64
}

func newPast(t testing.TB) *past {
	return &past{t: t, engine: engine.New(engine.Config{}), intervals: map[string]stored[schema.Interval]{}, parts: map[string]stored[schema.Part]{}, asOf: schema.NoTime}
}

func (p *past) event(at int64, typ schema.EventType, subject, data string) {
	var d schema.Decoder
	var ev schema.Event
	value := schema.AppendEvent(nil, "6", "/test", fmt.Sprint("e", p.offset), typ, subject, at, []byte(data))
	require.NoError(p.t, d.Decode(&schema.Record{Offset: p.offset, Timestamp: at, Value: value}, &ev))
	p.engine.Apply(&ev, p.offset)
	p.offset++
}

// flush writes what has changed; everything that came is in it.
func (p *past) flush(now int64) {
	var rows engine.Rows
	p.engine.Drain(&rows)
	for _, r := range rows.Intervals {
		p.intervals[fmt.Sprint(r.Kind, r.Agent, r.Start, "/", r.N)] = stored[schema.Interval]{r, now}
	}
	for _, r := range rows.Parts {
		p.parts[fmt.Sprint(r.Interaction, "/", r.Agent, "/", r.Start, "/", r.N)] = stored[schema.Part]{r, now}
	}
	p.asOf = now
}

func (p *past) Progress(context.Context, string) (history.Progress, error) {
	return history.Progress{AsOf: p.asOf, WrittenAt: p.asOf, CompleteUntil: schema.NoTime}, nil
}

func (p *past) EachInterval(_ context.Context, a history.Agents, kinds []schema.IntervalKind, each func(*schema.Interval) error) error {
	var rows []schema.Interval
	for _, s := range p.intervals {
		r := s.row
		if !r.Deleted && slices.Contains(kinds, r.Kind) && (a.IDs == nil || slices.Contains(a.IDs, r.Agent)) && r.Start < a.To && r.End > a.From {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, func(x, y schema.Interval) int {
		return cmp.Or(cmp.Compare(x.Agent, y.Agent), cmp.Compare(x.Start, y.Start), cmp.Compare(x.N, y.N))
	})
	for i := range rows {
		if err := each(&rows[i]); err != nil {
			return err
		}
	}
	return nil
}

func (p *past) EachPart(_ context.Context, a history.Agents, each func(*schema.Part) error) error {
	var rows []schema.Part
	for _, s := range p.parts {
		r := s.row
		if !r.Deleted && (a.IDs == nil || slices.Contains(a.IDs, r.Agent)) && r.Start < a.To && r.Finished >= a.From {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, func(x, y schema.Part) int {
		return cmp.Or(cmp.Compare(x.Agent, y.Agent), cmp.Compare(x.Start, y.Start), cmp.Compare(x.Interaction, y.Interaction), cmp.Compare(x.N, y.N))
	})
	for i := range rows {
		if err := each(&rows[i]); err != nil {
			return err
		}
	}
	return nil
}

func (p *past) Changed(_ context.Context, a history.Agents, kinds []schema.IntervalKind, parts bool) (map[string]int64, error) {
	out := map[string]int64{}
	add := func(agent string, start, processed int64) {
		if processed < a.From || processed >= a.To || a.IDs != nil && !slices.Contains(a.IDs, agent) {
			return
		}
		if old, ok := out[agent]; !ok || start < old {
			out[agent] = start
		}
	}
	for _, s := range p.intervals {
		if slices.Contains(kinds, s.row.Kind) {
			add(s.row.Agent, s.row.Start, s.processed)
		}
	}
	if parts {
		for _, s := range p.parts {
			add(s.row.Agent, s.row.Start, s.processed)
		}
	}
	return out, nil
}

// item is an activity or a state as an answer has it.
type item struct {
	agent, start string
	duration     any
	rest         string
}

func itemOf(t testing.TB, v any) item {
	m := v.(map[string]any)
	out := item{agent: m["agentId"].(string), start: m["start"].(string), duration: at(t, v, "duration")}
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range m {
			if name != "agentId" && name != "start" && name != "duration" && !yield(name) {
				return
			}
		}
	}) {
		out.rest += fmt.Sprint(name, "=", m[name], " ")
	}
	return out
}

// search reads all pages.
func (w *world) search(path string, limit int, values url.Values) (items []item, upTo string) {
	w.t.Helper()
	token := w.vonageToken()
	for page := 1; ; page++ {
		values.Set("page", fmt.Sprint(page))
		values.Set("limit", fmt.Sprint(limit))
		a := w.do("GET", "/stats/"+path+"?"+values.Encode(), "", "Authorization", "Bearer "+token, "Accept", "application/vnd.newvoicemedia.v3+json")
		require.Equal(w.t, 200, a.StatusCode, a.body)
		m := a.json(w.t)
		for _, v := range m["items"].([]any) {
			items = append(items, itemOf(w.t, v))
		}
		if float64(page) >= at(w.t, m, "meta", "pageCount").(float64) {
			require.EqualValues(w.t, len(items), at(w.t, m, "meta", "totalCount"))
			return items, m["upTo"].(string)
		}
	}
}

func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

// oracle is the whole sequence of an agent's workforce management states, worked out millisecond by millisecond where anything
// begins or ends, from the rows as they are.
func (p *past) oracle(agent string) []item {
	var rows []schema.Interval
	edges := map[int64]bool{}
	for _, s := range p.intervals {
		if r := s.row; !r.Deleted && r.Agent == agent {
			rows = append(rows, r)
			edges[r.Start] = true
			if r.End != schema.Open {
				edges[r.End] = true
			}
		}
	}
	holds := func(kind schema.IntervalKind, ms int64) *schema.Interval {
		for i := range rows {
			if r := &rows[i]; r.Kind == kind && r.Start <= ms && ms < r.End {
				return r
			}
		}
		return nil
	}
	var out []item
	var begins []int64
	for _, ms := range slices.Sorted(func(yield func(int64) bool) {
		for ms := range edges {
			if !yield(ms) {
				return
			}
		}
	}) {
		presence := holds(schema.IntervalPresence, ms)
		if presence == nil {
			continue
		}
		said := stateSaid(presence, holds(schema.IntervalStatus, ms), holds(schema.IntervalWorkload, ms))
		if n := len(out); n > 0 {
			if out[n-1].rest == said {
				continue
			}
			out[n-1].duration = float64(ms - begins[n-1])
		}
		out, begins = append(out, item{agent: agent, start: stamp(ms), rest: said}), append(begins, ms)
	}
	return out
}

func stateSaid(presence, status, load *schema.Interval) string {
	name := map[schema.Status]string{schema.Available: "Ready", schema.LoggedOut: "LoggedOut", schema.Lunch: "ExtendedAway", schema.Meeting: "ExtendedAway"}[presence.Status]
	if name == "" {
		name = "Away"
	}
	state, description := name, cmp.Or(presence.Description, name)
	if presence.Status != schema.LoggedOut {
		work := "Live"
		if load != nil && load.Live == 0 && load.SemiLive > 0 {
			work = "Semi-Live"
		} else if load != nil && load.Live == 0 && load.NonLive > 0 {
			work = "Non-Live"
		}
		switch {
		case status != nil && status.Status == schema.Rona:
			state, description = "Unexpected", work
		case status != nil && status.Status == schema.Wrap:
			state, description = "Wrap", work
		case load != nil && load.Live+load.SemiLive+load.NonLive > 0:
			state, description = "Busy", work
		}
	}
	return fmt.Sprint("description=", description, " state=", state, " ")
}

// happening is one random event.
type happening struct {
	at            int64
	typ           schema.EventType
	subject, data string
}

// days invents what three agents do in three days, in the order in which it arrives: up to half an hour late.
func days(t *rapid.T, begin int64) []happening {
	var out []happening
	n := rapid.IntRange(10, 70).Draw(t, "events")
	now := begin
	for i := range n {
		now += int64(rapid.SampledFrom([]int{0, 1, 1000, 60_000, 600_000, 3_000_000, 9_000_000}).Draw(t, "pause"))
		agent := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "agent")
		h := happening{at: now, subject: agent}
		switch rapid.IntRange(0, 9).Draw(t, "what") {
		case 0:
			h.typ, h.data = schema.AgentLogin, `{}`
		case 1:
			h.typ, h.data = schema.AgentLogout, `{}`
		case 2, 3, 4, 5:
			h.typ = schema.AgentStatus
			h.data = rapid.SampledFrom([]string{`{"status":"available"}`, `{"status":"break"}`, `{"status":"away"}`, `{"status":"lunch"}`, `{"status":"meeting","description":"Team"}`,
				`{"status":"lunch","description":"Team"}`, `{"status":"wrap"}`, `{"status":"rona"}`, `{"status":"on_call"}`, `{"status":"in_chat"}`, `{"status":"logged_out"}`}).Draw(t, "status")
		default:
			id := fmt.Sprint("i", i)
			channel := rapid.SampledFrom([]string{"voice", "chat", "email"}).Draw(t, "channel")
			say := func(typ schema.EventType, data string) {
				out = append(out, happening{now, typ, id, data})
				now += int64(rapid.SampledFrom([]int{1000, 30_000, 1_000_000, 50_000_000}).Draw(t, "length"))
			}
			say(schema.InteractionCreated, `{"channel":"`+channel+`","direction":"inbound"}`)
			say(schema.InteractionOffered, `{"agent_id":"`+agent+`"}`)
			if rapid.Bool().Draw(t, "answered") {
				say(schema.InteractionConnected, `{"agent_id":"`+agent+`"}`)
				if rapid.Bool().Draw(t, "wraps") {
					say(schema.InteractionWrapStarted, `{"agent_id":"`+agent+`"}`)
				}
				if rapid.Bool().Draw(t, "ends") {
					say(schema.InteractionEnded, `{"reason":"completed"}`)
				}
			} else {
				say(schema.InteractionDeclined, `{"agent_id":"`+agent+`","reason":"no_answer"}`)
			}
			continue
		}
		out = append(out, h)
	}
	late := make([]int64, len(out))
	for i, h := range out {
		late[i] = h.at + int64(rapid.SampledFrom([]int{0, 0, 0, 0, 60_000, 1_800_000}).Draw(t, "late"))
	}
	order := make([]int, len(out))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(late[x], late[y]) })
	shuffled := make([]happening, len(out))
	for i, n := range order {
		shuffled[i] = out[n]
	}
	return shuffled
}

// A poller that does as the vendor's own program, page by page, has in the end exactly what there is, however late things came.
func TestVonage_PollerStaysExact(t *testing.T) {
	begin := time.Date(2026, 11, 18, 20, 0, 0, 0, time.UTC).UnixMilli()
	p := newPast(t)
	w := newWorld(t, "2026-11-18T20:00:00Z", func(s *setup) { s.history = p })
	w.settle()
	rapid.Check(t, func(t *rapid.T) {
		*p = *newPast(w.t)
		clock := begin
		w.setClock(clock)
		have := map[string]map[string]item{} // agent → start
		offset := stamp(begin)
		poll := func() {
			items, upTo := w.search("wfm/agent-states", rapid.SampledFrom([]int{1, 3, 100}).Draw(t, "limit"),
				url.Values{"start": {offset}, "end": {stamp(clock)}, "include": {"Processed"}})
			for i := 0; i < len(items); { // consecutive ones of an agent: drop from the first on, insert all
				agent, first := items[i].agent, items[i].start
				if have[agent] == nil {
					have[agent] = map[string]item{}
				}
				for start := range have[agent] {
					if start >= first {
						delete(have[agent], start)
					}
				}
				for ; i < len(items) && items[i].agent == agent; i++ {
					have[agent][items[i].start] = items[i]
				}
			}
			offset = upTo
		}
		for _, h := range days(t, begin) {
			p.event(h.at, h.typ, h.subject, h.data)
			clock = max(clock+1, h.at)
			if rapid.IntRange(0, 3).Draw(t, "flush") == 0 {
				p.flush(clock)
				clock++
				w.setClock(clock)
				if rapid.Bool().Draw(t, "poll") {
					poll()
				}
			}
		}
		p.flush(clock + 1)
		clock += 2
		w.setClock(clock)
		poll()
		for _, agent := range []string{"a", "b", "c"} {
			want := map[string]item{}
			for _, i := range p.oracle(agent) {
				want[i.start] = i
			}
			got := have[agent]
			if got == nil {
				got = map[string]item{}
			}
			require.Equal(t, want, got, agent)
		}
	})
}

func (w *world) setClock(ms int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = time.UnixMilli(ms)
}

// Windows that follow one another find each state once by its start, whole, in order; the other kinds of include find what they say.
func TestVonage_WindowsFindEachStateOnce(t *testing.T) {
	begin := time.Date(2026, 11, 18, 20, 0, 0, 0, time.UTC).UnixMilli()
	p := newPast(t)
	w := newWorld(t, "2026-11-18T20:00:00Z", func(s *setup) { s.history = p })
	w.settle()
	rapid.Check(t, func(t *rapid.T) {
		*p = *newPast(w.t)
		last := begin
		for _, h := range days(t, begin) {
			p.event(h.at, h.typ, h.subject, h.data)
			last = max(last, h.at)
		}
		p.flush(last + 1)
		w.setClock(last + 2)
		var all []item
		for _, agent := range []string{"a", "b", "c"} {
			all = append(all, p.oracle(agent)...)
		}
		slices.SortFunc(all, func(x, y item) int { return cmp.Or(cmp.Compare(x.start, y.start), cmp.Compare(x.agent, y.agent)) })
		edges := []int64{begin, last + 1}
		for _, share := range rapid.SliceOfN(rapid.IntRange(0, 1000), 0, 4).Draw(t, "edges") {
			edges = append(edges, begin+(last-begin)*int64(share)/1000)
		}
		for _, i := range all { // windows that begin and end right at a state
			if rapid.IntRange(0, 9).Draw(t, "at a state") == 0 {
				ms, err := time.Parse(time.RFC3339, i.start)
				require.NoError(t, err)
				edges = append(edges, ms.UnixMilli())
			}
		}
		slices.Sort(edges)
		edges = slices.Compact(edges)
		var found []item
		for i := 1; i < len(edges); i++ {
			window := url.Values{"start": {stamp(edges[i-1])}, "end": {stamp(edges[i])}}
			started, _ := w.search("wfm/agent-states", 7, window)
			found = append(found, started...)
			window.Set("include", "StartedOrEnded")
			both, _ := w.search("wfm/agent-states", 5000, window)
			require.Equal(t, filterItems(all, func(start, end int64) bool {
				return start >= edges[i-1] && start < edges[i] || end >= edges[i-1] && end < edges[i]
			}), both)
		}
		require.Equal(t, all, found)
		one, _ := w.search("wfm/agent-states", 5000, url.Values{"start": {stamp(begin)}, "agentID": {"b"}})
		require.Equal(t, filterOf(all, "b"), one)
	})
}

func filterOf(all []item, agent string) (out []item) {
	for _, i := range all {
		if i.agent == agent {
			out = append(out, i)
		}
	}
	return out
}

func filterItems(all []item, wanted func(start, end int64) bool) (out []item) {
	for _, i := range all {
		start, err := time.Parse(time.RFC3339, i.start)
		if err != nil {
			continue
		}
		end := schema.Open
		if d, ok := i.duration.(float64); ok {
			end = start.UnixMilli() + int64(d)
		}
		if wanted(start.UnixMilli(), end) {
			out = append(out, i)
		}
	}
	return out
}

func TestVonage_Activities(t *testing.T) {
	p := newPast(t)
	w := newWorld(t, "2026-11-21T12:00:00Z", func(s *setup) { s.history = p })
	w.settle()
	say := func(at string, typ, subject, data string) {
		of, ok := schema.ParseEventType("cc." + typ)
		require.True(t, ok)
		p.event(w.moment(at), of, subject, data)
	}
	say("2026-11-20T22:00:00Z", "agent.status", "110", `{"status":"available"}`)
	say("2026-11-21T09:00:00Z", "agent.status", "110", `{"status":"break","description":"Break"}`)
	say("2026-11-21T09:15:00Z", "agent.status", "110", `{"status":"available"}`)
	say("2026-11-21T09:30:00Z", "interaction.created", "i", `{"channel":"voice","direction":"inbound"}`)
	say("2026-11-21T09:30:00Z", "interaction.offered", "i", `{"agent_id":"110"}`)
	say("2026-11-21T09:30:05Z", "interaction.connected", "i", `{"agent_id":"110"}`)
	say("2026-11-21T09:31:00Z", "interaction.held", "i", `{"agent_id":"110"}`)
	say("2026-11-21T09:32:00Z", "interaction.resumed", "i", `{"agent_id":"110"}`)
	say("2026-11-21T09:33:00Z", "interaction.parked", "i", `{"agent_id":"110"}`)
	say("2026-11-21T09:34:00Z", "interaction.unparked", "i", `{"agent_id":"110"}`)
	say("2026-11-21T09:35:00Z", "interaction.wrap_started", "i", `{"agent_id":"110"}`)
	say("2026-11-21T09:35:00Z", "interaction.ended", "i", `{"reason":"completed"}`)
	say("2026-11-21T09:36:00Z", "interaction.wrap_ended", "i", `{"agent_id":"110"}`)
	say("2026-11-21T09:40:00Z", "interaction.created", "j", `{"channel":"voice","direction":"inbound"}`)
	say("2026-11-21T09:40:00Z", "interaction.offered", "j", `{"agent_id":"110"}`)
	say("2026-11-21T09:40:20Z", "interaction.declined", "j", `{"agent_id":"110","reason":"no_answer"}`)
	p.flush(w.now().UnixMilli() - 1)
	shown := func(path string, more ...string) []string {
		values := url.Values{"start": {"2026-11-21T09:00:00.000Z"}}
		for i := 0; i+1 < len(more); i += 2 {
			values.Set(more[i], more[i+1])
		}
		items, upTo := w.search(path, 5000, values)
		require.Equal(t, stamp(w.now().UnixMilli()-1), upTo)
		var out []string
		for _, i := range items {
			duration := "<nil>"
			if ms, ok := i.duration.(float64); ok {
				duration = fmt.Sprint(int64(ms))
			}
			out = append(out, i.start[11:23]+" "+duration+" "+strings.TrimSpace(i.rest))
		}
		return out
	}
	const none = " interaction=<nil> "
	presences := []string{
		"09:00:00.000 900000 category=Away description=Break" + none + "name=Break reason=<nil> type=Presence workload=<nil>",
		"09:15:00.000 <nil> category=Ready description=Ready" + none + "name=Ready reason=<nil> type=Presence workload=<nil>"}
	require.Equal(t, presences, shown("agent-activities/presence"))
	interaction := func(begin, duration, category, reason, guid string) string {
		return begin + " " + duration + " category=" + category + " description=<nil> interaction=map[channelGuid:<nil> direction:Inbound guid:" + guid +
			" medium:Phone mediumManager:CC] name=<nil> reason=" + reason + " type=Interaction workload=<nil>"
	}
	interactions := []string{
		interaction("09:30:00.000", "5000", "Ringing", "<nil>", "i"),
		interaction("09:30:05.000", "175000", "Connected", "<nil>", "i"),
		interaction("09:34:00.000", "60000", "Connected", "Unparked", "i"),
		interaction("09:35:00.000", "60000", "Wrap", "<nil>", "i"),
		interaction("09:40:00.000", "20000", "Ringing", "<nil>", "j"),
		interaction("09:40:20.000", "0", "Unexpected", "NoAnswer", "j")}
	require.Equal(t, interactions, shown("agent-activities/interactions"))
	workload := func(begin, duration, calls string) string {
		return begin + " " + duration + " category=<nil> description=<nil>" + none + "name=<nil> reason=<nil> type=Workload workload=map[calls:" + calls + " nonLive:0 semiLive:0]"
	}
	workloads := []string{workload("09:30:00.000", "180000", "1"), workload("09:33:00.000", "60000", "0"), workload("09:34:00.000", "120000", "1"),
		workload("09:36:00.000", "240000", "0"), workload("09:40:00.000", "20000", "1"), workload("09:40:20.000", "<nil>", "0")}
	require.Equal(t, workloads, shown("agent-activities", "type", "Workload"))
	require.Equal(t, interactions, shown("agent-activities", "type", "Interaction"))
	require.Equal(t, presences, shown("agent-activities", "type", "Presence"))
	all := shown("agent-activities")
	require.ElementsMatch(t, slices.Concat(presences, workloads, interactions), all)
	require.Equal(t, []string{workloads[0], interactions[0]}, all[2:4], "of equal start workload before interaction")
	require.Empty(t, shown("agent-activities", "agentId", "111"))
	require.Equal(t, all, shown("agent-activities", "agentId", "110"))
	// What began the evening before is one activity over midnight.
	require.Equal(t, "22:00:00.000 39600000 category=Ready description=Ready"+none+"name=Ready reason=<nil> type=Presence workload=<nil>",
		shown("agent-activities/presence", "include", "StartedOrEnded")[0])
	require.Equal(t, []string{"09:00:00.000 900000 description=Break state=Away", "09:15:00.000 900000 description=Ready state=Ready",
		"09:30:00.000 180000 description=Live state=Busy", "09:33:00.000 60000 description=Ready state=Ready", "09:34:00.000 60000 description=Live state=Busy",
		"09:35:00.000 60000 description=Live state=Wrap", "09:36:00.000 240000 description=Ready state=Ready", "09:40:00.000 20000 description=Live state=Busy",
		"09:40:20.000 <nil> description=Live state=Unexpected"}, shown("wfm/agent-states"))
}

func TestVonage_Windows(t *testing.T) {
	p := newPast(t)
	w := newWorld(t, "2026-11-21T12:00:00Z", func(s *setup) { s.history = p })
	w.settle()
	for _, path := range []string{"agent-activities", "agent-activities/presence", "agent-activities/interactions", "wfm/agent-states"} {
		for _, query := range []string{"start=2026-10-21T12:00:00Z", "start=2026-11-21", "start=2026-11-21T11:00:00.123456Z&end=2026-11-21T11:00:01Z", "start=2026-11-21T11:00:00",
			"start=2026-11-21T13:00:00%2B02:00", "start=2026-11-21T13:00:00+02:00", "start=2026-11-21T11:00:00Z&include=&agentId=", "start=2026-11-21T12:00:05Z", "start=2026-01-01&end=2026-02-01"} {
			require.Equal(t, 200, w.vonage(path+"?"+query).StatusCode, path+"?"+query)
		}
		for query, message := range map[string]string{"": "start is missing", "start=": "start is missing", "end=2026-11-21T12:00:00Z": "start is missing", "start=yesterday": "start is not a date and time in ISO 8601",
			"start=2026-11-21T25:00:00Z": "start is not a date and time in ISO 8601", "start=2026-11-21T11:00:00Z&end=x": "end is not a date and time in ISO 8601",
			"start=2026-11-21T11:00:00Z&end=2026-11-21T10:00:00Z": "end must be after start", "start=2026-10-21T11:59:59.999Z": "Request window size limit exceeded 31 days",
			"start=2020-01-01&end=2020-02-02": "Request window size limit exceeded 31 days", "start=1969-01-01&end=1969-01-02": "start is not a date and time in ISO 8601"} {
			a := w.vonage(path + "?" + query)
			require.Equal(t, 400, a.StatusCode, query)
			require.Equal(t, message, a.json(t)["message"], query)
		}
		for _, query := range []string{"start=2026-11-21&include=started", "start=2026-11-21&include=All", "start=2026-11-21&page=0", "start=2026-11-21&limit=5001"} {
			require.Equal(t, 400, w.vonage(path+"?"+query).StatusCode, query)
		}
	}
	require.Equal(t, 400, w.vonage("agent-activities?start=2026-11-21&type=Status").StatusCode)
	require.Equal(t, "max-age=5, must-revalidate, private", w.vonage("wfm/agent-states?start=2026-11-21").Header.Get("Cache-Control"))
}
