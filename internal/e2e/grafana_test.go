package e2e

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"floorwalker/internal/clickhouse/clickhousetest"
	"floorwalker/internal/program"
)

// dashboard is what Grafana reads of deploy/grafana/dashboards, as far as it matters here.
type dashboard struct {
	Panels     []panel `json:"panels"`
	Templating struct {
		List []struct {
			Name  string `json:"name"`
			Query string `json:"query"`
		} `json:"list"`
	} `json:"templating"`
}

type panel struct {
	Title   string `json:"title"`
	Targets []struct {
		SQL    string `json:"rawSql"`
		Format int    `json:"format"`
		Expr   string `json:"expr"`
	} `json:"targets"`
}

func readDashboard(t *testing.T, name string) (d dashboard) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "deploy", "grafana", "dashboards", name))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &d))
	return d
}

// On a running floor no panel of either dashboard is empty, and none of the alerts fires.
func TestDashboards_OnARunningFloor_NoPanelIsEmpty(t *testing.T) {
	requireEngine(t)
	f := startDemo(t, t.TempDir(), "--agents", "40", "--backfill", "3h")
	program.Eventually(t, readyWithin, "the simulator's past hours in Kafka", func() string {
		log, err := os.ReadFile(f.process.Log)
		require.NoError(t, err)
		if !strings.Contains(string(log), "simulator has caught up") {
			return string(log)
		}
		return ""
	})
	f.settle()
	t.Run("the floor", func(t *testing.T) { testFloor(t, f) })
	program.Eventually(t, readyWithin, "gauges that say that all is ready", func() string {
		text := string(f.do(http.MethodGet, "", "/metrics", nil, "").body)
		if strings.Contains(text, `floorwalker_ready{part="live view"} 1`) && strings.Contains(text, `floorwalker_freshness_seconds{reader="history"}`) &&
			strings.Contains(text, `floorwalker_freshness_seconds{reader="live"}`) && !regexp.MustCompile(`floorwalker_ready\{[^}]*\} 0`).MatchString(text) {
			return ""
		}
		return text
	})
	s := newScrapes(t)
	for range 3 {
		f.keepBusy(t)
		s.take(map[string]string{"demo:8080": f.URL})
	}
	t.Run("Floorwalker's health", func(t *testing.T) { testHealth(t, s) })
	t.Run("alerts", func(t *testing.T) { testNoAlert(t, s) })
}

// keepBusy does for a moment what clients do, so that there is something to see.
func (f *floor) keepBusy(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.URL+of(f.ContactCenter, "stream?topics=agents,metrics,queues&interval_ms=100"), nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+f.Tokens["reader"])
	stream, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer stream.Body.Close()
	require.Equal(t, http.StatusOK, stream.StatusCode)
	for range 5 {
		require.Equal(t, http.StatusOK, f.do(http.MethodGet, "reader", of(f.ContactCenter, "agents"), nil, "").status)
	}
	require.Equal(t, http.StatusUnauthorized, f.do(http.MethodGet, "", of(f.ContactCenter, "agents"), nil, "").status)
	_, err = io.Copy(io.Discard, stream.Body)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func testHealth(t *testing.T, s *scrapes) {
	d := readDashboard(t, "health.json")
	asked := 0
	for _, p := range d.Panels {
		numbers := 0
		for _, target := range p.Targets {
			asked++
			expr := strings.NewReplacer("$__rate_interval", "1m", "$instance", ".+").Replace(target.Expr)
			require.NotContains(t, expr, "$", "%s: a variable that is not known here", p.Title)
			got := s.ask(expr)
			require.NotEmpty(t, got, "panel %q is empty: %s", p.Title, expr)
			for _, v := range got {
				if !math.IsNaN(v.F) {
					numbers++
				}
			}
		}
		// How long checkpoints took is known once there has been one, which takes half a minute.
		if len(p.Targets) > 0 && p.Title != "How long checkpoints take" {
			require.Positive(t, numbers, "panel %q has no numbers", p.Title)
		}
	}
	require.Greater(t, asked, 40)
}

// variables are the choices at the top of the dashboard, as Grafana puts them into queries.
type variables struct {
	contactCenter  string
	queue, agent   []string // none: all of them
	from, to       time.Time
	intervalSecond int
}

func (v variables) into(t *testing.T, query string) string {
	t.Helper()
	query = conditionalAll(t, query, map[string]bool{"queue": len(v.queue) == 0, "agent": len(v.agent) == 0})
	timeFilter := regexp.MustCompile(`\$__timeFilter\(([^()]+)\)`)
	query = timeFilter.ReplaceAllString(query, fmt.Sprintf("$1 >= toDateTime(%d) AND $1 <= toDateTime(%d)", v.from.Unix(), v.to.Unix()))
	interval := regexp.MustCompile(`\$__timeInterval\(([^()]+)\)`)
	query = interval.ReplaceAllString(query, fmt.Sprintf("toStartOfInterval(toDateTime($1), INTERVAL %d second)", v.intervalSecond))
	query = strings.NewReplacer("$__interval_s", fmt.Sprint(v.intervalSecond), "$__fromTime", fmt.Sprintf("toDateTime(%d)", v.from.Unix()),
		"$__toTime", fmt.Sprintf("toDateTime(%d)", v.to.Unix()), "${contact_center:singlequote}", quoted(v.contactCenter),
		"${queue:singlequote}", quoted(v.queue...), "${agent:singlequote}", quoted(v.agent...)).Replace(query)
	require.NotContains(t, query, "$", "a macro or variable that is not known here")
	return query
}

// conditionalAll does what the plugin does before variables are put in: $__conditionalAll(condition, $variable) is the condition, or
// nothing where all values are chosen.
func conditionalAll(t *testing.T, query string, all map[string]bool) string {
	t.Helper()
	const macro = "$__conditionalAll("
	for {
		at := strings.LastIndex(query, macro)
		if at < 0 {
			return query
		}
		depth, end := 1, at+len(macro)
		for ; depth > 0; end++ {
			require.Less(t, end, len(query), "brackets that do not close")
			switch query[end] {
			case '(':
				depth++
			case ')':
				depth--
			}
		}
		inner := query[at+len(macro) : end-1]
		comma := strings.LastIndex(inner, ",")
		condition, variable := inner[:comma], strings.TrimPrefix(strings.TrimSpace(inner[comma+1:]), "$")
		whole, known := all[variable]
		require.True(t, known, "%q is none of the variables", variable)
		if whole {
			condition = "1=1"
		}
		query = query[:at] + condition + query[end:]
	}
}

func quoted(values ...string) string {
	var out []string
	for _, v := range values {
		out = append(out, "'"+strings.ReplaceAll(v, "'", `\'`)+"'")
	}
	return strings.Join(out, ",")
}

func testFloor(t *testing.T, f *floor) {
	conn, err := clickhousetest.Open(f.ClickHouse, "floorwalker")
	require.NoError(t, err)
	defer conn.Close()
	now := time.Now()
	all := variables{contactCenter: f.ContactCenter, from: now.Add(-3 * time.Hour), to: now, intervalSecond: 900}
	d := readDashboard(t, "floor.json")
	for _, v := range d.Templating.List {
		values := askClickHouse(t, conn, all.into(t, v.Query))
		require.NotEmpty(t, values, "no values for %s", v.Name)
		if v.Name == "contact_center" {
			require.Equal(t, f.ContactCenter, fmt.Sprint(values[0][v.Name]))
		}
	}
	some := all
	some.queue, some.agent, some.intervalSecond = []string{"service", "support"}, busyAgents(t, conn), 300
	panels := 0
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			panels++
			for _, v := range []variables{all, some} {
				rows := askClickHouse(t, conn, v.into(t, target.SQL))
				require.NotEmpty(t, rows, "panel %q is empty", p.Title)
				requireNumbers(t, p.Title, rows)
				if target.Format == 0 {
					require.Contains(t, rows[0], "time", "panel %q: a series needs its time", p.Title)
				}
			}
		}
	}
	require.Greater(t, panels, 7)
	t.Run("as the API says", func(t *testing.T) { compareWithAPI(t, f, conn, d) })
}

// requireNumbers fails where a column of numbers has nothing but nulls in all rows.
func requireNumbers(t *testing.T, panel string, rows []map[string]any) {
	t.Helper()
	for column := range rows[0] {
		require.True(t, slices.ContainsFunc(rows, func(r map[string]any) bool { return r[column] != nil }), "panel %q: %s is never there", panel, column)
	}
}

func busyAgents(t *testing.T, conn ch.Conn) []string {
	t.Helper()
	var out []string
	for _, r := range askClickHouse(t, conn, "SELECT agent FROM windows_15m FINAL WHERE of_agent GROUP BY agent ORDER BY sum(handle_count) DESC LIMIT 3") {
		out = append(out, fmt.Sprint(r["agent"]))
	}
	require.Len(t, out, 3)
	return out
}

// askClickHouse asks as Grafana's user may: without the right to change anything.
func askClickHouse(t *testing.T, conn ch.Conn, sql string) (out []map[string]any) {
	t.Helper()
	ctx := ch.Context(t.Context(), ch.WithSettings(ch.Settings{"readonly": 1}))
	rows, err := conn.Query(ctx, sql)
	require.NoError(t, err, sql)
	defer rows.Close()
	for rows.Next() {
		dest := make([]any, len(rows.Columns()))
		for i, c := range rows.ColumnTypes() {
			dest[i] = reflect.New(c.ScanType()).Interface()
		}
		require.NoError(t, rows.Scan(dest...), sql)
		row := map[string]any{}
		for i, name := range rows.Columns() {
			row[name] = reflect.Indirect(reflect.ValueOf(dest[i])).Interface()
			if v := reflect.ValueOf(row[name]); v.Kind() == reflect.Pointer { // a column that may be null
				row[name] = nil
				if !v.IsNil() {
					row[name] = v.Elem().Interface()
				}
			}
		}
		out = append(out, row)
	}
	require.NoError(t, rows.Err(), sql)
	return out
}

// compareWithAPI holds the figures of the whole range to the API's answer for the same range.
func compareWithAPI(t *testing.T, f *floor, conn ch.Conn, d dashboard) {
	to := time.Now().Truncate(15 * time.Minute)
	v := variables{contactCenter: f.ContactCenter, from: to.Add(-2 * time.Hour), to: to.Add(-time.Second), intervalSecond: 900}
	i := slices.IndexFunc(d.Panels, func(p panel) bool { return p.Title == "Queue by queue" })
	require.GreaterOrEqual(t, i, 0)
	rows := askClickHouse(t, conn, v.into(t, d.Panels[i].Targets[0].SQL))
	api, _ := f.metrics(url.Values{"metrics": {"offered,answered,service_level,asa,wait.p90,aht"}, "group_by": {"queue"}, "queue": {"service"},
		"from": {v.from.UTC().Format(time.RFC3339)}, "to": {to.UTC().Format(time.RFC3339)}})
	require.Len(t, api, 1)
	want := api[0].Values
	at := slices.IndexFunc(rows, func(r map[string]any) bool { return r["Queue"] == "Customer Service" })
	require.GreaterOrEqual(t, at, 0)
	got := rows[at]
	require.EqualValues(t, want["offered"], got["Offered"])
	require.EqualValues(t, want["answered"], got["Answered"])
	require.InDelta(t, want["service_level"].(map[string]any)["value"], got["Service level"], 1e-9)
	require.InDelta(t, want["asa"], got["Speed of answer"], 1e-6)
	require.InDelta(t, want["aht"], got["Handle time"], 1e-6)
	require.InEpsilon(t, want["wait.p90"], got["Wait, p90"], 0.011, "the maximum may bound the API's")
}

// Grafana's user of ClickHouse may read the tables that the panels ask, and no other.
func TestDashboards_UserMayReadWhatPanelsAskAndNothingElse(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "deploy", "clickhouse", "dashboards.xml"))
	require.NoError(t, err)
	var file struct {
		Readonly int      `xml:"profiles>dashboards>readonly"`
		Grants   []string `xml:"users>dashboards>grants>query"`
	}
	require.NoError(t, xml.Unmarshal(text, &file))
	require.Equal(t, 1, file.Readonly)
	granted := map[string]bool{}
	for _, g := range file.Grants {
		m := regexp.MustCompile(`^GRANT SELECT ON floorwalker\.(\w+)$`).FindStringSubmatch(g)
		require.NotNil(t, m, g)
		granted[m[1]] = true
	}
	asked := map[string]bool{}
	d := readDashboard(t, "floor.json")
	var queries []string
	for _, v := range d.Templating.List {
		queries = append(queries, v.Query)
	}
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			queries = append(queries, target.SQL)
		}
	}
	for _, q := range queries {
		for _, m := range regexp.MustCompile(`(?:FROM|JOIN) (\w+)(?:\s|$)`).FindAllStringSubmatch(q, -1) {
			asked[m[1]] = true
		}
	}
	require.Equal(t, slices.Sorted(maps.Keys(asked)), slices.Sorted(maps.Keys(granted)))
	for _, private := range []string{"events", "interactions", "annotations"} {
		require.NotContains(t, granted, private, "holds customers' data")
	}
}
