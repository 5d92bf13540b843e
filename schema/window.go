package schema

import (
	"math"
	"sort"
)

// Window lengths in minutes.
const (
	WindowMinute  = 1
	WindowQuarter = 15
)

// Dims says what a window counts: Agent is empty for the windows of queues, and set for those of agents.
type Dims struct {
	ContactCenter, Agent, Queue, Campaign string
	Channel                               Channel
	Direction                             Direction
}

// Count is a counter of windows. The first group is counted in queue windows, the second in agent windows, both in either.
type Count uint8

const (
	CountOffered        Count = iota // queue: first visits that began; agent: offers in the role agent
	CountAnswered                    // queue: first visits answered; agent: connected in the role agent
	CountTransferredOut              // both
	CountTransferredIn               // queue: visits begun by transfer; agent: connected in the role transfer
	CountAbandoned                   // queue
	CountBreakout                    // queue
	CountOverflowed                  // queue
	CountEndedOther                  // queue
	CountExpired                     // queue
	CountRequeued                    // queue
	CountAgainAnswered               // queue
	CountAgainAbandoned              // queue
	CountRona                        // agent
	CountDeclined                    // agent
	CountDirectInbound               // agent
	CountDirectOutbound              // agent
	CountConsulted                   // agent
	CountConferenced                 // agent
	CountMessagesSent                // agent
	NumCounts
)

var countNames = [NumCounts]string{"offered", "answered", "transferred_out", "transferred_in", "abandoned", "breakout", "overflowed",
	"ended_other", "expired", "requeued", "again_answered", "again_abandoned", "rona", "declined", "direct_inbound",
	"direct_outbound", "consulted", "conferenced", "messages_sent"}

// String is the counter's column and metric key.
func (c Count) String() string { return countNames[c] }

// Measure is a duration of windows, kept as count, sum, maximum and histogram.
type Measure uint8

const (
	MeasureWait               Measure = iota // queue
	MeasureAbandonWait                       // queue
	MeasureRing                              // both
	MeasureTalk                              // both
	MeasureHold                              // both
	MeasureParked                            // both
	MeasureWrap                              // both
	MeasureHandle                            // both
	MeasureMonitored                         // agent
	MeasureFirstResponse                     // agent
	MeasureDirectInboundTime                 // agent
	MeasureDirectOutboundTime                // agent
	NumMeasures
)

var measureNames = [NumMeasures]string{"wait", "abandon_wait", "ring", "talk", "hold", "parked", "wrap", "handle", "monitored",
	"first_response", "direct_inbound_time", "direct_outbound_time"}

// String is the measure's column prefix and metric key.
func (m Measure) String() string { return measureNames[m] }

// CountsSeconds reports whether the measure also counts its values by whole seconds, which makes service levels exact.
func (m Measure) CountsSeconds() bool { return m == MeasureWait || m == MeasureAbandonWait }

// Window is what was counted of one Dims in one minute or quarter of an hour: [Start, Start + Minutes).
type Window struct {
	Dims
	Start    int64
	Minutes  int
	Counts   [NumCounts]uint32
	Measures [NumMeasures]Distribution
}

// Distribution of durations in ms. Its histograms are sparse, ascending by key: Log by Bucket (percentiles within 1 %),
// Seconds by SecondsKey (only of measures that CountsSeconds).
type Distribution struct {
	Count   uint32
	Sum     int64
	Max     int64 // 0 where Count is 0
	Log     []Bin
	Seconds []Bin
}

// Add sums another window of the same Dims in.
func (w *Window) Add(o *Window) {
	for n := range w.Counts {
		w.Counts[n] += o.Counts[n]
	}
	for n := range w.Measures {
		w.Measures[n].Add(o.Measures[n])
	}
}

// Bin is one entry of a sparse histogram.
type Bin struct {
	Key uint16
	N   uint32
}

// gamma makes the relative error of a bucket's value at most 1 %.
const gamma = 1.01 / 0.99

var invLogGamma = 1 / math.Log(gamma)

// Bucket is the logarithmic histogram key of a duration: 0 for 0 and less, else 1 + ⌈log_γ ms⌉ with γ = 1.01/0.99.
func Bucket(ms int64) uint16 {
	if ms <= 0 {
		return 0
	}
	return uint16(1 + math.Ceil(math.Log(float64(ms))*invLogGamma-1e-9))
}

// BucketValue is the duration that stands for a bucket, at most 1 % away from any value in it.
func BucketValue(key uint16) float64 {
	if key == 0 {
		return 0
	}
	return 2 * math.Pow(gamma, float64(key-1)) / (gamma + 1)
}

// MaxThresholdSeconds is the highest service-level threshold that a caller may name.
const MaxThresholdSeconds = 3600

// SecondsKey counts a wait so that both ≤ T and < T are exact for any whole second T up to 3600:
// 2·⌊ms/1000⌋ + 1 if a fraction is left; one key stands for all that is longer than 3600 s.
func SecondsKey(ms int64) uint16 {
	if ms <= 0 {
		return 0
	}
	if ms > MaxThresholdSeconds*1000 {
		return 2*MaxThresholdSeconds + 1
	}
	k := uint16(2 * (ms / 1000))
	if ms%1000 != 0 {
		k++
	}
	return k
}

// Within counts the values of a Seconds histogram that are ≤ t seconds.
func Within(bins []Bin, t int) uint64 { return below(bins, uint16(2*min(t, 1<<14))+1) }

// Under counts the values of a Seconds histogram that are < t seconds.
func Under(bins []Bin, t int) uint64 { return below(bins, uint16(2*min(t, 1<<14))) }

func below(bins []Bin, key uint16) uint64 {
	var n uint64
	for _, b := range bins {
		if b.Key >= key {
			break
		}
		n += uint64(b.N)
	}
	return n
}

// AddBins sums two sparse histograms; it may reuse dst.
func AddBins(dst, src []Bin) []Bin {
	for _, b := range src {
		i := sort.Search(len(dst), func(i int) bool { return dst[i].Key >= b.Key })
		if i < len(dst) && dst[i].Key == b.Key {
			dst[i].N += b.N
			continue
		}
		dst = append(dst, Bin{})
		copy(dst[i+1:], dst[i:])
		dst[i] = b
	}
	return dst
}

// Add sums another distribution into d.
func (d *Distribution) Add(o Distribution) {
	if o.Count == 0 {
		return
	}
	if d.Count == 0 || o.Max > d.Max {
		d.Max = o.Max
	}
	d.Count += o.Count
	d.Sum += o.Sum
	d.Log = AddBins(d.Log, o.Log)
	d.Seconds = AddBins(d.Seconds, o.Seconds)
}

// Quantile is the value at q (0 to 1) within 1 %, false where nothing was counted. The maximum bounds it.
func (d *Distribution) Quantile(q float64) (float64, bool) {
	if d.Count == 0 {
		return 0, false
	}
	rank := uint64(math.Ceil(q * float64(d.Count)))
	if rank < 1 {
		rank = 1
	}
	var seen uint64
	for _, b := range d.Log {
		if seen += uint64(b.N); seen >= rank {
			return math.Min(BucketValue(b.Key), float64(d.Max)), true
		}
	}
	return float64(d.Max), true
}
