package top

import (
	"encoding/json"
	"io"
	"maps"
	"time"
)

// Document is what --once --format=json prints: one object, whose keys stay (docs/top.md). Durations are ms, times RFC 3339 UTC.
type Document struct {
	ContactCenter string          `json:"contact_center"`
	AsOf          string          `json:"as_of"`
	AgeMs         int64           `json:"age_ms"`
	Stale         bool            `json:"stale"`
	Agents        map[string]int  `json:"agents"`
	Rates         documentRates   `json:"rates"`
	Total         documentCounts  `json:"total"`
	Queues        []documentQueue `json:"queues"`
	TooLong       []documentAgent `json:"too_long"`
}

type documentRates struct {
	Window    string  `json:"window"`
	Offered   float64 `json:"offered_per_minute"`
	Answered  float64 `json:"answered_per_minute"`
	Abandoned float64 `json:"abandoned_per_minute"`
}

type documentCounts struct {
	Waiting      int      `json:"waiting"`
	LongestMs    *int64   `json:"longest_wait_ms"`
	ServiceLevel *float64 `json:"service_level"`
	Offered      int      `json:"offered"`
	Answered     int      `json:"answered"`
	Abandoned    int      `json:"abandoned"`
}

type documentQueue struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	documentCounts
	Agents map[string]int `json:"agents"`
}

type documentAgent struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Team    string `json:"team"`
	Status  string `json:"status"`
	Since   string `json:"status_since"`
	ForMs   int64  `json:"for_ms"`
	LimitMs int64  `json:"limit_ms"`
}

const timeForm = "2006-01-02T15:04:05.000Z"

// Document is the model as a script reads it.
func (m *Model) Document() Document {
	total := m.Total()
	f := m.Rates()
	d := Document{ContactCenter: m.ContactCenter, AsOf: m.AsOf().UTC().Format(timeForm), AgeMs: m.Age().Milliseconds(), Stale: m.Stalest() > StaleAfter,
		Agents: heads(m.Agents()), Total: m.counts(&total), Queues: []documentQueue{}, TooLong: []documentAgent{},
		Rates: documentRates{RateWindow, perMinute(f.Offered), perMinute(f.Answered), perMinute(f.Abandoned)}}
	for _, q := range m.Queues() {
		d.Queues = append(d.Queues, documentQueue{q.ID, q.Name, m.counts(&q), heads(q.Agents)})
	}
	for _, t := range m.TooLong() {
		d.TooLong = append(d.TooLong, documentAgent{t.ID, t.Name, t.Team, t.Status, t.Since.UTC().Format(timeForm), t.For.Milliseconds(), t.Limit.Milliseconds()})
	}
	return d
}

// heads is never null in JSON.

func heads(counts map[string]int) map[string]int {
	if counts == nil {
		return map[string]int{}
	}
	return maps.Clone(counts)
}

func (m *Model) counts(q *Queue) documentCounts {
	c := documentCounts{Waiting: q.Waiting, ServiceLevel: q.Today.ServiceLevel, Offered: q.Today.Offered, Answered: q.Today.Answered, Abandoned: q.Today.Abandoned}
	if !q.LongestSince.IsZero() {
		ms := max(0, m.Now().Sub(q.LongestSince)).Milliseconds()
		c.LongestMs = &ms
	}
	return c
}

// WriteJSON writes the document and a line's end.
func (m *Model) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(m.Document())
}

// WriteText writes everything that the screen would show of a floor, without looks, in lines of a width.
func (m *Model) WriteText(w io.Writer, width int, zone *time.Location) error {
	lines := m.Draw(width, minHeight+len(m.queues.rows)+len(m.TooLong())+2, zone)
	for _, line := range lines[:len(lines)-1] { // the last one tells of keys
		if _, err := io.WriteString(w, trimmed(line)+"\n"); err != nil {
			return err
		}
	}
	return nil
}
