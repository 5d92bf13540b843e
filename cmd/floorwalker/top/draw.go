package top

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rivo/uniseg"

	"floorwalker/schema"
)

// Look is how a piece of text is to be seen.
type Look uint8

// Looks.
const (
	Plain Look = iota
	Bold
	Dim
	Warn
	Reverse
	Alarm // what must not be overlooked
)

// Span is text of one look.
type Span struct {
	Text string
	Look Look
}

// Line is a line of the screen.
type Line []Span

func (l Line) String() string {
	var b strings.Builder
	for _, s := range l {
		b.WriteString(s.Text)
	}
	return b.String()
}

// The smallest screen that anything can be seen on.
const minWidth, minHeight = 40, 10

// Draw is the screen at a size, never more lines than height nor wider than width. Times are shown in zone.
func (m *Model) Draw(width, height int, zone *time.Location) []Line {
	if width < minWidth || height < minHeight {
		return []Line{{{clip(fmt.Sprintf("at least %dx%d, please", minWidth, minHeight), max(0, width)), Plain}}}
	}
	lines := []Line{m.headline(width, zone)}
	lines = append(lines, m.heads(width)...)
	lines = append(lines, Line{{clip(m.rateLine(), width), Plain}})
	if banner := m.Banner(); banner != "" {
		lines = append(lines, Line{{pad(clip(banner, width), width), Alarm}})
	} else {
		lines = append(lines, Line{})
	}
	queues, late := m.Queues(), m.TooLong()
	// Headings of both lists, the total, the line between, and the last line.
	room := height - len(lines) - 5
	queueRows := min(len(queues), max(room-len(late), room*3/5))
	lateRows := min(len(late), room-queueRows)
	m.queueTop, m.agentTop = min(m.queueTop, len(queues)-queueRows), min(m.agentTop, len(late)-lateRows)
	m.pageRows = queueRows
	if m.onAgents {
		m.pageRows = lateRows
	}
	lines = append(lines, m.queueTable(width, queues, queueRows)...)
	lines = append(lines, Line{})
	lines = append(lines, m.lateTable(width, late, lateRows)...)
	for len(lines) < height-1 {
		lines = append(lines, Line{})
	}
	return append(lines, m.lastLine(width))
}

func (m *Model) headline(width int, zone *time.Location) Line {
	left := "Floorwalker  " + m.ContactCenter
	right := m.Now().In(zone).Format("2006-01-02 15:04:05 MST")
	if m.AsOf().IsZero() {
		right += "  no data yet"
	} else {
		right += "  data " + age(m.Age()) + " old"
	}
	left = clip(left, max(0, width-uniseg.StringWidth(right)-1))
	return Line{{left, Bold}, {strings.Repeat(" ", max(1, width-uniseg.StringWidth(left)-uniseg.StringWidth(right))), Plain}, {clip(right, width-1), Plain}}
}

// heads shows all statuses that somebody is in, on two lines at most.
func (m *Model) heads(width int) []Line {
	counts := m.Agents()
	words := []string{fmt.Sprintf("Agents  %d logged in", counts["logged_in"])}
	for _, s := range shownStatuses() {
		if counts[s] > 0 {
			words = append(words, fmt.Sprintf("%s %d", s, counts[s]))
		}
	}
	lines, text := []Line(nil), words[0]
	for _, word := range words[1:] {
		if uniseg.StringWidth(text+"   "+word) <= width {
			text += "   " + word
			continue
		}
		if len(lines) == 1 {
			text = clip(text+"   …", width)
			break
		}
		lines, text = append(lines, Line{{text, Plain}}), "        "+word
	}
	return append(lines, Line{{clip(text, width), Plain}})
}

// shownStatuses are in an order that does not change: who looks again finds them where they were.
func shownStatuses() []string {
	out := slices.DeleteFunc(schema.StatusNames(), func(s string) bool { return s == "logged_out" })
	return append(out, "suspended", "logged_out")
}

func (m *Model) rateLine() string {
	f := m.Rates()
	return fmt.Sprintf("Rates   offered %.1f/min   answered %.1f/min   abandoned %.1f/min   (last %s)",
		perMinute(f.Offered), perMinute(f.Answered), perMinute(f.Abandoned), RateWindow)
}

func perMinute(n int) float64 { return float64(n) / rateMinutes }

// column of the table of queues; from is the width of the screen from which on it is shown.
type column struct {
	title, key  string
	width, from int
	text        func(m *Model, q *Queue) string
	look        func(m *Model, q *Queue) Look
}

func columns() []column {
	head := func(statuses ...string) func(*Model, *Queue) string {
		return func(_ *Model, q *Queue) string { return fmt.Sprint(count(q.Agents, statuses...)) }
	}
	return []column{
		{"WAITING", "waiting", 9, 0, func(_ *Model, q *Queue) string { return fmt.Sprint(q.Waiting) }, nil},
		{"LONGEST", "longest", 9, 0, longest, waitLook},
		{"SL", "service_level", 6, 0, func(_ *Model, q *Queue) string { return percent(q.Today.ServiceLevel) }, nil},
		{"OFF'D", "offered", 7, 56, func(_ *Model, q *Queue) string { return fmt.Sprint(q.Today.Offered) }, nil},
		{"ANSW", "", 6, 90, func(_ *Model, q *Queue) string { return fmt.Sprint(q.Today.Answered) }, nil},
		{"ABAN", "", 5, 90, func(_ *Model, q *Queue) string { return fmt.Sprint(q.Today.Abandoned) }, nil},
		{"FREE", "free", 5, 0, head("available"), nil},
		{"RING", "", 5, 76, head(ringing...), nil},
		{"TALK", "", 5, 0, head(talking...), nil},
		{"WRAP", "", 5, 76, head("wrap"), nil},
		{"OFF", "", 5, 76, func(_ *Model, q *Queue) string { return fmt.Sprint(offQueue(q.Agents)) }, nil},
		{"IN", "", 5, 62, head("logged_in"), nil},
	}
}

var (
	ringing = []string{"ringing", "dialing"}
	talking = []string{"on_call", "in_chat", "conference"}
)

func count(heads map[string]int, statuses ...string) (n int) {
	for _, s := range statuses {
		n += heads[s]
	}
	return n
}

// offQueue are those logged in who neither are free nor work for a customer: breaks and the like, statuses to come included.
func offQueue(heads map[string]int) int {
	return heads["logged_in"] - count(heads, "available", "wrap") - count(heads, ringing...) - count(heads, talking...)
}

func longest(m *Model, q *Queue) string {
	if q.LongestSince.IsZero() {
		return "-"
	}
	return age(m.Now().Sub(q.LongestSince))
}

// waitLook stands out once somebody waits longer than the service level allows.
func waitLook(m *Model, q *Queue) Look {
	if t := q.Today.Threshold; t > 0 && !q.LongestSince.IsZero() && m.Now().Sub(q.LongestSince) > t {
		return Warn
	}
	return Plain
}

func (m *Model) queueTable(width int, queues []Queue, rows int) []Line {
	shown := slices.DeleteFunc(columns(), func(c column) bool { return width < c.from })
	name := width
	for _, c := range shown {
		name -= c.width
	}
	key := SortKeys()[m.sort]
	title := heading("QUEUE", m.queueTop, rows, len(queues), !m.onAgents)
	if key == "name" {
		title = m.mark() + title
	}
	head := pad(clip(title, name), name)
	for _, c := range shown {
		title := c.title
		if c.key == key {
			title = m.mark() + title
		}
		head += left(title, c.width)
	}
	lines := []Line{{{head, Dim}}}
	for n := range queues[m.queueTop : m.queueTop+rows] {
		lines = append(lines, m.queueLine(&queues[m.queueTop+n], shown, name, Plain))
	}
	total := m.Total()
	total.Name = fmt.Sprintf("ALL %d QUEUES", len(m.queues.rows))
	return append(lines, m.queueLine(&total, shown, name, Bold))
}

func (m *Model) queueLine(q *Queue, shown []column, name int, look Look) Line {
	line := Line{{pad(clip(q.Name, name-1), name), look}}
	for _, c := range shown {
		of := look
		if c.look != nil && c.look(m, q) != Plain {
			of = c.look(m, q)
		}
		line = append(line, Span{left(c.text(m, q), c.width), of})
	}
	return line
}

// mark stands before the title that the queues are in order of.
func (m *Model) mark() string {
	if descending(SortKeys()[m.sort]) != m.reverse {
		return "v"
	}
	return "^"
}

// heading is a list's title with what part of it is seen, if not all.
func heading(title string, top, rows, all int, moved bool) string {
	if rows < all {
		title += fmt.Sprintf(" %d-%d of %d", top+1, top+rows, all)
	}
	if moved {
		title = "> " + title
	}
	return title
}

func (m *Model) lateTable(width int, late []TooLong, rows int) []Line {
	const status, span = 15, 10
	team := (width - status - 2*span) / 2
	name := width - team - status - 2*span
	title := heading("TOO LONG IN A STATUS", m.agentTop, rows, len(late), m.onAgents)
	if len(late) == 0 {
		title += ": nobody"
	}
	head := clip(title, name+team-1)
	lines := []Line{{{pad(head, name+team) + pad("STATUS", status) + left("FOR", span) + left("OVER BY", span), Dim}}}
	for _, t := range late[m.agentTop : m.agentTop+rows] {
		look := Plain
		if t.For > 2*t.Limit {
			look = Warn
		}
		lines = append(lines, Line{{pad(clip(t.Name, name-1), name) + pad(clip(t.Team, team-1), team) + pad(clip(t.Status, status-1), status) +
			left(age(t.For), span), Plain}, {left(age(t.For-t.Limit), span), look}})
	}
	return lines
}

func (m *Model) lastLine(width int) Line {
	if m.editing {
		return Line{{clip("/"+m.filter+"_   enter: keep   esc: clear", width), Reverse}}
	}
	text := "q quit  / filter  s sort  r reverse  tab list  arrows, pgup, pgdn move"
	if m.filter != "" {
		text = "filter " + m.filter + " (esc clears)  " + text
	}
	return Line{{pad(clip(text, width), width), Reverse}}
}

// age is a duration in two units at most: 45s, 3m05s, 2h14m, 3d04h.
func age(d time.Duration) string {
	s := int64(max(0, d) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 24*3600:
		return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
	}
	return fmt.Sprintf("%dd%02dh", s/86400, s/3600%24)
}

func percent(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.0f%%", *v*100)
}

// clip cuts to a width of terminal cells. Names come from producers: what would move the cursor becomes a space.
func clip(s string, width int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
	if uniseg.StringWidth(s) <= width {
		return s
	}
	var b strings.Builder
	used := 0
	for g := uniseg.NewGraphemes(s); g.Next(); {
		if used+g.Width() > width-1 {
			break
		}
		used += g.Width()
		b.WriteString(g.Str())
	}
	if width > 0 {
		b.WriteString("…")
	}
	return b.String()
}

// pad fills up with spaces on the right.
func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-uniseg.StringWidth(s)))
}

// left fills up with spaces on the left; one is always there.
func left(s string, width int) string {
	s = clip(s, width-1)
	return strings.Repeat(" ", max(0, width-uniseg.StringWidth(s))) + s
}
