package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
)

// alertRules are those of deploy/prometheus/alerts.yml, which must be rules to Prometheus.
func alertRules(t *testing.T) []rulefmt.Rule {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "deploy", "prometheus", "alerts.yml"))
	require.NoError(t, err)
	groups, faults := rulefmt.Parse(text, false, model.UTF8Validation)
	require.Empty(t, faults)
	require.Len(t, groups.Groups, 1)
	return groups.Groups[0].Rules
}

// testNoAlert asks the alerts of a healthy floor: none fires, and each speaks of metrics that are there.
func testNoAlert(t *testing.T, s *scrapes) {
	// What appears only once it has happened, or where it is configured.
	rare := []string{"floorwalker_view_split_contact_centers_total", "floorwalker_certificate_expires_seconds"}
	for _, r := range alertRules(t) {
		require.Empty(t, s.ask(r.Expr), "%s fires", r.Alert)
		expr, err := parser.ParseExpr(r.Expr)
		require.NoError(t, err)
		for _, path := range parser.ExtractSelectors(expr) {
			name := ""
			var exact []*labels.Matcher
			for _, m := range path {
				if m.Name == model.MetricNameLabel {
					name = m.Value
				}
				exact = append(exact, m)
			}
			if slices.Contains(rare, name) || strings.Contains(r.Expr, `status="5xx"`) && name == "floorwalker_query_requests_total" {
				continue
			}
			require.NotEmpty(t, s.find(exact), "%s asks for %s, which is not there", r.Alert, name)
		}
	}
}

func (s *scrapes) find(matchers []*labels.Matcher) (out []labels.Labels) {
	set := s.Select(s.t.Context(), false, nil, matchers...)
	for set.Next() {
		out = append(out, set.At().Labels())
	}
	return out
}

// Each alert fires when what it is about has happened. The values of a series are its scrapes, a minute apart.
func TestAlerts_FireWhenTheyShould(t *testing.T) {
	rising := []float64{0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6}
	constant := func(v float64) []float64 { return []float64{v, v, v, v, v, v, v, v, v, v, v} }
	slope := func(from, step float64) (out []float64) {
		for i := range 11 {
			out = append(out, from+float64(i)*step)
		}
		return out
	}
	cases := map[string]map[string][]float64{
		"FloorwalkerDown":                   {`up{job="floorwalker"}`: constant(0)},
		"FloorwalkerNotReady":               {`floorwalker_ready{part="live view"}`: constant(0)},
		"FloorwalkerKafkaUnreachable":       {`floorwalker_ready{part="kafka"}`: constant(0)},
		"FloorwalkerClickHouseUnreachable":  {`floorwalker_ready{part="clickhouse"}`: constant(0)},
		"FloorwalkerLagGrows":               {`floorwalker_lag_records{reader="history",partition="0"}`: slope(15000, 1000)},
		"FloorwalkerLagEndangersEvents":     {`floorwalker_lag_over_third_of_retention{reader="history",partition="0"}`: constant(1)},
		"FloorwalkerStale":                  {`floorwalker_freshness_seconds{reader="live"}`: constant(31)},
		"FloorwalkerPartitionsUnassigned":   {`floorwalker_worker_partitions{instance="a"}`: constant(2), `floorwalker_topic_partitions{instance="a"}`: constant(4)},
		"FloorwalkerRowsNotWritten":         {`floorwalker_sink_failures_total{}`: rising},
		"FloorwalkerRecordsLost":            {`floorwalker_worker_lost_offsets_total{}`: rising},
		"FloorwalkerContactCenterSplit":     {`floorwalker_view_split_contact_centers_total{}`: rising},
		"FloorwalkerDeadLetters":            {`floorwalker_ingest_dead_letters_total{}`: rising},
		"FloorwalkerCheckpointsFail":        {`floorwalker_worker_broken_checkpoints_total{}`: rising},
		"FloorwalkerWritesToKafkaFail":      {`floorwalker_ingest_write_errors_total{}`: rising},
		"FloorwalkerRequestsFail":           {`floorwalker_query_requests_total{status="5xx",route="GET /a"}`: slope(0, 2), `floorwalker_query_requests_total{status="2xx",route="GET /a"}`: slope(0, 100)},
		"FloorwalkerAuthenticationFailures": {`floorwalker_query_refused_total{status="401"}`: slope(0, 61)},
		"FloorwalkerAlertsNotPosted":        {`floorwalker_alert_posts_total{result="given_up"}`: rising},
		"FloorwalkerMemory":                 {`process_resident_memory_bytes{job="floorwalker"}`: constant(7e9), `go_memlimit_bytes{job="floorwalker"}`: constant(5e9)},
		"FloorwalkerCertificateExpires":     {`floorwalker_certificate_expires_seconds{}`: constant(5 * 86400)},
		"FloorwalkerDiskFull":               {`floorwalker_data_dir_free_bytes{}`: constant(1e9)},
		"FloorwalkerRestarts":               {`process_start_time_seconds{job="floorwalker"}`: {1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 5}},
	}
	quiet := map[string][]float64{ // as before, and as a small fault of the past leaves them
		`floorwalker_lag_records{reader="history",partition="0"}`:            slope(40000, -1000),
		`floorwalker_freshness_seconds{reader="live"}`:                       constant(6),
		`floorwalker_freshness_seconds{reader="history"}`:                    constant(20),
		`floorwalker_query_requests_total{status="5xx",route="GET /readyz"}`: slope(0, 100),
		`floorwalker_query_requests_total{status="2xx",route="GET /a"}`:      slope(0, 100),
		`floorwalker_query_refused_total{status="401"}`:                      slope(0, 50),
		`floorwalker_alert_posts_total{result="delivered"}`:                  rising,
		`floorwalker_sink_failures_total{}`:                                  constant(7),
		`process_resident_memory_bytes{job="floorwalker"}`:                   constant(7e9),
		`go_memlimit_bytes{job="floorwalker"}`:                               constant(9.2e18),
		`floorwalker_ready{part="live view"}`:                                constant(1),
		`floorwalker_worker_failed_checkpoints_total{}`:                      {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1},
		`floorwalker_worker_partitions{instance="a"}`:                        constant(2),
		`floorwalker_worker_partitions{instance="b"}`:                        constant(2),
		`floorwalker_topic_partitions{instance="a"}`:                         constant(4),
		`floorwalker_topic_partitions{instance="b"}`:                         constant(4),
	}
	for _, r := range alertRules(t) {
		given, known := cases[r.Alert]
		require.True(t, known, "%s has no test", r.Alert)
		require.NotEmpty(t, played(t, given).ask(r.Expr), "%s does not fire", r.Alert)
		require.Empty(t, played(t, quiet).ask(r.Expr), "%s fires although nothing is wrong", r.Alert)
	}
	require.Len(t, cases, len(alertRules(t)))
}

// played are scrapes of series that were written down.
func played(t *testing.T, given map[string][]float64) *scrapes {
	s := newScrapes(t)
	for n := range 11 {
		s.at = s.at.Add(4 * scrapeEvery)
		for name, values := range given {
			l, err := parser.ParseMetric(strings.Replace(name, "{}", "", 1))
			require.NoError(t, err)
			s.add(l, values[n])
		}
	}
	return s
}

// Whoever gets an alert finds what to do under its name, and no page of the runbook is about an alert that is not there.
func TestAlerts_EachHasItsRunbookEntry(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs", "operations.md"))
	require.NoError(t, err)
	entries := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^### (Floorwalker[A-Za-z]+)$`).FindAllStringSubmatch(string(page), -1) {
		entries[m[1]] = true
	}
	for _, r := range alertRules(t) {
		require.True(t, entries[r.Alert], "docs/operations.md says nothing about %s", r.Alert)
		delete(entries, r.Alert)
		require.Equal(t, "docs/operations.md#"+strings.ToLower(r.Alert), r.Annotations["runbook"])
		require.Contains(t, []string{"page", "ticket"}, r.Labels["severity"], r.Alert)
		require.NotEmpty(t, r.Annotations["summary"], r.Alert)
	}
	require.Empty(t, entries, "no such alerts")
}
