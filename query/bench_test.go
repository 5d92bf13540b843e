package query_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"floorwalker/query"
	"floorwalker/query/auth"
	"floorwalker/query/floor"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// crowd is a contact centre with many agents in some teams, with one of some sets of skills, and 200 queues.
type crowd struct {
	live      *fakeLive
	directory *directory.Store
	ids       []string
	source    *floor.Source
	app       *query.App
}

func newCrowd(b testing.TB, agents int) *crowd { return newCrowdOf(b, agents, 50, 1) }

func newCrowdOf(b testing.TB, agents, teams, skills int) *crowd {
	c := &crowd{directory: directory.NewStore()}
	say := func(kind, id, data string) {
		require.NoError(b, c.directory.Apply(&schema.Event{Type: schema.EventDirectory, DirectoryKind: kind, ContactCenter: "6", Subject: id, Data: []byte(data)}))
	}
	say("contact_center", "6", `{"name":"Six","time_zone":"Asia/Jerusalem"}`)
	const queues = 200
	for i := range queues {
		say("queue", fmt.Sprint("q", i), `{"name":"Queue","team_ids":[]}`)
	}
	for i := range teams {
		say("team", fmt.Sprint("t", i), fmt.Sprintf(`{"name":"Team %d","business_unit_id":"b","queue_ids":["q%d","q%d","q%d","q%d"]}`, i, 4*i%queues, (4*i+1)%queues, (4*i+2)%queues, (4*i+3)%queues))
	}
	f := newFloor("6")
	for i := range agents {
		id := fmt.Sprintf("a%06d", i)
		c.ids = append(c.ids, id)
		say("agent", id, fmt.Sprintf(`{"name":"Agent %d","login":"l%d","email":"a@b","skills":["en%d"],"queue_ids":[],"campaign_ids":[],"role":"agent","team_id":"t%d"}`, i, i, i/teams%skills, i%teams))
		f.Agents.Set(id, crowdAgent(id, i))
	}
	c.live = &fakeLive{floors: map[string]*schema.Floor{"6": f}, metrics: map[string]schema.LiveMetrics{"6": crowdMetrics(queues, c.ids)}}
	authenticator, err := auth.New([]auth.Account{{ID: "reader", ContactCenter: "6", Role: auth.Reader, Tokens: []string{token("reader")}}}, auth.Options{})
	require.NoError(b, err)
	c.source = floor.NewSource(c.live, c.directory, nil, time.Now)
	c.app, err = query.New(query.Config{}, query.Deps{Source: c.source, Authenticator: authenticator,
		Readiness: func(context.Context) query.Readiness { return query.Readiness{} }, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(b, err)
	return c
}

// crowdAgent is an agent in one of the statuses, n of them in a row being different.
func crowdAgent(id string, n int) *schema.LiveAgent {
	statuses := []schema.Status{schema.Available, schema.OnCall, schema.Available, schema.Break, schema.OnCall, schema.Wrap, schema.Lunch}
	return loggedIn(id, statuses[n%len(statuses)], noon-int64(n%9973)*1000)
}

func crowdMetrics(queues int, ids []string) schema.LiveMetrics {
	m := schema.LiveMetrics{AsOf: noon, CompleteUntil: noon - 3_660_000}
	for i := range queues {
		w := schema.Window{Dims: schema.Dims{ContactCenter: "6", Queue: fmt.Sprint("q", i), Channel: schema.ChannelVoice, Direction: schema.Inbound}}
		w.Counts[schema.CountOffered], w.Counts[schema.CountAnswered], w.Counts[schema.CountAbandoned] = 40, 35, 5
		for n := range 35 {
			w.Measures[schema.MeasureWait].Add(distribution(int64(1000 + 997*n)))
			w.Measures[schema.MeasureHandle].Add(distribution(int64(60_000 + 3001*n)))
		}
		m.Windows = append(m.Windows, &w)
	}
	for i, id := range ids {
		m.Days = append(m.Days, &schema.AgentDay{Agent: id, Intervals: []schema.Stretch{{Start: noon - 3_600_000, End: schema.Open, Status: schema.Available}}})
		if i%2 == 0 {
			w := schema.Window{Dims: schema.Dims{ContactCenter: "6", Agent: id, Queue: fmt.Sprint("q", i%queues), Channel: schema.ChannelVoice, Direction: schema.Inbound}}
			w.Counts[schema.CountAnswered] = 3
			w.Measures[schema.MeasureTalk].Add(distribution(50_000, 70_000, 90_000))
			m.Windows = append(m.Windows, &w)
		}
	}
	return m
}

// update changes agents at a rate, each change a new version of the floor, until stop is closed.
func (c *crowd) update(perSecond int, stop chan struct{}) {
	const tick = time.Millisecond
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	began, done := time.Now(), 0
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
		for due := int(time.Since(began).Seconds() * float64(perSecond)); done < due; done++ {
			id := c.ids[(done*7919)%len(c.ids)]
			c.change(crowdAgent(id, done))
		}
	}
}

// change is what the live view does with a change of an agent.
func (c *crowd) change(a *schema.LiveAgent) {
	c.live.change("6", func(f *schema.Floor) {
		f.Agents.Set(a.ID, a)
		f.Changes = f.Changes.Then(&schema.Change{Agent: a})
	})
}

// ask sends one request through the whole server, without a network, and returns the answer's status.
func ask(handler fasthttp.RequestHandler, uri string) int {
	var ctx fasthttp.RequestCtx
	var r fasthttp.Request
	r.Header.SetMethod("GET")
	r.SetRequestURI(uri)
	r.Header.Set("Authorization", "Bearer "+token("reader"))
	ctx.Init(&r, nil, nil)
	handler(&ctx)
	status := ctx.Response.StatusCode()
	ctx.Response.Reset() // gives the body's memory back, as a server does once it has been sent
	return status
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkLatency sends requests at a steady rate on one core while 5,000 events a second change the floor. Metrics: p50 and p99 in µs from
// when a request was due, so that a stall is seen by all that it delays; p99 of the answering alone; CPU of a request in µs, the events'
// included. A run ends early where the machine cannot keep the pace: its due- figures then say nothing.
func BenchmarkLatency(b *testing.B) {
	eachQuestion(b, func(b *testing.B, c *crowd, q question) { c.steady(b, q.uri, q.rate) })
}

// BenchmarkRequest answers one request after the other, each after as many changes as 5,000 events a second make between two of them. It
// counts CPU alone, so that it says the same on a busy machine.
func BenchmarkRequest(b *testing.B) {
	eachQuestion(b, func(b *testing.B, c *crowd, q question) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		_ = c.app.Fiber().Handler()
		handler := c.app.Fiber().Server().Handler
		require.Equal(b, 200, ask(handler, q.uri))
		n, before := 0, cpu()
		for b.Loop() {
			for range 5000 / q.rate {
				n++
				c.change(crowdAgent(c.ids[(n*7919)%len(c.ids)], n))
			}
			ask(handler, q.uri)
		}
		b.ReportMetric(float64((cpu()-before).Nanoseconds())/1000/float64(b.N), "cpu-µs/req")
	})
}

// question is one that the figures are about, with how often it is asked a second.
type question struct {
	name, uri string
	rate      int
}

func eachQuestion(b *testing.B, run func(*testing.B, *crowd, question)) {
	const of = "/api/v1/contact-centers/6"
	before := debug.SetGCPercent(300) // what the program runs with
	b.Cleanup(func() { debug.SetGCPercent(before) })
	b.Run("summary by 667 teams of 10000", func(b *testing.B) {
		run(b, newCrowdOf(b, 10_000, 667, 4), question{uri: of + "/agents/summary?group_by=team", rate: 1000})
	})
	for _, agents := range []int{10_000, 100_000} {
		crowd := sync.OnceValue(func() *crowd { return newCrowd(b, agents) })
		for _, q := range []question{
			{"page", of + "/agents?limit=50&status=available,break&team=t1,t2,t3,t4,t5,t6,t7,t8,t9,t10&sort=status_age_ms:desc,name", 1000},
			{"page of all", of + "/agents?limit=50&logged_in=true&sort=status,status_age_ms:desc", 1000},
			{"one agent", of + "/agents/a000077", 1000},
			{"summary by team", of + "/agents/summary?group_by=team", 1000},
			{"live metrics by 200 queues", of + "/metrics?group_by=queue&window=1h&limit=200", 100},
		} {
			b.Run(fmt.Sprintf("%s of %d", q.name, agents), func(b *testing.B) { run(b, crowd(), q) })
		}
	}
}

func (c *crowd) steady(b *testing.B, uri string, rate int) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	stop := make(chan struct{})
	var wait sync.WaitGroup
	ctx, end := context.WithCancel(b.Context())
	wait.Go(func() { c.update(5000, stop) })
	wait.Go(func() { c.source.Run(ctx) })
	defer func() { close(stop); end(); wait.Wait() }()
	_ = c.app.Fiber().Handler() // builds the routes, as serving does
	handler := c.app.Fiber().Server().Handler
	require.Equal(b, 200, ask(handler, uri))
	for b.Loop() {
		var due, took []time.Duration
		before, began := cpu(), time.Now()
		for n := 0; n < 2*rate && time.Since(began) < 5*time.Second; n++ {
			at := began.Add(time.Duration(n) * time.Second / time.Duration(rate))
			time.Sleep(time.Until(at))
			asked := time.Now()
			require.Equal(b, 200, ask(handler, uri))
			due, took = append(due, time.Since(at)), append(took, time.Since(asked))
		}
		spent := cpu() - before
		slices.Sort(due)
		slices.Sort(took)
		n := len(due)
		b.ReportMetric(float64(due[n/2].Microseconds()), "due-p50-µs")
		b.ReportMetric(float64(due[n*99/100].Microseconds()), "due-p99-µs")
		b.ReportMetric(float64(took[n/2].Microseconds()), "p50-µs")
		b.ReportMetric(float64(took[n*99/100].Microseconds()), "p99-µs")
		b.ReportMetric(float64(spent.Microseconds())/float64(n), "cpu-µs/req")
		b.ReportMetric(0, "ns/op")
	}
}

// BenchmarkAgents joins 100,000 agents with the directory: all of them anew, and after a change of one.
func BenchmarkAgents(b *testing.B) {
	c := newCrowd(b, 100_000)
	run := func(anew bool) func(*testing.B) {
		return func(b *testing.B) {
			source := floor.NewSource(c.live, c.directory, nil, time.Now)
			source.View("6").Agents()
			for b.Loop() {
				c.change(loggedIn("a000077", schema.Break, noon))
				if anew {
					source = floor.NewSource(c.live, c.directory, nil, time.Now)
				}
				if len(source.View("6").Agents()) != 100_000 {
					b.Fatal("agents are missing")
				}
			}
		}
	}
	b.Run("anew", run(true))
	b.Run("after a change", run(false))
}
