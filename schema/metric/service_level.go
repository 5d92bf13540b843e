package metric

import (
	"floorwalker/schema"
)

// Formula of a service level (metrics, section Service level).
type Formula uint8

const (
	AnsweredOverAll Formula = iota // the default
	AbandonedCredited
	AnsweredOnly
	AbandonedInNeutral
	ShortCredited
	ShortExcluded
	numFormulas
)

var formulaNames = [numFormulas]string{"answered_over_all", "abandoned_credited", "answered_only", "abandoned_in_neutral",
	"short_credited", "short_excluded"}

func (f Formula) String() string {
	if f < numFormulas {
		return formulaNames[f]
	}
	return ""
}

// ParseFormula reads a formula's key.
func ParseFormula(s string) (Formula, bool) {
	for i, name := range formulaNames {
		if name == s {
			return Formula(i), true
		}
	}
	return 0, false
}

// FormulaNames lists the keys, the default first.
func FormulaNames() []string { return formulaNames[:] }

// Threshold is what a queue calls in time: a wait ≤ Seconds, and a short abandon: a wait < ShortSeconds.
type Threshold struct{ Seconds, ShortSeconds int }

// DefaultThreshold holds where the directory says nothing of a queue (event contract, directory kind queue).
func DefaultThreshold() Threshold { return Threshold{Seconds: 20, ShortSeconds: 5} }

// Thresholds of all queues, as the directory has them today. A zero Default means DefaultThreshold.
type Thresholds struct {
	Default Threshold
	Queues  map[string]Threshold // those that the directory knows
	Pinned  int                  // where not 0, the seconds that the caller named for every queue: 1 to 3600
}

// Of returns what holds for a queue.
func (t Thresholds) Of(queue string) Threshold {
	th, ok := t.Queues[queue]
	if !ok {
		th = t.Fallback()
	}
	if t.Pinned != 0 {
		th.Seconds = t.Pinned
	}
	return th
}

// Fallback is what holds for a queue that Queues does not name.
func (t Thresholds) Fallback() Threshold {
	th := t.Default
	if th == (Threshold{}) {
		th = DefaultThreshold()
	}
	if t.Pinned != 0 {
		th.Seconds = t.Pinned
	}
	return th
}

// ServiceLevelInputs are the counts that depend on thresholds, each queue's against its own, summed. Seconds and ShortSeconds
// tell the threshold where all queues of the row share one.
type ServiceLevelInputs struct {
	AnsweredIn, AbandonedIn, AbandonedShort uint64
	Seconds, ShortSeconds                   Agreed
}

func (s *ServiceLevelInputs) add(o *ServiceLevelInputs) {
	s.AnsweredIn += o.AnsweredIn
	s.AbandonedIn += o.AbandonedIn
	s.AbandonedShort += o.AbandonedShort
	s.Seconds = s.Seconds.with(o.Seconds)
	s.ShortSeconds = s.ShortSeconds.with(o.ShortSeconds)
}

// Agreed is a number that several rows share, or do not; the zero value has met no row.
type Agreed struct{ low, high, met int }

// Agree starts with the numbers of one row: one, or the lowest and the highest of several.
func Agree(values ...int) Agreed {
	var a Agreed
	for _, v := range values {
		a = a.with(Agreed{v, v, 1})
	}
	return a
}

func (a Agreed) with(b Agreed) Agreed {
	if a.met == 0 {
		return b
	}
	if b.met == 0 {
		return a
	}
	return Agreed{min(a.low, b.low), max(a.high, b.high), 1}
}

// or is the shared number: def where no row was met, nil where they differ.
func (a Agreed) or(def int) *int {
	if a.met == 0 {
		return &def
	}
	if a.low != a.high {
		return nil
	}
	return &a.low
}

// ServiceLevel is the value of `service_level`: the quotient with its formula, thresholds (null where the row's queues differ)
// and counts.
type ServiceLevel struct {
	Value               *float64 `json:"value"`
	Formula             string   `json:"formula"`
	ThresholdSeconds    *int     `json:"threshold_seconds"`
	ShortAbandonSeconds *int     `json:"short_abandon_seconds"`
	Answered            uint64   `json:"answered"`
	Abandoned           uint64   `json:"abandoned"`
	AnsweredIn          uint64   `json:"answered_in"`
	AbandonedIn         uint64   `json:"abandoned_in"`
	AbandonedShort      uint64   `json:"abandoned_short"`
}

// Level computes a service level from answered and abandoned first visits; false where the denominator is 0.
func (s *ServiceLevelInputs) Level(f Formula, answered, abandoned uint64) (float64, bool) {
	an, ab := float64(answered), float64(abandoned)
	anIn, abIn, short := float64(s.AnsweredIn), float64(s.AbandonedIn), float64(s.AbandonedShort)
	switch f {
	case AbandonedCredited:
		return quotient(anIn+abIn, an+ab)
	case AnsweredOnly:
		return quotient(anIn, an)
	case AbandonedInNeutral:
		return quotient(anIn, an+ab-abIn)
	case ShortCredited:
		return quotient(anIn+short, an+ab)
	case ShortExcluded:
		return quotient(anIn, an+ab-short)
	}
	return quotient(anIn, an+ab)
}

type serviceLevelShape struct{}

const (
	levelValue uint8 = iota + 1
	levelAnswered
	levelAbandoned
	levelAnsweredIn
	levelAbandonedIn
	levelAbandonedShort
)

func (serviceLevelShape) sub(name string) (subkey, bool) {
	return oneOf(name, "value", "answered", "abandoned", "answered_in", "abandoned_in", "abandoned_short")
}

func (serviceLevelShape) needs(subkey) Needs {
	return counts(schema.CountAnswered, schema.CountAbandoned).Or(bySecond(schema.MeasureWait)).Or(bySecond(schema.MeasureAbandonWait))
}

func (serviceLevelShape) value(t *Totals, sub subkey, o Options) any {
	s := &t.ServiceLevel
	answered, abandoned := t.Counts[schema.CountAnswered], t.Counts[schema.CountAbandoned]
	level, ok := s.Level(o.Formula, answered, abandoned)
	switch sub.part {
	case levelValue:
		return orNull(level, ok)
	case levelAnswered:
		return answered
	case levelAbandoned:
		return abandoned
	case levelAnsweredIn:
		return s.AnsweredIn
	case levelAbandonedIn:
		return s.AbandonedIn
	case levelAbandonedShort:
		return s.AbandonedShort
	}
	return ServiceLevel{pointer(level, ok), o.Formula.String(), s.Seconds.or(o.Threshold.Seconds), s.ShortSeconds.or(o.Threshold.ShortSeconds),
		answered, abandoned, s.AnsweredIn, s.AbandonedIn, s.AbandonedShort}
}

func (s serviceLevelShape) number(t *Totals, sub subkey, o Options) (float64, bool) {
	if sub.part == 0 {
		sub.part = levelValue
	}
	return number(s.value(t, sub, o))
}

// thresholdShape is one of the counts that depend on thresholds.
type thresholdShape struct {
	of   func(*ServiceLevelInputs) uint64
	need Needs
}

func (s thresholdShape) sub(name string) (subkey, bool) { return subkey{}, name == "" }
func (s thresholdShape) needs(subkey) Needs             { return s.need }
func (s thresholdShape) value(t *Totals, _ subkey, _ Options) any {
	return s.of(&t.ServiceLevel)
}
func (s thresholdShape) number(t *Totals, _ subkey, _ Options) (float64, bool) {
	return float64(s.of(&t.ServiceLevel)), true
}

func serviceLevelMetrics() []Metric {
	count := func(key, definition string, m schema.Measure, of func(*ServiceLevelInputs) uint64) Metric {
		return Metric{Key: key, Unit: UnitCount, Kind: KindCount, OfQueues: true, Queue: queueDims, Definition: definition,
			shape: thresholdShape{of, bySecond(m)}}
	}
	return []Metric{
		count("abandoned_short", "abandoned with a wait < short_abandon_seconds", schema.MeasureAbandonWait,
			func(s *ServiceLevelInputs) uint64 { return s.AbandonedShort }),
		count("answered_in_sl", "answered with a wait ≤ the queue's service_level_seconds, or ≤ the threshold that the caller names", schema.MeasureWait,
			func(s *ServiceLevelInputs) uint64 { return s.AnsweredIn }),
		count("abandoned_in_sl", "abandoned with a wait ≤ the queue's service_level_seconds, or ≤ the threshold that the caller names", schema.MeasureAbandonWait,
			func(s *ServiceLevelInputs) uint64 { return s.AbandonedIn }),
		{Key: "service_level", Unit: UnitRatio, Kind: KindServiceLevel, OfQueues: true, Queue: queueDims, shape: serviceLevelShape{},
			Definition: "share of first visits answered in time (T inclusive), with its threshold T, short-abandon bound s and five counts",
			Formula: "answered_over_all: AN≤T / (AN + AB); abandoned_credited: (AN≤T + AB≤T) / (AN + AB); answered_only: AN≤T / AN; " +
				"abandoned_in_neutral: AN≤T / (AN + AB>T); short_credited: (AN≤T + AB<s) / (AN + AB); short_excluded: AN≤T / (AN + AB − AB<s)"},
	}
}
