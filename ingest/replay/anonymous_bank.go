package replay

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"floorwalker/schema"
)

// bankColumns are the columns of the Anonymous Bank's call log (Mandelbaum, Sakov, Zeltyn), one row per call.
var bankColumns = []string{"vru+line", "call_id", "type", "vru_entry", "vru_exit", "q_start", "q_exit", "q_time", "outcome", "ser_time", "server"}

// BankSource is the source of events of the Anonymous Bank unless another is given.
const BankSource = "/replay/anonymous-bank"

type bank struct {
	table    *table
	column   map[string]int
	date     time.Time
	envelope Envelope
	seen     map[string]int
	events   []schema.Event
	bad      []*LineError
	read     bool
	err      error
}

// AnonymousBank reads one day of the call log: date is the file's day, and its times are UTC on that day. Where date is zero, each row's
// column `date`, such as 990801 or 1999-08-01, says which day they are on.
//
//   - `outcome` PHANTOM is no call.
//   - A call is created at `vru_entry`.
//   - It enters the queue named by `type` at `vru_exit` if it has queue times or was answered (`outcome` AGENT).
//   - If it was answered, the agent `server` connects at `vru_exit` + `q_time`, and the call ends `ser_time` later.
//   - Any other call ends, abandoned, at `vru_exit` + `q_time`; by the customer where `outcome` is HANG.
//
// What the log leaves open:
//
//   - `call_id` repeats across lines of the voice response unit; date, `vru+line` and `call_id` together are unique, and a row that
//     repeats even these gets a number behind them.
//   - A few calls were answered by NO_SERVER, an agent whose name the log does not have: the agent of that name connects, so that
//     the answer is counted.
//   - `ser_start` and `ser_exit` differ from `vru_exit` + `q_time` by a second here and there and are missing in one answered
//     call; they are not read. Service times of calls that nobody answered are not read either.
//   - A few calls leave the voice response unit before they enter it. Times are taken as they stand; one that lies more than twelve
//     hours before its predecessor is of the next day.
//   - The log knows no logins, offers, wraps or statuses; none are invented. Its agents are therefore logged out all day: queues
//     and the agents' calls can be measured, statuses and occupancy cannot.
//
// The rows are not in order of time; the whole day is read before the first event is given. Bad rows are given first.
func AnonymousBank(r io.Reader, date time.Time, e Envelope) (Reader, error) {
	if e.ContactCenter == "" {
		return nil, errors.New("a contact centre is needed; the log names none")
	}
	if e.Source == "" {
		e.Source = BankSource
	}
	if y := date.Year(); !date.IsZero() && (y < 1970 || y >= 2200) {
		return nil, fmt.Errorf("day %s; allowed are 1970-01-01 to 2199-12-31", date.Format(time.DateOnly))
	}
	t, err := newTable(r)
	if err != nil {
		return nil, err
	}
	t.oneLine = true
	b := &bank{table: t, column: map[string]int{}, envelope: e, seen: map[string]int{}}
	if !date.IsZero() {
		b.date = time.Date(date.Year(), date.Month(), date.Day(), 0, 0, 0, 0, time.UTC)
	}
	for i, name := range t.header {
		b.column[name] = i
	}
	for _, name := range bankColumns {
		if _, ok := b.column[name]; !ok {
			return nil, fmt.Errorf("line 1: column %q is missing; needed are %s", name, strings.Join(bankColumns, ", "))
		}
	}
	if _, ok := b.column["date"]; !ok && date.IsZero() {
		return nil, errors.New("the log has no dates and the file's name holds none; name the day, such as 1999-08-01")
	}
	return b, nil
}

var dateInName = regexp.MustCompile(`\d{4}-\d{2}-\d{2}`)

// DateInName finds the day in a file's name, such as anonymous-bank-1999-08-01.csv.
func DateInName(file string) (time.Time, bool) {
	d, err := time.Parse(time.DateOnly, dateInName.FindString(file))
	return d, err == nil
}

func (b *bank) Read() (schema.Event, error) {
	if !b.read {
		b.read = true
		b.err = b.readAll()
	}
	if len(b.bad) > 0 {
		bad := b.bad[0]
		b.bad = b.bad[1:]
		return schema.Event{}, bad
	}
	if b.err != nil {
		return schema.Event{}, b.err
	}
	if len(b.events) == 0 {
		return schema.Event{}, io.EOF
	}
	next := b.events[0]
	b.events = b.events[1:]
	return next, nil
}

func (b *bank) readAll() error {
	for {
		fields, line, err := b.table.next()
		var bad *LineError
		switch {
		case err == io.EOF:
			slices.SortStableFunc(b.events, func(x, y schema.Event) int { return cmp.Compare(x.Time, y.Time) })
			return nil
		case errors.As(err, &bad):
			b.bad = append(b.bad, bad)
			continue
		case err != nil:
			return err
		}
		c, err := b.call(fields)
		if err == nil {
			err = b.add(c)
		}
		if err != nil {
			b.bad = append(b.bad, &LineError{line, err})
		}
	}
}

// bankCall is one row.
type bankCall struct {
	phantom, answered, hung, queued bool
	line, callID, queue, server     string
	entry, exit, wait, service      int64 // ms; the first two since midnight
	day                             time.Time
}

func (b *bank) call(row []string) (c bankCall, err error) {
	cell := func(name string) string { return strings.TrimSpace(row[b.column[name]]) }
	outcome := cell("outcome")
	c = bankCall{line: cell("vru+line"), callID: cell("call_id"), queue: cell("type"), server: cell("server"),
		phantom: outcome == "PHANTOM", answered: outcome == "AGENT", hung: outcome == "HANG"}
	if c.phantom {
		return c, nil
	}
	var faults []error
	clock := func(name string) int64 {
		ms, err := timeOfDay(cell(name))
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", name, err))
		}
		return ms
	}
	seconds := func(name string) int64 {
		n, err := strconv.ParseInt(cell(name), 10, 32)
		if err != nil || n < 0 {
			faults = append(faults, fmt.Errorf("%s: %q is not a number of seconds", name, cell(name)))
		}
		return n * 1000
	}
	c.day = b.date
	if i, ok := b.column["date"]; ok && b.date.IsZero() {
		text := strings.TrimSpace(row[i])
		if c.day, err = time.Parse("060102", text); err != nil {
			c.day, err = time.Parse(time.DateOnly, text)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("date: %q is not a day such as 990801 or 1999-08-01", text))
		}
	}
	c.entry, c.exit, c.wait = clock("vru_entry"), clock("vru_exit"), seconds("q_time")
	var start, exit int64 // an empty cell is no queue time
	if cell("q_start") != "" {
		start = clock("q_start")
	}
	if cell("q_exit") != "" {
		exit = clock("q_exit")
	}
	if c.answered {
		c.service = seconds("ser_time")
	}
	c.queued = c.answered || start != 0 || exit != 0 || c.wait != 0
	const halfDay, day = 12 * 3600_000, 24 * 3600_000
	if c.exit < c.entry-halfDay {
		c.exit += day
	}
	for name, value := range map[string]string{"vru+line": c.line, "call_id": c.callID} {
		if value == "" {
			faults = append(faults, fmt.Errorf("%s: empty", name))
		}
	}
	if c.queued && c.queue == "" {
		faults = append(faults, errors.New("type: empty; it names the queue"))
	}
	if c.answered && c.server == "" {
		faults = append(faults, errors.New("server: empty; it names the agent who answered"))
	}
	return c, errors.Join(faults...)
}

// timeOfDay reads H:MM:SS as ms since midnight; hours of 24 and more are of the next day.
func timeOfDay(s string) (int64, error) {
	parts := strings.Split(s, ":")
	if len(parts) != 3 {
		return 0, fmt.Errorf("%q is not a time such as 9:05:00", s)
	}
	var n [3]int64
	for i, p := range parts {
		v, err := strconv.ParseUint(p, 10, 8)
		if err != nil || i > 0 && (v > 59 || len(p) != 2) || v > 47 && i == 0 {
			return 0, fmt.Errorf("%q is not a time such as 9:05:00", s)
		}
		n[i] = int64(v)
	}
	return ((n[0]*60+n[1])*60 + n[2]) * 1000, nil
}

// add makes a call's events. Their sequence keeps them in order where two share a second.
func (b *bank) add(c bankCall) error {
	if c.phantom {
		return nil
	}
	day := c.day.Format(time.DateOnly)
	id := fmt.Sprintf("%s-%s-%s", day, c.line, c.callID)
	var faults []error
	check := func(id, column string) {
		if err := schema.CheckID(id, column); err != nil {
			faults = append(faults, err)
		}
	}
	check(id+"-0000", "vru+line, call_id")
	if c.queued {
		check(c.queue, "type")
	}
	if c.answered {
		check(c.server, "server")
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	b.seen[id]++
	if n := b.seen[id]; n > 1 {
		id = fmt.Sprintf("%s-%d", id, n)
	}
	sequence := int64(0)
	put := func(t schema.EventType, at int64, d *schema.Data) {
		sequence++
		b.events = append(b.events, schema.Event{ID: fmt.Sprintf("%s-%d", id, sequence), Source: b.envelope.Source, Subject: id,
			ContactCenter: b.envelope.ContactCenter, Type: t, Time: c.day.UnixMilli() + at, Sequence: sequence, HasSequence: true,
			Data: d.Bytes()})
	}
	put(schema.InteractionCreated, c.entry, schema.NewData().String("channel", "voice").String("direction", "inbound").String("call_id", c.callID))
	if c.queued {
		put(schema.InteractionQueued, c.exit, schema.NewData().String("queue_id", c.queue))
	}
	until := c.exit + c.wait
	switch {
	case c.answered:
		put(schema.InteractionConnected, until, schema.NewData().String("agent_id", c.server))
		put(schema.InteractionEnded, until+c.service, schema.NewData().String("reason", "completed"))
	case c.hung:
		put(schema.InteractionEnded, until, schema.NewData().String("reason", "abandoned").String("by", "customer"))
	default:
		put(schema.InteractionEnded, until, schema.NewData().String("reason", "abandoned"))
	}
	return nil
}
