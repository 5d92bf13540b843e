// Package metric is the catalogue of every number that Floorwalker serves: each key once, with its unit, kind, dimensions,
// definition and formula (metric definitions, all sections). A source, live windows or ClickHouse, adds what it finds up in
// one Totals per output row; the catalogue turns Totals into values, so two endpoints can never disagree.
package metric

import "fmt"

// Unit of a metric's number.
type Unit string

const (
	UnitCount        Unit = "count"
	UnitMilliseconds Unit = "ms"
	UnitRatio        Unit = "ratio"
)

// Kind says which shape a metric's value has.
type Kind string

const (
	KindCount         Kind = "count"          // an integer, 0 over nothing
	KindDuration      Kind = "duration"       // Duration
	KindTime          Kind = "time"           // integer milliseconds
	KindTimeInStatus  Kind = "time_in_status" // milliseconds by status
	KindCountByStatus Kind = "count_by_status"
	KindRatio         Kind = "ratio" // a fraction, null over nothing
	KindServiceLevel  Kind = "service_level"
	KindConcurrency   Kind = "concurrency"
	KindGauge         Kind = "gauge" // live only
)

// Dimension is one way to group or to filter (metrics, rule 7).
type Dimension uint8

const (
	DimAgent Dimension = iota + 1
	DimQueue
	DimCampaign
	DimChannel
	DimDirection
	DimTeam
	DimGroup
	DimBusinessUnit
	numDimensions
)

var dimensionNames = [numDimensions]string{"", "agent", "queue", "campaign", "channel", "direction", "team", "group", "business_unit"}

// String is the dimension's name in group_by, in filters and in answers.
func (d Dimension) String() string {
	if d < numDimensions {
		return dimensionNames[d]
	}
	return fmt.Sprintf("dimension %d", uint8(d))
}

// ParseDimension reads a dimension's name.
func ParseDimension(s string) (Dimension, bool) {
	for d := DimAgent; d < numDimensions; d++ {
		if dimensionNames[d] == s {
			return d, true
		}
	}
	return 0, false
}

// DimensionNames lists the names in order.
func DimensionNames() []string { return dimensionNames[1:] }

// Unit reports whether the dimension is a unit of the organisation, whose members the directory knows: team, group, business unit.
func (d Dimension) Unit() bool { return d >= DimTeam && d <= DimBusinessUnit }

// Dimensions is a set of Dimension.
type Dimensions uint16

// Set makes a set.
func Set(dims ...Dimension) Dimensions {
	var s Dimensions
	for _, d := range dims {
		s |= 1 << d
	}
	return s
}

// Has reports whether the set holds d.
func (s Dimensions) Has(d Dimension) bool { return s&(1<<d) != 0 }

// Names lists the set's dimensions by name.
func (s Dimensions) Names() []string {
	names := []string{}
	for d := DimAgent; d < numDimensions; d++ {
		if s.Has(d) {
			names = append(names, d.String())
		}
	}
	return names
}

var (
	units      = Set(DimTeam, DimGroup, DimBusinessUnit)
	queueDims  = Set(DimQueue, DimCampaign, DimChannel, DimDirection) | units
	agentDims  = queueDims | Set(DimAgent)
	statusDims = Set(DimAgent) | units
)

// Family tells whose point of view is counted: windows of queues, or windows and intervals of agents. `offered` of a queue
// counts first visits, `offered` of an agent counts offers.
type Family uint8

const (
	FamilyQueue Family = iota + 1
	FamilyAgent
)

func (f Family) String() string {
	switch f {
	case FamilyQueue:
		return "queue"
	case FamilyAgent:
		return "agent"
	}
	return ""
}

// Grouping is what a query groups and filters by. Units (team, group, business unit) stand for their agents; those in OfQueues
// stand for their queues.
type Grouping struct {
	By, Filters, OfQueues Dimensions
}

// families lists the families that may answer, in order of preference. Agents, or units of agents, ask for agents; queues and
// campaigns alone for queues. A grouping that names neither takes each metric from where it exists, queues first.
func (g Grouping) families() []Family {
	all := g.By | g.Filters
	ofAgents := Set(DimAgent) | units&^g.OfQueues
	if all&ofAgents != 0 {
		return []Family{FamilyAgent}
	}
	if g.By&Set(DimQueue, DimCampaign) != 0 || all&units != 0 {
		return []Family{FamilyQueue}
	}
	return []Family{FamilyQueue, FamilyAgent}
}

// Metric is one entry of the catalogue.
type Metric struct {
	Key        string
	Unit       Unit
	Kind       Kind
	Live       bool       // exists at a moment only, never in history
	Queue      Dimensions // what may group and filter it as a figure of queues
	Agent      Dimensions // and as a figure of agents
	OfQueues   bool       // whether it is a figure of queues, campaigns and the contact centre
	OfAgents   bool       // whether it is a figure of agents
	Only       Dimension  // where not zero, the grouping must be by this and nothing else
	Definition string
	Formula    string
	Inputs     []string // keys of a ratio's numerator and denominator: returned with it (metrics, rule 4)

	shape shape
}

// shape is what a family of metrics has in common: its subkeys, what it needs, and how Totals become a value.
type shape interface {
	// sub reads a subkey, "" for the whole; false where there is no such.
	sub(name string) (subkey, bool)
	needs(sub subkey) Needs
	// value is what JSON shows: untyped nil, integers, float64, string or a struct of these.
	value(t *Totals, sub subkey, o Options) any
	// number is the figure to sort by, false for null.
	number(t *Totals, sub subkey, o Options) (float64, bool)
}

// subkey is a subkey as its shape has read it; the zero value is the whole metric.
type subkey struct {
	part  uint8
	index int // a percentile, status or channel
}

// Dimensions lists what the metric may be grouped and filtered by, in either family.
func (m *Metric) Dimensions() Dimensions { return m.Queue | m.Agent }

func (m *Metric) in(f Family, g Grouping) bool {
	if m.Only != 0 && g.By != Set(m.Only) {
		return false
	}
	all := g.By | g.Filters
	switch f {
	case FamilyQueue:
		return m.OfQueues && all&^m.Queue == 0
	case FamilyAgent:
		return m.OfAgents && all&^m.Agent == 0
	}
	return false
}

// Fits tells from which family the metric answers a grouping, false where it does not.
func (m *Metric) Fits(g Grouping) (Family, bool) {
	for _, f := range g.families() {
		if m.in(f, g) {
			return f, true
		}
	}
	return 0, false
}
