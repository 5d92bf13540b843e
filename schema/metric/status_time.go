package metric

import "floorwalker/schema"

// statusShape is time in, or entries into, each effective status. Logged-out time has no status intervals: the statuses of an
// agent sum to the logged-in time.
type statusShape struct{ counts bool }

const statusOne uint8 = 1

func (s statusShape) sub(name string) (subkey, bool) {
	if name == "" {
		return subkey{}, true
	}
	st, ok := schema.ParseStatus(name)
	if !ok || st == schema.LoggedOut {
		return subkey{}, false
	}
	return subkey{statusOne, int(st)}, true
}

func (s statusShape) needs(subkey) Needs { return Needs{Intervals: true} }

func (s statusShape) value(t *Totals, sub subkey, o Options) any {
	if sub.part == statusOne {
		return s.one(t, sub.index)
	}
	all := make(map[string]any, schema.NumStatuses)
	for st := schema.LoggedOut + 1; int(st) < schema.NumStatuses; st++ {
		all[st.String()] = s.one(t, int(st))
	}
	return all
}

func (s statusShape) one(t *Totals, status int) any {
	if s.counts {
		return t.StatusCount[status]
	}
	return t.StatusMs[status]
}

// number of the whole is the sum over all statuses.
func (s statusShape) number(t *Totals, sub subkey, o Options) (float64, bool) {
	if sub.part == statusOne {
		return number(s.one(t, sub.index))
	}
	var sum float64
	for st := range schema.NumStatuses {
		v, _ := number(s.one(t, st))
		sum += v
	}
	return sum, true
}

// LoggedInMs is the time in any effective status.
func (t *Totals) LoggedInMs() int64 {
	var ms int64
	for _, v := range t.StatusMs {
		ms += v
	}
	return ms
}

// OccupiedMs is the time in on_call, in_chat, conference, ringing, dialing and wrap.
func (t *Totals) OccupiedMs() int64 {
	var ms int64
	for st, v := range t.StatusMs {
		if schema.Status(st).Occupied() {
			ms += v
		}
	}
	return ms
}

// timeShape is one total of status intervals.
type timeShape struct{ of func(*Totals) int64 }

func (s timeShape) sub(name string) (subkey, bool)           { return subkey{}, name == "" }
func (s timeShape) needs(subkey) Needs                       { return Needs{Intervals: true} }
func (s timeShape) value(t *Totals, _ subkey, _ Options) any { return s.of(t) }
func (s timeShape) number(t *Totals, _ subkey, _ Options) (float64, bool) {
	return float64(s.of(t)), true
}

func statusMetrics() []Metric {
	base := Metric{Unit: UnitMilliseconds, Kind: KindTime, OfAgents: true, Agent: statusDims}
	with := func(key, definition, formula string, s shape) Metric {
		m := base
		m.Key, m.Definition, m.Formula, m.shape = key, definition, formula, s
		return m
	}
	inStatus := with("status_ms", "time in each effective status within the range (status_ms.break: in that one)", "", statusShape{})
	inStatus.Kind = KindTimeInStatus
	entered := with("status_count", "times each effective status was entered within the range (status_count.lunch: that one)", "", statusShape{counts: true})
	entered.Kind, entered.Unit = KindCountByStatus, UnitCount
	return []Metric{
		inStatus, entered,
		with("logged_in_ms", "time logged in within the range", "Σ status_ms", timeShape{(*Totals).LoggedInMs}),
		with("available_ms", "time available and not suspended", "", timeShape{func(t *Totals) int64 { return t.AvailableMs }}),
		with("occupied_ms", "time occupied", "status_ms of on_call + in_chat + conference + ringing + dialing + wrap", timeShape{(*Totals).OccupiedMs}),
	}
}
