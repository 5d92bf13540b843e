package e2e

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
	"github.com/stretchr/testify/require"
)

// scrapes are what Prometheus would have of some processes: its own parser has read them, its own engine answers.
type scrapes struct {
	storage.LabelQuerier // never called
	t                    *testing.T
	at                   time.Time // of the newest scrape
	series               map[string]*series
}

type series struct {
	labels  labels.Labels
	samples []chunks.Sample
}

func newScrapes(t *testing.T) *scrapes {
	return &scrapes{t: t, at: time.Now().Truncate(time.Second), series: map[string]*series{}}
}

// scrapeEvery is how far apart the scrapes lie, whatever the clock says.
const scrapeEvery = 15 * time.Second

// take scrapes processes once more, scrapeEvery after the last time.
func (s *scrapes) take(instances map[string]string) {
	s.t.Helper()
	s.at = s.at.Add(scrapeEvery)
	for instance, url := range instances {
		resp, err := http.Get(url + "/metrics")
		require.NoError(s.t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(s.t, errors.Join(err, resp.Body.Close()))
		require.Equal(s.t, http.StatusOK, resp.StatusCode)
		s.parse(body, instance)
		s.add(labels.FromStrings("__name__", "up", "job", "floorwalker", "instance", instance), 1)
	}
}

func (s *scrapes) parse(text []byte, instance string) {
	s.t.Helper()
	parser := textparse.NewPromParser(text, labels.NewSymbolTable(), false)
	for {
		kind, err := parser.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(s.t, err, "Prometheus cannot read /metrics")
		if kind != textparse.EntrySeries {
			continue
		}
		var l labels.Labels
		_, _, value := parser.Series()
		parser.Labels(&l)
		b := labels.NewBuilder(l)
		b.Set("job", "floorwalker").Set("instance", instance)
		s.add(b.Labels(), value)
	}
}

func (s *scrapes) add(l labels.Labels, value float64) {
	known := s.series[l.String()]
	if known == nil {
		known = &series{labels: l}
		s.series[l.String()] = known
	}
	known.samples = append(known.samples, sample{s.at.UnixMilli(), value})
}

// ask evaluates an expression as of the newest scrape.
func (s *scrapes) ask(expr string) promql.Vector {
	s.t.Helper()
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute, LookbackDelta: 5 * time.Minute})
	defer engine.Close()
	query, err := engine.NewInstantQuery(s.t.Context(), s, nil, expr, s.at)
	require.NoError(s.t, err, expr)
	defer query.Close()
	result := query.Exec(s.t.Context())
	require.NoError(s.t, result.Err, expr)
	vector, err := result.Vector()
	require.NoError(s.t, err, expr)
	return append(promql.Vector{}, vector...)
}

func (s *scrapes) Querier(int64, int64) (storage.Querier, error) { return s, nil }
func (s *scrapes) Close() error                                  { return nil }

func (s *scrapes) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	found := &seriesSet{}
	for _, one := range s.series {
		matches := true
		for _, m := range matchers {
			matches = matches && m.Matches(one.labels.Get(m.Name))
		}
		if matches {
			found.list = append(found.list, storage.NewListSeries(one.labels, one.samples))
		}
	}
	return found
}

type seriesSet struct {
	list []storage.Series
	at   int
}

func (s *seriesSet) Next() bool                        { s.at++; return s.at <= len(s.list) }
func (s *seriesSet) At() storage.Series                { return s.list[s.at-1] }
func (s *seriesSet) Err() error                        { return nil }
func (s *seriesSet) Warnings() annotations.Annotations { return nil }

type sample struct {
	t int64
	f float64
}

func (s sample) T() int64                      { return s.t }
func (s sample) F() float64                    { return s.f }
func (s sample) H() *histogram.Histogram       { return nil }
func (s sample) FH() *histogram.FloatHistogram { return nil }
func (s sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s sample) Copy() chunks.Sample           { return s }
