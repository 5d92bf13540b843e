package replay

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

const day = "1999-08-01"

// all reads to the end; bad lines come as their numbers.
func all(t *testing.T, r Reader) (events []schema.Event, bad []int) {
	t.Helper()
	var dec schema.Decoder
	for {
		ev, err := r.Read()
		var line *LineError
		switch {
		case err == io.EOF:
			return events, bad
		case errors.As(err, &line):
			bad = append(bad, line.Line)
		default:
			require.NoError(t, err)
			var again schema.Event
			require.NoError(t, dec.DecodeStructured(schema.AppendStructured(nil, &ev), &again))
			events = append(events, *again.Clone())
		}
	}
}

func text(e schema.Event) string {
	who := e.QueueID + e.AgentID
	if e.Type == schema.InteractionEnded {
		who = e.End.String() + " " + e.By.String()
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", time.UnixMilli(e.Time).UTC().Format("02 15:04:05"), strings.TrimPrefix(e.Type.String(), "cc.interaction."), who))
}

const bankHeader = "vru+line,call_id,type,vru_entry,vru_exit,vru_time,q_start,q_exit,q_time,outcome,ser_start,ser_exit,ser_time,server,server_abv\n"

func bankEvents(t *testing.T, rows string) (out []string, events []schema.Event, bad []int) {
	t.Helper()
	r, err := Open(strings.NewReader(bankHeader+rows), "x-"+day+".csv", OpenConfig{Envelope: Envelope{ContactCenter: "bank"}})
	require.NoError(t, err)
	events, bad = all(t, r)
	for _, e := range events {
		out = append(out, text(e))
	}
	return out, events, bad
}

// Each rule of the log, on a row of its own.
func TestAnonymousBank_Rules(t *testing.T) {
	for _, tc := range []struct {
		rule, row string
		want      []string
	}{
		{"phantom is no call", "AA0101,1,PS,10:00:00,10:00:05,5,10:00:05,10:00:09,4,PHANTOM,10:00:09,10:00:12,3,NO_SERVER,NO_", nil},
		{"answered after a wait", "AA0101,1,PS,10:00:45,10:00:51,6,10:00:51,10:01:33,42,AGENT,10:01:32,10:03:08,96,VICKY,VIC",
			[]string{"01 10:00:45 created", "01 10:00:51 queued PS", "01 10:01:33 connected VICKY", "01 10:03:09 ended completed"}},
		{"answered at once: no queue times, and yet a visit", "AA0101,1,IN,10:00:21,10:00:31,10,0:00:00,0:00:00,0,AGENT,10:00:30,10:02:09,99,NAAMA,NAA",
			[]string{"01 10:00:21 created", "01 10:00:31 queued IN", "01 10:00:31 connected NAAMA", "01 10:02:10 ended completed"}},
		{"gave up in the queue", "AA0101,1,IN,10:00:28,10:00:37,9,10:00:37,10:01:51,74,HANG,0:00:00,0:00:00,0,NO_SERVER,NO_",
			[]string{"01 10:00:28 created", "01 10:00:37 queued IN", "01 10:01:51 ended abandoned customer"}},
		{"gave up in the queue at once", "AA0101,1,PS,13:27:13,13:27:19,6,13:27:19,13:27:19,0,HANG,0:00:00,0:00:00,0,NO_SERVER,NO_",
			[]string{"01 13:27:13 created", "01 13:27:19 queued PS", "01 13:27:19 ended abandoned customer"}},
		{"hung up before the queue", "AA0101,1,PS,0:10:10,0:10:27,17,0:00:00,0:00:00,0,HANG,0:00:00,0:00:00,0,NO_SERVER,NO_",
			[]string{"01 00:10:10 created", "01 00:10:27 ended abandoned customer"}},
		{"another outcome ends abandoned, its service time unread", "AA0101,1,PS,11:11:51,11:11:57,6,11:11:57,11:12:09,12,LOST,11:12:17,11:16:57,280,NO_SERVER,NO_",
			[]string{"01 11:11:51 created", "01 11:11:57 queued PS", "01 11:12:09 ended abandoned"}},
		{"left the menu before entering it: times as they stand", "AA0101,1,PS,12:04:42,12:03:15,-87,12:03:15,12:04:56,101,AGENT,12:04:55,12:05:56,61,VICKY,VIC",
			[]string{"01 12:03:15 queued PS", "01 12:04:42 created", "01 12:04:56 connected VICKY", "01 12:05:57 ended completed"}},
		{"an agent without a name answers", "AA0101,1,TT,6:57:45,6:57:47,2,0:00:00,0:00:00,0,AGENT,6:57:46,6:57:52,6,NO_SERVER,NO_",
			[]string{"01 06:57:45 created", "01 06:57:47 queued TT", "01 06:57:47 connected NO_SERVER", "01 06:57:53 ended completed"}},
		{"no service time: ended as it was answered", "AA0101,1,NW,8:48:53,8:49:02,9,8:49:02,8:53:47,285,AGENT,0:00:00,0:00:00,0,STEREN,STE",
			[]string{"01 08:48:53 created", "01 08:49:02 queued NW", "01 08:53:47 connected STEREN", "01 08:53:47 ended completed"}},
		{"across midnight", "AA0101,1,PS,23:59:50,0:00:05,15,0:00:05,0:00:35,30,AGENT,0:00:35,0:01:35,60,AVI,AVI",
			[]string{"01 23:59:50 created", "02 00:00:05 queued PS", "02 00:00:35 connected AVI", "02 00:01:35 ended completed"}},
		{"across midnight, hours counted on", "AA0101,1,PS,23:59:50,24:00:05,15,24:00:05,24:00:35,30,HANG,0:00:00,0:00:00,0,NO_SERVER,NO_",
			[]string{"01 23:59:50 created", "02 00:00:05 queued PS", "02 00:00:35 ended abandoned customer"}},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			got, events, bad := bankEvents(t, tc.row+"\n")
			require.Empty(t, bad)
			require.Equal(t, tc.want, got)
			for _, e := range events {
				require.Equal(t, "1999-08-01-AA0101-1", e.Subject)
				require.Equal(t, "bank", e.ContactCenter)
				require.True(t, e.HasSequence)
			}
		})
	}
}

// call_id alone, and even line and call_id, may repeat.
func TestAnonymousBank_RepeatedIDs_AreDifferentCalls(t *testing.T) {
	row := func(line, id string) string {
		return line + "," + id + ",PS,0:10:10,0:10:27,17,0:00:00,0:00:00,0,HANG,0:00:00,0:00:00,0,NO_SERVER,NO_\n"
	}
	_, events, bad := bankEvents(t, row("A", "0")+row("B", "0")+row("A", "0"))
	require.Empty(t, bad)
	subjects, ids := map[string]bool{}, map[string]bool{}
	for _, e := range events {
		subjects[e.Subject] = true
		require.False(t, ids[e.ID], e.ID)
		ids[e.ID] = true
	}
	require.Len(t, subjects, 3)
}

// A bad row is told by its line and costs no other row.
func TestAnonymousBank_BadRows_ReportedAndSteppedOver(t *testing.T) {
	good := "AA0101,1,PS,0:10:10,0:10:27,17,0:00:00,0:00:00,0,HANG,0:00:00,0:00:00,0,NO_SERVER,NO_\n"
	for _, bad := range []string{
		"short,row\n",
		strings.Replace(good, "0:10:10", "25 past", 1),
		strings.Replace(good, "0:10:27", "0:61:00", 1),
		strings.Replace(good, "0:00:00,0,HANG", "0:00:00,-5,HANG", 1),
		strings.Replace(good, "AA0101", "", 1),
		strings.Replace(strings.Replace(good, "HANG", "AGENT", 1), "NO_SERVER", "", 1),
		strings.Replace(strings.Replace(good, "HANG", "AGENT", 1), "PS", "", 1),
		"\"unfinished\n",
	} {
		_, events, lines := bankEvents(t, good+bad+good)
		require.Equal(t, []int{3}, lines, bad)
		require.NotEmpty(t, events)
	}
}

func TestAnonymousBank_NoDateOrTenant_Refused(t *testing.T) {
	_, err := Open(strings.NewReader(bankHeader), "log.csv", OpenConfig{Envelope: Envelope{ContactCenter: "b"}})
	require.ErrorContains(t, err, "1999-08-01")
	_, err = Open(strings.NewReader(bankHeader), "log-1999-08-01.csv", OpenConfig{})
	require.ErrorContains(t, err, "contact centre")
	_, err = Open(strings.NewReader("vru+line,call_id\n"), "log-1999-08-01.csv", OpenConfig{Envelope: Envelope{ContactCenter: "b"}})
	require.ErrorContains(t, err, "vru_entry")
}

// The real day: what the events say per queue is what a count of the table says.
func TestAnonymousBank_RealDay_CountsOfTheTable(t *testing.T) {
	const file = "../../../shared/data/anonymous-bank-1999-08-01.csv"
	data, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("the day's file is not beside the checkout: ../shared/data/anonymous-bank-1999-08-01.csv")
	}
	require.NoError(t, err)
	type counts struct{ calls, offered, answered, abandoned, waitMs, serviceMs int64 }
	want, got := map[string]*counts{}, map[string]*counts{}
	at := func(m map[string]*counts, k string) *counts {
		if m[k] == nil {
			m[k] = &counts{}
		}
		return m[k]
	}
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	require.NoError(t, err)
	for _, r := range rows[1:] {
		var wait, service int64
		_, err := fmt.Sscan(r[8]+" "+r[12], &wait, &service)
		require.NoError(t, err)
		switch c := at(want, r[2]); {
		case r[9] == "AGENT":
			c.offered, c.answered = c.offered+1, c.answered+1
			c.waitMs, c.serviceMs = c.waitMs+wait*1000, c.serviceMs+service*1000
		case r[9] == "HANG" && r[6] != "0:00:00":
			c.offered, c.abandoned = c.offered+1, c.abandoned+1
		}
		if r[9] != "PHANTOM" {
			at(want, "").calls++
		}
	}

	r, err := Open(bytes.NewReader(data), file, OpenConfig{Envelope: Envelope{ContactCenter: "bank"}})
	require.NoError(t, err)
	events, bad := all(t, r)
	require.Empty(t, bad)
	type call struct {
		queue             string
		queued, connected int64
	}
	calls, last := map[string]*call{}, int64(0)
	for _, e := range events {
		require.GreaterOrEqual(t, e.Time, last)
		last = e.Time
		c := calls[e.Subject]
		if c == nil {
			c = &call{}
			calls[e.Subject] = c
		}
		switch e.Type {
		case schema.InteractionCreated:
			at(got, "").calls++
		case schema.InteractionQueued:
			c.queue, c.queued = e.QueueID, e.Time
			at(got, c.queue).offered++
		case schema.InteractionConnected:
			c.connected = e.Time
			at(got, c.queue).answered++
			at(got, c.queue).waitMs += e.Time - c.queued
		case schema.InteractionEnded:
			if c.connected != 0 {
				at(got, c.queue).serviceMs += e.Time - c.connected
			} else if c.queue != "" {
				at(got, c.queue).abandoned++
			}
		}
	}
	require.Equal(t, want, got)
	require.EqualValues(t, 2357, got[""].calls)
	require.EqualValues(t, counts{offered: 130, answered: 68, abandoned: 62, waitMs: got["IN"].waitMs, serviceMs: got["IN"].serviceMs}, *got["IN"])
}

const line1 = `{"specversion":"1.0","id":"1","source":"/acd","type":"cc.agent.status","subject":"a1","time":"2026-03-02T08:00:00Z","contactcenter":"6","data":{"status":"break","reason":{"id":"7","name":"Coffee"}}}`

func TestNDJSON_EnvelopeReplacedBadLinesReported(t *testing.T) {
	text := "\ufeff" + line1 + "\r\n\n{\"no\":1}\n" + strings.Replace(line1, `"id":"1"`, `"id":"2"`, 1) + "\n" + strings.Repeat("x", maxLine+10) + "\n" + line1
	r, err := Open(strings.NewReader(text), "f", OpenConfig{Envelope: Envelope{ContactCenter: "9", Source: "/other"}})
	require.NoError(t, err)
	events, bad := all(t, r)
	require.Equal(t, []int{3, 5}, bad)
	require.Len(t, events, 3)
	for _, e := range events {
		require.Equal(t, [2]string{"9", "/other"}, [2]string{e.ContactCenter, e.Source})
		require.Equal(t, schema.Break, e.Status)
		require.Equal(t, "Coffee", e.ReasonName)
	}
}

func TestCSV_AttributesAndDataColumns(t *testing.T) {
	text := `type,subject,time,contactcenter,status,reason.id,queue_ids,capacity.chat,suspended,priority,queue_id,data
cc.agent.status,a1,2026-03-02T08:00:00+01:00,6,break,7,,,,,,
cc.agent.login,a1,2026-03-02T08:00:01Z,6,,,,3,,,,
cc.agent.assignment,a1,2026-03-02T08:00:02Z,6,,,q1; q2,,,,,
cc.agent.suspended,a1,2026-03-02T08:00:03Z,6,,,,,true,,,
cc.interaction.queued,i1,2026-03-02T08:00:04Z,6,,,,,,4,q1,
cc.agent.status,a1,2026-03-02T08:00:05Z,6,,,,,,,,"{""status"":""available""}"
cc.agent.status,a1,yesterday,6,break,,,,,,,
cc.agent.suspended,a1,2026-03-02T08:00:03Z,6,,,,,perhaps,,,
cc.interaction.queued,i1,2026-03-02T08:00:04Z,6,,,,,,high,q1,
cc.agent.nap,a1,2026-03-02T08:00:04Z,6,,,,,,,,
cc.directory.agent,a1,2026-03-02T08:00:04Z,6,,,,,,,,"{""name"":""Ada"",""email"":""a@example.com"",""login"":""ada"",""skills"":[],""queue_ids"":[],""campaign_ids"":[],""role"":""agent""}"
`
	r, err := Open(strings.NewReader(text), "dir/day.csv", OpenConfig{})
	require.NoError(t, err)
	events, bad := all(t, r)
	require.Equal(t, []int{8, 9, 10, 11}, bad)
	require.Len(t, events, 7)
	require.Equal(t, "day.csv:2", events[0].ID)
	require.Equal(t, "/replay/day.csv", events[0].Source)
	require.Equal(t, "7", events[0].ReasonID)
	require.EqualValues(t, 3, events[1].Capacity[schema.ChannelChat])
	require.Equal(t, []string{"q1", "q2"}, events[2].QueueIDs)
	require.True(t, events[3].Suspended)
	require.EqualValues(t, 4, events[4].Priority)
	require.Equal(t, schema.Available, events[5].Status)
	require.Equal(t, "agent", events[6].DirectoryKind)

	for header, says := range map[string]string{"": "no header", "a,a\n": "twice", "type,subject\n": `"time"`, "type,subject,time\n": "contactcenter", "type,,time\n": "column 2"} {
		_, err := CSV(strings.NewReader(header), "f", Envelope{})
		require.ErrorContains(t, err, says, header)
	}
}

// store keeps what it is given, and when.
type store struct {
	events []schema.Event
	at     []time.Time
	fail   error
}

func (s *store) Write(_ context.Context, events []schema.Event) error {
	if s.fail != nil {
		return s.fail
	}
	s.events = append(s.events, events...)
	s.at = append(s.at, time.Now())
	return nil
}

func ndjsonOf(times ...string) Reader {
	var b strings.Builder
	for i, at := range times {
		b.WriteString(strings.Replace(strings.Replace(line1, "2026-03-02T08:00:00Z", at, 1), `"id":"1"`, fmt.Sprintf(`"id":"%d"`, i), 1) + "\n")
	}
	return NDJSON(strings.NewReader(b.String()+"bad\n"), Envelope{})
}

// With a speed, an hour of events at sixty times their pace takes a minute.
func TestRun_Speed_PacesByEventTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, began := &store{}, time.Now()
		var bad []int
		rep, err := Run(t.Context(), Config{Speed: 60, Bad: func(e *LineError) { bad = append(bad, e.Line) }},
			ndjsonOf("2026-03-02T08:00:00Z", "2026-03-02T08:30:00Z", "2026-03-02T08:29:00Z", "2026-03-02T09:00:00Z"), w)
		require.NoError(t, err)
		require.Equal(t, 4, rep.Written)
		require.Equal(t, 1, rep.Bad)
		require.Equal(t, []int{5}, bad)
		require.Equal(t, time.Minute, rep.Took)
		require.Equal(t, []time.Duration{0, 30 * time.Second, time.Minute}, []time.Duration{w.at[0].Sub(began), w.at[1].Sub(began), w.at[2].Sub(began)})
		require.Equal(t, time.Hour.Milliseconds(), rep.Last-rep.First)
	})
}

func TestRun_WriteFails_SaysHowFar(t *testing.T) {
	gone := errors.New("broker away")
	rep, err := Run(t.Context(), Config{}, ndjsonOf("2026-03-02T08:00:00Z"), &store{fail: gone})
	require.ErrorIs(t, err, gone)
	require.ErrorContains(t, err, "after 0 events")
	require.Zero(t, rep.Written)
	_, err = Run(t.Context(), Config{Speed: -1}, ndjsonOf(), &store{})
	require.ErrorContains(t, err, "speed")
}

func TestProgress_NoTerminal_PlainLines(t *testing.T) {
	var out bytes.Buffer
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	p := NewProgress(&out, false, "day.csv", 10, func() time.Time { return now })
	_, err := io.ReadAll(p.Reader(strings.NewReader("12345")))
	require.NoError(t, err)
	p.Tell(10, 0)
	require.Empty(t, out.String())
	now = now.Add(10 * time.Second)
	p.Tell(500, 0)
	p.Done()
	require.Equal(t, "day.csv: 500 events (50/s), at 1970-01-01 00:00:00, 50 % read\n", out.String())
}

// A quote that is never closed costs its line, not the rest of the file.
func TestTables_QuoteNeverClosed_CostsOneLine(t *testing.T) {
	good := "AA0101,%d,PS,0:10:10,0:10:27,17,0:00:00,0:00:00,0,HANG,0:00:00,0:00:00,0,NO_SERVER,NO_\n"
	rows := fmt.Sprintf(good, 1) + strings.Replace(fmt.Sprintf(good, 2), "NO_SERVER", "\"NO_SERVER", 1)
	for i := 3; i < 100; i++ {
		rows += fmt.Sprintf(good, i)
	}
	_, events, bad := bankEvents(t, rows+strings.Replace(fmt.Sprintf(good, 100), "NO_SERVER", "\"NO_SERVER", 1)+"\n"+fmt.Sprintf(good, 101)+"short\n")
	require.Equal(t, []int{3, 101, 104}, bad)
	require.Len(t, events, 2*(1+97+1))

	r, err := Open(strings.NewReader("type,subject,time,contactcenter,status,description\n"+
		"cc.agent.status,a0,2026-11-22T09:00:00Z,6,break,\"never closed\n"+
		strings.Repeat("cc.agent.status,a1,2026-11-22T09:00:00Z,6,break,\n", 100_000)+
		"cc.agent.status,a2,2026-11-22T09:00:00Z,6,break,\"two\nlines\"\n"+
		"short\n"), "x.csv", OpenConfig{})
	require.NoError(t, err)
	events, bad = all(t, r)
	require.Equal(t, []int{2, 100_005}, bad)
	require.Len(t, events, 100_001)
	require.Equal(t, "x.csv:100003", events[100_000].ID)
}

// What quotes every cell and begins with a byte order mark is a table like any other, and is recognized.
func TestTables_ByteOrderMarkAndQuotedHeader_Read(t *testing.T) {
	quoted := func(s string) string {
		lines := strings.Split(strings.TrimSpace(s), "\n")
		for i, l := range lines {
			lines[i] = `"` + strings.ReplaceAll(l, ",", `","`) + `"`
		}
		return strings.Join(lines, "\r\n")
	}
	bank := bankHeader + "AA0101,1,PS,0:10:10,0:10:27,17,0:00:00,0:00:00,0,HANG,0:00:00,0:00:00,0,NO_SERVER,NO_\n"
	table := "type,subject,time,contactcenter,status\ncc.agent.status,a1,2026-11-22T09:00:00Z,6,break\n"
	for want, files := range map[int][]string{
		2: {bank, quoted(bank), "\ufeff" + bank, "\ufeff" + quoted(bank), "\ufeff\r\n" + bank, strings.Replace(bank, "vru+line,call_id", "call_id, vru+line", 1)},
		1: {table, quoted(table), "\ufeff" + table, "\ufeff" + quoted(table)},
	} {
		for _, file := range files {
			r, err := Open(strings.NewReader(file), "x-"+day+".csv", OpenConfig{Envelope: Envelope{ContactCenter: "6"}})
			require.NoError(t, err, file)
			events, bad := all(t, r)
			require.Empty(t, bad, file)
			require.Len(t, events, want, file)
		}
	}
}

// A row whose events the contract refuses is a bad line, not half a call and dead letters.
func TestAnonymousBank_ValuesThatAreNoIDs_BadLines(t *testing.T) {
	row := "AA0101,1,PS,10:00:45,10:00:51,6,10:00:51,10:01:33,42,AGENT,10:01:32,10:03:08,96,VICKY,VIC\n"
	for _, bad := range []string{
		strings.Replace(row, "VICKY", strings.Repeat("x", 129), 1),
		strings.Replace(row, "VICKY", "\xf9\xe8", 1),
		strings.Replace(row, "VICKY", "A\tB", 1),
		strings.Replace(row, "PS", "\xf9", 1),
		strings.Replace(row, ",1,", ","+strings.Repeat("1", 120)+",", 1),
	} {
		_, events, lines := bankEvents(t, row+bad)
		require.Equal(t, []int{3}, lines, bad)
		require.Len(t, events, 4)
	}
}

// Where no time stands, there was none in the queue.
func TestAnonymousBank_EmptyQueueTimes_AreNone(t *testing.T) {
	got, _, bad := bankEvents(t, "AA0101,1,PS,10:00:45,10:00:51,6,,,0,HANG,,,,,\n"+"AA0101,2,PS,10:00:45,10:00:51,6,,,0,AGENT,,,9,AVI,AVI\n")
	require.Empty(t, bad)
	require.Len(t, got, 2+4)
}

// Two names that are not UTF-8 must not become one.
func TestCSV_NotUTF8_BadLine(t *testing.T) {
	r, err := Open(strings.NewReader("type,subject,time,contactcenter,status\n"+
		"cc.agent.status,jos\xe9,2026-11-22T09:00:00Z,6,break\ncc.agent.status,jos\xe8,2026-11-22T09:01:00Z,6,lunch\n"), "x.csv", OpenConfig{})
	require.NoError(t, err)
	events, bad := all(t, r)
	require.Empty(t, events)
	require.Equal(t, []int{2, 3}, bad)
}

// What would only become dead letters, or a line in the server's log, is refused here.
func TestOpen_AttributesAndDirectoryJudged(t *testing.T) {
	for _, e := range []Envelope{{ContactCenter: "a\nb"}, {ContactCenter: strings.Repeat("x", 129)}, {Source: "\x01"}, {Source: strings.Repeat("x", 1025)}, {ContactCenter: "\xff"}} {
		_, err := Open(strings.NewReader(""), "x.ndjson", OpenConfig{Envelope: e})
		require.Error(t, err, "%+v", e)
	}
	for _, date := range []string{"0001-01-02", "1969-12-31", "2200-01-01"} {
		at, err := time.Parse(time.DateOnly, date)
		require.NoError(t, err)
		_, err = Open(strings.NewReader(bankHeader), "x.csv", OpenConfig{Date: at, Envelope: Envelope{ContactCenter: "b"}})
		require.ErrorContains(t, err, "1970-01-01")
	}
	const agent = `{"specversion":"1.0","id":"1","source":"/s","type":"cc.directory.agent","subject":"a","time":"2026-11-22T09:00:00Z","contactcenter":"6","data":{"name":"N"}}`
	r, err := Open(strings.NewReader(agent), "x.ndjson", OpenConfig{})
	require.NoError(t, err)
	events, bad := all(t, r)
	require.Empty(t, events)
	require.Equal(t, []int{1}, bad)
}

// The log as it was published names each call's day: a file of several days is not one day.
// The file's day is said, or in its name; else the rows may know theirs.
func TestAnonymousBank_DateColumn_WhereTheFileHasNoDay(t *testing.T) {
	row := "A,1,PS,%s,10:00:45,10:00:51,10:00:51,10:01:33,42,HANG,0,NO_SERVER\n"
	r, err := Open(strings.NewReader("vru+line,call_id,type,date,vru_entry,vru_exit,q_start,q_exit,q_time,outcome,ser_time,server\n"+
		fmt.Sprintf(row, "990802")+fmt.Sprintf(row, "1999-08-01")+fmt.Sprintf(row, "tomorrow")), "x.csv", OpenConfig{Envelope: Envelope{ContactCenter: "b"}})
	require.NoError(t, err)
	events, bad := all(t, r)
	require.Equal(t, []int{4}, bad)
	require.Len(t, events, 6)
	require.Equal(t, "01 10:00:45 created", text(events[0]))
	require.Equal(t, "02 10:01:33 ended abandoned customer", text(events[5]))
	require.Equal(t, "1999-08-02-A-1", events[5].Subject)
	r, err = Open(strings.NewReader("vru+line,call_id,type,date,vru_entry,vru_exit,q_start,q_exit,q_time,outcome,ser_time,server\n"+fmt.Sprintf(row, "990802")),
		"x-1999-08-01.csv", OpenConfig{Envelope: Envelope{ContactCenter: "b"}})
	require.NoError(t, err)
	events, bad = all(t, r)
	require.Empty(t, bad)
	require.Equal(t, "1999-08-01-A-1", events[0].Subject)
}

// Two stray quotes make one row of all that lies between them: that costs no row between them either.
func TestTables_TwoStrayQuotes_CostTheirLines(t *testing.T) {
	good := "AA0101,1,PS,0:10:10,0:10:27,17,0:00:00,0:00:00,0,HANG,0:00:00,0:00:00,0,NO_SERVER,NO_\n"
	stray := strings.Replace(good, "NO_\n", "\"NO_\n", 1)
	_, events, bad := bankEvents(t, stray+good+good+"\n"+strings.Replace(good, "NO_\n", "NO_\"\n", 1)+good)
	require.Equal(t, []int{2, 6}, bad)
	require.Len(t, events, 2*3)
	r, err := Open(strings.NewReader("type,subject,time,contactcenter,status,description\n"+
		"cc.agent.status,a0,2026-11-22T09:00:00Z,6,break,\"never closed\n"+
		strings.Repeat("cc.agent.status,a1,2026-11-22T09:00:00Z,6,break,\n", 3)+
		"cc.agent.status,a2,2026-11-22T09:00:00Z,6,break,\",\"\n"), "x.csv", OpenConfig{})
	require.NoError(t, err)
	events, bad = all(t, r)
	require.Equal(t, []int{2}, bad)
	require.Len(t, events, 4)
}
