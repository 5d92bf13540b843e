package engine

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"sort"
	"strconv"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

// The benchmarks count CPU time of the process, user and system, garbage collection included, because the wall clock of a shared
// machine says little. What making the events costs is measured by a run without an engine and taken off.

func cpu(tb testing.TB) time.Duration {
	var u syscall.Rusage
	require.NoError(tb, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// beat is one event of a generated stream, packed so that the stream itself costs the collector nothing.
type beat struct {
	t, arrival        int64
	id                uint32
	subject           uint32 // interaction, of those of agents: the agent
	agent             uint32
	queue             uint8
	typ               schema.EventType
	status            schema.Status
	channel           schema.Channel
	direction         schema.Direction
	reason, fromAgent bool
}

// traffic is a seeded stream of events of a number of agents: log-ins, statuses, calls and chats.
type traffic struct {
	beats   []beat
	agents  []string
	queues  []string
	rng     *rand.Rand
	subject uint32
	text    []byte
	skills  []string
	pause   int64 // how many times longer agents rest between two interactions
}

const benchStart = day + 8*60*minuteMs

// newTraffic makes what the agents do in the given hours: some 100 events per agent and hour. Every agent is in a centre of 5,000.
func newTraffic(agents int, hours float64) *traffic { return newSlowTraffic(agents, hours, 1) }

// newSlowTraffic is newTraffic with longer rests.
func newSlowTraffic(agents int, hours float64, pause int64) *traffic {
	tr := &traffic{rng: rand.New(rand.NewPCG(1, 2)), skills: []string{"german", "billing"}, pause: pause}
	for n := range agents {
		tr.agents = append(tr.agents, fmt.Sprintf("agent-%06d", n))
	}
	for n := range 40 {
		tr.queues = append(tr.queues, fmt.Sprintf("queue-%02d", n))
	}
	for n := range agents {
		tr.shift(uint32(n), benchStart+int64(hours*3_600_000))
	}
	slices.SortStableFunc(tr.beats, func(a, b beat) int { return cmp.Compare(a.t, b.t) })
	for n := range tr.beats {
		tr.beats[n].id, tr.beats[n].arrival = uint32(n), tr.beats[n].t
	}
	return tr
}

// late lets every fifth event come up to ten seconds late.
func (tr *traffic) late() *traffic {
	out := *tr
	out.beats = slices.Clone(tr.beats)
	for n := range out.beats {
		if n%5 == 0 {
			out.beats[n].arrival += tr.rng.Int64N(10_000)
		}
	}
	slices.SortStableFunc(out.beats, func(a, b beat) int { return cmp.Compare(a.arrival, b.arrival) })
	return &out
}

func (tr *traffic) between(low, high int64) int64 { return low + tr.rng.Int64N(high-low) }

// shift is one agent's day.
func (tr *traffic) shift(a uint32, until int64) {
	t := benchStart + tr.between(0, 5*minuteMs)
	agent := func(typ schema.EventType, st schema.Status) {
		tr.beats = append(tr.beats, beat{t: t, typ: typ, subject: a, status: st, reason: st == schema.Break})
	}
	agent(schema.AgentLogin, 0)
	t += 2000
	agent(schema.AgentStatus, schema.Available)
	for t < until {
		t += tr.pause * tr.between(5_000, 90_000)
		switch n := tr.rng.IntN(20); {
		case n == 0:
			agent(schema.AgentStatus, schema.Break)
			t += tr.between(60_000, 600_000)
			agent(schema.AgentStatus, schema.Available)
		case n < 5:
			t = tr.chat(a, t)
		default:
			t = tr.call(a, t)
		}
	}
}

func (tr *traffic) interaction(a uint32, ch schema.Channel, dir schema.Direction) func(t int64, typ schema.EventType) *beat {
	tr.subject++
	id, q := tr.subject, uint8(a%uint32(len(tr.queues)/4))*4+uint8(tr.rng.IntN(2))
	return func(t int64, typ schema.EventType) *beat {
		tr.beats = append(tr.beats, beat{t: t, typ: typ, subject: id, agent: a, queue: q, channel: ch, direction: dir})
		return &tr.beats[len(tr.beats)-1]
	}
}

func (tr *traffic) call(a uint32, t int64) int64 {
	ev := tr.interaction(a, schema.ChannelVoice, schema.Inbound)
	ev(t-tr.between(5_000, 60_000), schema.InteractionCreated)
	ev(t-tr.between(2_000, 5_000), schema.InteractionQueued)
	ev(t, schema.InteractionOffered)
	t += tr.between(2_000, 15_000)
	if tr.rng.IntN(30) == 0 {
		ev(t, schema.InteractionDeclined)
		ev(t+20_000, schema.InteractionEnded)
		return t
	}
	ev(t, schema.InteractionConnected)
	t += tr.between(20_000, 300_000)
	if tr.rng.IntN(3) == 0 {
		ev(t, schema.InteractionHeld)
		t += tr.between(10_000, 60_000)
		ev(t, schema.InteractionResumed)
		t += tr.between(10_000, 60_000)
	}
	ev(t, schema.InteractionWrapStarted)
	ev(t, schema.InteractionEnded)
	t += tr.between(5_000, 60_000)
	ev(t, schema.InteractionWrapEnded)
	return t
}

func (tr *traffic) chat(a uint32, t int64) int64 {
	ev := tr.interaction(a, schema.ChannelChat, schema.Inbound)
	ev(t-20_000, schema.InteractionCreated)
	ev(t-10_000, schema.InteractionQueued)
	ev(t, schema.InteractionOffered)
	t += tr.between(2_000, 15_000)
	ev(t, schema.InteractionConnected)
	for n := range 2 + tr.rng.IntN(8) {
		t += tr.between(5_000, 40_000)
		ev(t, schema.InteractionMessage).fromAgent = n%2 == 0
	}
	ev(t+1000, schema.InteractionEnded)
	return t + 1000
}

// event unpacks a beat. The event is valid until the next call.
func (tr *traffic) event(b *beat, ev *schema.Event) {
	*ev = schema.Event{Type: b.typ, Time: b.t, Source: "/acd/emea-1"}
	tr.text = append(tr.text[:0], "0192f3c4-7a1b-7c3d-9e5f-"...)
	tr.text = strconv.AppendUint(tr.text, 100_000_000_000+uint64(b.id), 10)
	n := len(tr.text)
	who := b.agent
	if b.typ.OfAgent() {
		who, ev.Subject = b.subject, tr.agents[b.subject]
	} else {
		tr.text = append(tr.text, "call-20260301-"...)
		tr.text = strconv.AppendUint(tr.text, 100_000_000+uint64(b.subject), 10)
	}
	text := unsafe.String(&tr.text[0], len(tr.text))
	ev.ID = text[:n]
	if b.typ.OfInteraction() {
		ev.Subject = text[n:]
	}
	ev.ContactCenter = [...]string{"6", "7", "8", "9"}[who/5000%4]
	switch b.typ {
	case schema.AgentLogin:
		ev.SessionID, ev.Extension, ev.UserType, ev.DeviceType, ev.DeviceURI = text[:n], "4711", "agent", "softphone", "sip:4711@acd"
		ev.Capacity[schema.ChannelChat], ev.Has = 2, schema.HasCapacity
	case schema.AgentStatus:
		ev.Status = b.status
		if b.reason {
			ev.ReasonID, ev.ReasonName = "12", "Coffee"
		}
	case schema.InteractionCreated:
		ev.Channel, ev.Direction, ev.CanRecord = b.channel, b.direction, true
	case schema.InteractionQueued:
		ev.QueueID = tr.queues[b.queue]
		if b.queue%2 == 0 {
			ev.Priority, ev.Skills, ev.Has = 3, tr.skills, schema.HasPriority|schema.HasSkills
		}
	case schema.InteractionOffered, schema.InteractionConnected:
		ev.AgentID, ev.Role = tr.agents[b.agent], schema.RoleAgent
	case schema.InteractionDeclined:
		ev.AgentID, ev.Decline = tr.agents[b.agent], schema.DeclineNoAnswer
	case schema.InteractionMessage:
		ev.AgentID, ev.FromAgent = tr.agents[b.agent], b.fromAgent
	case schema.InteractionEnded:
		ev.End, ev.By = schema.EndCompleted, 1
	default:
		ev.AgentID = tr.agents[b.agent]
	}
}

// structured is the event's payload as a producer writes it.
func payload(dst []byte, ev *schema.Event) []byte {
	n := len(dst)
	field := func(name, value string) {
		if value != "" {
			dst = append(append(append(append(append(dst, ',', '"'), name...), `":"`...), value...), '"')
		}
	}
	field("session_id", ev.SessionID)
	field("extension", ev.Extension)
	field("status", ev.Status.String())
	field("channel", ev.Channel.String())
	field("direction", ev.Direction.String())
	field("agent_id", ev.AgentID)
	field("queue_id", ev.QueueID)
	field("role", ev.Role.String())
	switch ev.Type {
	case schema.InteractionDeclined:
		field("reason", ev.Decline.String())
	case schema.InteractionEnded:
		field("reason", ev.End.String())
	case schema.InteractionMessage:
		dst = append(dst, fmt.Sprintf(`,"from_agent":%t`, ev.FromAgent)...)
		field("from", "agent-or-customer")
		field("to", "customer-or-agent")
		field("text", "How can I help you today?")
	}
	if len(dst) == n {
		return append(dst, "{}"...)
	}
	dst[n] = '{'
	return append(dst, '}')
}

const drainEvery = 50_000

func (r *Rows) forget() {
	*r = Rows{Intervals: r.Intervals[:0], Visits: r.Visits[:0], Parts: r.Parts[:0], Interactions: r.Interactions[:0],
		Windows: r.Windows[:0], Centers: r.Centers[:0]}
}

// play applies the stream; a nil engine only makes the events.
func (tr *traffic) play(e *Engine, rows *Rows) {
	var ev schema.Event
	for n := range tr.beats {
		tr.event(&tr.beats[n], &ev)
		if e == nil {
			continue
		}
		e.Apply(&ev, int64(n))
		if n%drainEvery == drainEvery-1 {
			rows.forget()
			e.Drain(rows)
		}
	}
	if e != nil {
		rows.forget()
		e.Drain(rows)
	}
}

// report gives b events per CPU second.
func report(b *testing.B, events int, used time.Duration) {
	b.ReportMetric(float64(events)/used.Seconds(), "events/CPU-s")
	b.ReportMetric(float64(used.Nanoseconds())/float64(events), "CPU-ns/event")
	b.ReportMetric(0, "ns/op")
}

// asTheProgram collects garbage as seldom as `floorwalker serve` does on a machine with memory to spare.
func asTheProgram(b *testing.B) {
	before := debug.SetGCPercent(300)
	b.Cleanup(func() { debug.SetGCPercent(before) })
}

func benchTraffic(b *testing.B, tr *traffic) {
	asTheProgram(b)
	runtime.GC()
	from := cpu(b)
	tr.play(nil, nil)
	making := cpu(b) - from
	rows := &Rows{}
	tr.play(New(Config{}), rows) // a worker keeps its rows' memory
	var used time.Duration
	for range b.N {
		runtime.GC()
		from = cpu(b)
		tr.play(New(Config{}), rows)
		used += cpu(b) - from - making
	}
	report(b, b.N*len(tr.beats), used)
}

func BenchmarkInOrder(b *testing.B) { benchTraffic(b, newTraffic(2000, 2.5)) }

func BenchmarkLate(b *testing.B) { benchTraffic(b, newTraffic(2000, 2.5).late()) }

func BenchmarkDecodeAndApply(b *testing.B) {
	asTheProgram(b)
	tr := newTraffic(2000, 2.5)
	var ev schema.Event
	var text, data []byte
	ends := make([]int, len(tr.beats))
	for n := range tr.beats {
		tr.event(&tr.beats[n], &ev)
		data = payload(data[:0], &ev)
		ev.Data = data
		text = schema.AppendStructured(text, &ev)
		ends[n] = len(text)
	}
	var used time.Duration
	for range b.N {
		runtime.GC()
		from := cpu(b)
		e, rows, start := New(Config{}), &Rows{}, 0
		var d schema.Decoder
		for n, end := range ends {
			if err := d.Decode(&schema.Record{Value: text[start:end]}, &ev); err != nil {
				b.Fatalf("%s: %v", text[start:end], err)
			}
			start = end
			e.Apply(&ev, int64(n))
			if n%drainEvery == drainEvery-1 {
				rows.forget()
				e.Drain(rows)
			}
		}
		used += cpu(b) - from
	}
	report(b, b.N*len(tr.beats), used)
}

// hot makes 100,000 events of one entity inside the horizon, every tenth up to ten seconds late.
func hot(next func(n int, rng *rand.Rand) schema.Event) []schema.Event {
	const n = 100_000
	rng := rand.New(rand.NewPCG(3, 4))
	events, arrival := make([]schema.Event, n), make([]int64, n)
	order := make([]int, n)
	for k := range events {
		events[k] = next(k, rng)
		events[k].ID, events[k].Source, events[k].ContactCenter = strconv.Itoa(k), "/acd", "6"
		events[k].Time = benchStart + int64(k)*35
		arrival[k], order[k] = events[k].Time, k
		if k%10 == 0 && k > 0 {
			arrival[k] += rng.Int64N(10_000)
		}
	}
	sort.SliceStable(order, func(x, y int) bool { return arrival[order[x]] < arrival[order[y]] })
	out := make([]schema.Event, n)
	for k, o := range order {
		out[k] = events[o]
	}
	return out
}

func benchHot(b *testing.B, events []schema.Event) {
	var used time.Duration
	for range b.N {
		runtime.GC()
		from := cpu(b)
		e, rows := New(Config{}), &Rows{}
		for k := range events {
			e.Apply(&events[k], int64(k))
			if k%drainEvery == drainEvery-1 {
				rows.forget()
				e.Drain(rows)
			}
		}
		used += cpu(b) - from
	}
	b.ReportMetric(used.Seconds()/float64(b.N), "CPU-s/op")
	report(b, b.N*len(events), used)
}

func BenchmarkOneHotEntityAgent(b *testing.B) {
	benchHot(b, hot(func(_ int, rng *rand.Rand) schema.Event {
		return schema.Event{Type: schema.AgentStatus, Subject: "a", Status: schema.Status(1 + rng.IntN(schema.NumStatuses-1))}
	}))
}

func BenchmarkOneHotEntityInteraction(b *testing.B) {
	types := []schema.EventType{schema.InteractionHeld, schema.InteractionResumed, schema.InteractionParked, schema.InteractionUnparked,
		schema.InteractionMessage, schema.InteractionMessage, schema.InteractionMessage, schema.InteractionNote}
	benchHot(b, hot(func(n int, rng *rand.Rand) schema.Event {
		switch n {
		case 0:
			return schema.Event{Type: schema.InteractionCreated, Subject: "i", Channel: schema.ChannelChat, Direction: schema.Inbound}
		case 1:
			return schema.Event{Type: schema.InteractionConnected, Subject: "i", AgentID: "a", Role: schema.RoleAgent}
		}
		return schema.Event{Type: types[rng.IntN(len(types))], Subject: "i", AgentID: "a", FromAgent: rng.IntN(2) == 0}
	}))
}

// floorOf is an engine after a stream, drained.
func floorOf(tr *traffic) *Engine {
	e := New(Config{})
	tr.play(e, &Rows{})
	return e
}

func BenchmarkSnapshot(b *testing.B) {
	e := floorOf(newTraffic(5000, 2))
	b.ReportAllocs()
	var size int
	from := cpu(b)
	for b.Loop() {
		s, err := e.Snapshot()
		require.NoError(b, err)
		size = len(s)
	}
	b.ReportMetric((cpu(b)-from).Seconds()/float64(b.N)*1000, "CPU-ms/op")
	b.ReportMetric(float64(size)/5000, "B/agent")
}

func BenchmarkRestore(b *testing.B) {
	s, err := floorOf(newTraffic(5000, 2)).Snapshot()
	require.NoError(b, err)
	b.ReportAllocs()
	from := cpu(b)
	for b.Loop() {
		_, err := Restore(Config{}, s)
		require.NoError(b, err)
	}
	b.ReportMetric((cpu(b)-from).Seconds()/float64(b.N)*1000, "CPU-ms/op")
}

// heldBy is what an engine holds after the stream, and how many of its events lie inside the horizon.
func heldBy(tr *traffic, e *Engine) (bytes float64, inside int) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	tr.play(e, &Rows{})
	runtime.GC()
	runtime.ReadMemStats(&after)
	newest := tr.beats[len(tr.beats)-1].t
	for n := range tr.beats {
		if tr.beats[n].t >= newest-DefaultHorizonMs {
			inside++
		}
	}
	runtime.KeepAlive(e)
	return float64(after.HeapAlloc) - float64(before.HeapAlloc), inside
}

// BenchmarkMemory fits bytes = agents × A + events inside the horizon × E through two points: the same agents with long rests and with
// short ones, after the hours in which the horizon fills.
func BenchmarkMemory(b *testing.B) {
	const agents = 100_000
	few, many := newSlowTraffic(agents, 2.4, 20), newTraffic(agents, 2.4)
	kept := New(Config{}) // for heap profiles
	for range b.N {
		x, n := heldBy(few, New(Config{}))
		y, m := heldBy(many, kept)
		perEvent := (y - x) / float64(m-n)
		b.ReportMetric(perEvent, "B/event")
		b.ReportMetric((x-perEvent*float64(n))/agents, "B/agent")
		b.ReportMetric(y/agents, "all-B/agent")
		b.ReportMetric(float64(m)/agents, "events/agent")
	}
	runtime.KeepAlive(kept)
}
