package surfaces_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/stretchr/testify/require"

	"floorwalker/aggregate/gate"
	"floorwalker/aggregate/view"
	"floorwalker/cmd/floorwalker/config"
	"floorwalker/cmd/floorwalker/surfaces"
	"floorwalker/query"
	"floorwalker/query/auditlog"
	"floorwalker/query/auth"
	"floorwalker/query/command"
	"floorwalker/query/floor"
	"floorwalker/query/hub"
	"floorwalker/query/mask"
	"floorwalker/query/vonage"
	"floorwalker/query/wallboard"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// topic is a partition of the events topic in memory.
type topic struct {
	mu      sync.Mutex
	records []schema.Record
	more    chan struct{}
}

func (l *topic) ID() int { return 0 }

func (l *topic) Bounds(context.Context) (int64, int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return 0, int64(len(l.records)), nil
}

// Read hands over what there is and says each time that there is no more.
func (l *topic) Read(ctx context.Context, from int64, handle func([]schema.Record, int64) error) error {
	for {
		l.mu.Lock()
		batch := slices.Clone(l.records[min(int(from), len(l.records)):])
		l.mu.Unlock()
		from += int64(len(batch))
		if err := handle(batch, from); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.more:
		}
	}
}

func (l *topic) wake() {
	select {
	case l.more <- struct{}{}:
	default:
	}
}

// world is a server over the real engine and live view, whose clock stands still.
type world struct {
	t         testing.TB
	topic     *topic
	directory *directory.Store
	view      *view.View
	source    *floor.Source
	app       *query.App
	log       *logged
	pushed    *metrics.Set // what the hub counts
	mu        sync.Mutex
	clock     time.Time
	commands  []*schema.Command // that the platform was told
	tokens    map[string]string // of the surface clarity, by login
}

type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

// Credentials of the two contact centres.
const (
	ameyoUser, ameyoPassword = "monitoring", "ameyo-password"
	convosoToken             = "convoso-token-0123456789"
	exotelSID                = "acme1"
	exotelToken              = "exotel-token-0123456789"
	exotelReader             = "exotel-reader-0123456789"
	vonageID, vonageSecret   = "wfm", "vonage-secret-0123456789"
	clarityClient            = "0224C392-3845-4AC0-B1A0-D63706181BA7"
	nativeToken              = "native-token-0123456789"
	other                    = "other-"
)

// hashed is made once: it is meant to be slow.
var hashed = sync.OnceValues(func() (string, error) { return auth.HashPassword(ameyoPassword) })

func center(t testing.TB, id, prefix, sid string) config.ContactCenter {
	hash, err := hashed()
	require.NoError(t, err)
	token := func(name, role, text string) config.Token {
		return config.Token{Name: name, Role: role, TokenSHA256: config.TokenSum(prefix + text)}
	}
	cc := config.ContactCenter{ID: id}
	cc.Surfaces.Ameyo.Users = []config.Login{{Name: prefix + ameyoUser, PasswordHash: hash}}
	cc.Surfaces.Convoso.AuthTokens = []config.SurfaceToken{{Name: "dashboard", TokenSHA256: config.TokenSum(prefix + convosoToken)}}
	cc.Surfaces.Exotel.Tokens = []config.Token{token("key", "supervisor", exotelToken), token("reader", "reader", exotelReader)}
	cc.Surfaces.Exotel.AccountSID = sid
	cc.Surfaces.Exotel.RequestsPerMinute = 1_000_000
	cc.Surfaces.Vonage.Clients = []config.VonageClient{{ClientID: prefix + vonageID, SecretSHA256: config.TokenSum(prefix + vonageSecret)}}
	cc.Surfaces.Clarity.ClientIDs = []string{prefix + clarityClient}
	for _, login := range clarityLogins {
		cc.Surfaces.Clarity.Users = append(cc.Surfaces.Clarity.Users, config.Login{Name: prefix + login, PasswordHash: hash})
	}
	return cc
}

// clarityLogins may sign in where the directory has an agent of that login; all have the one password.
var clarityLogins = []string{"admin", "lead", "clerk", "ghost"}

type change func(*setup)

type setup struct {
	centers []config.ContactCenter
	history vonage.History
	clarity surfaces.Clarity
	push    bool        // by a hub of its own, whose clock goes on
	alerts  *alertTopic // what is pushed of alerts
	burst   int         // of the limit of requests
	audit   *auditlog.Log
	masks   map[auth.Role]*mask.Mask
}

// newWorld has contact centre 6 and, with credentials of its own, "other".
func newWorld(t testing.TB, clock string, changes ...change) *world {
	t.Helper()
	at, err := time.Parse(time.RFC3339, clock)
	require.NoError(t, err)
	w := &world{t: t, topic: &topic{more: make(chan struct{}, 1)}, directory: directory.NewStore(), log: &logged{}, clock: at, pushed: metrics.NewSet()}
	s := setup{centers: []config.ContactCenter{center(t, "6", "", exotelSID), center(t, "other", other, "")}, burst: 1_000_000}
	for _, c := range changes {
		c(&s)
	}
	logger := slog.New(slog.NewTextHandler(w.log, nil))
	w.view, err = view.New(view.Config{Decoder: func() gate.Decoder { return &schema.Decoder{} }, Gate: gate.Gate{AnyPartitioner: true, MaxAhead: time.Hour},
		Zone: func(cc string) *time.Location { return w.directory.Snapshot(cc).Location }, Now: w.now, Log: logger})
	require.NoError(t, err)
	w.source = floor.NewSource(w.view, w.directory, []string{"6", "other"}, w.now)
	commands := command.New(w.source, producer{w}, w.now)
	s.clarity.Commands = commands
	runs := []func(context.Context) error{func(ctx context.Context) error {
		return w.view.Run(ctx, func(context.Context) ([]view.Partition, error) { return []view.Partition{w.topic}, nil })
	}}
	if s.push {
		s.clarity.Push.Hub, err = hub.New(hub.Config{Source: w.source, Log: logger, Metrics: w.pushed})
		require.NoError(t, err)
		runs = append(runs, s.clarity.Push.Hub.Run)
	}
	if s.alerts != nil {
		alerts := s.alerts.alerts(t, w, logger)
		s.clarity.Push.Alerts = alerts
		runs = append(runs, alerts.Run)
	}
	vendors, err := surfaces.New(s.centers, surfaces.Deps{Source: w.source, History: s.history, Presences: commands, Clarity: s.clarity, Masks: s.masks, Log: logger, Now: w.now})
	require.NoError(t, err)
	authenticator, err := auth.New([]auth.Account{{ID: "native", ContactCenter: "6", Role: auth.Admin, Tokens: []string{nativeToken}}}, auth.Options{})
	require.NoError(t, err)
	board, err := wallboard.New()
	require.NoError(t, err)
	set := metrics.NewSet()
	w.app, err = query.New(query.Config{RequestsPerSecond: s.burst, Burst: s.burst}, query.Deps{Source: w.source,
		Authenticator: authenticator, Accounts: authenticator, Commands: commands, Surfaces: append(slices.Clone(vendors), board), Audit: s.audit, Set: set, Sets: []*metrics.Set{set}, Logger: logger, Now: w.now,
		Readiness: func(context.Context) query.Readiness { return query.Readiness{} }})
	require.NoError(t, err)
	for _, v := range vendors {
		if r, ok := v.(interface{ Run(context.Context) error }); ok {
			runs = append(runs, r.Run)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, run := range runs {
		running.Go(func() { _ = run(ctx) })
	}
	t.Cleanup(func() { stop(); running.Wait() })
	return w
}

// producer writes events as the API's commands do and waits until the view has them.
type producer struct{ w *world }

func (p producer) Say(_ context.Context, ev *schema.Event, told ...*schema.Command) error {
	p.w.told(told)
	if ev == nil {
		return nil
	}
	p.w.append(schema.AppendStructured(nil, ev), ev.Time)
	p.w.settle()
	return nil
}

func (w *world) told(commands []*schema.Command) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.commands = append(w.commands, commands...)
}

func (p producer) PutDirectory(context.Context, string, string, string, []byte) error { return nil }
func (p producer) DeleteDirectory(context.Context, string, string, string) error      { return nil }

func (w *world) append(value []byte, at int64) {
	w.topic.mu.Lock()
	defer w.topic.mu.Unlock()
	w.topic.records = append(w.topic.records, schema.Record{Offset: int64(len(w.topic.records)), Timestamp: at, Value: value})
}

// event of contact centre 6. at is RFC 3339, or a duration before the clock such as -90s.
func (w *world) event(at, typ, subject, data string) { w.eventOf("6", at, typ, subject, data) }

func (w *world) eventOf(cc, at, typ, subject, data string) {
	w.t.Helper()
	ms := w.moment(at)
	of, ok := schema.ParseEventType("cc." + typ)
	require.True(w.t, ok, typ)
	w.topic.mu.Lock()
	n := len(w.topic.records)
	w.topic.mu.Unlock()
	w.append(schema.AppendEvent(nil, cc, "/test", fmt.Sprint("e", n), of, subject, ms, []byte(data)), ms)
}

func (w *world) moment(at string) int64 {
	w.t.Helper()
	if d, err := time.ParseDuration(at); err == nil {
		return w.now().Add(d).UnixMilli()
	}
	m, err := time.Parse(time.RFC3339, at)
	require.NoError(w.t, err)
	return m.UnixMilli()
}

func (w *world) say(kind, id, data string) { w.sayOf("6", kind, id, data) }

func (w *world) sayOf(cc, kind, id, data string) {
	w.t.Helper()
	require.NoError(w.t, w.directory.Apply(&schema.Event{Type: schema.EventDirectory, DirectoryKind: kind, ContactCenter: cc, Subject: id, Data: []byte(data)}))
}

// agent of the directory; more, a JSON object or nothing, adds to its payload.
func (w *world) agent(id, name, more string) {
	w.t.Helper()
	payload := map[string]any{"name": name, "login": id, "email": id + "@x", "role": "agent", "skills": []string{}, "queue_ids": []string{}, "campaign_ids": []string{}}
	if more != "" {
		require.NoError(w.t, json.Unmarshal([]byte(more), &payload))
	}
	data, err := json.Marshal(payload)
	require.NoError(w.t, err)
	w.say("agent", id, string(data))
}

// settle waits until the view holds every event.
func (w *world) settle() {
	w.t.Helper()
	w.topic.wake()
	require.Eventually(w.t, func() bool {
		s := w.view.Status()
		w.topic.mu.Lock()
		defer w.topic.mu.Unlock()
		return len(s) == 1 && s[0].CaughtUp && s[0].Applied >= int64(len(w.topic.records))
	}, 10*time.Second, time.Millisecond)
}

// advance moves the clock.
func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	w.clock = w.clock.Add(d)
	w.mu.Unlock()
	w.settle()
}

// answer is a response that has been read.
type answer struct {
	*http.Response
	body string
}

func (a answer) json(t testing.TB) map[string]any {
	t.Helper()
	var m map[string]any
	require.NoError(t, json.Unmarshal([]byte(a.body), &m), a.body)
	return m
}

// at walks into a JSON value: names of fields and indices.
func at(t testing.TB, v any, path ...any) any {
	t.Helper()
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, ok := v.(map[string]any)
			require.True(t, ok, "%v has no %s", v, p)
			v, ok = m[p]
			require.True(t, ok, "%v has no %s", m, p)
		case int:
			list, ok := v.([]any)
			require.True(t, ok && p < len(list), "%v has no %d", v, p)
			v = list[p]
		}
	}
	return v
}

func (w *world) do(method, path, body string, headers ...string) answer {
	w.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	resp, err := w.app.Fiber().Test(r, -1)
	require.NoError(w.t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	return answer{resp, string(raw)}
}

func basic(user, password string) string {
	r := httptest.NewRequest("GET", "/", nil)
	r.SetBasicAuth(user, password)
	return r.Header.Get("Authorization")
}

func (w *world) exotel(path string) answer {
	return w.do("GET", "/v2/accounts/"+exotelSID+"/agents"+path, "", "Authorization", "Bearer "+exotelToken, "Content-Type", "application/json")
}

func (w *world) ameyo(table, parameters string) answer {
	return w.do("GET", "/v4/cc-list/6/monitoring/"+table+"?"+parameters, "", "Accept", "application/json", "Authorization", basic(ameyoUser, ameyoPassword))
}

func (w *world) convoso(parameters string) answer {
	return w.do("POST", "/v1/user-activity/search", "auth_token="+convosoToken+"&"+parameters, "Content-Type", "application/x-www-form-urlencoded")
}

func (w *world) vonageToken() string {
	w.t.Helper()
	a := w.do("POST", "/Auth/connect/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {vonageID}, "client_secret": {vonageSecret},
		"scope": {"stats"}}.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	require.Equal(w.t, 200, a.StatusCode, a.body)
	return a.json(w.t)["access_token"].(string)
}

func (w *world) vonage(path string) answer {
	w.t.Helper()
	return w.do("GET", "/stats/"+path, "", "Authorization", "bearer "+w.vonageToken(), "Accept", "application/vnd.newvoicemedia.v3+json")
}

func (w *world) native(path string) answer {
	return w.do("GET", "/api/v1/contact-centers/6"+path, "", "Authorization", "Bearer "+nativeToken)
}
