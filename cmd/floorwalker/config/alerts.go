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
	Hooks         []Hook        `yaml:"hooks"`
	AllowURLs     []string      `yaml:"allow_urls"`  // what URLs that rules themselves name have to begin with
	SecretFile    string        `yaml:"secret_file"` // signs the posts to these
	SecretEnv     string        `yaml:"secret_env"`
	AllowNetworks []string      `yaml:"allow_networks"` // addresses and networks to post to although they are not public
	Timeout       time.Duration `yaml:"timeout"`        // of one attempt
	GiveUpAfter   time.Duration `yaml:"give_up_after"`
}

// Hook is a webhook that rules name.
type Hook struct {
	Name       string `yaml:"name"`
	URL        string `yaml:"url"`
	SecretFile string `yaml:"secret_file"`
	SecretEnv  string `yaml:"secret_env"`
}

// AlertRule has the fields of the directory's kind alert_rule.
type AlertRule struct {
	ID             string              `yaml:"id"`
	Name           string              `yaml:"name"`
	Metric         string              `yaml:"metric"`
	Scope          map[string][]string `yaml:"scope"` // by filter of metrics
	Window         string              `yaml:"window"`
	Comparison     string              `yaml:"comparison"`
	Threshold      float64             `yaml:"threshold"`
	ClearThreshold *float64            `yaml:"clear_threshold"`
	ForSeconds     int                 `yaml:"for_seconds"`
	Severity       string              `yaml:"severity"`
	Webhook        string              `yaml:"webhook"`
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
