package history

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
)

// sendIntervals and sendParts write rows as a flush of a moment does.
func (f *floor) sendIntervals(position, processed int64, rows ...schema.Interval) {
	f.t.Helper()
	b := clickhouse.NewAgentIntervals()
	b.Append(stamp(position), rows)
	require.NoError(f.t, b.Send(context.Background(), f.conn, processed))
}

func (f *floor) sendParts(position, processed int64, rows ...schema.Part) {
	f.t.Helper()
	b := clickhouse.NewInteractionParts()
	b.Append(stamp(position), rows)
	require.NoError(f.t, b.Send(context.Background(), f.conn, processed))
}

// randomDays are intervals of all kinds over ten days, cut at midnights as the engine cuts them: a presence of logged_out is not, nor
// is what goes on.
func randomDays(r *rand.Rand, agent string, begin, end int64) (out []schema.Interval) {
	for kind := schema.IntervalStatus; kind <= schema.IntervalWorkload; kind++ {
		for at := begin + r.Int64N(dayMs); at < end; {
			iv := schema.Interval{ContactCenter: center, Agent: agent, Kind: kind, Start: at, Status: schema.Status(1 + r.IntN(4)), Live: uint16(r.IntN(3)), Suspended: r.IntN(2) == 0}
			if kind == schema.IntervalWorkload {
				iv.Status = 0
			} else if iv.Status == schema.LoggedOut && kind != schema.IntervalPresence {
				iv.Status = schema.Available
			}
			if r.IntN(3) == 0 {
				iv.ReasonID, iv.ReasonName, iv.Description = "7", "Coffee", "back"
			}
			last := at + 1 + r.Int64N(2*dayMs)
			whole := iv.Status == schema.LoggedOut && kind == schema.IntervalPresence
			if last >= end {
				iv.End = schema.Open
				out = append(out, iv)
				break
			}
			for at < last {
				iv.Start, iv.End = at, last
				if midnight := at - at%dayMs + dayMs; !whole && midnight < last {
					iv.End = midnight
				}
				out = append(out, iv)
				at, iv.Continued = iv.End, true
			}
		}
	}
	return out
}

func byAgent(a, b schema.Interval) int {
	return cmp.Or(cmp.Compare(a.Agent, b.Agent), cmp.Compare(a.Start, b.Start), cmp.Compare(a.N, b.N), cmp.Compare(a.Kind, b.Kind))
}

// What touches a range is found, whatever began before it and whatever older versions of a row said.
func TestEachInterval_FindsWhatTouchesTheRange(t *testing.T) {
	f := newFloor(t)
	r := rand.New(rand.NewPCG(1, 2))
	begin := time.Date(2026, 10, 28, 0, 0, 0, 0, time.UTC).UnixMilli()
	end := begin + 10*dayMs
	var all, older []schema.Interval
	for _, agent := range []string{"a", "b", "c"} {
		all = append(all, randomDays(r, agent, begin, end)...)
	}
	for _, iv := range all {
		if r.IntN(3) == 0 { // as it was while it went on
			iv.End = schema.Open
			older = append(older, iv)
		}
		gone := iv
		gone.Start++ // taken back since
		gone.End = schema.Open
		older = append(older, gone)
	}
	f.sendIntervals(10, 1000, older...)
	newest := slices.Clone(all)
	for _, iv := range older {
		if iv.End == schema.Open && !slices.ContainsFunc(all, func(x schema.Interval) bool { return x.Kind == iv.Kind && x.Agent == iv.Agent && x.Start == iv.Start }) {
			iv.Deleted = true
			newest = append(newest, iv)
		}
	}
	f.sendIntervals(20, 2000, newest...)
	other := all[0]
	other.ContactCenter = "other"
	f.sendIntervals(20, 2000, other)
	kinds := [][]schema.IntervalKind{{schema.IntervalPresence}, {schema.IntervalWorkload}, {schema.IntervalStatus, schema.IntervalPresence, schema.IntervalWorkload}}
	for n := range 40 {
		from := begin - dayMs + r.Int64N(11*dayMs)
		if n%5 == 0 {
			from -= from % dayMs
		}
		if n%7 == 0 {
			from = all[r.IntN(len(all))].Start
		}
		a := Agents{ContactCenter: center, From: from, To: from + 1 + r.Int64N([]int64{1, 1000, dayMs, 5 * dayMs}[n%4])}
		if n%3 == 0 {
			a.IDs = []string{"a", "c", "nobody"}
		}
		of := kinds[n%len(kinds)]
		want := []schema.Interval{}
		for _, iv := range all {
			if slices.Contains(of, iv.Kind) && (a.IDs == nil || slices.Contains(a.IDs, iv.Agent)) && iv.Start < a.To && iv.End > a.From {
				want = append(want, iv)
			}
		}
		slices.SortFunc(want, byAgent)
		got := []schema.Interval{}
		require.NoError(t, f.reader.EachInterval(context.Background(), a, of, func(iv *schema.Interval) error {
			got = append(got, *iv)
			return nil
		}))
		require.True(t, slices.IsSortedFunc(got, func(x, y schema.Interval) int {
			return cmp.Or(cmp.Compare(x.Agent, y.Agent), cmp.Compare(x.Start, y.Start))
		}))
		slices.SortFunc(got, byAgent)
		require.Equal(t, want, got, "%s to %s", time.UnixMilli(a.From).UTC(), time.UnixMilli(a.To).UTC())
	}
	require.Error(t, f.reader.EachInterval(context.Background(), Agents{ContactCenter: center, From: 5, To: 5}, kinds[0], nil))
	require.Error(t, f.reader.EachInterval(context.Background(), Agents{From: 5, To: 6}, kinds[0], nil))
	stop := fmt.Errorf("enough")
	require.ErrorIs(t, f.reader.EachInterval(context.Background(), Agents{ContactCenter: center, From: begin, To: end}, kinds[0], func(*schema.Interval) error { return stop }), stop)
}

func TestEachPart_FindsWhatTouchesTheRange(t *testing.T) {
	f := newFloor(t)
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	part := func(id, agent string, start, finished int64) schema.Part {
		return schema.Part{ContactCenter: center, Interaction: id, Agent: agent, Start: start, Channel: schema.ChannelEmail, Direction: schema.Inbound, Role: schema.RoleAgent,
			Offered: start, Connected: start + 1, Ended: finished, WrapStarted: schema.NoTime, Finished: finished, FirstMessage: schema.NoTime,
			Segments: []schema.Segment{{State: schema.StateRinging, Since: start, Until: start + 1, Role: schema.RoleAgent}, {State: schema.StateConnected, Since: start + 1, Until: finished, Role: schema.RoleAgent}}}
	}
	rows := []schema.Part{
		part("long", "a", begin-20*dayMs, begin+1000),     // began weeks before
		part("open", "b", begin-19*dayMs, schema.Open),    // and goes on
		part("over", "a", begin-18*dayMs, begin-17*dayMs), // was over long ago
		part("just", "a", begin-1000, begin),              // ended right at the begin
		part("in", "b", begin+10, begin+20),
		part("late", "a", begin+dayMs, begin+dayMs+5),
	}
	wasOpen := part("over", "a", begin-18*dayMs, schema.Open)
	gone := part("gone", "a", begin+5, schema.Open)
	f.sendParts(10, 1000, wasOpen, gone)
	gone.Deleted = true
	f.sendParts(20, 2000, append(slices.Clone(rows), gone)...)
	ids := func(a Agents) (out []string) {
		a.ContactCenter = center
		require.NoError(t, f.reader.EachPart(context.Background(), a, func(p *schema.Part) error {
			require.Len(t, p.Segments, 2)
			out = append(out, p.Agent+"/"+p.Interaction)
			return nil
		}))
		return out
	}
	require.Equal(t, []string{"a/long", "a/just", "b/open", "b/in"}, ids(Agents{From: begin, To: begin + dayMs}))
	require.Equal(t, []string{"a/long", "a/just", "a/late", "b/open", "b/in"}, ids(Agents{From: begin, To: begin + dayMs + 1}))
	require.Equal(t, []string{"b/open"}, ids(Agents{From: begin + 2000, To: begin + 3000}))
	require.Equal(t, []string{"a/long", "a/just"}, ids(Agents{From: begin, To: begin + dayMs, IDs: []string{"a"}}))
	require.Empty(t, ids(Agents{From: begin - 30*dayMs, To: begin - 20*dayMs}))
}

func TestChanged_TellsFromWhenOn(t *testing.T) {
	f := newFloor(t)
	iv := func(kind schema.IntervalKind, agent string, start int64) schema.Interval {
		return schema.Interval{ContactCenter: center, Agent: agent, Kind: kind, Start: start, End: schema.Open, Status: schema.Away}
	}
	f.sendIntervals(10, 1000, iv(schema.IntervalPresence, "a", 100), iv(schema.IntervalWorkload, "a", 50))
	f.sendIntervals(20, 2000, iv(schema.IntervalPresence, "a", 200), iv(schema.IntervalPresence, "b", 300), iv(schema.IntervalStatus, "b", 10))
	gone := iv(schema.IntervalPresence, "b", 250)
	gone.Deleted = true
	f.sendIntervals(30, 3000, gone)
	f.sendParts(40, 4000, schema.Part{ContactCenter: center, Interaction: "i", Agent: "c", Start: 70, Ended: schema.Open, Finished: schema.Open})
	changed := func(from, to int64, parts bool, ids []string, kinds ...schema.IntervalKind) map[string]int64 {
		got, err := f.reader.Changed(context.Background(), Agents{ContactCenter: center, From: from, To: to, IDs: ids}, kinds, parts)
		require.NoError(t, err)
		return got
	}
	presence := schema.IntervalPresence
	require.Equal(t, map[string]int64{"a": 100, "b": 250}, changed(1000, 5000, false, nil, presence))
	require.Equal(t, map[string]int64{"a": 200, "b": 300}, changed(2000, 3000, false, nil, presence), "from the first moment, up to before the last")
	require.Equal(t, map[string]int64{"b": 250}, changed(3000, 3001, false, nil, presence), "what was taken back")
	require.Equal(t, map[string]int64{"a": 50, "b": 250}, changed(0, 5000, false, nil, presence, schema.IntervalWorkload))
	require.Equal(t, map[string]int64{"c": 70}, changed(4000, 5000, true, nil, presence))
	require.Equal(t, map[string]int64{"b": 10}, changed(0, 5000, true, []string{"b"}, schema.IntervalStatus))
	require.Empty(t, changed(5000, 6000, true, nil, presence))
}
