package dashboards_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"floorwalker/internal/dashboards"
)

var update = flag.Bool("update", false, "write the dashboards anew")

const grafana = "../../deploy/grafana"

// What Grafana is given is what is described here.
func TestFiles_AreCurrent(t *testing.T) {
	for name, d := range map[string]dashboards.Dashboard{"floor.json": dashboards.Floor(), "health.json": dashboards.Health()} {
		file := filepath.Join(grafana, "dashboards", name)
		want, err := d.JSON()
		require.NoError(t, err)
		if *update {
			require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
			require.NoError(t, os.WriteFile(file, want, 0o644))
			continue
		}
		got, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "run go test ./internal/dashboards -update")
	}
}

// The panels' sources are those that are provisioned.
func TestDataSources_AreProvisioned(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(grafana, "datasources.yaml"))
	require.NoError(t, err)
	var file struct {
		Datasources []struct {
			UID  string `yaml:"uid"`
			Type string `yaml:"type"`
		} `yaml:"datasources"`
	}
	require.NoError(t, yaml.Unmarshal(text, &file))
	types := map[string]string{}
	for _, d := range file.Datasources {
		types[d.UID] = d.Type
	}
	require.Equal(t, map[string]string{dashboards.ClickHouse: "grafana-clickhouse-datasource", dashboards.Prometheus: "prometheus"}, types)
}

// Panels lie beside one another, never over one another, and have something to ask.
func TestPanels_FitTheirRows(t *testing.T) {
	for _, d := range []dashboards.Dashboard{dashboards.Floor(), dashboards.Health()} {
		titles := map[string]bool{}
		for _, r := range d.Rows {
			for _, p := range r.Panels {
				require.NotEmpty(t, p.Queries, p.Title)
				require.True(t, p.Width > 0 && p.Width <= 24, p.Title)
				require.False(t, titles[r.Title+p.Title], "%s twice", p.Title)
				titles[r.Title+p.Title] = true
			}
		}
	}
}
