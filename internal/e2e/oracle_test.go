package e2e

import (
	"encoding/csv"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The real day: the call log of a bank's call centre.
var (
	realDayFile = filepath.Join(root, "..", "shared", "data", "anonymous-bank-1999-08-01.csv")
	realDay     = time.Date(1999, 8, 1, 0, 0, 0, 0, time.UTC)
)

const (
	hour        = int64(time.Hour / time.Millisecond)
	withinLevel = 20_000 // ms: the threshold of service_level_seconds=20
)

// tally of durations, in ms.
type tally struct{ Count, Sum, Max int64 }

func (t *tally) add(ms int64) { t.Count, t.Sum, t.Max = t.Count+1, t.Sum+ms, max(t.Max, ms) }

// figures of one group in one interval.
type figures struct {
	Offered, Answered, Abandoned, AnsweredIn int64
	Wait, AbandonWait, Talk, Handle          tally
}

// cell is a group's interval: ms since midnight, 0 where the whole day is one.
type cell struct {
	group string // as "queue=PS"; "" is all
	from  int64
}

// call is a line of the log, read by the rules: times in ms since midnight.
type call struct {
	id                string
	queue, agent      string
	queued, answered  bool
	exit, wait, serve int64
}

// oracle computes figures from the log alone.
type oracle struct{ calls []call }

// readOracle reads the log, or skips the test where it is not there.
func readOracle(t *testing.T) *oracle {
	t.Helper()
	file, err := os.Open(realDayFile)
	if os.IsNotExist(err) {
		t.Skipf("%s is missing: not tested is that the figures of a real day are those of its call log", realDayFile)
	}
	require.NoError(t, err)
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	require.NoError(t, err)
	column := map[string]int{}
	for i, name := range lines[0] {
		column[name] = i
	}
	o := &oracle{}
	for _, line := range lines[1:] {
		get := func(name string) string { return strings.TrimSpace(line[column[name]]) }
		if get("outcome") == "PHANTOM" {
			continue
		}
		c := call{id: get("vru+line") + "/" + get("call_id"), queue: get("type"), agent: get("server"), answered: get("outcome") == "AGENT",
			exit: clockMs(t, get("vru_exit")), wait: secondsMs(t, get("q_time"))}
		c.queued = c.answered || c.wait != 0 || clockMs(t, get("q_start")) != 0 || clockMs(t, get("q_exit")) != 0
		if c.answered {
			c.serve = secondsMs(t, get("ser_time"))
		}
		o.calls = append(o.calls, c)
	}
	return o
}

func clockMs(t *testing.T, s string) int64 {
	t.Helper()
	var h, m, sec int64
	_, err := fmt.Sscanf(s, "%d:%d:%d", &h, &m, &sec)
	require.NoError(t, err, s)
	return (h*3600 + m*60 + sec) * 1000
}

func secondsMs(t *testing.T, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	require.NoError(t, err, s)
	return n * 1000
}

// The ways of grouping that are compared, and the metrics that each has.
var groupings = []struct {
	by, metrics string
	ofAgents    bool
}{
	{"", "offered,answered,abandoned,wait,abandon_wait,talk,handle,service_level", false},
	{"queue", "offered,answered,abandoned,wait,abandon_wait,talk,handle,service_level", false},
	{"agent", "answered,talk,handle", true},
	{"agent,queue", "answered,talk,handle", true},
}

// figures computes every cell that holds anything: a count belongs to the interval of the event that decides it.
func (o *oracle) figures(by string, ofAgents bool, interval int64) map[cell]figures {
	out := map[cell]figures{}
	for _, c := range o.calls {
		if !c.queued {
			continue // it never reached queue or agent
		}
		group := c.group(by)
		at := func(ms int64, change func(*figures)) {
			key := cell{group, ms - ms%interval}
			f := out[key]
			change(&f)
			out[key] = f
		}
		decided := c.exit + c.wait
		if !ofAgents {
			at(c.exit, func(f *figures) { f.Offered++ })
		}
		if !c.answered {
			if !ofAgents {
				at(decided, func(f *figures) { f.Abandoned++; f.AbandonWait.add(c.wait) })
			}
			continue
		}
		at(decided, func(f *figures) {
			f.Answered++
			if ofAgents {
				return
			}
			f.Wait.add(c.wait)
			if c.wait <= withinLevel {
				f.AnsweredIn++
			}
		})
		at(decided+c.serve, func(f *figures) { f.Talk.add(c.serve); f.Handle.add(c.serve) })
	}
	return out
}

func (c *call) group(by string) string {
	var parts []string
	for _, d := range strings.Split(by, ",") {
		switch d {
		case "queue":
			parts = append(parts, "queue="+c.queue)
		case "agent":
			if !c.answered {
				return "" // of calls that nobody answered nothing is counted for agents
			}
			parts = append(parts, "agent="+c.agent)
		}
	}
	return strings.Join(parts, ",")
}

// requireRealDay demands that the running system's history holds the day's figures, to the millisecond.
func (f *floor) requireRealDay(o *oracle) {
	f.t.Helper()
	for _, g := range groupings {
		for name, interval := range map[string]int64{"total": 24 * hour, "1h": hour} {
			query := url.Values{"from": {realDay.Format(time.RFC3339)}, "to": {realDay.AddDate(0, 0, 1).Format(time.RFC3339)},
				"interval": {name}, "metrics": {g.metrics}, "service_level_seconds": {"20"}, "time_zone": {"UTC"}}
			if g.by != "" {
				query.Set("group_by", g.by)
			}
			rows, _ := f.metrics(query)
			got := map[cell]figures{}
			for i := range rows {
				key, figures := readRow(f.t, &rows[i], g.by, g.ofAgents)
				require.NotContains(f.t, got, key)
				got[key] = figures
			}
			want := o.figures(g.by, g.ofAgents, interval)
			require.NotEmpty(f.t, want)
			require.Equal(f.t, want, got, "grouped by %q, interval %s", g.by, name)
		}
	}
}

func readRow(t *testing.T, r *row, by string, ofAgents bool) (cell, figures) {
	t.Helper()
	var parts []string
	if by != "" {
		// In the order of the oracle's groups.
		for _, d := range strings.Split(by, ",") {
			parts = append(parts, d+"="+r.Group[d])
		}
	}
	v := values{t, r.Values}
	f := figures{Answered: v.count("answered"), Talk: v.tally("talk"), Handle: v.tally("handle")}
	if !ofAgents {
		f.Offered, f.Abandoned, f.Wait, f.AbandonWait = v.count("offered"), v.count("abandoned"), v.tally("wait"), v.tally("abandon_wait")
		level := v.sub("service_level")
		f.AnsweredIn = level.count("answered_in")
		require.Equal(t, f.Answered, level.count("answered"))
		require.Equal(t, f.Abandoned, level.count("abandoned"))
		if all := f.Answered + f.Abandoned; all == 0 {
			require.Nil(t, level.of["value"], "no traffic is no service level")
		} else {
			require.InDelta(t, float64(f.AnsweredIn)/float64(all), level.of["value"], 1e-12)
		}
	}
	return cell{strings.Join(parts, ","), r.Interval.From.Sub(realDay).Milliseconds()}, f
}

// values of a row, or of one of its objects.
type values struct {
	t  *testing.T
	of map[string]any
}

func (v values) count(name string) int64 {
	v.t.Helper()
	n, ok := v.of[name].(float64)
	require.True(v.t, ok, "%s is %v", name, v.of[name])
	require.Equal(v.t, n, float64(int64(n)), "%s is not whole", name)
	return int64(n)
}

func (v values) sub(name string) values {
	v.t.Helper()
	m, ok := v.of[name].(map[string]any)
	require.True(v.t, ok, "%s is %v", name, v.of[name])
	return values{v.t, m}
}

func (v values) tally(name string) tally {
	v.t.Helper()
	d := v.sub(name)
	out := tally{Count: d.count("count"), Sum: d.count("sum_ms")}
	if out.Count == 0 {
		require.Nil(v.t, d.of["max_ms"], "a maximum over nothing is null")
		return out
	}
	out.Max = d.count("max_ms")
	require.InDelta(v.t, float64(out.Sum)/float64(out.Count), d.of["avg_ms"], 1e-6)
	return out
}
