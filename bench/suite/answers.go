package suite

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"floorwalker/bench/load"
	"floorwalker/schema"
)

// Answers: a line by request, with the labels rate (requests a second), ingest (events a second) and kind (live, history, vendor), and
// p50_ms, p99_ms, p999_ms, max_ms from when a request was due, samples, failed, per_s that were answered, and cpu_ms of the server's process
// for each.
const (
	liveKind   = "live"
	pastKind   = "history"
	vendorKind = "vendor"
)

const askers = 64 // connections

// question is a request that is measured.
type question struct {
	name, kind string
	prepare    func(r *fasthttp.Request)
}

// asked is a node with a floor to ask about.
type asked struct {
	*node
	host   string
	center string
	agent  string
	feed   *feed
}

func (r *run) answers(ctx context.Context) error {
	a, err := r.askable(ctx)
	if a != nil {
		defer a.site.remove(context.WithoutCancel(ctx))
		defer a.stop()
	}
	if err != nil {
		return err
	}
	questions, err := a.questions(ctx)
	if err != nil {
		return err
	}
	for _, ingest := range []int{0, r.Ingest} {
		for _, q := range questions {
			rates := r.LiveRates
			if q.kind == pastKind {
				rates = r.PastRates
			}
			for _, rate := range rates {
				if err := r.ask(ctx, a, q, rate, ingest); err != nil {
					return fmt.Errorf("%s at %d/s: %w", q.name, rate, errors.Join(err, a.running()))
				}
			}
		}
	}
	return nil
}

// askable starts a node with a contact centre of so many agents and an hour of its events.
func (r *run) askable(ctx context.Context) (*asked, error) {
	center := spread(1)[0][0]
	s, err := r.newSite(ctx, "answers", partitions, []string{center}, "")
	if err != nil {
		return nil, err
	}
	n, err := s.start("")
	if err != nil {
		return nil, err
	}
	a := &asked{node: n, center: center}
	if err := n.ready(ctx); err != nil {
		return a, err
	}
	a.host = strings.TrimPrefix(n.url, "http://")
	return a, r.fill(ctx, a)
}

// fill has an hour's events happen just now: simulated is ten in the morning, whatever time it is here, so that many are at work.
func (r *run) fill(ctx context.Context, a *asked) error {
	start := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	stream, err := load.NewStream(load.Config{Agents: r.AskAgents, Seed: 7, Start: start}, a.center)
	if err != nil {
		return err
	}
	if err := a.site.tell(ctx, stream.Directory()); err != nil {
		return err
	}
	shift := time.Since(start.Add(time.Hour)).Milliseconds()
	end := start.Add(time.Hour).UnixMilli()
	n := 0
	c, err := load.WriteCorpus(r.file(a.site.name+".corpus"), func() (schema.Event, int64, bool, error) {
		ev, _ := stream.Next()
		if ev.Type.OfAgent() && a.agent == "" {
			a.agent = ev.Subject
		}
		last := ev.Time >= end
		ev.Time += shift
		n++
		ev.ID = fmt.Sprint("a-", n)
		return ev, ev.Time, !last, nil
	})
	if err != nil {
		return err
	}
	defer c.Remove()
	if err := c.Produce(ctx, r.servers.kafka.Addr(), a.site.topic(), partitions); err != nil {
		return err
	}
	a.feed = &feed{broker: r.servers.kafka.Addr(), topic: a.site.topic(), lanes: []*lane{{stream: stream, last: map[string]int64{}, id: "l"}}}
	return errors.Join(a.live(ctx), a.past(ctx))
}

func (a *asked) questions(ctx context.Context) ([]question, error) {
	vonage, err := a.vonageToken()
	if err != nil {
		return nil, err
	}
	native := func(path string) func(*fasthttp.Request) {
		return func(r *fasthttp.Request) {
			r.SetRequestURI("http://" + a.host + "/api/v1/contact-centers/" + a.center + path)
			r.Header.Set("Authorization", "Bearer "+token)
		}
	}
	vendor := func(path, authorization string) func(*fasthttp.Request) {
		return func(r *fasthttp.Request) {
			r.SetRequestURI("http://" + a.host + path)
			r.Header.Set("Authorization", authorization)
		}
	}
	return []question{
		{"agents, a page of 50, filtered, sorted", liveKind, native("/agents?limit=50&status=available,on_call&sort=status_age_ms:desc")},
		{"one agent", liveKind, native("/agents/" + a.agent)},
		{"head-counts by team", liveKind, native("/agents/summary?group_by=team")},
		{"metrics by queue, the last hour", liveKind, native("/metrics?group_by=queue&window=1h&metrics=offered,answered,abandoned,service_level,wait.p95")},
		{"metrics by queue and quarter of an hour, three hours", pastKind,
			native("/metrics?group_by=queue&metrics=offered,answered,abandoned,service_level,wait.p95&from=now-3h&to=now&interval=15m")},
		{"interactions, a page of 50", pastKind, native("/interactions?limit=50&from=now-3h&to=now")},
		{"an agent's timeline", pastKind, native("/agents/" + a.agent + "/timeline?from=now-3h&to=now")},
		{"Ameyo, user sessions", vendorKind, func(r *fasthttp.Request) {
			r.SetRequestURI("http://" + a.host + "/v4/cc-list/" + a.center + "/monitoring/user-session-information")
			r.Header.Set("Authorization", basic("bench", ameyoPassword))
		}},
		{"Convoso, user activity", vendorKind, func(r *fasthttp.Request) {
			r.SetRequestURI("http://" + a.host + "/v1/user-activity/search")
			r.Header.SetMethod(fasthttp.MethodPost)
			r.Header.SetContentType("application/x-www-form-urlencoded")
			r.SetBodyString("auth_token=" + vendorToken)
		}},
		{"Exotel, agents' presence", vendorKind, vendor("/v2/accounts/"+exotelAccount+"/agents/presence", "Bearer "+vendorToken)},
		{"Vonage, agents' status", vendorKind, func(r *fasthttp.Request) {
			r.SetRequestURI("http://" + a.host + "/stats/agent-status")
			r.Header.Set("Authorization", "bearer "+vonage)
			r.Header.Set("Accept", "application/vnd.newvoicemedia.v3+json")
		}},
	}, nil
}

func (a *asked) vonageToken() (string, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"bench"}, "client_secret": {vendorToken}, "scope": {"stats"}}
	req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer func() { fasthttp.ReleaseRequest(req); fasthttp.ReleaseResponse(resp) }()
	req.SetRequestURI("http://" + a.host + "/Auth/connect/token")
	req.Header.SetMethod(fasthttp.MethodPost)
	req.Header.SetContentType("application/x-www-form-urlencoded")
	req.SetBodyString(form.Encode())
	if err := fasthttp.DoTimeout(req, resp, 10*time.Second); err != nil {
		return "", err
	}
	var out struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(resp.Body(), &out); err != nil || out.AccessToken == "" {
		return "", fmt.Errorf("token of Vonage: %d %s", resp.StatusCode(), resp.Body())
	}
	return out.AccessToken, nil
}

// ask sends one question at a rate, beside events at a rate.
func (r *run) ask(ctx context.Context, a *asked, q question, rate, ingest int) error {
	client := &fasthttp.HostClient{Addr: a.host, MaxConns: askers, ReadTimeout: 30 * time.Second, ReadBufferSize: 64 << 10}
	defer client.CloseIdleConnections()
	if _, err := answer(client, q); err != nil { // what is prepared once, and whether it works at all
		return err
	}
	feeding, stop := context.WithCancel(ctx)
	fed := make(chan error, 1)
	go func() {
		if ingest == 0 {
			fed <- nil
			return
		}
		_, err := a.feed.run(feeding, ingest, 0, r.AskFor+time.Minute)
		if feeding.Err() != nil {
			err = nil
		}
		fed <- err
	}()
	if ingest > 0 {
		if err := sleepUntil(ctx, time.Now().Add(r.AskFor/6)); err != nil {
			stop()
			<-fed
			return err
		}
	}
	before, began := cpuOf(a.cmd.Process.Pid), time.Now()
	took, failed := askAll(ctx, client, q, rate, r.AskFor)
	cpu, lasted := cpuOf(a.cmd.Process.Pid)-before, time.Since(began)
	stop()
	if err := errors.Join(<-fed, ctx.Err()); err != nil {
		return err
	}
	values := latencies(took)
	values["failed"], values["per_s"] = float64(failed), float64(len(took))/lasted.Seconds()
	if n := len(took); n > 0 {
		values["cpu_ms"] = ms(cpu) / float64(n)
	}
	return r.add(Line{Part: Answers, Name: q.name, Labels: map[string]string{"kind": q.kind, "rate": fmt.Sprint(rate), "ingest": fmt.Sprint(ingest)}, Values: values})
}

// askAll sends each request when it is due, as long as a connection is free, and measures from when it was due.
func askAll(ctx context.Context, client *fasthttp.HostClient, q question, rate int, lasts time.Duration) (took []time.Duration, failed int64) {
	total := int64(float64(rate) * lasts.Seconds())
	began := time.Now()
	var next, wrong atomic.Int64
	var mu sync.Mutex
	var wait sync.WaitGroup
	for range min(askers, total) {
		wait.Go(func() {
			var own []time.Duration
			for {
				n := next.Add(1) - 1
				due := began.Add(time.Duration(float64(n) / float64(rate) * float64(time.Second)))
				// What is still not asked twice the time later never will be: the rate is beyond what the server can do.
				if n >= total || time.Since(began) > 2*lasts+time.Second || sleepUntil(ctx, due) != nil {
					break
				}
				if _, err := answer(client, q); err != nil {
					wrong.Add(1)
					continue
				}
				own = append(own, time.Since(due))
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, own...)
		})
	}
	wait.Wait()
	return took, wrong.Load() + max(0, total-int64(len(took))-wrong.Load())
}

func answer(client *fasthttp.HostClient, q question) (int, error) {
	req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer func() { fasthttp.ReleaseRequest(req); fasthttp.ReleaseResponse(resp) }()
	q.prepare(req)
	if err := client.Do(req, resp); err != nil {
		return 0, err
	}
	if resp.StatusCode() != fasthttp.StatusOK {
		return 0, fmt.Errorf("%s: %d %.300s", q.name, resp.StatusCode(), resp.Body())
	}
	return len(resp.Body()), nil
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}
