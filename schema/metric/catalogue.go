package metric

import (
	"fmt"
	"strings"
)

// Catalogue names every metric once. It is immutable and may be used from any goroutine.
type Catalogue struct {
	metrics []Metric
	byKey   map[string]*Metric
}

// NewCatalogue makes the catalogue.
func NewCatalogue() *Catalogue {
	c := &Catalogue{byKey: map[string]*Metric{}}
	for _, family := range [][]Metric{visitMetrics(), serviceLevelMetrics(), durationMetrics(), derivedMetrics(), agentCountMetrics(),
		statusMetrics(), concurrencyMetrics(), liveMetrics()} {
		c.metrics = append(c.metrics, family...)
	}
	for i := range c.metrics {
		c.byKey[c.metrics[i].Key] = &c.metrics[i]
	}
	return c
}

// All lists the metrics in the catalogue's order.
func (c *Catalogue) All() []Metric { return c.metrics }

// Field is a key of a query: a metric, or one figure of it (`wait.p95`, `status_ms.break`), in one family.
type Field struct {
	Key    string // as asked for
	Metric *Metric
	Family Family // zero until Resolve has chosen

	sub subkey
}

// Lookup reads a key with or without a subkey; false where there is no such metric or figure.
func (c *Catalogue) Lookup(key string) (Field, bool) {
	name, sub, dotted := strings.Cut(key, ".")
	m, ok := c.byKey[name]
	if !ok || dotted && sub == "" {
		return Field{}, false
	}
	s, ok := m.shape.sub(sub)
	return Field{Key: key, Metric: m, sub: s}, ok
}

// Needs tells what must be read for the field.
func (f Field) Needs() Needs { return f.Metric.shape.needs(f.sub) }

// Options of values.
type Options struct {
	Formula   Formula
	Threshold Threshold // shown by service_level where the row has met no queue
	Live      *Gauges   // the row's, of metrics that exist live only; nil in history
}

// Value is the field's value in the shape that the native API shows: nil for null, integers, float64, Duration, PlainDuration,
// ServiceLevel, Concurrency, Workload or a map by name.
func (f Field) Value(t *Totals, o Options) any { return f.Metric.shape.value(t, f.sub, o) }

// Number is what to sort by, false for null (which comes last). A whole duration sorts by its average, service_level and
// concurrency by their value, status_ms by its sum.
func (f Field) Number(t *Totals, o Options) (float64, bool) {
	return f.Metric.shape.number(t, f.sub, o)
}

// Value is the value of a key, false where the catalogue has no such key.
func (c *Catalogue) Value(key string, t *Totals, o Options) (any, bool) {
	f, ok := c.Lookup(key)
	if !ok {
		return nil, false
	}
	return f.Value(t, o), true
}

// NullOverNothing reports whether the field is null, not 0, where nothing was counted.
func (f Field) NullOverNothing() bool {
	_, ok := f.Number(&Totals{Family: f.Family}, Options{})
	return !ok
}

// KeyError names the metric key that a query cannot have.
type KeyError struct{ Key, Reason string }

func (e *KeyError) Error() string { return fmt.Sprintf("metric %q %s", e.Key, e.Reason) }

// Resolve reads the keys of a query: none means all that fit the grouping, live ones only where live is set. The inputs of
// ratios follow their ratio where they were not asked for (metrics, rule 4). Errors are *KeyError.
func (c *Catalogue) Resolve(keys []string, g Grouping, live bool) ([]Field, error) {
	if len(keys) == 0 {
		return c.fitting(g, live), nil
	}
	var out []Field
	asked := map[string]bool{}
	for _, k := range keys {
		asked[k] = true
	}
	seen := map[string]bool{}
	for _, k := range keys {
		f, err := c.resolve(k, g, live)
		if err != nil {
			return nil, err
		}
		if !seen[k] {
			out, seen[k] = append(out, f), true
		}
		for _, in := range f.Metric.Inputs {
			if asked[in] || seen[in] || asked[wholeOf(in)] {
				continue
			}
			input, err := c.resolve(in, g, live)
			if err != nil {
				return nil, err
			}
			out, seen[in] = append(out, input), true
		}
	}
	return out, nil
}

func wholeOf(key string) string {
	name, _, _ := strings.Cut(key, ".")
	return name
}

func (c *Catalogue) resolve(key string, g Grouping, live bool) (Field, error) {
	f, ok := c.Lookup(key)
	if !ok {
		return f, &KeyError{key, "is not in the catalogue"}
	}
	if f.Metric.Live && !live {
		return f, &KeyError{key, "exists only live, at this moment"}
	}
	family, ok := f.Metric.Fits(g)
	if !ok {
		return f, &KeyError{key, fmt.Sprintf("does not fit this grouping; it can be grouped and filtered by %s", strings.Join(f.Metric.Dimensions().Names(), ", "))}
	}
	f.Family = family
	return f, nil
}

func (c *Catalogue) fitting(g Grouping, live bool) []Field {
	var out []Field
	for i := range c.metrics {
		m := &c.metrics[i]
		if m.Live && !live {
			continue
		}
		if family, ok := m.Fits(g); ok {
			out = append(out, Field{Key: m.Key, Metric: m, Family: family})
		}
	}
	return out
}

// NeedsOf joins the needs of a family's fields.
func NeedsOf(fields []Field, family Family) Needs {
	var n Needs
	for _, f := range fields {
		if f.Family == family {
			n = n.Or(f.Needs())
		}
	}
	return n
}

// oneOf reads a subkey by its place in names, "" as the whole.
func oneOf(name string, names ...string) (subkey, bool) {
	if name == "" {
		return subkey{}, true
	}
	for i, n := range names {
		if n == name {
			return subkey{part: uint8(i + 1)}, true
		}
	}
	return subkey{}, false
}

// number reads a scalar value.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case uint64:
		return float64(v), true
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}
