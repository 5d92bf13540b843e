package floor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"floorwalker/schema"
	"floorwalker/schema/directory"
	"floorwalker/schema/metric"
)

// queuesOfTwoTeams is a view whose directory has four agents and three queues with thresholds of their own.
func queuesOfTwoTeams(t require.TestingT) *View {
	store := directory.NewStore()
	say := func(kind, id, data string) {
		require.NoError(t, store.Apply(&schema.Event{Type: schema.EventDirectory, DirectoryKind: kind, ContactCenter: "6", Subject: id, Data: []byte(data)}))
	}
	for i := range 3 {
		say("queue", fmt.Sprint("q", i), fmt.Sprintf(`{"name":"Q","team_ids":[],"service_level_seconds":%d}`, 10*i+5))
	}
	for i := range 2 {
		say("team", fmt.Sprint("t", i), fmt.Sprintf(`{"name":"T","business_unit_id":"b","queue_ids":["q%d","q2"]}`, i))
	}
	for i := range 4 {
		say("agent", fmt.Sprint("a", i), fmt.Sprintf(`{"name":"A","login":"l","email":"e","role":"agent","team_id":"t%d","skills":[],"queue_ids":[],"campaign_ids":[]}`, i%2))
	}
	return NewView("6", nil, store.Snapshot("6"), 1_000_000)
}

func drawMetrics(t *rapid.T) schema.LiveMetrics {
	m := schema.LiveMetrics{From: 400_000, To: 1_020_000, AsOf: 1_000_000}
	pick := func(label string, words ...string) string { return rapid.SampledFrom(words).Draw(t, label) }
	for range rapid.IntRange(0, 12).Draw(t, "windows") {
		w := &schema.Window{Dims: schema.Dims{ContactCenter: "6", Agent: pick("agent", "", "", "a0", "a1", "a2", "a3"), Queue: pick("queue", "", "q0", "q1", "q2"),
			Campaign: pick("campaign", "", "c0"), Channel: schema.ChannelVoice, Direction: schema.Inbound}}
		w.Counts[schema.CountAnswered] = rapid.Uint32Range(0, 9).Draw(t, "answered")
		for range w.Counts[schema.CountAnswered] {
			ms := rapid.Int64Range(0, 40_000).Draw(t, "wait")
			w.Measures[rapid.SampledFrom([]schema.Measure{schema.MeasureWait, schema.MeasureHandle}).Draw(t, "measure")].Add(schema.Distribution{Count: 1, Sum: ms, Max: ms, Log: []schema.Bin{{Key: schema.Bucket(ms), N: 1}},
				Seconds: []schema.Bin{{Key: schema.SecondsKey(ms), N: 1}}})
		}
		m.Windows = append(m.Windows, w)
	}
	for i := range 4 {
		begin := rapid.Int64Range(0, 900_000).Draw(t, "since")
		m.Days = append(m.Days, &schema.AgentDay{Agent: fmt.Sprint("a", i), Intervals: []schema.Stretch{{Start: begin, End: schema.Open, Status: schema.Available}},
			Talks: []schema.Talk{{Since: begin, Until: begin + 50_000, Queue: "q0", Channel: schema.ChannelVoice, Direction: schema.Inbound}}})
	}
	return m
}

// redraw changes one thing that a query asks.
func (q *Query) redraw(t *rapid.T, c *metric.Catalogue, keys *[]string) {
	switch rapid.IntRange(0, 6).Draw(t, "aspect") {
	case 0:
		q.AsOf = rapid.SampledFrom([]int64{1_000_000, 700_000}).Draw(t, "as of")
	case 1:
		q.Seconds = rapid.SampledFrom([]int{0, 10, 20}).Draw(t, "seconds")
	case 2:
		q.Formula = rapid.SampledFrom([]metric.Formula{metric.AnsweredOverAll, metric.AnsweredOnly}).Draw(t, "formula")
	case 3:
		q.Fill = rapid.Bool().Draw(t, "fill")
	case 4:
		q.By = rapid.SampledFrom([][]metric.Dimension{nil, {metric.DimQueue}, {metric.DimAgent}, {metric.DimTeam}, {metric.DimQueue, metric.DimCampaign}}).Draw(t, "by")
	case 5:
		q.Filters = rapid.SampledFrom([]map[metric.Dimension]map[string]bool{nil, {metric.DimQueue: {"q0": true}}, {metric.DimQueue: {"q1": true, "q2": true}},
			{metric.DimQueue: {}}}).Draw(t, "filters")
	case 6:
		*keys = rapid.SampledFrom([][]string{nil, {"answered"}, {"answered", "handle"}}).Draw(t, "metrics")
	}
	g := metric.Grouping{By: metric.Set(q.By...)}
	for d := range q.Filters {
		g.Filters |= metric.Set(d)
	}
	var err error
	q.Fields, err = c.Resolve(*keys, g, true)
	require.NoError(t, err)
}

func fieldText(_ metric.Field, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

// requireTexts asks of texts that each stands for the values up to the next one.
func requireTexts(t require.TestingT, of *Row, fields []metric.Field, texts [][]byte) {
	var want, is [][]byte
	for i, f := range fields {
		if f.Metric.Live {
			require.Nil(t, texts[i], f.Key)
			continue
		}
		require.NotNil(t, texts[i], f.Key)
		want = append(want, fieldText(f, of.Value(f)))
		if len(texts[i]) > 0 {
			is = append(is, texts[i])
		} else {
			require.False(t, i == 0 || fields[i-1].Metric.Live, f.Key)
		}
	}
	require.Equal(t, string(bytes.Join(want, []byte(","))), string(bytes.Join(is, []byte(","))))
}

// Answers that share what was counted for others are what each is alone.
func TestRows_SharedCounts_AreEachQuestionsOwn(t *testing.T) {
	v, catalogue := queuesOfTwoTeams(t), metric.NewCatalogue()
	rapid.Check(t, func(t *rapid.T) {
		shared := &Figures{LiveMetrics: drawMetrics(t)}
		q, keys := Query{AsOf: 1_000_000}, []string(nil)
		for range rapid.IntRange(1, 20).Draw(t, "queries") {
			q.redraw(t, catalogue, &keys)
			is, err := v.Rows(q, shared, nil)
			require.NoError(t, err)
			want, err := v.Rows(q, &Figures{LiveMetrics: shared.LiveMetrics}, nil)
			require.NoError(t, err)
			require.Len(t, is, len(want))
			for n, row := range is {
				require.Equal(t, want[n].Group, row.Group)
				for _, f := range q.Fields {
					require.Equal(t, want[n].Value(f), row.Value(f), f.Key)
				}
				if texts := row.Texts(fieldText); texts != nil {
					requireTexts(t, want[n], q.Fields, texts)
				}
			}
		}
	})
}

func TestRows_SameQuestion_CountedOnce(t *testing.T) {
	v := queuesOfTwoTeams(t)
	fields, err := metric.NewCatalogue().Resolve([]string{"answered"}, metric.Grouping{By: metric.Set(metric.DimQueue)}, true)
	require.NoError(t, err)
	w := &schema.Window{Dims: schema.Dims{Queue: "q0"}}
	w.Counts[schema.CountAnswered] = 1
	f := &Figures{LiveMetrics: schema.LiveMetrics{Windows: []*schema.Window{w}}}
	q := Query{By: []metric.Dimension{metric.DimQueue}, Fields: fields}
	first, err := v.Rows(q, f, nil)
	require.NoError(t, err)
	again, err := v.At(2_000_000).Rows(q, f, nil)
	require.NoError(t, err)
	require.Same(t, first[0].counted, again[0].counted)
	other, err := queuesOfTwoTeams(t).Rows(q, f, nil) // whose directory is another one
	require.NoError(t, err)
	require.NotSame(t, first[0].counted, other[0].counted)
}

func TestRows_SameQuestionAtOnce_CountedAndWrittenOnce(t *testing.T) {
	v := queuesOfTwoTeams(t)
	fields, err := metric.NewCatalogue().Resolve([]string{"answered", "waiting"}, metric.Grouping{By: metric.Set(metric.DimQueue)}, true)
	require.NoError(t, err)
	w := &schema.Window{Dims: schema.Dims{Queue: "q0"}}
	w.Counts[schema.CountAnswered] = 3
	f := &Figures{LiveMetrics: schema.LiveMetrics{Windows: []*schema.Window{w}}}
	var written atomic.Int64
	var wait sync.WaitGroup
	rows := make([]*Row, 8)
	for i := range rows {
		wait.Go(func() {
			all, err := v.Rows(Query{By: []metric.Dimension{metric.DimQueue}, Fields: fields}, f, nil)
			if err != nil || len(all) != 1 {
				return
			}
			rows[i] = all[0]
			all[0].Texts(func(f metric.Field, v any) []byte { written.Add(1); return fieldText(f, v) })
		})
	}
	wait.Wait()
	for _, row := range rows {
		require.NotNil(t, row)
		require.Same(t, rows[0].counted, row.counted)
		require.Equal(t, [][]byte{[]byte("3"), nil}, row.Texts(fieldText)) // what waits is as new as the floor
	}
	require.EqualValues(t, 1, written.Load())
}

// What is kept of figures is bounded, whatever is asked.
func TestCounts_Bounded(t *testing.T) {
	v := queuesOfTwoTeams(t)
	fields, err := metric.NewCatalogue().Resolve([]string{"answered"}, metric.Grouping{By: metric.Set(metric.DimQueue)}, true)
	require.NoError(t, err)
	f := &Figures{}
	for i := range 3000 {
		w := &schema.Window{Dims: schema.Dims{Queue: fmt.Sprint("q", i)}}
		w.Counts[schema.CountAnswered] = 1
		f.Windows = append(f.Windows, w)
	}
	kept := func() (rows int) {
		for _, count := range f.counts.of {
			rows += len(count.rows())
		}
		return rows
	}
	for seconds := range 3 {
		rows, err := v.Rows(Query{By: []metric.Dimension{metric.DimQueue}, Fields: fields, Seconds: seconds}, f, nil)
		require.NoError(t, err)
		require.Len(t, rows, 3000)
		require.LessOrEqual(t, kept(), maxKeptRows)
		require.Equal(t, kept(), f.counts.rows)
	}
	for i := range maxKeptQuestions + 100 {
		_, err := v.Rows(Query{By: []metric.Dimension{metric.DimQueue}, Fields: fields, AsOf: int64(i), Filters: map[metric.Dimension]map[string]bool{metric.DimQueue: {}}}, f, nil)
		require.NoError(t, err)
	}
	require.LessOrEqual(t, len(f.counts.of), maxKeptQuestions)
	require.True(t, slices.Contains([]int{0, 3000}, f.counts.rows))
}

// Requests of refreshed figures find counted and written what somebody had asked of the ones before, and what nobody asks for any more is
// given up.
func TestRows_CountedAndWrittenBeforeTheFiguresAreShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &schema.Window{Dims: schema.Dims{Queue: "q0"}}
		w.Counts[schema.CountAnswered] = 3
		s := NewSource(&asked{windows: []*schema.Window{w}}, directory.NewStore(), []string{"6"}, time.Now)
		go s.Run(t.Context())
		fields, err := metric.NewCatalogue().Resolve([]string{"answered"}, metric.Grouping{By: metric.Set(metric.DimQueue)}, true)
		require.NoError(t, err)
		figures := map[*Figures]bool{}
		var written atomic.Int64
		time.Sleep(5 * time.Millisecond) // never at the moment at which Run writes, too
		for range 1000 {
			time.Sleep(10 * time.Millisecond)
			v := s.View("6")
			f := s.Figures(v, "1h")
			if len(figures) > 0 && !figures[f] {
				require.Len(t, f.counts.of, 1, "shown before it was counted")
			}
			rows, err := v.Rows(Query{By: []metric.Dimension{metric.DimQueue}, Fields: fields, AsOf: f.AsOf}, f, nil)
			require.NoError(t, err)
			require.Len(t, f.counts.of, 1, "another question")
			figures[f] = true
			before := written.Load()
			texts := rows[0].Texts(func(f metric.Field, v any) []byte { written.Add(1); return fieldText(f, v) })
			require.Equal(t, [][]byte{[]byte("3")}, texts)
			require.True(t, len(figures) == 1 || before == written.Load(), "shown before it was written")
		}
		require.Greater(t, len(figures), 10)
		require.LessOrEqual(t, written.Load(), int64(len(figures)+1), "written once of each")
		for range 3000 {
			time.Sleep(10 * time.Millisecond)
			s.Figures(s.View("6"), "1h")
		}
		require.Empty(t, s.Figures(s.View("6"), "1h").counts.of, "given up")
	})
}
