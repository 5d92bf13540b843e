package compose_test

import (
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

func fromYAML(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", name))
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, into))
}

func bound(t *testing.T, s types.ServiceConfig, source, target string) {
	t.Helper()
	file, err := filepath.Abs(filepath.Join("../..", source))
	require.NoError(t, err)
	_, err = os.Stat(file)
	require.NoError(t, err)
	require.True(t, mounts(s, types.VolumeTypeBind, file, target), "%s at %s", source, target)
}

// Prometheus scrapes both roles at the port that they serve, under the name that alerts and dashboards ask for.
func TestPrometheus_ScrapesWhatIsThere(t *testing.T) {
	p := project(t)
	s := p.Services["prometheus"]
	require.Regexp(t, `^prom/prometheus:v\d+\.\d+\.\d+$`, s.Image)
	bound(t, s, "deploy/prometheus/prometheus.yml", "/etc/prometheus/prometheus.yml")
	bound(t, s, "deploy/prometheus/alerts.yml", "/etc/prometheus/alerts.yml")
	var file struct {
		RuleFiles []string `yaml:"rule_files"`
		Scrapes   []struct {
			Job string `yaml:"job_name"`
			DNS []struct {
				Names []string `yaml:"names"`
				Port  int      `yaml:"port"`
			} `yaml:"dns_sd_configs"`
		} `yaml:"scrape_configs"`
	}
	fromYAML(t, "deploy/prometheus/prometheus.yml", &file)
	require.Equal(t, []string{"/etc/prometheus/alerts.yml"}, file.RuleFiles)
	require.Len(t, file.Scrapes, 1)
	require.Equal(t, "floorwalker", file.Scrapes[0].Job)
	require.Equal(t, []string{"worker", "query"}, file.Scrapes[0].DNS[0].Names)
	require.Equal(t, 8080, file.Scrapes[0].DNS[0].Port)
	var config struct {
		Listen        string `yaml:"listen"`
		MetricsListen string `yaml:"metrics_listen"`
	}
	fromYAML(t, "deploy/floorwalker.yaml", &config)
	require.Equal(t, "0.0.0.0:8080", config.Listen)
	require.Empty(t, config.MetricsListen)
}

// Grafana finds its sources and dashboards, and signs in to ClickHouse as the user that may only read, with that one's password.
func TestGrafana_IsProvisioned(t *testing.T) {
	p := project(t)
	s := p.Services["grafana"]
	require.Regexp(t, `^grafana/grafana:\d+\.\d+\.\d+$`, s.Image)
	require.Regexp(t, `^grafana-clickhouse-datasource@\d+\.\d+\.\d+$`, *s.Environment["GF_PLUGINS_PREINSTALL_SYNC"])
	require.NotEmpty(t, *s.Environment["GF_SECURITY_ADMIN_PASSWORD"])
	bound(t, s, "deploy/grafana/datasources.yaml", "/etc/grafana/provisioning/datasources/floorwalker.yaml")
	bound(t, s, "deploy/grafana/provider.yaml", "/etc/grafana/provisioning/dashboards/floorwalker.yaml")
	var provider struct {
		Providers []struct {
			Options struct {
				Path string `yaml:"path"`
			} `yaml:"options"`
		} `yaml:"providers"`
	}
	fromYAML(t, "deploy/grafana/provider.yaml", &provider)
	bound(t, s, "deploy/grafana/dashboards", provider.Providers[0].Options.Path)

	var sources struct {
		Datasources []struct {
			Type string `yaml:"type"`
			URL  string `yaml:"url"`
			JSON struct {
				Host     string `yaml:"host"`
				Database string `yaml:"defaultDatabase"`
				User     string `yaml:"username"`
			} `yaml:"jsonData"`
			Secure struct {
				Password string `yaml:"password"`
			} `yaml:"secureJsonData"`
		} `yaml:"datasources"`
	}
	fromYAML(t, "deploy/grafana/datasources.yaml", &sources)
	house, prometheus := sources.Datasources[0], sources.Datasources[1]
	require.Equal(t, "http://prometheus:9090", prometheus.URL)
	server := p.Services["clickhouse"]
	require.Equal(t, "clickhouse", house.JSON.Host)
	require.Equal(t, *server.Environment["CLICKHOUSE_DB"], house.JSON.Database)
	variable := strings.TrimPrefix(house.Secure.Password, "$")
	require.Equal(t, *server.Environment[variable], *s.Environment[variable])

	bound(t, server, "deploy/clickhouse/dashboards.xml", "/etc/clickhouse-server/users.d/dashboards.xml")
	text, err := os.ReadFile("../../deploy/clickhouse/dashboards.xml")
	require.NoError(t, err)
	var users struct {
		Password struct {
			FromEnv string `xml:"from_env,attr"`
		} `xml:"users>dashboards>password"`
	}
	require.NoError(t, xml.Unmarshal(text, &users))
	require.Equal(t, variable, users.Password.FromEnv)
	require.Equal(t, "dashboards", house.JSON.User)
	require.NotEqual(t, *server.Environment["CLICKHOUSE_USER"], house.JSON.User)
}

// The unit runs as nobody in particular, may write nowhere but in its state directory, and leaves the last flush its time.
func TestSystemdUnit_IsConfinedAndStopsInTime(t *testing.T) {
	text, err := os.ReadFile("../../deploy/floorwalker.service")
	require.NoError(t, err)
	for _, line := range []string{"DynamicUser=yes", "StateDirectory=floorwalker", "NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes",
		"PrivateTmp=yes", "CapabilityBoundingSet=", "Restart=on-failure", "KillSignal=SIGTERM", "TimeoutStopSec=60", "LimitNOFILE=65536",
		"ExecStart=/usr/local/bin/floorwalker serve --config %d/floorwalker.yaml"} {
		require.Regexp(t, `(?m)^`+regexp.QuoteMeta(line)+`$`, string(text))
	}
}

// systemd itself finds nothing wrong with the unit, and little that it could still do.
func TestSystemdUnit_IsOneToSystemd(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("no systemd-analyze here")
	}
	text, err := os.ReadFile("../../deploy/floorwalker.service")
	require.NoError(t, err)
	unit := filepath.Join(t.TempDir(), "floorwalker.service")
	// The program has to be there.
	require.NoError(t, os.WriteFile(unit, []byte(strings.ReplaceAll(string(text), "/usr/local/bin/floorwalker", "/bin/true")), 0o600))
	out, err := exec.CommandContext(t.Context(), analyze, "verify", unit).CombinedOutput()
	require.NoError(t, err, string(out))
	require.NotContains(t, string(out), unit, "keys that it does not know are only told")
	out, err = exec.CommandContext(t.Context(), analyze, "security", "--offline=yes", "--threshold=20", unit).CombinedOutput()
	require.NoError(t, err, string(out))
}
