// Package compose holds the test of docker-compose.yml, which needs no Docker: it is read with the library that
// docker compose itself reads it with.
package compose_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

const configTarget = "/etc/floorwalker/floorwalker.yaml"

func secrets() []string {
	return []string{"FLOORWALKER_TOKEN=0123456789abcdef", "FLOORWALKER_CLICKHOUSE_PASSWORD=a-password",
		"FLOORWALKER_DASHBOARDS_PASSWORD=another-password", "FLOORWALKER_GRAFANA_PASSWORD=a-third-password"}
}

func load(t *testing.T, env []string) (*types.Project, error) {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{"../../docker-compose.yml"}, cli.WithEnv(env))
	require.NoError(t, err)
	return options.LoadProject(t.Context())
}

func project(t *testing.T) *types.Project {
	t.Helper()
	p, err := load(t, secrets())
	require.NoError(t, err)
	return p
}

func TestServices_AreTheOnesOfProduction(t *testing.T) {
	p := project(t)
	require.ElementsMatch(t, []string{"kafka", "clickhouse", "migrate", "worker", "query", "prometheus", "grafana"}, p.ServiceNames())
	require.Contains(t, p.Services["worker"].Command, "--roles=worker")
	require.Contains(t, p.Services["query"].Command, "--roles=query")
	require.Equal(t, types.ShellCommand{"migrate", "--config", configTarget}, p.Services["migrate"].Command)
	require.Regexp(t, `^apache/kafka:\d+\.\d+\.\d+$`, p.Services["kafka"].Image)
	require.Regexp(t, `^clickhouse/clickhouse-server:\d+\.\d+$`, p.Services["clickhouse"].Image)
}

func TestSecretMissing_RefusedWithItsName(t *testing.T) {
	for _, missing := range []string{"FLOORWALKER_TOKEN", "FLOORWALKER_CLICKHOUSE_PASSWORD", "FLOORWALKER_DASHBOARDS_PASSWORD",
		"FLOORWALKER_GRAFANA_PASSWORD"} {
		var env []string
		for _, e := range secrets() {
			if !strings.HasPrefix(e, missing+"=") {
				env = append(env, e)
			}
		}
		_, err := load(t, env)
		require.ErrorContains(t, err, missing)
	}
}

// The services have no passwords of production's strength, and Kafka has none.
func TestPorts_PublishedOnLoopbackOnly(t *testing.T) {
	published := map[string][]string{}
	for name, s := range project(t).Services {
		for _, port := range s.Ports {
			require.Equal(t, "127.0.0.1", port.HostIP, "%s: %s", name, port.Published)
			published[name] = append(published[name], port.Published)
		}
	}
	require.Equal(t, map[string][]string{"kafka": {"19092"}, "clickhouse": {"8123", "9000"}, "query": {"8080"}, "prometheus": {"9090"}, "grafana": {"3000"}},
		published)
}

func TestHealthChecks_EveryLastingServiceHasOneThatGatesItsDependents(t *testing.T) {
	p := project(t)
	for name, s := range p.Services {
		require.NotNil(t, s.HealthCheck, name)
		if name == "migrate" {
			require.True(t, s.HealthCheck.Disable)
			continue
		}
		require.Greater(t, len(s.HealthCheck.Test), 1, name)
		require.NotNil(t, s.HealthCheck.Interval, name)
	}
	for _, name := range []string{"worker", "query"} {
		require.Equal(t, "floorwalker", p.Services[name].HealthCheck.Test[1])
		conditions := map[string]string{}
		for dependency, d := range p.Services[name].DependsOn {
			conditions[dependency] = d.Condition
		}
		require.Equal(t, map[string]string{
			"kafka":      types.ServiceConditionHealthy,
			"clickhouse": types.ServiceConditionHealthy,
			"migrate":    types.ServiceConditionCompletedSuccessfully,
		}, conditions)
	}
}

func TestVolumes_KeepWhatMustSurvive(t *testing.T) {
	p := project(t)
	for service, target := range map[string]string{
		"kafka": "/var/lib/kafka/data", "clickhouse": "/var/lib/clickhouse", "query": "/var/lib/floorwalker",
		"prometheus": "/prometheus", "grafana": "/var/lib/grafana",
	} {
		require.Contains(t, p.Volumes, service)
		require.True(t, mounts(p.Services[service], types.VolumeTypeVolume, service, target), "%s keeps %s", service, target)
	}
	require.Equal(t, "/var/lib/kafka/data", *p.Services["kafka"].Environment["KAFKA_LOG_DIRS"])
}

func mounts(s types.ServiceConfig, kind, source, target string) bool {
	for _, v := range s.Volumes {
		if v.Type == kind && v.Source == source && v.Target == target {
			return true
		}
	}
	return false
}

func TestConfig_MountedExistsAndPointsAtTheServices(t *testing.T) {
	p := project(t)
	file, err := filepath.Abs("../../deploy/floorwalker.yaml")
	require.NoError(t, err)
	for _, name := range []string{"migrate", "worker", "query"} {
		require.True(t, mounts(p.Services[name], types.VolumeTypeBind, file, configTarget), name)
		require.Contains(t, p.Services[name].Command, configTarget)
	}
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var config struct {
		DataDir string `yaml:"data_dir"`
		Kafka   struct {
			Brokers []string `yaml:"brokers"`
		} `yaml:"kafka"`
		ClickHouse struct {
			Addresses   []string `yaml:"addresses"`
			Database    string   `yaml:"database"`
			User        string   `yaml:"user"`
			PasswordEnv string   `yaml:"password_env"`
		} `yaml:"clickhouse"`
		Tokens []struct {
			TokenEnv string `yaml:"token_env"`
		} `yaml:"tokens"`
	}
	require.NoError(t, yaml.Unmarshal(text, &config))

	require.Equal(t, "/var/lib/floorwalker", config.DataDir)
	require.Equal(t, []string{"kafka:9092"}, config.Kafka.Brokers)
	require.Contains(t, *p.Services["kafka"].Environment["KAFKA_ADVERTISED_LISTENERS"], "PLAINTEXT://kafka:9092")
	require.Equal(t, []string{"clickhouse:9000"}, config.ClickHouse.Addresses)
	server := p.Services["clickhouse"].Environment
	require.Equal(t, *server["CLICKHOUSE_DB"], config.ClickHouse.Database)
	require.Equal(t, *server["CLICKHOUSE_USER"], config.ClickHouse.User)
	for _, name := range []string{"migrate", "worker", "query"} {
		env := p.Services[name].Environment
		require.Equal(t, *server["CLICKHOUSE_PASSWORD"], *env[config.ClickHouse.PasswordEnv], name)
		require.NotEmpty(t, *env[config.Tokens[0].TokenEnv], name)
	}
}

// Ours take their user from the image, Prometheus and Grafana from here.
func TestFloorwalkerContainers_Unprivileged(t *testing.T) {
	p := project(t)
	for _, name := range []string{"migrate", "worker", "query", "prometheus", "grafana"} {
		s := p.Services[name]
		require.True(t, s.ReadOnly, name)
		require.Equal(t, []string{"ALL"}, s.CapDrop, name)
		require.Equal(t, []string{"no-new-privileges:true"}, s.SecurityOpt, name)
	}
	for _, name := range []string{"prometheus", "grafana"} {
		require.Regexp(t, `^[1-9]\d*:\d+$`, p.Services[name].User, name)
	}
	text, err := os.ReadFile("../../Dockerfile")
	require.NoError(t, err)
	require.Regexp(t, `(?m)^USER [1-9]\d*:[1-9]\d*$`, string(text))
	require.Regexp(t, `(?m)^RUN CGO_ENABLED=0 go build`, string(text))
	require.Regexp(t, `(?m)^HEALTHCHECK `, string(text))
}
