// Package dashboards describes the Grafana dashboards under deploy/grafana. Grafana keeps SQL as one line of JSON, which nobody can read
// or review; here it has lines, and what panels have in common is said once. The test writes the files anew:
//
//	go test ./internal/dashboards -update
package dashboards

import (
	"encoding/json"
	"strings"
)

// Identities of the data sources, as deploy/grafana/datasources.yaml provisions them.
const (
	ClickHouse = "floorwalker-clickhouse"
	Prometheus = "floorwalker-prometheus"
)

// Dashboard is one page.
type Dashboard struct {
	UID, Title, Help string
	From             string // the range that it opens with, up to now
	Refresh          string
	Source           string // of all its queries
	Variables        []Variable
	Rows             []Row
}

// Variable is a choice at the top of the page. Its query gives the values, in a column or, of two, their names and values.
type Variable struct {
	Name, Label, Query string
	Multi              bool // several or all
}

// Row is a line of panels under a heading.
type Row struct {
	Title  string
	Panels []Panel
}

// Panel is one picture.
type Panel struct {
	Title, Help string
	Kind        string // timeseries, stat, table, piechart
	Unit        string // Grafana's name of a unit; of series and of columns that Units does not name
	Units       map[string]string
	Width       int // of 24; the height is that of the row
	Interval    string
	Stacked     bool
	Bad         float64 // from here on a stat is red; 0: never
	Queries     []Query
}

// Query is one question: SQL to ClickHouse, or PromQL.
type Query struct {
	SQL     string
	Expr    string
	Legend  string // of a PromQL query
	Instant bool   // only the newest values
}

const rowHeight = 8

// JSON is the dashboard as Grafana reads it, without what it fills in itself.
func (d Dashboard) JSON() ([]byte, error) {
	out := map[string]any{
		"uid": d.UID, "title": d.Title, "description": d.Help, "tags": []string{"floorwalker"}, "editable": true, "schemaVersion": 41,
		"timezone": "browser", "refresh": d.Refresh, "time": map[string]string{"from": d.From, "to": "now"},
		"templating": map[string]any{"list": d.variables()}, "panels": d.panels(),
	}
	text, err := json.MarshalIndent(out, "", " ")
	return append(text, '\n'), err
}

func (d Dashboard) source() map[string]string {
	kind := "prometheus"
	if d.Source == ClickHouse {
		kind = "grafana-clickhouse-datasource"
	}
	return map[string]string{"type": kind, "uid": d.Source}
}

func (d Dashboard) variables() []any {
	out := []any{}
	for _, v := range d.Variables {
		j := map[string]any{"type": "query", "name": v.Name, "label": v.Label, "datasource": d.source(), "query": flat(v.Query), "definition": flat(v.Query),
			"refresh": 2, "sort": 1}
		if v.Multi {
			j["multi"], j["includeAll"], j["current"] = true, true, map[string]any{"text": "All", "value": "$__all"}
		}
		out = append(out, j)
	}
	return out
}

func (d Dashboard) panels() []any {
	out := []any{}
	y := 0
	for _, row := range d.Rows {
		out = append(out, map[string]any{"id": len(out) + 1, "type": "row", "title": row.Title, "gridPos": grid(0, y, 24, 1)})
		y++
		x := 0
		for _, p := range row.Panels {
			if x+p.Width > 24 {
				x, y = 0, y+rowHeight
			}
			out = append(out, p.json(len(out)+1, d.source(), grid(x, y, p.Width, rowHeight)))
			x += p.Width
		}
		y += rowHeight
	}
	return out
}

func grid(x, y, w, h int) map[string]int { return map[string]int{"x": x, "y": y, "w": w, "h": h} }

func (p Panel) json(id int, source map[string]string, at map[string]int) map[string]any {
	defaults := map[string]any{"unit": p.Unit}
	options := map[string]any{}
	switch p.Kind {
	case "timeseries":
		custom := map[string]any{"fillOpacity": 10, "showPoints": "never"}
		if p.Stacked {
			custom["stacking"], custom["fillOpacity"] = map[string]string{"mode": "normal"}, 60
		}
		defaults["custom"], defaults["min"] = custom, 0
		options["tooltip"] = map[string]string{"mode": "multi", "sort": "desc"}
	case "stat":
		options["reduceOptions"] = map[string]any{"calcs": []string{"lastNotNull"}, "fields": "/.*/"}
		defaults["thresholds"] = thresholds(p.Bad)
	case "piechart":
		options["reduceOptions"] = map[string]any{"values": true}
		options["legend"] = map[string]any{"displayMode": "table", "placement": "right", "values": []string{"percent"}}
	}
	out := map[string]any{"id": id, "type": p.Kind, "title": p.Title, "gridPos": at, "datasource": source, "options": options,
		"fieldConfig": map[string]any{"defaults": defaults, "overrides": p.overrides()}, "targets": p.targets(source)}
	if p.Help != "" {
		out["description"] = p.Help
	}
	if p.Interval != "" {
		out["interval"] = p.Interval
	}
	return out
}

func thresholds(bad float64) map[string]any {
	steps := []any{map[string]any{"color": "green", "value": nil}}
	if bad > 0 {
		steps = append(steps, map[string]any{"color": "red", "value": bad})
	}
	return map[string]any{"mode": "absolute", "steps": steps}
}

func (p Panel) overrides() []any {
	out := []any{}
	for _, name := range sorted(p.Units) {
		out = append(out, map[string]any{"matcher": map[string]string{"id": "byName", "options": name},
			"properties": []any{map[string]string{"id": "unit", "value": p.Units[name]}}})
	}
	return out
}

// Formats of the ClickHouse plugin's answers.
const (
	formatSeries = 0
	formatTable  = 1
)

func (p Panel) targets(source map[string]string) []any {
	out := []any{}
	for i, q := range p.Queries {
		t := map[string]any{"refId": string(rune('A' + i)), "datasource": source}
		switch {
		case q.SQL != "" && p.Kind == "timeseries":
			t["editorType"], t["rawSql"], t["format"], t["queryType"] = "sql", flat(q.SQL), formatSeries, "timeseries"
		case q.SQL != "":
			t["editorType"], t["rawSql"], t["format"], t["queryType"] = "sql", flat(q.SQL), formatTable, "table"
		default:
			t["expr"], t["legendFormat"] = flat(q.Expr), q.Legend
			if q.Instant {
				t["instant"] = true
			}
		}
		out = append(out, t)
	}
	return out
}

// flat is a query without the indentation that it has here.
func flat(query string) string {
	lines := strings.Split(strings.TrimSpace(query), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "\n")
}
