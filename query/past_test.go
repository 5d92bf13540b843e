package query_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/query"
	"floorwalker/query/history"
	"floorwalker/schema"
)

// longPast is a history of so many interactions, of which reading fails from one on.
type longPast struct {
	fakeHistory
	n, failAt int
	asked     []history.InteractionFilter

	mu     sync.Mutex
	atOnce int // the most that were read whole at a time
}

func (h *longPast) Progress(context.Context, string) (history.Progress, error) {
	return history.Progress{AsOf: noon, CompleteUntil: noon - 3_660_000}, nil
}

func (h *longPast) InteractionPage(_ context.Context, f history.InteractionFilter, _ []history.InteractionOrder, offset, limit int) (out []history.InteractionKey, total int, err error) {
	h.asked = append(h.asked, f)
	for i := offset; i < h.n && i < offset+limit; i++ {
		out = append(out, key(i))
	}
	return out, h.n, nil
}

func (h *longPast) StreamInteractionKeys(context.Context, history.InteractionFilter, []history.InteractionOrder) (history.KeyStream, error) {
	return &countedKeys{n: h.n}, nil
}

type countedKeys struct{ i, n int }

func (c *countedKeys) Next() (history.InteractionKey, error) {
	if c.i++; c.i > c.n {
		return history.InteractionKey{}, io.EOF
	}
	return key(c.i - 1), nil
}

func (c *countedKeys) Close() error { return nil }

func key(i int) history.InteractionKey {
	return history.InteractionKey{ID: fmt.Sprintf("i%07d", i), Start: noon - 1_000_000 + int64(i), Ended: noon}
}

func (h *longPast) Interactions(_ context.Context, _ string, keys []history.InteractionKey) (out []*schema.LiveInteraction, err error) {
	h.mu.Lock()
	h.atOnce = max(h.atOnce, len(keys))
	h.mu.Unlock()
	for _, k := range keys {
		if h.failAt > 0 && k.ID >= key(h.failAt).ID {
			return nil, errors.New("clickhouse went away")
		}
		out = append(out, &schema.LiveInteraction{Interaction: schema.Interaction{ID: k.ID, Start: k.Start, Ended: k.Ended, State: schema.StateEnded},
			HoldSince: schema.NoTime})
	}
	return out, nil
}

func withHistory(h *longPast) option {
	return func(_ *query.Config, d *query.Deps) { d.History = h }
}

func TestPastInteractions_PagesOfOneSnapshotAreOfOneList(t *testing.T) {
	h := &longPast{n: 250}
	f := newFixture(t, withHistory(h))
	const path = "/interactions?from=now-1d&to=2026-11-21T12:00:00Z&queue=9&agent=41,nobody&id=77&sort=ended:desc"
	a := f.get(path)
	require.Equal(t, 200, a.StatusCode, a.body)
	require.Len(t, a.ids(t), 100)
	meta := a.json(t)["metadata"].(map[string]any)
	require.EqualValues(t, 250, meta["total"])
	require.Equal(t, "2026-11-21T12:00:00.000Z", meta["as_of"])
	require.Equal(t, "2026-11-20T12:00:00.000Z", meta["from"])
	require.Equal(t, []string{"9", "IN"}, h.asked[0].Queues, "numbers are ids too")
	require.Equal(t, []string{"41", "ann", "nobody"}, h.asked[0].Agents)
	require.Equal(t, []int64{77}, h.asked[0].Numbers)
	require.Equal(t, noon, h.asked[0].AsOf)

	h.n = 260 // late ones come in
	f.advance(60 * time.Second)
	token := meta["snapshot"].(string)
	var all []string
	for offset := 0; offset < 250; offset += 100 {
		page := f.get(fmt.Sprintf("%s&snapshot=%s&offset=%d", path, token, offset))
		all = append(all, page.ids(t)...)
		require.EqualValues(t, 250, page.json(t)["metadata"].(map[string]any)["total"])
	}
	require.Len(t, all, 250)
	require.Equal(t, key(249).ID, all[249])
	require.Len(t, h.asked, 1)

	other := f.get("/interactions?from=now-1d&snapshot=" + token)
	require.Equal(t, 400, other.StatusCode)
	require.Equal(t, "snapshot", other.json(t)["parameter"])
	other = f.get(strings.Replace(path, "now-1d", "now-2d", 1) + "&snapshot=" + token)
	require.Equal(t, 400, other.StatusCode, "of another range")
	require.Equal(t, "2026-11-20T12:00:00.000Z", f.get(path + "&snapshot=" + token).json(t)["metadata"].(map[string]any)["from"], "as it was")
	require.Equal(t, 410, f.do("GET", "/api/v1/contact-centers/7"+path+"&snapshot="+token, "other").StatusCode)
	f.advance(91 * time.Second)
	require.Equal(t, "snapshot_expired", f.get(path + "&snapshot=" + token).json(t)["code"])
}

func TestPastInteractions_LongListsArePagedWithoutSnapshot(t *testing.T) {
	f := newFixture(t, withHistory(&longPast{n: 30_000}))
	a := f.get("/interactions?from=now-1d&offset=25000&limit=2")
	require.Equal(t, []string{key(25000).ID, key(25001).ID}, a.ids(t))
	meta := a.json(t)["metadata"].(map[string]any)
	require.EqualValues(t, 30_000, meta["total"])
	require.Nil(t, meta["snapshot"])
}

func TestPastInteractions_Refused(t *testing.T) {
	f := newFixture(t, withHistory(&longPast{n: 1}))
	for path, parameter := range map[string]string{"?to=now": "from", "?from=yesterday": "from", "?from=now-1d&sort=agents": "sort", "?from=now-1d&fields=nothing": "fields",
		"?from=now-500d": "from"} {
		a := f.get("/interactions" + path)
		require.Equal(t, 400, a.StatusCode, path)
		require.Equal(t, parameter, a.json(t)["parameter"], path)
	}
}

// A stream that cannot go on must not look like one that has come to its end.
func TestExport_FailureInMidStream_CutsTheConnection(t *testing.T) {
	h := &longPast{n: 20_000, failAt: 15_000}
	f := newFixture(t, withHistory(h))
	base := f.serve()
	for _, c := range [][2]string{{"ndjson", "identity"}, {"csv", "identity"}, {"csv", "gzip"}} {
		format := c[0]
		r, err := http.NewRequest("GET", base+"/api/v1/contact-centers/6/interactions?from=now-1d&fields=id&format="+format, nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+token("reader"))
		if c[1] == "identity" { // else the client asks for gzip and reads it by itself
			r.Header.Set("Accept-Encoding", "identity")
		}
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer resp.Body.Close()
		require.Equal(t, 200, resp.StatusCode)
		require.Equal(t, c[1] == "gzip", resp.Uncompressed)
		body, err := io.ReadAll(resp.Body)
		require.Error(t, err, "%d bytes of %s", len(body), format)
		require.Contains(t, string(body), key(10_000).ID)
	}
	h.failAt = 1 // before anything has been sent
	a := f.get("/interactions?from=now-1d&format=csv")
	require.Equal(t, 503, a.StatusCode)
	require.Equal(t, "history_unavailable", a.json(t)["code"])
	require.NotContains(t, a.body, "went away")
}

func TestExport_WholeListInOrderAFewAtATime(t *testing.T) {
	h := &longPast{n: 21_000}
	f := newFixture(t, withHistory(h))
	base := f.serve()
	for _, encoding := range []string{"identity", "gzip"} {
		r, err := http.NewRequest("GET", base+"/api/v1/contact-centers/6/interactions?from=now-1d&fields=id,created", nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+token("reader"))
		r.Header.Set("Accept", "text/csv")
		if encoding == "identity" {
			r.Header.Set("Accept-Encoding", encoding)
		}
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		lines := bufio.NewScanner(resp.Body)
		require.True(t, lines.Scan())
		require.Equal(t, "id,created", lines.Text())
		for i := range h.n {
			require.True(t, lines.Scan(), i)
			require.True(t, strings.HasPrefix(lines.Text(), key(i).ID+",2026-11-21T11:"), lines.Text())
		}
		require.False(t, lines.Scan())
		require.NoError(t, lines.Err())
		require.NoError(t, resp.Body.Close())
	}
	require.LessOrEqual(t, h.atOnce, 500)
}

func TestExport_NoMoreThanMayAtATime(t *testing.T) {
	h := &longPast{n: 1_000_000}
	f := newFixture(t, withHistory(h))
	base := f.serve()
	ask := func() *http.Response {
		r, err := http.NewRequest("GET", base+"/api/v1/contact-centers/6/interactions?from=now-1d&format=ndjson", nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+token("reader"))
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		return resp
	}
	var open []*http.Response
	for range 3 {
		open = append(open, ask())
	}
	refused := ask()
	require.Equal(t, 503, refused.StatusCode)
	require.NoError(t, refused.Body.Close())
	for _, resp := range open {
		require.Equal(t, 200, resp.StatusCode)
		require.NoError(t, resp.Body.Close()) // the client has enough
	}
	require.Eventually(t, func() bool {
		resp := ask()
		defer resp.Body.Close()
		return resp.StatusCode == 200
	}, 20*time.Second, 20*time.Millisecond)
}
