package history

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
)

func (f *floor) interactions(position int64, rows ...schema.Interaction) {
	f.t.Helper()
	b := clickhouse.NewInteractions()
	b.Append(stamp(position), rows)
	require.NoError(f.t, b.Send(context.Background(), f.conn, 1))
}

func (f *floor) visits(position int64, rows ...schema.Visit) {
	f.t.Helper()
	b := clickhouse.NewQueueVisits()
	b.Append(stamp(position), rows)
	require.NoError(f.t, b.Send(context.Background(), f.conn, 1))
}

func (f *floor) annotations(position int64, rows ...schema.Annotation) {
	f.t.Helper()
	b := clickhouse.NewAnnotations()
	b.Append(stamp(position), rows)
	require.NoError(f.t, b.Send(context.Background(), f.conn, 1))
}

// story is an interaction with all that belongs to it.
type story struct {
	schema.Interaction
	parts  []schema.Part
	visits []schema.Visit
	said   []schema.Annotation
}

// row is the story as a reader must show it.
func (s *story) row(t testing.TB) *schema.LiveInteraction {
	row := &schema.LiveInteraction{Interaction: s.Interaction, Parts: s.parts, Visits: s.visits, HoldSince: schema.NoTime, RecordingSince: schema.NoTime, RecordAllowed: true}
	for i := range s.visits {
		row.Waiting = row.Waiting || s.visits[i].End == schema.Open
	}
	for i := range s.parts {
		if since, ok := heldSince(&s.parts[i]); ok && (row.HoldSince == schema.NoTime || s.parts[i].Primary) {
			row.HoldSince = since
		}
	}
	var d schema.Decoder
	for i := range s.said {
		lay(row, &s.said[i], &d)
	}
	require.Len(t, row.Annotations, len(s.said))
	return row
}

var someIDs = []string{"call-1", "call-2", "77", "0815", "it's \\ \"q\"", "ид-3"}

func randomStory(r *rand.Rand, id string, start int64) *story {
	s := &story{Interaction: schema.Interaction{ContactCenter: center, ID: id, Start: start, Number: pick(r, []int64{0, 0, 5, 1 << 40}),
		Channel: pick(r, []schema.Channel{schema.ChannelVoice, schema.ChannelChat}), Direction: pick(r, []schema.Direction{schema.Inbound, schema.Outbound}),
		Kind: schema.KindQueued, CallID: pick(r, []string{"", "c1", "c2"}), ChatID: pick(r, []string{"", "h1"}), Campaign: pick(r, []string{"", "C"}),
		Queue: pick(r, someQueues), FirstQueue: pick(r, someQueues), CallFlow: pick(r, []string{"", "F"}), Priority: r.Int64N(3), Skills: pick(r, [][]string{{}, {"en", "fr"}}),
		State: pick(r, []schema.PartState{schema.StateEnded, schema.StateConnected, schema.StateWaiting}), StateSince: start + r.Int64N(1000),
		Queued: pick(r, []int64{schema.NoTime, start + 5}), Connected: pick(r, []int64{schema.NoTime, start + 9}), Ended: pick(r, []int64{schema.Open, start + 600_000}),
		EndReason: schema.EndCompleted, PrimaryAgent: pick(r, someAgents), Customer: []byte(pick(r, []string{``, `{"id":"k1","phone":"+1"}`, `{"id":"k2","display_phone":"+2"}`})),
		CanRecord: r.IntN(2) == 0}}
	if s.Ended == schema.Open {
		s.EndReason = 0
	}
	for range r.IntN(3) {
		s.parts = append(s.parts, randomPart(r, s))
	}
	slices.SortFunc(s.parts, func(a, b schema.Part) int { return int(a.Start - b.Start) })
	for n := range r.IntN(3) {
		at := start + int64(n)*20_000 + r.Int64N(10_000)
		end := pick(r, []int64{at + r.Int64N(90_000), schema.Open})
		v := schema.Visit{ContactCenter: center, Interaction: id, Start: at, Queue: pick(r, someQueues), Channel: s.Channel, Direction: s.Direction, Kind: schema.VisitFirst, End: end}
		if end != schema.Open {
			v.Outcome, v.Agent = schema.OutcomeAnswered, pick(r, someAgents)
		}
		s.visits = append(s.visits, v)
		if end == schema.Open {
			break
		}
	}
	for range r.IntN(5) {
		s.said = append(s.said, randomAnnotation(r, s))
	}
	slices.SortStableFunc(s.said, func(a, b schema.Annotation) int { return int(a.Time - b.Time) })
	return s
}

func randomPart(r *rand.Rand, s *story) schema.Part {
	at := s.Start + r.Int64N(500_000)
	p := schema.Part{ContactCenter: center, Interaction: s.ID, Agent: pick(r, someAgents), Start: at, Queue: s.Queue, Campaign: s.Campaign, Channel: s.Channel,
		Direction: s.Direction, Kind: s.Kind, Role: schema.RoleAgent, Offered: at, Connected: at + 10, Ended: at + 1000, WrapStarted: schema.NoTime, Finished: at + 2000,
		RingMs: 10, TalkMs: 990, DeclinedAt: schema.NoTime, PrimarySince: schema.NoTime, Segments: []schema.Segment{{State: schema.StateRinging, Since: at, Until: at + 10, Role: schema.RoleAgent},
			{State: schema.StateConnected, Since: at + 10, Until: at + 1000, Role: schema.RoleAgent, Reason: "resumed"}}}
	if r.IntN(2) == 0 {
		p.Primary, p.PrimarySince = true, at+10
	}
	if r.IntN(3) == 0 {
		p.Ended, p.Finished = schema.Open, schema.Open
		p.Segments = append(p.Segments, schema.Segment{State: schema.StateHeld, Since: at + 1000, Until: schema.Open, Role: schema.RoleAgent})
	}
	return p
}

func randomAnnotation(r *rand.Rand, s *story) schema.Annotation {
	at := s.Start - 1000 + r.Int64N(2*3_600_000)
	of := []struct {
		t    schema.EventType
		data string
	}{
		{schema.InteractionUpdated, `{"call_id":"c2"}`}, {schema.InteractionUpdated, `{"customer":{"phone":"+3","id":"k3"},"can_record":false}`},
		{schema.InteractionUpdated, `{"chat_id":"h9","call_flow_id":"G","gruu":"g","screen_pop_url":"http://x/"}`},
		{schema.InteractionRecording, `{"active":true}`}, {schema.InteractionRecording, `{"active":false}`},
		{schema.InteractionDisposition, `{"disposition_id":"D1","sub_disposition_id":"S"}`}, {schema.InteractionDisposition, `{"disposition_id":"D2"}`},
		{schema.InteractionNote, `{"note":"n"}`}, {schema.InteractionExtraItem, `{"name":"order","value":"1"}`}, {schema.InteractionMessage, `{"from":"a","to":"b","text":"hi","from_agent":false}`},
	}
	x := pick(r, of)
	return schema.Annotation{ContactCenter: center, Interaction: s.ID, Time: at, Source: "/x", ID: strconv.FormatUint(r.Uint64(), 36), Type: x.t, Data: []byte(x.data)}
}

// write stores stories, and older versions of them that say something else.
func (f *floor) write(r *rand.Rand, stories []*story) {
	f.t.Helper()
	for position, change := range map[int64]func(*story){10: (*story).garble, 20: func(*story) {}} {
		var rows []schema.Interaction
		var parts []schema.Part
		var visits []schema.Visit
		var said []schema.Annotation
		for _, s := range stories {
			c := *s
			c.parts, c.visits = slices.Clone(s.parts), slices.Clone(s.visits)
			change(&c)
			rows, parts, visits = append(rows, c.Interaction), append(parts, c.parts...), append(visits, c.visits...)
			for i := range s.said {
				s.said[i].Offset = int64(len(said))
				said = append(said, s.said[i])
			}
		}
		f.interactions(position, rows...)
		f.parts(position, parts...)
		f.visits(position, visits...)
		f.annotations(position, said...)
	}
}

func (s *story) garble() {
	s.State, s.Queue, s.CallID, s.Customer, s.Ended = schema.StateIVR, "old", "old", nil, schema.Open
	for i := range s.parts {
		s.parts[i].Primary, s.parts[i].TalkMs = !s.parts[i].Primary, 1
	}
	for i := range s.visits {
		s.visits[i].End = schema.Open
	}
	// What a newer version took away.
	gone := schema.Part{ContactCenter: s.ContactCenter, Interaction: s.ID, Agent: "gone", Start: s.Start + 1, Offered: schema.NoTime, Connected: schema.NoTime,
		Ended: schema.Open, WrapStarted: schema.NoTime, Finished: schema.Open}
	s.parts = append(s.parts, gone)
}

func (f *floor) tellStories(r *rand.Rand, begin int64) []*story {
	var stories []*story
	for n := range 120 {
		// Ids come again, long after.
		id := pick(r, someIDs) + strconv.Itoa(r.IntN(12))
		start := begin + int64(n)*4*3_600_000 + r.Int64N(1000)
		if i := slices.IndexFunc(stories, func(s *story) bool { return s.ID == id && start-s.Start < 30*3_600_000 }); i >= 0 {
			id += "-" + strconv.Itoa(n)
		}
		s := randomStory(r, id, start)
		if slices.ContainsFunc(stories, func(o *story) bool { return o.ID == id }) {
			for _, o := range stories {
				if o.ID == id && o.Ended == schema.Open {
					o.Ended, o.EndReason = o.Start+600_000, schema.EndCompleted
				}
			}
		}
		stories = append(stories, s)
	}
	f.write(r, stories)
	var deleted []schema.Part
	for _, s := range stories {
		deleted = append(deleted, schema.Part{ContactCenter: center, Interaction: s.ID, Agent: "gone", Start: s.Start + 1, Offered: schema.NoTime,
			Connected: schema.NoTime, Ended: schema.Open, WrapStarted: schema.NoTime, Finished: schema.Open, Deleted: true})
	}
	f.parts(30, deleted...)
	return stories
}

// Interactions of the past are found by every filter, in every order, and shown whole, as a plain walk over what was stored finds
// and shows them: older versions, tombstones and ids that were used again change nothing.
func TestInteractions_AgainstPlainWalk(t *testing.T) {
	f := newFloor(t)
	r := rand.New(rand.NewPCG(3, 4))
	begin := at(t, "UTC", "2026-03-20 00:00")
	stories := f.tellStories(r, begin)
	asOf := begin + 40*dayMs
	rows := map[*story]*schema.LiveInteraction{}
	for _, s := range stories {
		rows[s] = s.row(t)
	}
	for name, c := range filterCases() {
		t.Run(name, func(t *testing.T) {
			for range 2 {
				from := begin + r.Int64N(8)*dayMs
				q := c.filter
				q.ContactCenter, q.From, q.To, q.AsOf = center, from, from+(1+r.Int64N(12))*dayMs, asOf
				var want []string
				for _, s := range stories {
					if s.Start >= q.From && s.Start < q.To && c.match(rows[s], asOf) {
						want = append(want, fmt.Sprint(s.ID, s.Start))
					}
				}
				keys, err := f.reader.InteractionKeys(context.Background(), q, nil, 0, 0)
				require.NoError(t, err)
				var got []string
				for _, k := range keys {
					got = append(got, fmt.Sprint(k.ID, k.Start))
				}
				require.Equal(t, want, got)
				offset, limit := r.IntN(len(want)+2), 1+r.IntN(len(want)+2)
				page, total, err := f.reader.InteractionPage(context.Background(), q, nil, offset, limit)
				require.NoError(t, err)
				require.Equal(t, len(want), total)
				require.Equal(t, append([]InteractionKey{}, keys[min(offset, len(keys)):min(offset+limit, len(keys))]...), append([]InteractionKey{}, page...))
			}
		})
	}
	all := InteractionFilter{ContactCenter: center, From: begin, To: begin + 40*dayMs, AsOf: asOf}
	keys, err := f.reader.InteractionKeys(context.Background(), all, nil, 0, 0)
	require.NoError(t, err)
	require.Len(t, keys, len(stories))
	for chunk := range slices.Chunk(keys, 37) {
		got, err := f.reader.Interactions(context.Background(), center, chunk)
		require.NoError(t, err)
		require.Len(t, got, len(chunk))
		for i, row := range got {
			n := slices.IndexFunc(stories, func(s *story) bool { return s.ID == chunk[i].ID && s.Start == chunk[i].Start })
			requireSame(t, rows[stories[n]], row)
		}
	}
	t.Run("orders", func(t *testing.T) { f.in(t).requireOrders(stories, rows, all) })
	t.Run("by id", func(t *testing.T) {
		for _, s := range stories[:20] {
			row, found, err := f.reader.Interaction(context.Background(), center, s.ID)
			require.NoError(t, err)
			require.True(t, found)
			newest := s
			for _, o := range stories {
				if o.ID == s.ID && o.Start > newest.Start {
					newest = o
				}
			}
			requireSame(t, rows[newest], row)
		}
		_, found, err := f.reader.Interaction(context.Background(), center, "nobody's")
		require.NoError(t, err)
		require.False(t, found)
	})
}

// What is said late belongs to the interaction that took the id over, unless that one was taken back.
func TestInteractions_IDUsedAgain_UntilTakenBack(t *testing.T) {
	f := newFloor(t)
	begin := at(t, "UTC", "2026-03-20 10:00")
	first := schema.Interaction{ContactCenter: center, ID: "x", Start: begin, StateSince: begin, Ended: begin + 10*minuteMs}
	again := first
	again.Start, again.Ended = begin+30*minuteMs, begin+50*minuteMs
	f.interactions(1, first, again)
	f.annotations(1, schema.Annotation{ContactCenter: center, Interaction: "x", Time: begin + 40*minuteMs, Source: "/x", ID: "1", Type: schema.InteractionNote, Data: []byte(`{"note":"n"}`)})
	said := func() int {
		rows, err := f.reader.Interactions(context.Background(), center, []InteractionKey{{ID: "x", Start: first.Start, Ended: first.Ended}})
		require.NoError(t, err)
		require.Len(t, rows, 1)
		return len(rows[0].Annotations)
	}
	require.Zero(t, said())
	again.Deleted = true
	f.interactions(2, again)
	require.Equal(t, 1, said())
}

// A page tells how many there are in all, though ClickHouse may leave off reading where a limit is reached.
func TestInteractionPage_CountsWhatTheLimitCutsOff(t *testing.T) {
	f := newFloor(t)
	const n, gone = 150_000, 100
	begin := at(t, "UTC", "2026-03-20 10:00")
	for version, rows := range []int{n, n / 3, gone} { // older versions are written over, and some interactions taken back
		require.NoError(t, f.conn.Exec(context.Background(), fmt.Sprintf(`INSERT INTO interactions (contact_center, id, start, ended, queue, state_since, deleted, version)
SELECT '%s', concat('i', toString(number)), fromUnixTimestamp64Milli(%d + toInt64(number) * 60), fromUnixTimestamp64Milli(%[2]d + toInt64(cityHash64(number) %% 10000000)),
 concat('q', toString(number %% 7)), fromUnixTimestamp64Milli(%[2]d), %d, %d FROM numbers(%d)`, center, begin, version/2, version, rows)))
	}
	all := InteractionFilter{ContactCenter: center, From: begin, To: begin + 4*60*minuteMs}
	for _, order := range [][]InteractionOrder{nil, {{"created", true}}, {{"ended", false}}, {{"ended", true}}, {{"id", true}}, {{"queue_id", false}}} {
		keys, total, err := f.reader.InteractionPage(context.Background(), all, order, 20, 10)
		require.NoError(t, err)
		require.Equal(t, n-gone, total, "%v", order)
		require.Len(t, keys, 10)
	}
	all.Queues = []string{"q3"}
	_, total, err := f.reader.InteractionPage(context.Background(), all, nil, 0, 1)
	require.NoError(t, err)
	want, err := f.reader.InteractionKeys(context.Background(), all, nil, 0, 0)
	require.NoError(t, err)
	require.Len(t, want, total)
}

// requireSame compares what a client sees.
func requireSame(t *testing.T, want, got *schema.LiveInteraction) {
	t.Helper()
	plain := func(i *schema.LiveInteraction) string {
		c := *i
		c.Skills = append([]string{}, c.Skills...)
		c.Parts, c.Visits = append([]schema.Part{}, c.Parts...), append([]schema.Visit{}, c.Visits...)
		for n := range c.Annotations {
			c.Annotations[n].Offset = 0
		}
		for n := range c.Notes {
			c.Notes[n].Offset = 0
		}
		return strings.ReplaceAll(fmt.Sprintf("%+v customer %s", c, c.Customer), " ", "\n")
	}
	require.Equal(t, plain(want), plain(got))
}

type filterCase struct {
	filter InteractionFilter
	match  func(i *schema.LiveInteraction, asOf int64) bool
}

func filterCases() map[string]filterCase {
	return map[string]filterCase{
		"all": {InteractionFilter{}, func(*schema.LiveInteraction, int64) bool { return true }},
		"id": {InteractionFilter{IDs: []string{"call-11", "call-13", "773"}, Numbers: []int64{5}}, func(i *schema.LiveInteraction, _ int64) bool {
			return i.ID == "call-11" || i.ID == "call-13" || i.ID == "773" || i.Number == 5
		}},
		"call": {InteractionFilter{CallIDs: []string{"c2", "x"}}, func(i *schema.LiveInteraction, _ int64) bool { return i.CallID == "c2" }},
		"chat": {InteractionFilter{ChatIDs: []string{"h9"}}, func(i *schema.LiveInteraction, _ int64) bool { return i.ChatID == "h9" }},
		"channel, direction": {InteractionFilter{Channels: []string{"chat"}, Directions: []string{"outbound"}}, func(i *schema.LiveInteraction, _ int64) bool {
			return i.Channel == schema.ChannelChat && i.Direction == schema.Outbound
		}},
		"state": {InteractionFilter{States: []string{"waiting"}}, func(i *schema.LiveInteraction, _ int64) bool { return i.State == schema.StateWaiting }},
		"queue, campaign": {InteractionFilter{Queues: []string{someQueues[3], "IN"}, Campaigns: []string{"C"}}, func(i *schema.LiveInteraction, _ int64) bool {
			return (i.Queue == someQueues[3] || i.Queue == "IN") && i.Campaign == "C"
		}},
		"agent": {InteractionFilter{Agents: []string{someAgents[2], "gone"}}, func(i *schema.LiveInteraction, _ int64) bool {
			return slices.ContainsFunc(i.Parts, func(p schema.Part) bool { return p.Agent == someAgents[2] })
		}},
		"customer": {InteractionFilter{CustomerIDs: []string{"k3", "k1"}}, func(i *schema.LiveInteraction, _ int64) bool {
			return strings.Contains(string(i.Customer), `"k3"`) || strings.Contains(string(i.Customer), `"k1"`)
		}},
		"phone": {InteractionFilter{CustomerPhones: []string{"+2", "+3"}}, func(i *schema.LiveInteraction, _ int64) bool {
			return strings.Contains(string(i.Customer), `"+2"`) || strings.Contains(string(i.Customer), `"+3"`)
		}},
		"waiting": {InteractionFilter{Waiting: true, WaitingLongerMs: 20 * dayMs}, func(i *schema.LiveInteraction, asOf int64) bool {
			return slices.ContainsFunc(i.Visits, func(v schema.Visit) bool { return v.End == schema.Open && asOf-v.Start > 20*dayMs })
		}},
	}
}

// requireOrders sorts by every field and its opposite and compares with the sorted values.
func (f *floor) requireOrders(stories []*story, rows map[*story]*schema.LiveInteraction, all InteractionFilter) {
	for n, field := range InteractionOrders() {
		for _, desc := range []bool{n%2 == 0} {
			keys, err := f.reader.InteractionKeys(context.Background(), all, []InteractionOrder{{field, desc}}, 0, 0)
			require.NoError(f.t, err, field)
			require.Len(f.t, keys, len(stories), field)
			var last any
			for n, k := range keys {
				i := slices.IndexFunc(stories, func(s *story) bool { return s.ID == k.ID && s.Start == k.Start })
				value := sortValue(rows[stories[i]], field, all.AsOf)
				if n > 0 {
					require.True(f.t, inOrder(last, value, desc), "%s desc %t: %v before %v", field, desc, last, value)
				}
				last = value
			}
		}
	}
}

// inOrder compares texts or numbers; nil comes last.
func inOrder(a, b any, desc bool) bool {
	if a == nil || b == nil {
		return b == nil
	}
	if s, ok := a.(string); ok {
		c := strings.Compare(s, b.(string))
		return c == 0 || c < 0 != desc
	}
	x, y := a.(int64), b.(int64)
	return x == y || x < y != desc
}

func sortValue(i *schema.LiveInteraction, field string, asOf int64) any {
	text := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	moment := func(ms int64) any {
		if ms == schema.NoTime || ms == schema.Open {
			return nil
		}
		return ms
	}
	flag := func(b bool) any {
		if b {
			return int64(1)
		}
		return int64(0)
	}
	switch field {
	case "id":
		return i.ID
	case "number":
		return numberOf(i)
	case "channel":
		return text(i.Channel.String())
	case "direction":
		return text(i.Direction.String())
	case "kind":
		return text(i.Kind.String())
	case "call_id":
		return text(i.CallID)
	case "chat_id":
		return text(i.ChatID)
	case "campaign_id":
		return text(i.Campaign)
	case "queue_id":
		return text(i.Queue)
	case "first_queue_id":
		return text(i.FirstQueue)
	case "call_flow":
		return text(i.CallFlow)
	case "priority":
		return i.Priority
	case "state":
		return text(i.State.String())
	case "state_since":
		return moment(i.StateSince)
	case "created":
		return moment(i.Start)
	case "queued":
		return moment(i.Queued)
	case "connected":
		return moment(i.Connected)
	case "ended":
		return moment(i.Ended)
	case "end_reason":
		return text(i.EndReason.String())
	case "end_cause":
		return text(i.EndCause.String())
	case "ended_by":
		return text(i.EndedBy.String())
	case "primary_agent_id":
		return text(i.PrimaryAgent)
	case "first_agent_id":
		return text(i.FirstAgent)
	case "waiting":
		return flag(i.Waiting)
	case "wait_ms":
		return waitOf(i, asOf)
	case "hold_since":
		return moment(i.HoldSince)
	case "recording":
		return flag(i.Recording)
	case "recording_since":
		return moment(i.RecordingSince)
	case "can_record":
		return flag(i.CanRecord)
	case "screen_pop_url":
		return text(i.ScreenPopURL)
	case "gruu":
		return text(i.Gruu)
	case "disposition_id":
		return text(i.Disposition)
	case "sub_disposition_id":
		return text(i.SubDisposition)
	}
	panic(field)
}

func waitOf(i *schema.LiveInteraction, asOf int64) any {
	for n := len(i.Visits) - 1; n >= 0; n-- {
		if i.Visits[n].End == schema.Open {
			return asOf - i.Visits[n].Start
		}
	}
	if n := len(i.Visits); n > 0 {
		return i.Visits[n-1].WaitMs()
	}
	return nil
}

func numberOf(i *schema.LiveInteraction) int64 {
	if i.Number > 0 && i.Number < 1<<31 {
		return i.Number
	}
	if n, err := strconv.ParseInt(i.ID, 10, 64); err == nil && n > 0 && n < 1<<31 && i.ID[0] != '0' {
		return n
	}
	h := fnv.New32a()
	h.Write([]byte(i.ID))
	return int64(h.Sum32() & 0x7fffffff)
}

func TestTimeline_PiecesOfOneStatusAreOne(t *testing.T) {
	f := newFloor(t)
	midnight := at(t, "UTC", "2026-03-21 00:00")
	iv := func(start, end int64, s schema.Status, continued bool, reason string) schema.Interval {
		return schema.Interval{ContactCenter: center, Agent: "a", Kind: schema.IntervalStatus, Start: start, End: end, Status: s, Continued: continued, ReasonID: reason}
	}
	hour := int64(3_600_000)
	f.intervals(20, iv(midnight-2*hour, midnight, schema.Break, false, "1"), iv(midnight, midnight+hour, schema.Break, true, "1"),
		iv(midnight+hour, midnight+2*hour, schema.Break, true, "2"), iv(midnight+2*hour, schema.Open, schema.Lunch, false, ""),
		schema.Interval{ContactCenter: center, Agent: "b", Kind: schema.IntervalStatus, Start: midnight, End: schema.Open, Status: schema.Away},
		schema.Interval{ContactCenter: center, Agent: "a", Kind: schema.IntervalPresence, Start: midnight, End: schema.Open, Status: schema.Away})
	f.progress(20, midnight+40*dayMs)
	part := func(start, finished int64) schema.Part {
		return schema.Part{ContactCenter: center, Interaction: fmt.Sprint(start), Agent: "a", Start: start, Offered: start, Connected: schema.NoTime, Ended: finished,
			WrapStarted: schema.NoTime, Finished: finished, Segments: []schema.Segment{{State: schema.StateRinging, Since: start, Until: finished}}}
	}
	f.parts(20, part(midnight-5*dayMs, schema.Open), part(midnight-4*dayMs, midnight-3*dayMs), part(midnight-3*dayMs, midnight+1), part(midnight+hour, midnight+2*hour))
	f.parts(10, part(midnight-4*dayMs, schema.Open))

	line, err := f.reader.Timeline(context.Background(), center, "a", midnight, midnight+hour)
	require.NoError(t, err)
	require.Len(t, line.Intervals, 1)
	require.Equal(t, midnight+hour, line.Intervals[0].End)
	require.Equal(t, []int64{midnight - 5*dayMs, midnight - 3*dayMs}, starts(line.Parts))

	line, err = f.reader.Timeline(context.Background(), center, "a", midnight-hour, midnight+3*hour)
	require.NoError(t, err)
	require.Len(t, line.Intervals, 3)
	require.Equal(t, [2]int64{midnight - 2*hour, midnight + hour}, [2]int64{line.Intervals[0].Start, line.Intervals[0].End}, "cut at midnight for storing only")
	require.Equal(t, "2", line.Intervals[1].ReasonID)
	require.Equal(t, int64(schema.Open), line.Intervals[2].End)

	line, err = f.reader.Timeline(context.Background(), center, "a", midnight+30*dayMs, midnight+31*dayMs)
	require.NoError(t, err)
	require.Len(t, line.Intervals, 1, "what began long ago and goes on")
	require.Equal(t, []int64{midnight - 5*dayMs}, starts(line.Parts))
	require.Equal(t, midnight+40*dayMs, line.AsOf)
}

func starts(parts []schema.Part) (out []int64) {
	for _, p := range parts {
		out = append(out, p.Start)
	}
	return out
}

// Filters by what annotations say read it as the contract does: ids may be integers, null takes away, and numbers of any size may stand beside.
func TestInteractions_FiltersFindWhatIsShown(t *testing.T) {
	f := newFloor(t)
	begin := utc(t, "2026-03-20 10:00")
	for n, c := range []struct {
		said       string
		finds, not InteractionFilter
	}{
		{`{"call_id":7}`, InteractionFilter{CallIDs: []string{"7"}}, InteractionFilter{CallIDs: []string{"c1"}}},
		{`{"customer":{"id":5}}`, InteractionFilter{CustomerIDs: []string{"5"}}, InteractionFilter{CustomerIDs: []string{"k1"}}},
		{`{"customer":{"phone":null}}`, InteractionFilter{CustomerIDs: []string{"k1"}}, InteractionFilter{CustomerPhones: []string{"+1"}}},
		{`{"customer":{"details":{"account":12345678901234567890123},"phone":"+8"}}`, InteractionFilter{CustomerPhones: []string{"+8"}}, InteractionFilter{CustomerPhones: []string{"+1"}}},
	} {
		id := fmt.Sprint("x", n)
		f.interactions(1, schema.Interaction{ContactCenter: center, ID: id, Start: begin, StateSince: begin, Ended: begin + 10*minuteMs,
			Customer: []byte(`{"id":"k1","phone":"+1"}`), CallID: "c1"})
		f.annotations(1, schema.Annotation{ContactCenter: center, Interaction: id, Time: begin + 11*minuteMs, Source: "/x", ID: "1", Type: schema.InteractionUpdated, Data: []byte(c.said)})
		count := func(q InteractionFilter) int {
			q.ContactCenter, q.From, q.To, q.IDs = center, begin, begin+1, []string{id}
			keys, err := f.reader.InteractionKeys(context.Background(), q, nil, 0, 0)
			require.NoError(t, err)
			return len(keys)
		}
		require.Equal(t, []int{1, 0}, []int{count(c.finds), count(c.not)}, c.said)
	}
}
