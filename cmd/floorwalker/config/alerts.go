package config

import (
	"fmt"
	"net/netip"
	"time"

	"floorwalker/query/alert"
	"floorwalker/schema"
	"floorwalker/schema/metric"
)

// Alerts says who evaluates alert rules, and where alerts are posted to.
type Alerts struct {
	Group    string   `yaml:"group"` // consumer group that shares the rules out among the query nodes
	Webhooks Webhooks `yaml:"webhooks"`
}

// Webhooks are where rules may post to.
type Webhooks struct {
	Hooks []Hook `yaml:"hooks"` // where rules may post to by name:
	// what a URL that a rule itself names has to begin with: scheme, host and whole segments of the path. Empty: rules can name hooks only
	AllowURLs  []string `yaml:"allow_urls"`
	SecretFile string   `yaml:"secret_file"` // signs the posts to these; needed with `allow_urls`, or `secret_env`
	SecretEnv  string   `yaml:"secret_env"`  // or an environment variable that holds it
	// addresses and networks that may be posted to although they are loopback, link-local, private or otherwise not public
	AllowNetworks []string      `yaml:"allow_networks"`
	Timeout       time.Duration `yaml:"timeout"`       // of one attempt, 100ms to 5m
	GiveUpAfter   time.Duration `yaml:"give_up_after"` // how long after its transition a post is tried, 1s to 7d
}

// Hook is a webhook that rules name.
type Hook struct {
	Name       string `yaml:"name"`        // what rules say
	URL        string `yaml:"url"`         // where it posts to
	SecretFile string `yaml:"secret_file"` // 32 bytes or more, signs the posts; or `secret_env`
	SecretEnv  string `yaml:"secret_env"`  // or an environment variable that holds it
}

// AlertRule has the fields of the directory's kind alert_rule.
type AlertRule struct {
	ID             string              `yaml:"id"`              // what the rule is known by
	Name           string              `yaml:"name"`            // what is shown; empty: the id
	Metric         string              `yaml:"metric"`          // a key of the catalogue
	Scope          map[string][]string `yaml:"scope"`           // filters of metrics, such as `queue`: each a list
	Window         string              `yaml:"window"`          // `5m`, `15m`, `30m`, `1h`, `today`
	Comparison     string              `yaml:"comparison"`      // `>`, `>=`, `<`, `<=`
	Threshold      float64             `yaml:"threshold"`       // a number
	ClearThreshold *float64            `yaml:"clear_threshold"` // hysteresis; without it `threshold`
	ForSeconds     int                 `yaml:"for_seconds"`     // how long the condition has to hold
	Severity       string              `yaml:"severity"`        // any word
	Webhook        string              `yaml:"webhook"`         // a hook's name, or a URL below one of `allow_urls`
}

// Rule is the rule as alerts are evaluated by it.
func (r AlertRule) Rule() schema.AlertRule {
	return schema.AlertRule{ID: r.ID, Name: r.Name, Metric: r.Metric, Scope: r.Scope, Window: r.Window, Comparison: r.Comparison, Threshold: r.Threshold,
		ForSeconds: r.ForSeconds, Severity: r.Severity, ClearThreshold: r.ClearThreshold, Webhook: r.Webhook}
}

// Config reads the secrets and the networks.
func (w Webhooks) Config() (alert.WebhookConfig, error) {
	out := alert.WebhookConfig{AllowURLs: w.AllowURLs, Timeout: w.Timeout, GiveUp: w.GiveUpAfter}
	var err error
	if out.Secret, err = optionalSecret(w.SecretFile, w.SecretEnv); err != nil {
		return out, fmt.Errorf("alerts.webhooks: %w", err)
	}
	for _, h := range w.Hooks {
		s, err := secret(h.SecretFile, h.SecretEnv)
		if err != nil {
			return out, fmt.Errorf("alerts.webhooks: hook %q: %w", h.Name, err)
		}
		out.Hooks = append(out.Hooks, alert.Hook{Name: h.Name, URL: h.URL, Secret: s})
	}
	for _, s := range w.AllowNetworks {
		p, ok := network(s)
		if !ok {
			return out, fmt.Errorf("alerts.webhooks.allow_networks: %q is no network", s)
		}
		out.AllowNetworks = append(out.AllowNetworks, p)
	}
	return out, nil
}

// network reads an address or a network.
func network(s string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}

func (c *Config) validateAlerts(f *faults) {
	const at = "alerts.webhooks"
	if c.Alerts.Group == "" || c.Alerts.Group == c.Kafka.Group {
		f.add("alerts.group", "%q; a consumer group other than kafka.group is needed", c.Alerts.Group)
	}
	w, before := c.Alerts.Webhooks, len(f.list)
	f.lasting(at+".timeout", w.Timeout, 100*time.Millisecond, 5*time.Minute)
	f.lasting(at+".give_up_after", w.GiveUpAfter, time.Second, 7*24*time.Hour)
	for i, s := range w.AllowNetworks {
		if _, ok := network(s); !ok {
			f.add(fmt.Sprintf("%s.allow_networks[%d]", at, i), "%q is neither an address nor a network such as 10.0.0.0/8", s)
		}
	}
	if f.oneRef(at, map[string]string{"secret_file": w.SecretFile, "secret_env": w.SecretEnv}, len(w.AllowURLs) > 0) {
		f.secret(at+".secret", w.SecretFile, w.SecretEnv)
	}
	for i, h := range w.Hooks {
		p := fmt.Sprintf("%s.hooks[%d]", at, i)
		if f.oneRef(p, map[string]string{"secret_file": h.SecretFile, "secret_env": h.SecretEnv}, true) {
			f.secret(p+".secret", h.SecretFile, h.SecretEnv)
		}
	}
	if len(f.list) > before {
		return // nothing more can be said of the hooks, and so of rules that name one
	}
	hooks, err := w.build()
	if err != nil {
		for _, one := range alert.Faults(err) {
			f.add(at, "%v", one)
		}
		return
	}
	catalogue := metric.NewCatalogue()
	for i, cc := range c.ContactCenters {
		seen := map[string]bool{}
		for j, r := range cc.AlertRules {
			p := fmt.Sprintf("contact_centers[%d].alert_rules[%d]", i, j)
			f.entityID(p+".id", r.ID)
			if seen[r.ID] {
				f.add(p+".id", "%q is named twice", r.ID)
			}
			seen[r.ID] = true
			for _, one := range alert.Faults(alert.Check(catalogue, hooks, r.Rule())) {
				f.add(p, "%v", one)
			}
		}
	}
}

func (w Webhooks) build() (*alert.Webhooks, error) {
	cfg, err := w.Config()
	if err != nil {
		return nil, err
	}
	return alert.NewWebhooks(cfg)
}
