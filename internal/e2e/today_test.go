package e2e

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/ingest/simulate"
	"floorwalker/schema"
)

// metrics reads all pages of a metrics query.
func (s *stage) metrics(query url.Values) (rows []row, first metadata) {
	s.t.Helper()
	for {
		var page struct {
			Data     []row    `json:"data"`
			Metadata metadata `json:"metadata"`
		}
		query.Set("limit", "1000")
		query.Set("offset", fmt.Sprint(len(rows)))
		s.get("/metrics", query, &page)
		if len(rows) == 0 {
			first = page.Metadata
		}
		rows = append(rows, page.Data...)
		if len(page.Data) == 0 || len(rows) >= page.Metadata.Total {
			require.Equal(s.t, page.Metadata.Total, len(rows))
			return rows, first
		}
	}
}

// figuresToCompare are the keys that are compared, by grouping; empty means all that fit.
func figuresToCompare() map[string]string {
	some := map[string]string{"queue": "", "agent": "", "team": "", "queue,channel,direction": "offered,service_level,wait,talk"}
	if long() {
		maps.Copy(some, map[string]string{"": "", "campaign": "", "channel": "", "direction": "", "group": "", "business_unit": "", "agent,queue": "",
			"team,channel": "answered,handle,concurrency", "queue,campaign": "offered,abandoned,wait.p95"})
	}
	return some
}

// requireToday demands that live figures of today and those of the history are the same. from is the local midnight.
func (s *stage) requireToday(from, now time.Time) {
	s.t.Helper()
	for groupBy, keys := range figuresToCompare() {
		common := url.Values{}
		if groupBy != "" {
			common.Set("group_by", groupBy)
		}
		if keys != "" {
			common.Set("metrics", keys)
		}
		live, past := maps.Clone(common), maps.Clone(common)
		live.Set("window", "today")
		past.Set("from", from.UTC().Format(time.RFC3339))
		past.Set("to", now.UTC().Truncate(time.Minute).Add(time.Minute).Format(time.RFC3339))
		wanted, was := s.metrics(past)
		got, is := s.metrics(live)
		require.Equal(s.t, was.AsOf, is.AsOf, "the history's as_of is the live one")
		want := byGroup(s.t, wanted, groupBy, nil)
		have := byGroup(s.t, got, groupBy, want)
		for id, values := range have {
			if want[id] == nil {
				require.Equal(s.t, map[string]any{}, pastOnly(values), "%s %q is in the live answer alone", groupBy, id)
				delete(have, id)
			}
		}
		require.ElementsMatch(s.t, slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(have)), "%ss with figures", groupBy)
		for id := range want {
			require.Equal(s.t, want[id], have[id], "%s %q as of %s: expected is the history, actual the live view", groupBy, id, now)
		}
	}
}

// pastOnly leaves out of a row that history does not have what exists only live, or is nothing.
func pastOnly(values map[string]any) map[string]any {
	out := map[string]any{}
	for key, v := range values {
		if key == "offered" || key == "answered" || key == "logged_in_ms" {
			if v != 0.0 {
				out[key] = v
			}
		}
	}
	return out
}

// play feeds the simulator's events up to a moment.
func (s *stage) play(sim *simulate.Simulator, rest *[]schema.Event, until time.Time) {
	for {
		for len(*rest) > 0 && (*rest)[0].Time <= until.UnixMilli() {
			s.say((*rest)[0])
			*rest = (*rest)[1:]
		}
		if len(*rest) > 0 {
			return
		}
		for _, e := range sim.Next() {
			*rest = append(*rest, *e.Clone())
		}
	}
}

// At several moments of a day, just before and after local midnights, in a night of 23 hours, and on a node that has just begun with a
// checkpoint, live figures of today are those of the history.
func TestToday_SeveralMoments_LiveEqualsHistory(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	at := func(day, hour, minute, second int) time.Time {
		return time.Date(2026, 3, day, hour, minute, second, 250e6, zone)
	}
	begin := at(28, 14, 0, 0)
	s := newStage(t, "sim", begin)
	sim, err := simulate.New(simulate.Config{ContactCenter: "sim", Agents: 24, Start: begin, Zone: zone, Seed: 7})
	require.NoError(t, err)
	s.say(sim.Directory()...)
	s.say(schema.Event{Type: schema.EventDirectory, DirectoryKind: "contact_center", ContactCenter: "sim", Subject: "sim",
		Data: []byte(`{"name":"Simulated","time_zone":"Europe/Berlin"}`)})
	var rest []schema.Event
	midnight := func(now time.Time) time.Time {
		y, m, d := now.In(zone).Date()
		return time.Date(y, m, d, 0, 0, 0, 0, zone)
	}
	for _, moment := range []struct {
		now     time.Time
		restart bool // of worker and node before
		short   bool // also in the short form
	}{
		{at(28, 17, 30, 11), false, false},
		{at(28, 17, 50, 0), true, true},
		{at(28, 23, 59, 59), false, false},
		{at(29, 0, 0, 0), false, true}, // the new day's first minute
		{at(29, 0, 7, 3), true, true},
		{at(29, 3, 10, 0), false, false}, // the clocks have gone from two to three
		{at(29, 11, 20, 40), false, true},
		{at(29, 11, 21, 0), true, false},
		{at(30, 0, 0, 30), false, false},
		{at(30, 9, 45, 0), true, false},
	} {
		if !moment.short && !long() {
			continue
		}
		s.play(sim, &rest, moment.now)
		if moment.restart {
			s.settle(moment.now)
			s.stopWorker()
			s.startWorker()
			s.restartNode()
		}
		s.settle(moment.now)
		s.requireToday(midnight(moment.now), moment.now)
	}
}
