package config

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func alertsFile(t *testing.T, secret string) string {
	file := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(file, []byte(secret), 0o600))
	return fmt.Sprintf(`
alerts:
  webhooks:
    hooks:
      - {name: pager, url: "https://pager.example.com/x", secret_file: %q}
    allow_networks: [10.1.2.3, 10.2.0.0/16]
contact_centers:
  - id: 6
    alert_rules:
      - {id: r, metric: service_level, scope: {queue: [q, 7]}, window: 5m, comparison: "<", threshold: 0.8, clear_threshold: 1, severity: warning, webhook: pager}
`, file)
}

func TestAlerts_RulesAndHooks_Read(t *testing.T) {
	c, err := Parse([]byte(alertsFile(t, shaB)))
	require.NoError(t, err)
	r := c.ContactCenters[0].AlertRules[0].Rule()
	require.Equal(t, map[string][]string{"queue": {"q", "7"}}, r.Scope)
	require.Equal(t, []float64{0.8, 1}, []float64{r.Threshold, *r.ClearThreshold})
	w, err := c.Alerts.Webhooks.Config()
	require.NoError(t, err)
	require.Equal(t, shaB, w.Hooks[0].Secret)
	require.Equal(t, "[10.1.2.3/32 10.2.0.0/16]", fmt.Sprint(w.AllowNetworks))
}

func TestAlerts_Faults_EachWithItsPlaceAndWhatIsAllowed(t *testing.T) {
	for name, c := range map[string]struct{ change, want string }{
		"metric":         {"alerts: {}\ncontact_centers:\n  - id: 6\n    alert_rules:\n      - {id: r, metric: weighting, window: 5m, comparison: '<', threshold: 1, severity: w}", `line 5: contact_centers[0].alert_rules[0]: metric: "weighting" is not in the catalogue`},
		"twice":          {"contact_centers:\n  - id: 6\n    alert_rules:\n      - {id: r, metric: waiting, window: 5m, comparison: '<', threshold: 1, severity: w}\n      - {id: r, metric: waiting, window: 5m, comparison: '<', threshold: 1, severity: w}", `contact_centers[0].alert_rules[1].id: "r" is named twice`},
		"webhook":        {"contact_centers:\n  - id: 6\n    alert_rules:\n      - {id: r, metric: waiting, window: 5m, comparison: '<', threshold: 1, severity: w, webhook: pager}", `webhook: "pager", neither a configured hook's name`},
		"threshold":      {"contact_centers:\n  - id: 6\n    alert_rules:\n      - {id: r, metric: waiting, window: 5m, comparison: '<', threshold: many, severity: w}", `contact_centers[0].alert_rules[0].threshold: many is not a number`},
		"scope":          {"contact_centers:\n  - id: 6\n    alert_rules:\n      - {id: r, metric: waiting, scope: [q], window: 5m, comparison: '<', threshold: 1, severity: w}", `contact_centers[0].alert_rules[0].scope: `},
		"network":        {"alerts: {webhooks: {allow_networks: [home]}}", `alerts.webhooks.allow_networks[0]: "home" is neither an address nor a network`},
		"no secret":      {"alerts: {webhooks: {allow_urls: ['https://x/']}}", `alerts.webhooks: no secret`},
		"hook":           {"alerts: {webhooks: {hooks: [{name: a, url: 'https://x/'}]}}", `alerts.webhooks.hooks[0]: no secret`},
		"group":          {"alerts: {group: floorwalker}", `alerts.group: "floorwalker"; a consumer group other than kafka.group is needed`},
		"inline secret":  {"alerts: {webhooks: {secret: hunter2}}", `an inline secret is refused; use secret_file or secret_env`},
		"topic is taken": {"kafka: {topics: {alerts: cc.events}}", `kafka.topics.alerts: "cc.events" is also kafka.topics.events`},
	} {
		_, err := Parse([]byte(c.change))
		require.ErrorContains(t, err, c.want, name)
		require.NotContains(t, err.Error(), "hunter2")
	}
	_, err := Parse([]byte(alertsFile(t, "short")))
	require.ErrorContains(t, err, "a secret of 5 bytes, at least 32 are needed")
}
