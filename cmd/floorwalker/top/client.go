package top

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"
)

// RateWindow is what rates are counted over.
const (
	RateWindow  = "5m"
	rateMinutes = 5
)

// Names of subscriptions.
const (
	subQueues  = "queues"
	subAgents  = "agents"
	subSummary = "summary"
	subByQueue = "by_queue"
	subToday   = "today"
	subRates   = "rates"
)

// subscription is a topic of the push, and the list of the same rows.
type subscription struct {
	name, topic, path string
	query             url.Values // of the list; in the push each name stands behind the topic's
}

// floorStream is the one that all but sums over the whole comes from.
const floorStream = "floor"

// stream is one connection: over Server-Sent Events it has one subscription of each topic.
type stream struct {
	name          string
	subscriptions []subscription
}

func streams() []stream {
	metrics := func(name, window, groupBy string) subscription {
		q := url.Values{"metrics": {"offered,answered,abandoned,service_level"}, "window": {window}}
		if groupBy != "" {
			q.Set("group_by", groupBy)
		}
		return subscription{name, "metrics", "/metrics", q}
	}
	return []stream{
		{floorStream, []subscription{
			{subQueues, "queues", "/queues", url.Values{"fields": {"id,name,waiting,longest_wait_ms,agents"}}},
			{subAgents, "agents", "/agents", url.Values{"logged_in": {"true"}, "fields": {"id,name,team,status,status_since"}}},
			{subSummary, "summary", "/agents/summary", url.Values{}},
			metrics(subByQueue, "today", "queue"),
		}},
		{"today", []subscription{metrics(subToday, "today", "")}},
		{"rates", []subscription{metrics(subRates, RateWindow, "")}},
	}
}

func streamOf(name string) string {
	for _, s := range streams() {
		for _, sub := range s.subscriptions {
			if sub.name == name {
				return s.name
			}
		}
	}
	return ""
}

// Client reads a contact centre's floor over the public API. It is safe for several goroutines.
type Client struct {
	base  string // of the contact centre
	token func() (string, error)
	http  *http.Client
	times Times
}

// Times of a client. Zero fields take the default.
type Times struct {
	Poll    time.Duration // between two readings of the lists while a stream cannot be had; 5 s
	Retry   time.Duration // before a broken stream is tried again, twice as long after each that fails; 2 s
	Silence time.Duration // after which a stream counts as broken; 40 s, the server says something every 15
	Answer  time.Duration // for an answer, or the first event of a stream; 10 s
}

// maxRetry bounds the doubling of Times.Retry.
const maxRetry = 30 * time.Second

// NewClient makes one. address is the API's: http or https, without credentials in it. token is asked before each connection, so
// that a file may be replaced. transport may be nil.
func NewClient(address, contactCenter string, token func() (string, error), transport http.RoundTripper, t Times) (*Client, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, fmt.Errorf("url: %w", err)
	case u.User != nil:
		return nil, errors.New("url: it holds credentials, which others can read in the list of processes; use --token-file")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, fmt.Errorf("url %q: http://host:port or https://host is allowed", address)
	case contactCenter == "":
		return nil, errors.New("contact centre: which one is missing; use --contact-center")
	}
	set := func(d *time.Duration, usual time.Duration) {
		if *d == 0 {
			*d = usual
		}
	}
	set(&t.Poll, 5*time.Second)
	set(&t.Retry, 2*time.Second)
	set(&t.Silence, 40*time.Second)
	set(&t.Answer, 10*time.Second)
	base := strings.TrimRight(u.Scheme+"://"+u.Host+u.EscapedPath(), "/") + "/api/v1/contact-centers/" + url.PathEscape(contactCenter)
	return &Client{base: base, token: token, http: &http.Client{Transport: transport}, times: t}, nil
}

// get opens a path. Whoever calls it closes the body. An error says what the server said.
func (c *Client) get(ctx context.Context, path string, query url.Values, lastEvent string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	token, err := c.token()
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if lastEvent != "" {
		req.Header.Set("Last-Event-ID", lastEvent)
	}
	resp, err := c.http.Do(req)
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err // without the whole of the URL
	}
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	var problem struct {
		Detail string `json:"detail"`
	}
	_ = json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&problem) // who answers otherwise has its status shown
	return nil, fmt.Errorf("the server says %s: %s", resp.Status, problem.Detail)
}

// Poll reads all lists once.
func (c *Client) Poll(ctx context.Context, out func(Message)) error {
	for _, s := range streams() {
		if err := c.poll(ctx, s, out); err != nil {
			return err
		}
	}
	return nil
}

func (c *Client) poll(ctx context.Context, s stream, out func(Message)) error {
	for _, sub := range s.subscriptions {
		rows, err := c.list(ctx, sub, out)
		if err != nil {
			return err
		}
		out(rows)
	}
	return nil
}

// pageSize is the most that a list gives at once.
const pageSize = 1000

// list reads all pages of one state.
func (c *Client) list(ctx context.Context, sub subscription, out func(Message)) (Rows, error) {
	rows := Rows{Subscription: sub.name, Reset: true}
	query := url.Values{"limit": {strconv.Itoa(pageSize)}}
	for name, values := range sub.query {
		query[name] = values
	}
	for {
		total, snapshot, err := c.page(ctx, sub.path, query, &rows, out)
		if err != nil || len(rows.Rows) >= total {
			return rows, err
		}
		query.Set("snapshot", snapshot)
		query.Set("offset", strconv.Itoa(len(rows.Rows)))
	}
}

func (c *Client) page(ctx context.Context, path string, query url.Values, rows *Rows, out func(Message)) (total int, snapshot string, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.times.Answer)
	defer cancel()
	resp, err := c.get(ctx, path, query, "")
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	out(clockOf(resp, time.Now()))
	var page struct {
		Data     []json.RawMessage `json:"data"`
		Metadata struct {
			Total    int       `json:"total"`
			AsOf     time.Time `json:"as_of"`
			Snapshot string    `json:"snapshot"`
		} `json:"metadata"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil {
		return 0, "", fmt.Errorf("the list %s: %w", path, err)
	}
	rows.AsOf, rows.Rows = page.Metadata.AsOf, append(rows.Rows, page.Data...)
	if len(page.Data) == 0 {
		page.Metadata.Total = 0 // nothing more comes, whatever was promised
	}
	return page.Metadata.Total, page.Metadata.Snapshot, nil
}

// clockOf compares clocks. The header has whole seconds: a difference of less than 2 s says nothing.
func clockOf(resp *http.Response, now time.Time) Clock {
	at, err := http.ParseTime(resp.Header.Get("Date"))
	ahead := at.Add(500 * time.Millisecond).Sub(now)
	if err != nil || ahead.Abs() < 2*time.Second {
		return Clock{}
	}
	return Clock{ahead}
}

// Follow keeps all streams until ctx ends; while one cannot be had, its lists are read from time to time.
func (c *Client) Follow(ctx context.Context, out func(Message)) {
	var running sync.WaitGroup
	for _, s := range streams() {
		running.Go(func() {
			defer func() {
				// Who draws gives the terminal back before anybody can read this.
				if r := recover(); r != nil {
					out(crash{fmt.Sprintf("%v\n%s", r, debug.Stack())})
				}
			}()
			c.follow(ctx, s, out)
		})
	}
	running.Wait()
}

// crash is a panic of a goroutine that does not own the terminal.
type crash struct{ text string }

func (c *Client) follow(ctx context.Context, s stream, out func(Message)) {
	l := &listener{client: c, stream: s, out: out}
	for wait := c.times.Retry; ctx.Err() == nil; wait = min(2*wait, max(maxRetry, c.times.Retry)) {
		err := l.listen(ctx)
		if l.heard {
			wait = c.times.Retry
		}
		if ctx.Err() == nil {
			out(Trouble{s.name, "NO CONNECTION: " + err.Error()})
		}
		c.bridge(ctx, s, out, time.Now().Add(wait), !l.heard)
	}
}

// bridge waits until a stream is to be tried again, and reads its lists meanwhile.
func (c *Client) bridge(ctx context.Context, s stream, out func(Message), until time.Time, poll bool) {
	for ctx.Err() == nil && time.Now().Before(until) {
		if poll {
			switch err := c.poll(ctx, s, out); {
			case err == nil:
				out(Trouble{s.name, "POLLING: no stream can be had"})
			case ctx.Err() == nil:
				out(Trouble{s.name, "NO CONNECTION: " + err.Error()})
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(min(c.times.Poll, time.Until(until))):
		}
	}
}

// listener reads a stream and remembers where it was.
type listener struct {
	client *Client
	stream stream
	out    func(Message)
	last   string // the id of the last event
	heard  bool   // the connection brought something
}

var errSilent = errors.New("the stream is silent")

// listen reads one connection to its end and says why it ended.
func (l *listener) listen(ctx context.Context) error {
	l.heard = false
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// A connection that is dead and was not closed brings no error either.
	silence := time.AfterFunc(l.client.times.Answer, func() { cancel(errSilent) })
	defer silence.Stop()
	resp, err := l.client.get(ctx, "/stream", pushQuery(l.stream), l.last)
	if err != nil {
		return cause(ctx, err)
	}
	defer resp.Body.Close()
	l.out(clockOf(resp, time.Now()))
	in := bufio.NewReaderSize(resp.Body, 64<<10)
	for {
		name, id, data, err := readEvent(in)
		if err != nil {
			return cause(ctx, err)
		}
		silence.Reset(l.client.times.Silence)
		if !l.heard { // the first thing says when to come again; where nothing was missed nothing else follows
			l.heard = true
			l.out(Trouble{l.stream.name, ""})
		}
		if id != "" {
			l.last = id
		}
		if err := l.take(name, data); err != nil {
			return err
		}
	}
}

// cause says that silence was it, where it was.
func cause(ctx context.Context, err error) error {
	switch {
	case errors.Is(context.Cause(ctx), errSilent):
		return errSilent
	case errors.Is(err, io.EOF):
		return errors.New("the stream has ended")
	}
	return err
}

// take passes one event on. Events that it does not know are of later versions.
func (l *listener) take(name string, data []byte) error {
	var event struct {
		Topic   string            `json:"topic"`
		AsOf    time.Time         `json:"as_of"`
		Reset   bool              `json:"reset"`
		More    bool              `json:"more"`
		Rows    []json.RawMessage `json:"rows"`
		Removed []json.RawMessage `json:"removed"`
		Reason  string            `json:"reason"`
		Problem struct {
			Detail string `json:"detail"`
		} `json:"problem"`
	}
	if len(data) == 0 {
		return nil
	}
	if err := json.Unmarshal(data, &event); err != nil {
		return fmt.Errorf("event %q: %w", name, err)
	}
	switch name {
	case "end":
		return errors.New("the server has ended the stream: " + event.Reason)
	case "problem":
		l.out(Trouble{l.stream.name + "/" + event.Topic, event.Topic + ": " + event.Problem.Detail})
		return nil
	case "heartbeat":
		l.out(Beat{l.stream.name, event.AsOf})
		return nil
	}
	for _, sub := range l.stream.subscriptions {
		if sub.topic != name {
			continue
		}
		l.out(Trouble{l.stream.name + "/" + name, ""})
		l.out(Rows{sub.name, event.AsOf, event.Reset, event.More, event.Rows, event.Removed})
	}
	return nil
}

// pushQuery is the same question as the lists'.
func pushQuery(s stream) url.Values {
	out := url.Values{"interval_ms": {"500"}}
	var topics []string
	for _, sub := range s.subscriptions {
		topics = append(topics, sub.topic)
		for name, values := range sub.query {
			out[sub.topic+"."+name] = values
		}
	}
	out.Set("topics", strings.Join(topics, ","))
	return out
}

// maxEvent is more than the server ever sends in one.
const maxEvent = 64 << 20

// readEvent reads to the empty line that ends an event.
func readEvent(in *bufio.Reader) (name, id string, data []byte, err error) {
	for size := 0; size < maxEvent; {
		line, err := in.ReadString('\n')
		if err != nil {
			return "", "", nil, err
		}
		size += len(line)
		line = strings.TrimRight(line, "\r\n")
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			return name, id, data, nil
		case field == "event":
			name = value
		case field == "id":
			id = value
		case field == "data":
			data = append(data, value...)
		}
	}
	return "", "", nil, fmt.Errorf("an event of more than %d bytes", maxEvent)
}
