package suite

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/valyala/fasthttp"

	"floorwalker/bench/load"
	"floorwalker/ingest"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// Freshness, and push, which is the same with a crowd of subscribers in place of REST, on a node without the worker's role: lines "rest",
// "sse" and "kafka" by rate, with p50_ms, p99_ms, p999_ms, max_ms, samples, missing; and "feed" with the events a second that were
// produced, how late the producer itself was at most, and the CPU seconds a second of Floorwalker, ClickHouse and the bench.
const (
	byREST  = "rest"
	bySSE   = "sse"
	byKafka = "kafka" // what a consumer sees that does nothing but read
	feeds   = "feed"
)

const (
	centersPerLane  = 2
	probesPerSecond = 5.0 // of each agent that is watched
	streamsPerLane  = 5
	kafkaProbes     = 5
	pollEvery       = time.Millisecond
	warmUp          = 3 * time.Second
	grace           = 2 * time.Second // for the last changes
)

// fresh says under what load changes are watched.
type fresh struct {
	part  string
	roles string // of the node; empty: both
	rates []int
	polls bool // whether changes are asked for by REST, too
	crowd int  // further streams, of ten agents each, which are read and not looked at
}

func (r *run) freshness(ctx context.Context) error {
	return r.watch(ctx, fresh{part: Freshness, rates: r.Rates, polls: true})
}

func (r *run) push(ctx context.Context) error {
	return r.watch(ctx, fresh{part: Push, roles: "query", rates: []int{r.PushRate}, crowd: r.Crowd})
}

// watchers see the probes' changes by one way each.
type watchers struct {
	node  *node
	crowd []group
	rest  []*probe
	sse   []*probe
	kafka []*probe // of partition 0
	conns []net.Conn
	wait  sync.WaitGroup
	stop  context.CancelFunc
}

// group is agents that one stream of the crowd shows.
type group struct {
	center string
	agents []string
}

const groupSize = 10

// groups takes so many out of a directory, some agents again where it has too few.
func groups(events []schema.Event, n int) (out []group) {
	var agents []schema.Event
	for _, e := range events {
		if e.DirectoryKind == directory.KindAgent {
			agents = append(agents, e)
		}
	}
	for at := 0; len(out) < n && len(agents) > 0; at += groupSize {
		g := group{center: agents[at%len(agents)].ContactCenter}
		for i := range groupSize {
			if a := &agents[(at+i)%len(agents)]; a.ContactCenter == g.center {
				g.agents = append(g.agents, a.Subject)
			}
		}
		out = append(out, g)
	}
	return out
}

func (r *run) watch(ctx context.Context, what fresh) error {
	names := spread(centersPerLane)
	var all []string
	for _, n := range names {
		all = append(all, n...)
	}
	s, err := r.newSite(ctx, what.part, partitions, all, "")
	if err != nil {
		return err
	}
	defer s.remove(context.WithoutCancel(ctx))
	n, err := s.start(what.roles)
	if err != nil {
		return err
	}
	defer n.stop()
	if err := n.ready(ctx); err != nil {
		return err
	}
	f := &feed{broker: r.servers.kafka.Addr(), topic: s.topic()}
	w := &watchers{node: n}
	for p, names := range names {
		stream, err := load.NewStream(load.Config{Agents: r.FreshAgents, Seed: uint64(100 * (p + 1)), Start: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)}, names...)
		if err != nil {
			return err
		}
		told := stream.Directory()
		if err := s.tell(ctx, told); err != nil {
			return err
		}
		w.crowd = append(w.crowd, groups(told, what.crowd/partitions)...)
		l := &lane{stream: stream, last: map[string]int64{}, id: fmt.Sprint("f", p)}
		for i := range streamsPerLane + 1 {
			pr := &probe{center: names[0], agent: fmt.Sprintf("probe-%d-%d", p, i)}
			l.probes = append(l.probes, pr)
			if i == 0 && what.polls {
				w.rest = append(w.rest, pr)
			} else {
				w.sse = append(w.sse, pr)
			}
		}
		if p == 0 { // a consumer of every partition would be a load of its own
			for i := range kafkaProbes {
				w.kafka = append(w.kafka, &probe{center: names[0], agent: fmt.Sprint("probe-kafka-", i)})
			}
			l.probes = append(l.probes, w.kafka...)
		}
		f.lanes = append(f.lanes, l)
	}
	clean()
	if err := f.logIn(ctx); err != nil {
		return err
	}
	if err := n.live(ctx); err != nil {
		return err
	}
	client, err := r.servers.client(s.topic(), metrics.NewSet())
	if err != nil {
		return err
	}
	defer client.Close()
	err = w.begin(ctx, client, s.topic())
	defer w.end()
	if err != nil {
		return err
	}
	for _, rate := range what.rates {
		if err := r.freshAt(ctx, what.part, rate, f, w); err != nil {
			return fmt.Errorf("%d events/s: %w", rate, err)
		}
	}
	return nil
}

func (r *run) freshAt(ctx context.Context, part string, rate int, f *feed, w *watchers) error {
	r.say("  %d events/s for %s", rate, r.RateFor+warmUp)
	from := time.Now().Add(warmUp)
	for _, p := range slices.Concat(w.rest, w.sse, w.kafka) {
		p.begin(from)
	}
	own, err := ownCPU()
	if err != nil {
		return err
	}
	node, store, began := cpuOf(w.node.cmd.Process.Pid), cpuOf(r.servers.store.PID()), time.Now()
	made, err := f.run(ctx, rate, probesPerSecond, warmUp+r.RateFor)
	if err != nil {
		return errors.Join(err, w.node.running())
	}
	took := time.Since(began).Seconds()
	ownTo, err := ownCPU()
	if err != nil {
		return err
	}
	labels := map[string]string{"rate": fmt.Sprint(rate)}
	if err := r.add(Line{Part: part, Name: feeds, Labels: labels, Values: map[string]float64{"events": float64(made.events), "rate": float64(rate), "streams": float64(len(w.conns)), "per_s": made.rate,
		"late_ms": ms(made.slowest), "cpus": (cpuOf(w.node.cmd.Process.Pid) - node).Seconds() / took,
		"store_cpus": (cpuOf(r.servers.store.PID()) - store).Seconds() / took, "bench_cpus": (ownTo - own).Seconds() / took,
		"memory_bytes": float64(residentOf(w.node.cmd.Process.Pid))}}); err != nil {
		return err
	}
	if err := sleepUntil(ctx, time.Now().Add(grace)); err != nil {
		return err
	}
	for name, probes := range map[string][]*probe{byREST: w.rest, bySSE: w.sse, byKafka: w.kafka} {
		if len(probes) == 0 {
			continue
		}
		var seen []time.Duration
		missing := 0
		for _, p := range probes {
			s, m := p.take(time.Now())
			seen, missing = append(seen, s...), missing+m
		}
		values := latencies(seen)
		values["missing"] = float64(missing)
		if err := r.add(Line{Part: part, Name: name, Labels: labels, Values: values}); err != nil {
			return err
		}
	}
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// latencies sums durations up.
func latencies(all []time.Duration) map[string]float64 {
	n := len(all)
	if n == 0 {
		return map[string]float64{"samples": 0}
	}
	slices.Sort(all)
	at := func(q float64) float64 { return ms(all[min(n-1, int(q*float64(n)))]) }
	return map[string]float64{"samples": float64(n), "p50_ms": at(0.5), "p99_ms": at(0.99), "p999_ms": at(0.999), "max_ms": ms(all[n-1])}
}

// begin lets them watch.
func (w *watchers) begin(ctx context.Context, client *ingest.Client, topic string) error {
	ctx, w.stop = context.WithCancel(ctx)
	first := client.Partition(topic, 0)
	_, next, err := first.Bounds(ctx)
	if err != nil {
		return err
	}
	w.wait.Go(func() { readKafka(ctx, first, next, w.kafka) })
	host := strings.TrimPrefix(w.node.url, "http://")
	for _, p := range w.rest {
		w.wait.Go(func() { poll(ctx, host, p) })
	}
	for _, p := range w.sse {
		conn, in, err := subscribe(host, p.center, p.agent)
		if err != nil {
			return err
		}
		w.conns = append(w.conns, conn)
		w.wait.Go(func() { readStream(in, p) })
	}
	for _, g := range w.crowd {
		conn, in, err := subscribe(host, g.center, g.agents...)
		if err != nil {
			return err
		}
		w.conns = append(w.conns, conn)
		w.wait.Go(func() { _, _ = io.Copy(io.Discard, in) }) // until the connection is closed
	}
	return nil
}

func (w *watchers) end() {
	w.stop()
	for _, c := range w.conns {
		_ = c.Close()
	}
	w.wait.Wait()
}

const sinceMark = `"status_since":"`

// sinceIn is the last status_since of a text.
func sinceIn(text []byte) (int64, bool) {
	i := bytes.LastIndex(text, []byte(sinceMark))
	if i < 0 {
		return 0, false
	}
	value, _, _ := bytes.Cut(text[i+len(sinceMark):], []byte{'"'})
	at, err := time.Parse(time.RFC3339Nano, string(value))
	return at.UnixMilli(), err == nil
}

// poll asks for the agent from when a change was due until it shows.
func poll(ctx context.Context, host string, p *probe) {
	client := &fasthttp.HostClient{Addr: host, MaxConns: 1}
	defer client.CloseIdleConnections()
	req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer func() { fasthttp.ReleaseRequest(req); fasthttp.ReleaseResponse(resp) }()
	req.SetRequestURI("http://" + host + "/api/v1/contact-centers/" + p.center + "/agents/" + p.agent)
	req.Header.Set("Authorization", "Bearer "+token)
	pause := pollEvery
	for {
		if sleepUntil(ctx, time.Now().Add(pause)) != nil {
			return
		}
		c, waits := p.next()
		// Asking a slow server ever more would make it slower still: what waited long is asked for less often, a tenth of its time apart.
		pause = max(pollEvery, time.Since(c.due)/10)
		if !waits || time.Now().Before(c.due) {
			pause = pollEvery
			continue
		}
		if client.Do(req, resp) != nil || resp.StatusCode() != fasthttp.StatusOK {
			continue
		}
		if since, ok := sinceIn(resp.Body()); ok {
			p.saw(since, time.Now())
		}
	}
}

// readKafka reads a partition and does nothing else. A record's timestamp is its event's time.
func readKafka(ctx context.Context, p *ingest.Partition, from int64, probes []*probe) {
	subjects := make([][]byte, len(probes))
	for i, pr := range probes {
		subjects[i] = []byte(`"` + pr.agent + `"`)
	}
	_ = p.Read(ctx, from, func(batch []schema.Record, _ int64) error {
		for i := range batch {
			for n, subject := range subjects {
				if bytes.Contains(batch[i].Value, subject) {
					probes[n].saw(batch[i].Timestamp, time.Now())
				}
			}
		}
		return nil
	}) // until ctx ends
}

// subscribe opens a stream of agents and waits for their state.
func subscribe(host, center string, agents ...string) (net.Conn, *bufio.Reader, error) {
	conn, err := net.DialTimeout("tcp", host, 10*time.Second)
	if err != nil {
		return nil, nil, err
	}
	_, err = fmt.Fprintf(conn, "GET /api/v1/contact-centers/%s/stream?topics=agents&interval_ms=50&agents.id=%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n",
		center, strings.Join(agents, ","), host, token)
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	in := bufio.NewReaderSize(conn, 64<<10)
	_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil, nil, errors.Join(fmt.Errorf("stream of %s: %w: %s", agents, err, line), conn.Close())
		}
		if strings.Contains(line, " 40") && strings.HasPrefix(line, "HTTP/1.1") {
			rest, _ := io.ReadAll(io.LimitReader(in, 500))
			return nil, nil, errors.Join(fmt.Errorf("stream of %s: %s%s", agents, line, rest), conn.Close())
		}
		if strings.HasPrefix(line, "data: ") {
			return conn, in, conn.SetReadDeadline(time.Time{})
		}
	}
}

func readStream(in *bufio.Reader, p *probe) {
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		if since, ok := sinceIn(line); ok {
			p.saw(since, time.Now())
		}
	}
}
