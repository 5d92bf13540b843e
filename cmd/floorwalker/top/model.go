package top

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Message is what changes the model: Rows, Beat, Trouble, Clock, Tick or Key.
type Message any

// Rows are a push message, or a list read whole, of one subscription.
type Rows struct {
	Subscription string // one of the names in subscriptions
	AsOf         time.Time
	Reset, More  bool
	Rows         []json.RawMessage
	Removed      []json.RawMessage
}

// Beat says that a stream is alive and complete up to AsOf.
type Beat struct {
	Stream string
	AsOf   time.Time
}

// Trouble says that a stream, or a topic of it (stream/topic), is broken, or with an empty Text that it is well again.
type Trouble struct{ Stream, Text string }

// Clock says how far the server's clock is ahead of this machine's.
type Clock struct{ Ahead time.Duration }

// Tick is this machine's time.
type Tick struct{ Now time.Time }

// Key is a key: a letter, or one of the names up, down, pgup, pgdn, home, end, tab, enter, esc, backspace.
type Key string

// StaleAfter is the age from which on data are older than they should be: a silent stream says every 15 s how far it is.
const StaleAfter = 20 * time.Second

// Limits say for each status after how long an agent in it is shown as too long in it.
type Limits map[string]time.Duration

// DefaultLimits hold for who sets none.
func DefaultLimits() Limits {
	return Limits{"ringing": 30 * time.Second, "dialing": time.Minute, "wrap": 3 * time.Minute, "rona": time.Minute, "busy": 10 * time.Minute,
		"away": 10 * time.Minute, "be_right_back": 10 * time.Minute, "break": 20 * time.Minute, "lunch": time.Hour,
		"on_call": 30 * time.Minute, "in_chat": time.Hour, "conference": time.Hour}
}

// Queue is a row of the table of queues.
type Queue struct {
	ID, Name     string
	Waiting      int
	LongestSince time.Time // zero: nobody waits
	Agents       map[string]int
	Today        Figures
}

// Figures count interactions in a window.
type Figures struct {
	Offered, Answered, Abandoned int
	ServiceLevel                 *float64      // 0 to 1; nil: nothing to divide by
	Threshold                    time.Duration // of the service level; 0: several, or unknown
}

// Agent is somebody who is logged in.
type Agent struct {
	ID, Name, Team, Status string
	Since                  time.Time // in the status; zero: unknown
}

// TooLong is an agent beyond the limit of the status.
type TooLong struct {
	Agent
	For, Limit time.Duration
}

// Model is what is known of the floor and how it is looked at: a function of the messages applied. It is not safe for several goroutines.
type Model struct {
	ContactCenter string
	limits        Limits

	now     time.Time // this machine's
	ahead   time.Duration
	asOf    map[string]time.Time // by stream
	trouble map[string]string    // by stream

	queues  table[Queue]
	agents  table[Agent]
	summary table[map[string]int]
	byQueue table[Figures] // by the queue's id
	today   table[Figures]
	rates   table[Figures]

	filter   string
	editing  bool // the filter is being typed
	sort     int  // in SortKeys
	reverse  bool
	onAgents bool // the arrows move the list of agents, else that of queues
	queueTop int
	agentTop int
	pageRows int // rows of the list that the arrows move, as drawn last
	quit     bool
}

// table holds the rows of a subscription; the state after a reset replaces them once it is whole.
type table[T any] struct {
	rows, next map[string]T
}

// NewModel makes an empty one. now is this machine's time.
func NewModel(contactCenter string, limits Limits, now time.Time) *Model {
	return &Model{ContactCenter: contactCenter, limits: limits, now: now, asOf: map[string]time.Time{}, trouble: map[string]string{}}
}

// SortKeys are what queues can be ordered by.
func SortKeys() []string {
	return []string{"longest", "waiting", "service_level", "offered", "free", "name"}
}

// Look sets filter and order as the command line says them: order is one of SortKeys, with :asc or :desc if not in its usual direction.
func (m *Model) Look(filter, order string) error {
	m.filter = filter
	key, direction, _ := strings.Cut(order, ":")
	m.sort = slices.Index(SortKeys(), key)
	if m.sort < 0 {
		m.sort = 0
		return fmt.Errorf("sort key %q: one of %s is allowed", key, strings.Join(SortKeys(), ", "))
	}
	switch direction {
	case "":
	case "asc":
		m.reverse = descending(key)
	case "desc":
		m.reverse = !descending(key)
	default:
		return fmt.Errorf("sort direction %q: asc or desc is allowed", direction)
	}
	return nil
}

// descending says which keys show the largest first: the worst on top.
func descending(key string) bool { return key == "longest" || key == "waiting" || key == "offered" }

// Apply takes one message in. An error is a message that cannot be read; the model stays as it was.
func (m *Model) Apply(msg Message) error {
	switch msg := msg.(type) {
	case Rows:
		return m.rows(msg)
	case Beat:
		m.seen(msg.Stream, msg.AsOf)
	case Trouble:
		m.trouble[msg.Stream] = msg.Text
		if msg.Text == "" {
			delete(m.trouble, msg.Stream)
		}
	case Clock:
		m.ahead = msg.Ahead
	case Tick:
		m.now = msg.Now
	case Key:
		m.key(msg)
	}
	return nil
}

func (m *Model) seen(stream string, asOf time.Time) {
	if asOf.After(m.asOf[stream]) {
		m.asOf[stream] = asOf
	}
}

func (m *Model) rows(r Rows) (err error) {
	switch r.Subscription {
	case subQueues:
		err = apply(&m.queues, r, readQueue)
	case subAgents:
		err = apply(&m.agents, r, readAgent)
	case subSummary:
		err = apply(&m.summary, r, readSummary)
	case subByQueue:
		err = apply(&m.byQueue, r, readFigures)
	case subToday:
		err = apply(&m.today, r, readFigures)
	case subRates:
		err = apply(&m.rates, r, readFigures)
	}
	if err != nil {
		return fmt.Errorf("rows of %s: %w", r.Subscription, err)
	}
	if !r.More {
		m.seen(streamOf(r.Subscription), r.AsOf)
	}
	return nil
}

func apply[T any](t *table[T], r Rows, read func(json.RawMessage, time.Time) (string, T, error)) error {
	keys, values := make([]string, len(r.Rows)), make([]T, len(r.Rows))
	for n, raw := range r.Rows {
		var err error
		if keys[n], values[n], err = read(raw, r.AsOf); err != nil {
			return err
		}
	}
	if r.Reset {
		t.next = map[string]T{}
	}
	into := t.next
	if into == nil {
		if t.rows == nil {
			t.rows = map[string]T{}
		}
		into = t.rows
	}
	for n, key := range keys {
		into[key] = values[n]
	}
	for _, raw := range r.Removed {
		delete(into, keyOf(raw))
	}
	if t.next != nil && !r.More {
		t.rows, t.next = t.next, nil
	}
	return nil
}

// keyOf is an id, or the only value of a group's object: the queue's id, or "" of the total.
func keyOf(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var group map[string]*string
	if json.Unmarshal(raw, &group) != nil {
		return string(bytes.TrimSpace(raw))
	}
	for _, value := range group {
		if value != nil {
			return *value
		}
	}
	return ""
}

func readQueue(raw json.RawMessage, asOf time.Time) (string, Queue, error) {
	var r struct {
		ID           string         `json:"id"`
		Name         string         `json:"name"`
		Waiting      int            `json:"waiting"`
		LongestSince *time.Time     `json:"longest_wait_since"` // in push
		LongestMs    *int64         `json:"longest_wait_ms"`    // in lists
		Agents       map[string]int `json:"agents"`
	}
	err := json.Unmarshal(raw, &r)
	q := Queue{ID: r.ID, Name: cmp.Or(r.Name, r.ID), Waiting: r.Waiting, Agents: r.Agents}
	switch {
	case r.LongestSince != nil:
		q.LongestSince = *r.LongestSince
	case r.LongestMs != nil:
		q.LongestSince = asOf.Add(-time.Duration(*r.LongestMs) * time.Millisecond)
	}
	return q.ID, q, err
}

func readAgent(raw json.RawMessage, _ time.Time) (string, Agent, error) {
	var r struct {
		ID     string `json:"id"`
		Name   string `json:"name"`
		Status string `json:"status"`
		Team   *struct {
			ID   string `json:"id"`
			Name string `json:"name"`
		} `json:"team"`
		Since *time.Time `json:"status_since"`
	}
	err := json.Unmarshal(raw, &r)
	a := Agent{ID: r.ID, Name: cmp.Or(r.Name, r.ID), Status: r.Status}
	if r.Team != nil {
		a.Team = cmp.Or(r.Team.Name, r.Team.ID)
	}
	if r.Since != nil {
		a.Since = *r.Since
	}
	return a.ID, a, err
}

func readSummary(raw json.RawMessage, _ time.Time) (string, map[string]int, error) {
	var r struct {
		Group  json.RawMessage `json:"group"`
		Agents map[string]int  `json:"agents"`
	}
	err := json.Unmarshal(raw, &r)
	return keyOf(r.Group), r.Agents, err
}

func readFigures(raw json.RawMessage, _ time.Time) (string, Figures, error) {
	var r struct {
		Group  json.RawMessage `json:"group"`
		Values struct {
			Offered      int `json:"offered"`
			Answered     int `json:"answered"`
			Abandoned    int `json:"abandoned"`
			ServiceLevel *struct {
				Value     *float64 `json:"value"`
				Threshold *int     `json:"threshold_seconds"`
			} `json:"service_level"`
		} `json:"values"`
	}
	err := json.Unmarshal(raw, &r)
	f := Figures{Offered: r.Values.Offered, Answered: r.Values.Answered, Abandoned: r.Values.Abandoned}
	if level := r.Values.ServiceLevel; level != nil {
		f.ServiceLevel = level.Value
		if level.Threshold != nil {
			f.Threshold = time.Duration(*level.Threshold) * time.Second
		}
	}
	return keyOf(r.Group), f, err
}

// Now is the server's time, which ages are counted by.
func (m *Model) Now() time.Time { return m.now.Add(m.ahead) }

// AsOf is the moment up to which the floor is complete; zero before anything was said.
func (m *Model) AsOf() time.Time { return m.asOf[floorStream] }

// Age of the floor; 0 before anything was said.
func (m *Model) Age() time.Duration { return m.ageOf(floorStream) }

func (m *Model) ageOf(stream string) time.Duration {
	at, ok := m.asOf[stream]
	if !ok {
		return 0
	}
	return max(0, m.Now().Sub(at))
}

// Stalest is the age of the oldest of what is shown, figures included.
func (m *Model) Stalest() (oldest time.Duration) {
	for stream := range m.asOf {
		oldest = max(oldest, m.ageOf(stream))
	}
	return oldest
}

// Banner says what is wrong with the data, or nothing.
func (m *Model) Banner() string {
	var parts []string
	if oldest := m.Stalest(); oldest > StaleAfter {
		parts = append(parts, "DATA ARE "+age(oldest)+" OLD")
	}
	seen := map[string]bool{}
	for _, s := range slices.Sorted(maps.Keys(m.trouble)) {
		if text := m.trouble[s]; !seen[text] {
			seen[text] = true
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, "  ")
}

// Agents are all head-counts by status, those of the whole contact centre.
func (m *Model) Agents() map[string]int { return m.summary.rows[""] }

// Today are the figures of the whole contact centre since midnight; Rates those of the last RateWindow.
func (m *Model) Today() Figures { return m.today.rows[""] }

// Rates are those of the last RateWindow.
func (m *Model) Rates() Figures { return m.rates.rows[""] }

// Queues are those that the filter lets through, in order.
func (m *Model) Queues() []Queue {
	var out []Queue
	for id, q := range m.queues.rows {
		if m.match(q.ID, q.Name) {
			q.Today = m.byQueue.rows[id]
			out = append(out, q)
		}
	}
	key := SortKeys()[m.sort]
	sign := 1
	if descending(key) != m.reverse {
		sign = -1
	}
	slices.SortFunc(out, func(a, b Queue) int {
		if c := compareBy(key, a, b, sign); c != 0 {
			return c
		}
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// compareBy orders by one key; who has no value comes last in both directions.
func compareBy(key string, a, b Queue, sign int) int {
	switch key {
	case "waiting":
		return sign * cmp.Compare(a.Waiting, b.Waiting)
	case "longest":
		if a.LongestSince.IsZero() != b.LongestSince.IsZero() {
			return last(a.LongestSince.IsZero())
		}
		return sign * b.LongestSince.Compare(a.LongestSince)
	case "service_level":
		x, y := a.Today.ServiceLevel, b.Today.ServiceLevel
		if x == nil || y == nil {
			if (x == nil) == (y == nil) {
				return 0
			}
			return last(x == nil)
		}
		return sign * cmp.Compare(*x, *y)
	case "offered":
		return sign * cmp.Compare(a.Today.Offered, b.Today.Offered)
	case "free":
		return sign * cmp.Compare(a.Agents["available"], b.Agents["available"])
	}
	return sign * cmp.Compare(a.Name, b.Name)
}

func last(first bool) int {
	if first {
		return 1
	}
	return -1
}

// Total adds all queues up, whatever the filter says.
func (m *Model) Total() Queue {
	t := Queue{Today: m.Today(), Agents: m.Agents()}
	for _, q := range m.queues.rows {
		t.Waiting += q.Waiting
		if !q.LongestSince.IsZero() && (t.LongestSince.IsZero() || q.LongestSince.Before(t.LongestSince)) {
			t.LongestSince = q.LongestSince
		}
	}
	return t
}

// TooLong are the agents beyond their status's limit that the filter lets through, the furthest first.
func (m *Model) TooLong() []TooLong {
	var out []TooLong
	now := m.Now()
	for _, a := range m.agents.rows {
		limit, ok := m.limits[a.Status]
		if !ok || a.Since.IsZero() {
			continue
		}
		if t := (TooLong{a, now.Sub(a.Since), limit}); t.For > limit && m.match(a.ID, a.Name, a.Team, a.Status) {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b TooLong) int {
		return cmp.Or(cmp.Compare(b.For-b.Limit, a.For-a.Limit), cmp.Compare(a.ID, b.ID))
	})
	return out
}

func (m *Model) match(texts ...string) bool {
	wanted := strings.ToLower(m.filter)
	return slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(strings.ToLower(s), wanted) })
}

// Quit says that the user wants to leave.
func (m *Model) Quit() bool { return m.quit }

func (m *Model) key(k Key) {
	if m.editing {
		m.typed(k)
		return
	}
	switch k {
	case "q", "ctrl-c":
		m.quit = true
	case "/":
		m.editing = true
	case "esc":
		m.filter = ""
		m.queueTop, m.agentTop = 0, 0
	case "s":
		m.sort, m.reverse = (m.sort+1)%len(SortKeys()), false
	case "r":
		m.reverse = !m.reverse
	case "tab":
		m.onAgents = !m.onAgents
	default:
		m.move(k)
	}
}

// typed is a key while the filter is being typed.
func (m *Model) typed(k Key) {
	switch {
	case k == "ctrl-c":
		m.quit = true
	case k == "enter":
		m.editing = false
	case k == "esc":
		m.editing, m.filter = false, ""
	case k == "backspace":
		runes := []rune(m.filter)
		m.filter = string(runes[:max(0, len(runes)-1)])
	case len([]rune(string(k))) == 1:
		m.filter += string(k)
	}
	m.queueTop, m.agentTop = 0, 0
}

func (m *Model) move(k Key) {
	top := &m.queueTop
	if m.onAgents {
		top = &m.agentTop
	}
	switch k {
	case "up":
		*top--
	case "down":
		*top++
	case "pgup":
		*top -= max(1, m.pageRows)
	case "pgdn":
		*top += max(1, m.pageRows)
	case "home":
		*top = 0
	case "end":
		*top = max(len(m.queues.rows), len(m.agents.rows)) // drawing brings it back to the last page
	}
	*top = max(0, *top)
}
