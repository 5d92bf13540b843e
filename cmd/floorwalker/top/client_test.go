package top

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

func fixed(text string) func() (string, error) { return func() (string, error) { return text, nil } }

// quick are times for tests.
var quick = Times{Poll: 50 * time.Millisecond, Retry: 50 * time.Millisecond}

func newClient(t *testing.T, url string, w http.RoundTripper) *Client {
	t.Helper()
	c, err := NewClient(url, "6", fixed(readerToken), w, quick)
	require.NoError(t, err)
	return c
}

// following is a model that is kept by a client.
type following struct {
	t  *testing.T
	mu sync.Mutex
	m  *Model
}

func follow(t *testing.T, c *Client) *following {
	f := &following{t: t, m: NewModel("6", DefaultLimits(), time.Now())}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		c.Follow(ctx, func(msg Message) {
			f.mu.Lock()
			defer f.mu.Unlock()
			if err := f.m.Apply(msg); err != nil {
				t.Error(err)
			}
		})
	})
	t.Cleanup(func() { stop(); running.Wait() })
	return f
}

func (f *following) until(what string, is func(*Model) bool) {
	f.t.Helper()
	require.Eventually(f.t, func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		require.NoError(f.t, f.m.Apply(Tick{time.Now()}))
		return is(f.m)
	}, 20*time.Second, 10*time.Millisecond, what)
}

func statusOf(m *Model, id string) string { return m.agents.rows[id].Status }

// The lists and the push of the real API say the same.
func TestClient_PollAndPushAgree(t *testing.T) {
	_, url := serve(t)
	w := &wire{}
	defer w.CloseIdleConnections()
	c := newClient(t, url, w)
	polled := NewModel("6", DefaultLimits(), time.Now())
	require.NoError(t, c.Poll(t.Context(), func(msg Message) { require.NoError(t, polled.Apply(msg)) }))
	require.Equal(t, "Inbound", polled.Queues()[0].Name)
	require.Equal(t, 20, polled.Queues()[0].Today.Offered)
	require.Equal(t, 20, polled.Today().Offered)
	require.Equal(t, 20, polled.Rates().Offered)
	require.Equal(t, 1, polled.Agents()["break"])
	require.Equal(t, []string{"Ann Äpfel", "Team one", "break"}, []string{polled.TooLong()[0].Name, polled.TooLong()[0].Team, polled.TooLong()[0].Status})

	f := follow(t, c)
	f.until("all is there", func(m *Model) bool {
		return m.Today().Offered == 20 && m.Rates().Offered == 20 && len(m.TooLong()) == 1
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	require.Equal(t, polled.Queues(), f.m.Queues())
	require.Equal(t, polled.Agents(), f.m.Agents())
	require.Equal(t, polled.Rates(), f.m.Rates())
	require.Empty(t, f.m.Banner())
}

// While streams cannot be had the floor is read from the lists, and said to be; streams that come again go on where they were.
func TestClient_StreamsLost_PolledThenResumed(t *testing.T) {
	l, url := serve(t)
	w := &wire{}
	defer w.CloseIdleConnections()
	f := follow(t, newClient(t, url, w))
	f.until("pushed", func(m *Model) bool {
		return statusOf(m, "ann") == "break" && m.Rates().Offered == 20 && m.Today().Offered == 20
	})
	_, before := w.seen()
	require.Zero(t, before, "nothing is polled while the streams run")

	w.cut(false)
	l.set("ann", schema.Lunch, time.Now())
	f.until("polled", func(m *Model) bool { return statusOf(m, "ann") == "lunch" && strings.Contains(m.Banner(), "POLLING") })

	w.cut(true)
	f.until("pushed again", func(m *Model) bool { return m.Banner() == "" })
	l.set("ann", schema.Break, time.Now())
	f.until("and goes on", func(m *Model) bool { return statusOf(m, "ann") == "break" })
	resumed, _ := w.seen()
	require.Equal(t, []string{"", "", ""}, resumed[:3])
	for _, id := range resumed[3:] {
		require.NotEmpty(t, id, "a stream that comes again says where it was")
	}
}

// A token that is replaced while it runs is taken at the next connection.
func TestClient_TokenReadAtEachConnection(t *testing.T) {
	_, url := serve(t)
	w := &wire{}
	defer w.CloseIdleConnections()
	var mu sync.Mutex
	text := "wrong"
	c, err := NewClient(url, "6", func() (string, error) { mu.Lock(); defer mu.Unlock(); return text, nil }, w, quick)
	require.NoError(t, err)
	err = c.Poll(t.Context(), func(Message) {})
	require.ErrorContains(t, err, "401")
	require.NotContains(t, err.Error(), "wrong", "the token is not in the error")
	f := follow(t, c)
	f.until("refused", func(m *Model) bool { return strings.Contains(m.Banner(), "401") })
	mu.Lock()
	text = readerToken
	mu.Unlock()
	f.until("taken", func(m *Model) bool { return m.Banner() == "" && statusOf(m, "ann") == "break" })
}

func TestNewClient_RefusesWhatItCannotUse(t *testing.T) {
	for address, want := range map[string]string{"http://user:secret@h": "--token-file", "ftp://h": "allowed", "": "allowed", "http://%": "url"} {
		_, err := NewClient(address, "6", fixed("x"), nil, Times{})
		require.ErrorContains(t, err, want, address)
		require.NotContains(t, err.Error(), "secret")
	}
	_, err := NewClient("http://h", "", fixed("x"), nil, Times{})
	require.ErrorContains(t, err, "--contact-center")
}

// screen is a simulated terminal that counts how often it was taken and given back.
type screen struct {
	tcell.SimulationScreen
	mu           sync.Mutex
	taken, given int
	breaks       bool // drawing panics
	drawn        string
}

func (s *screen) Init() error { s.count(&s.taken); return s.SimulationScreen.Init() }
func (s *screen) Fini()       { s.count(&s.given); s.SimulationScreen.Fini() }
func (s *screen) count(n *int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*n++
}

func (s *screen) Clear() {
	if s.breaks {
		panic("drawing breaks")
	}
	s.SimulationScreen.Clear()
}

func newScreen() *screen { return &screen{SimulationScreen: tcell.NewSimulationScreen("UTF-8")} }

// Show keeps what is drawn: the simulation's own memory belongs to who draws.
func (s *screen) Show() {
	s.SimulationScreen.Show()
	content, width, _ := s.GetContents()
	var b strings.Builder
	for n, cell := range content {
		if n > 0 && n%width == 0 {
			b.WriteByte('\n')
		}
		b.WriteString(string(cell.Runes))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drawn = b.String()
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drawn
}

func idle(ctx context.Context, _ func(Message)) { <-ctx.Done() }

// However it ends, the terminal is given back, once all goroutines have ended.
func TestShow_TerminalGivenBack(t *testing.T) {
	settings := Settings{Zone: time.UTC}
	t.Run("q", func(t *testing.T) {
		s := newScreen()
		done := make(chan error, 1)
		go func() { done <- Show(t.Context(), s, model(t), settings, idle) }()
		require.Eventually(t, func() bool { return s.text() != "" }, 10*time.Second, 10*time.Millisecond)
		s.InjectKey(tcell.KeyRune, 'q', 0)
		require.NoError(t, <-done)
		require.Equal(t, []int{1, 1}, []int{s.taken, s.given})
	})
	t.Run("a signal", func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		stop()
		s := newScreen()
		require.NoError(t, Show(ctx, s, model(t), settings, idle))
		require.Equal(t, []int{1, 1}, []int{s.taken, s.given})
	})
	t.Run("a panic while drawing", func(t *testing.T) {
		s := newScreen()
		s.breaks = true
		require.PanicsWithValue(t, "drawing breaks", func() { _ = Show(t.Context(), s, model(t), settings, idle) })
		require.Equal(t, []int{1, 1}, []int{s.taken, s.given})
	})
	t.Run("a panic of the client", func(t *testing.T) {
		s := newScreen()
		c := newClient(t, "http://127.0.0.1:1", nil)
		c.token = func() (string, error) { panic("client breaks") }
		require.ErrorContains(t, Show(t.Context(), s, model(t), settings, c.Follow), "client breaks")
		require.Equal(t, []int{1, 1}, []int{s.taken, s.given})
	})
	t.Run("a terminal that cannot be had", func(t *testing.T) {
		require.ErrorContains(t, Show(t.Context(), refusing{newScreen()}, model(t), settings, idle), "terminal: no")
	})
}

type refusing struct{ *screen }

func (refusing) Init() error { return errors.New("no") }

// The real API on a simulated terminal: what is drawn follows the floor and the keys.
func TestShow_FollowsFloorSizeAndKeys(t *testing.T) {
	l, url := serve(t)
	w := &wire{}
	defer w.CloseIdleConnections()
	c, s := newClient(t, url, w), newScreen()
	done := make(chan error, 1)
	go func() {
		done <- Show(t.Context(), s, NewModel("6", DefaultLimits(), time.Now()), Settings{Zone: time.UTC, Colour: true}, c.Follow)
	}()
	shows := func(text string) {
		t.Helper()
		if !assert.Eventually(t, func() bool { return strings.Contains(s.text(), text) }, 20*time.Second, 20*time.Millisecond) {
			t.Fatalf("%q is not in:\n%s", text, s.text())
		}
	}
	shows("Ann Äpfel")
	shows("Inbound")
	l.set("ann", schema.OnCall, time.Now())
	shows("TOO LONG IN A STATUS: nobody")
	shows("on_call 1")
	s.InjectKey(tcell.KeyRune, '/', 0)
	s.InjectKey(tcell.KeyRune, 'z', 0)
	shows("/z_")
	s.InjectKey(tcell.KeyEnter, 0, 0)
	shows("filter z (esc clears)")
	s.SetSize(120, 30)
	require.NoError(t, s.PostEvent(tcell.NewEventResize(120, 30)))
	shows("ANSW ABAN")
	s.InjectKey(tcell.KeyCtrlC, 0, 0)
	require.NoError(t, <-done)
}

func TestStyle_NoColourWhereNoneIsWanted(t *testing.T) {
	for look := Plain; look <= Alarm; look++ {
		foreground, background, _ := styleOf(look, false).Decompose()
		require.Equal(t, [2]tcell.Color{tcell.ColorDefault, tcell.ColorDefault}, [2]tcell.Color{foreground, background})
		if look != Plain {
			require.NotEqual(t, tcell.StyleDefault, styleOf(look, false), "it stands out all the same")
		}
	}
}
