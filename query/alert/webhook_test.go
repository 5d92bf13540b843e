package alert

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

var (
	secret   = strings.Repeat("s", minSecret)
	loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
)

// receiver is somebody else's server.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []received
	answer func(n int) int // status of the n-th post
}

type received struct {
	header http.Header
	body   []byte
}

func newReceiver(t testing.TB, answer func(n int) int) *receiver {
	r := &receiver{answer: answer}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.got = append(r.got, received{req.Header, body})
		status := r.answer(len(r.got))
		r.mu.Unlock()
		if status/100 == 3 {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]received(nil), r.got...)
}

func ok(int) int { return 200 }

// hooked is a rule that posts.
func hooked(webhook string) string {
	return strings.Replace(at10, `"severity"`, `"webhook":"`+webhook+`","severity"`, 1)
}

func hooks(url string) WebhookConfig {
	return WebhookConfig{Hooks: []Hook{{"pager", url, secret}}, AllowNetworks: loopback, FirstPause: time.Millisecond, LongestPause: 4 * time.Millisecond}
}

// commits keeps what an owner has committed.
type commits struct {
	mu sync.Mutex
	at map[int]int64
}

func (c *commits) generation() Generation {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := Generation{Partitions: []int{0}, Total: 1, Committed: map[int]int64{}, Commit: func(next map[int]int64) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		for p, at := range next {
			if at < c.at[p] {
				return errors.New("backwards")
			}
			c.at[p] = at
		}
		return nil
	}}
	for p, at := range c.at {
		g.Committed[p] = at
	}
	return g
}

func (c *commits) position() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at[0]
}

// Each transition is posted, in order, signed, with a key that tells repetitions; what a restart finds settled is not posted again.
func TestWebhook_EachTransitionPostedInOrderAndSigned(t *testing.T) {
	to := newReceiver(t, ok)
	w, topic, c := newWorld(), newMemory(), &commits{at: map[int]int64{}}
	w.rule(t, "r", hooked("pager"))
	n := newNode(t, w, topic, nil, hooks(to.URL))
	stop := n.own(t, c.generation())
	w.wait(10)
	eventually(t, func() bool { return len(to.all()) == 2 }, "active")
	w.wait(0)
	eventually(t, func() bool { return len(to.all()) == 3 && c.position() == 3 }, "cleared and settled")
	stop()
	var keys []string
	for i, got := range to.all() {
		var body struct {
			ContactCenter string `json:"contact_center"`
			ID, State     string
			Rule          struct{ ID string }
			Value         float64
		}
		require.NoError(t, json.Unmarshal(got.body, &body))
		require.Equal(t, schema.AlertStateNames()[i], body.State)
		require.Equal(t, []any{center, "r"}, []any{body.ContactCenter, body.Rule.ID})
		require.Equal(t, body.ID+"."+body.State, got.header.Get(IdempotencyHeader))
		require.NoError(t, verify(got.header.Get(SignatureHeader), got.body, []byte(secret), w.clock()))
		keys = append(keys, got.header.Get(IdempotencyHeader))
	}
	require.Len(t, keys, 3)

	again := newNode(t, w, topic, nil, hooks(to.URL))
	again.own(t, c.generation())
	eventually(t, func() bool { return again.counts.evaluations.Get() > 20 }, "evaluations")
	require.Len(t, to.all(), 3)
}

// What was not settled when an owner ended is posted by the next one.
func TestWebhook_OwnerEndsBeforeDelivery_NextOnePosts(t *testing.T) {
	down := true
	to := newReceiver(t, func(int) int {
		if down { // under the receiver's lock
			return 503
		}
		return 204
	})
	w, topic, c := newWorld(), newMemory(), &commits{at: map[int]int64{}}
	w.rule(t, "r", hooked("pager"))
	stop := newNode(t, w, topic, nil, hooks(to.URL)).own(t, c.generation())
	w.wait(10)
	eventually(t, func() bool { return len(topic.told(t)) == 2 && len(to.all()) > 2 }, "tried")
	stop()
	require.Zero(t, c.position())
	to.mu.Lock()
	down, to.got = false, nil
	to.mu.Unlock()
	n := newNode(t, w, topic, nil, hooks(to.URL))
	n.own(t, c.generation())
	eventually(t, func() bool { return n.counts.delivered.Get() == 2 && c.position() == 2 }, "delivered")
	posted := map[string]bool{}
	for _, r := range to.all() { // the first owner's last try may have been on its way
		posted[r.header.Get("Idempotency-Key")] = true
	}
	require.Len(t, posted, 2)
}

// A target that never answers well is given up after a while; the others do not wait for it.
func TestWebhook_BadTarget_GivenUpAndOthersGoOn(t *testing.T) {
	bad, good := newReceiver(t, func(n int) int { return []int{500, 302, 404}[n%3] }), newReceiver(t, ok)
	w, topic, c := newWorld(), newMemory(), &commits{at: map[int]int64{}}
	cfg := hooks(bad.URL)
	cfg.Hooks = append(cfg.Hooks, Hook{"other", good.URL, secret})
	w.rule(t, "bad", hooked("pager"))
	w.rule(t, "good", hooked("other"))
	n := newNode(t, w, topic, nil, cfg)
	n.own(t, c.generation())
	w.wait(10)
	eventually(t, func() bool { return n.counts.delivered.Get() == 2 && n.counts.retried.Get() > 3 }, "the other's")
	require.Zero(t, n.counts.gaveUp.Get())
	w.pass(time.Hour + time.Second)
	eventually(t, func() bool { return n.counts.gaveUp.Get() == 2 && c.position() == 4 }, "given up")
}

// A hook that only the next owner's configuration knows is posted to by that one.
func TestWebhook_KnownToTheNextOwnerOnly_Posted(t *testing.T) {
	to := newReceiver(t, ok)
	w, topic, c := newWorld(), newMemory(), &commits{at: map[int]int64{}}
	w.rule(t, "r", hooked("pager"))
	cfg := hooks(to.URL)
	cfg.Hooks = nil
	n := newNode(t, w, topic, nil, cfg)
	stop := n.own(t, c.generation())
	w.wait(10)
	eventually(t, func() bool { return n.counts.retried.Get() > 1 }, "tried")
	stop()
	newNode(t, w, topic, nil, hooks(to.URL)).own(t, c.generation())
	eventually(t, func() bool { return len(to.all()) == 2 && c.position() == 2 }, "delivered")
}

// A position of a topic that was there before this one keeps nothing from being posted.
func TestWebhook_TopicMadeAnew_Posted(t *testing.T) {
	to := newReceiver(t, ok)
	w, topic, c := newWorld(), newMemory(), &commits{at: map[int]int64{0: 1000}}
	w.rule(t, "r", hooked("pager"))
	g := c.generation()
	g.Commit = func(map[int]int64) error { return nil } // of a group, commits only move forward
	newNode(t, w, topic, nil, hooks(to.URL)).own(t, g)
	w.wait(10)
	eventually(t, func() bool { return len(to.all()) == 2 }, "posted")
}

// A redirect is an answer, not a way.
func TestWebhook_Redirect_NotFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		to := newReceiver(t, func(int) int { return status })
		w, err := NewWebhooks(hooks(to.URL))
		require.NoError(t, err)
		tg, err := w.target("pager")
		require.NoError(t, err)
		require.EqualError(t, w.post(t.Context(), tg, "k", []byte("{}"), time.Now()), fmt.Sprintf("answered %d", status))
		require.Len(t, to.all(), 1)
	}
}

// Without allow_networks no post goes to this machine or its neighbours; it is told and counted, and not tried again.
func TestWebhook_PrivateAddress_RefusedUnlessAllowed(t *testing.T) {
	to := newReceiver(t, ok)
	w, topic, c := newWorld(), newMemory(), &commits{at: map[int]int64{}}
	cfg := hooks(to.URL)
	cfg.AllowNetworks = nil
	w.rule(t, "r", hooked("pager"))
	n := newNode(t, w, topic, nil, cfg)
	n.own(t, c.generation())
	w.wait(10)
	eventually(t, func() bool { return n.counts.blocked.Get() == 2 && c.position() == 2 }, "refused")
	require.Zero(t, n.counts.retried.Get())
	require.Empty(t, to.all())
}

func TestPublic_NoOtherAddressIs(t *testing.T) {
	for _, s := range []string{"127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1",
		"224.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.0.8", "203.0.113.1", "240.0.0.1", "::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1",
		"64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1", "2001::1", "::7f00:1", "fec0::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"} {
		w := &Webhooks{}
		err := w.control("tcp", net.JoinHostPort(s, "443"), nil)
		require.ErrorIs(t, err, errNotAllowed, s)
		w.cfg.AllowNetworks = []netip.Prefix{netip.PrefixFrom(netip.MustParseAddr(s).Unmap(), netip.MustParseAddr(s).Unmap().BitLen())}
		require.NoError(t, w.control("tcp", net.JoinHostPort(s, "443"), nil), s)
	}
	for _, s := range []string{"1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1"} {
		require.NoError(t, (&Webhooks{}).control("tcp", net.JoinHostPort(s, "443"), nil), s)
	}
}

// A public name that its owner lets lead to this machine gets no post: what is judged is the address of the connection, after the name has been
// resolved for it, so a name that changes its mind gains nothing.
func TestWebhook_NameLeadsToThisMachine_RefusedAtTheConnection(t *testing.T) {
	to := newReceiver(t, ok)
	_, port, err := net.SplitHostPort(to.Listener.Addr().String())
	require.NoError(t, err)
	w, err := NewWebhooks(WebhookConfig{Hooks: []Hook{{"pager", "http://rebinding.example:" + port + "/", secret}}})
	require.NoError(t, err)
	w.client.Transport.(*http.Transport).DialContext = (&net.Dialer{Control: w.control, Resolver: &net.Resolver{PreferGo: true,
		Dial: func(context.Context, string, string) (net.Conn, error) {
			return nameServer(t, "127.0.0.1"), nil
		}}}).DialContext
	tg, err := w.target("pager")
	require.NoError(t, err)
	err = w.post(t.Context(), tg, "k", []byte("{}"), time.Now())
	require.ErrorIs(t, err, errNotAllowed)
	require.ErrorContains(t, err, "127.0.0.1")
	require.Empty(t, to.all())

	w.cfg.AllowNetworks = loopback
	require.NoError(t, w.post(t.Context(), tg, "k", []byte("{}"), time.Now()), "the same way, allowed")
	require.Len(t, to.all(), 1)
}

// nameServer answers one question for an A record with the address, others with nothing.
func nameServer(t testing.TB, address string) net.Conn {
	client, server := net.Pipe()
	go func() {
		defer server.Close()
		var size [2]byte // as over TCP, which is what a stream means to the resolver
		for {
			if _, err := io.ReadFull(server, size[:]); err != nil {
				return
			}
			q := make([]byte, int(size[0])<<8|int(size[1]))
			if _, err := io.ReadFull(server, q); err != nil {
				return
			}
			end := 12
			for q[end] != 0 {
				end += int(q[end]) + 1
			}
			kind := q[end+2]
			a := append([]byte{q[0], q[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, q[12:end+5]...)
			if kind == 1 {
				a[7] = 1
				a = append(a, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
				a = append(a, netip.MustParseAddr(address).AsSlice()...)
			}
			if _, err := server.Write(append([]byte{byte(len(a) >> 8), byte(len(a))}, a...)); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { client.Close() })
	return client
}

func TestTarget_HooksByNameAndAllowedURLsOnly(t *testing.T) {
	w, err := NewWebhooks(WebhookConfig{Hooks: []Hook{{"pager", "https://pager.example/x", secret}},
		AllowURLs: []string{"https://hooks.example/cc", "http://10.1.2.3:8080"}, Secret: secret})
	require.NoError(t, err)
	for _, s := range []string{"pager", "https://hooks.example/cc", "https://hooks.example/cc/1?x=y", "https://HOOKS.example:443/cc/", "http://10.1.2.3:8080/any"} {
		_, err := w.target(s)
		require.NoError(t, err, s)
	}
	for _, s := range []string{"", "other", "https://hooks.example/", "https://hooks.example/ccc", "http://hooks.example/cc", "https://hooks.example:444/cc",
		"https://hooks.example.evil/cc", "https://hooks.example@evil/cc", "https://u@hooks.example/cc", "https://hooks.example/cc/../admin",
		"https://hooks.example/cc/%2e%2e/admin", "https://hooks.example/cc#x", "file:///etc/passwd", "ftp://hooks.example/cc", "https:///cc", "http://10.1.2.3/any"} {
		_, err := w.target(s)
		require.Error(t, err, s)
	}
}

func TestNewWebhooks_NamesEveryFault(t *testing.T) {
	_, err := NewWebhooks(WebhookConfig{Hooks: []Hook{{"", "ftp://x", "short"}, {"a", "https://u:p@x/", secret}, {"a", "https://x/", secret}},
		AllowURLs: []string{"x"}, Secret: "short"})
	for _, want := range []string{`hooks[0].name: ""`, `hooks[0].url: "ftp://x/…" is not http`, "hooks[0]: a secret of 5 bytes, at least 32",
		`hooks[1].url: the URL at "x" has a user`, `hooks[2].name: "a" is named twice`, `allow_urls[0]: "x" is not`, "allow_urls: a secret of 5 bytes"} {
		require.ErrorContains(t, err, want)
	}
}

// Nothing that is logged or counted holds a secret: neither the key nor what follows the host in a URL.
func TestWebhook_Failures_ToldWithoutSecrets(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	url := "http://" + closed.Addr().String() + "/T0KEN"
	require.NoError(t, closed.Close())
	w, topic := newWorld(), newMemory()
	var out lockedBuffer
	w.log = slog.New(slog.NewTextHandler(&out, nil))
	w.rule(t, "r", hooked(url))
	w.rule(t, "bad", hooked("https://elsewhere.example/T0KEN"))
	n := newNode(t, w, topic, nil, WebhookConfig{AllowURLs: []string{url}, Secret: secret, AllowNetworks: loopback, FirstPause: time.Millisecond, LongestPause: time.Millisecond})
	w.wait(10)
	n.own(t, Generation{})
	eventually(t, func() bool { return n.counts.retried.Get() > 2 && len(topic.told(t)) == 4 }, "tried")
	w.pass(2 * time.Hour)
	eventually(t, func() bool { return n.counts.gaveUp.Get() == 4 }, "given up")
	said := out.String()
	require.Contains(t, said, "alert not posted")
	require.Contains(t, said, "faulty alert rule")
	for _, hidden := range []string{"T0KEN", secret} {
		require.NotContains(t, said, hidden)
		require.NotContains(t, strings.Join(n.Warnings(), "\n"), hidden)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}
