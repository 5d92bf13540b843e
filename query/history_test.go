package query_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/query"
	"floorwalker/query/auth"
	"floorwalker/query/floor"
	"floorwalker/query/history"
	"floorwalker/query/native"
	"floorwalker/schema"
	"floorwalker/schema/metric"
)

var _ native.History = (*history.Reader)(nil)

// fakeHistory keeps the query and answers with one empty row.
type fakeHistory struct {
	native.History
	asked history.Query
	fail  error
}

func (h *fakeHistory) Metrics(_ context.Context, q history.Query) (history.Result, error) {
	h.asked = q
	g := metric.Grouping{By: metric.Set(q.GroupBy...)}
	for d, m := range q.Units {
		if m.OfQueues {
			g.OfQueues |= metric.Set(d)
		}
	}
	fields, err := metric.NewCatalogue().Resolve(q.Metrics, g, false)
	if err == nil {
		err = h.fail
	}
	return history.Result{Fields: fields, AsOf: noon, CompleteUntil: schema.NoTime,
		Rows: []history.Row{{Group: make([]string, len(q.GroupBy)), From: q.From, To: q.To}}}, err
}

func TestMetrics_OfThePastAreAskedOfHistory(t *testing.T) {
	f, h := newFixture(t), &fakeHistory{}
	authenticator, err := auth.New([]auth.Account{{ID: "reader", ContactCenter: "6", Role: auth.Reader, Tokens: []string{token("reader")}}}, auth.Options{})
	require.NoError(t, err)
	f.app, err = query.New(query.Config{}, query.Deps{Source: floor.NewSource(f.live, f.directory, nil, f.now), Authenticator: authenticator, History: h, Now: f.now,
		Readiness: func(context.Context) query.Readiness { return query.Readiness{} }})
	require.NoError(t, err)

	a := f.get("/metrics?metrics=offered,talk.p95&group_by=queue,team&team=T1&from=2026-11-20T22:00:00Z&to=now-30s&interval=1d&time_zone=Europe/Berlin&service_level_seconds=15&as_of=now-1m&fill=true")
	require.Equal(t, 200, a.StatusCode, a.body)
	q := h.asked
	require.Equal(t, "6", q.ContactCenter)
	require.EqualValues(t, noon-14*3_600_000, q.From)
	require.EqualValues(t, noon-60_000, q.To, "moments counted from now are cut to the minute")
	require.Equal(t, history.Day, q.Interval)
	require.Equal(t, "Europe/Berlin", q.Location.String())
	require.Equal(t, 15, q.Thresholds.Of("IN").Seconds)
	require.EqualValues(t, noon-60_000, q.AsOf)
	require.Equal(t, []metric.Dimension{metric.DimQueue, metric.DimTeam}, q.GroupBy)
	require.Equal(t, history.Membership{Members: map[string][]string{"T1": {"ann", "bob"}, "T2": {"cat", "dan"}}}, q.Units[metric.DimTeam])
	require.Equal(t, []string{"IN", "OUT"}, q.Known[metric.DimQueue])
	require.Contains(t, a.body, `"interval":"1d","time_zone":"Europe/Berlin","complete_until":null`)

	require.Equal(t, 200, f.get("/metrics?metrics=abandoned&group_by=team&from=now-1h&to=now").StatusCode)
	require.Equal(t, history.Membership{OfQueues: true, Members: map[string][]string{"T1": {"IN"}}}, h.asked.Units[metric.DimTeam], "abandoned is a figure of queues")

	a = f.get("/metrics?metrics=waiting&from=now-1h&to=now")
	require.Equal(t, 400, a.StatusCode)
	require.Equal(t, "metrics", a.json(t)["parameter"])
	h.fail = &history.QueryError{Parameter: "from", Detail: "is not a whole minute"}
	a = f.get("/metrics?from=now-1h&to=now")
	require.Equal(t, 400, a.StatusCode)
	require.Equal(t, "from", a.json(t)["parameter"])
	h.fail = errors.New("dial clickhouse-secret:9000")
	a = f.get("/metrics?from=now-1h&to=now")
	require.Equal(t, 503, a.StatusCode)
	require.NotContains(t, a.body, "clickhouse-secret")
	h.fail = context.DeadlineExceeded
	require.Equal(t, "history_timeout", f.get("/metrics?from=now-1h&to=now").json(t)["code"])
}
