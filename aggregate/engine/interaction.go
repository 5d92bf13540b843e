package engine

import (
	"unsafe"

	"floorwalker/schema"
)

const (
	wrapAfterMs = 60_000              // a wrap may begin that long after the end of its part
	wrapLimitMs = 24 * 60 * 60 * 1000 // a wrap that nothing ends
	liveLimitMs = 24 * 60 * 60 * 1000 // an interaction of voice, video or chat without an event
	slowLimitMs = 30 * 24 * 60 * 60 * 1000
)

// interaction is one interaction's timeline: its own events, and what its agents' timelines decide about its parts.
type interaction struct {
	id     ident
	handle uint32
	seat   uint32         // among those that are hot
	agent  uint32         // that its events named last, 0 before
	ch     schema.Channel // of attrs
	dir    schema.Direction
	dirty  bool
	seen   bool
	left   bool
	hash   uint64 // of the id
	look   int64  // when it is to be looked at, Open for never
	// notBefore is until when the id belonged to the interaction that had it before: no event up to then is of this one.
	notBefore int64
	own       newest
	c         *center
	attrs     *attributes // of the first created in order, which holds from the beginning; nil before it came
	created   created     // where that created stands in the order
	line      timeline[course]
	// room is where inputs, visits, parts and segments of an ordinary interaction lie, for one allocation and neighbouring memory.
	room struct {
		inputs   [15]input
		extras   [2]*extra
		visits   [1]visit
		parts    [1]part
		segments [5]segment // of the part
	}
}

// Go rounds what is larger up by an eighth, and there are as many as interactions that go on. Eight bytes are the collector's.
var _ [1152 - 8 - unsafe.Sizeof(interaction{})]struct{}

// created is the place of a created event in its interaction's order.
type created struct {
	t int64
	x *extra
}

// newest is the newest of an entity's own events: only what is newer is believed when it comes from beyond the horizon.
type newest struct {
	T      int64 // NoTime before the first
	Seq    int64
	HasSeq bool
}

// before reports whether an event at t with that sequence is newer.
func (n *newest) before(ev *schema.Event) bool {
	if ev.Time != n.T {
		return ev.Time > n.T
	}
	return n.HasSeq && (!ev.HasSequence || ev.Sequence > n.Seq)
}

func (n *newest) note(ev *schema.Event) {
	if n.before(ev) {
		n.T, n.Seq, n.HasSeq = ev.Time, ev.Sequence, ev.HasSequence
	}
}

// attributes are what `created` says. Immutable.
type attributes struct {
	Channel        schema.Channel
	Direction      schema.Direction
	Kind           schema.Kind
	Number         int64
	CallID, ChatID string
	Campaign       uint32
	CallFlow       string
	Agent          uint32 // 0 for none
	Customer       []byte
	ScreenPopURL   string
	Gruu           string
	CanRecord      bool
}

// channel is what rows say of the whole interaction.
func (i *interaction) channel() schema.Channel { return i.channelAt(schema.Open) }

func (i *interaction) direction() schema.Direction { return i.directionAt(schema.Open) }

// channelAt is the channel under which what happens at t counts. A created gives it from the beginning; one that lies more than a
// minute after other events does so for rows, but what those events counted may be complete already and stays.
func (i *interaction) channelAt(t int64) schema.Channel {
	if !i.knownAt(t) {
		return schema.ChannelVoice
	}
	return i.ch
}

func (i *interaction) directionAt(t int64) schema.Direction {
	if !i.knownAt(t) {
		return schema.Inbound
	}
	return i.dir
}

// attribute gives the interaction the attributes of a created, or none.
func (i *interaction) attribute(attrs *attributes, from created) {
	i.attrs, i.created, i.ch, i.dir = attrs, from, 0, 0
	if attrs != nil {
		i.ch, i.dir = attrs.Channel, attrs.Direction
	}
}

func (i *interaction) knownAt(t int64) bool { return i.attrs != nil && t >= i.created.t-wrapAfterMs }

// limitAt is how long an interaction lives without an event after one at t.
func (i *interaction) limitAt(t int64) int64 {
	switch i.channelAt(t) {
	case schema.ChannelMessage, schema.ChannelEmail, schema.ChannelTask:
		return slowLimitMs
	}
	return liveLimitMs
}

// less orders a timeline's inputs: time; own events by sequence; then agents' logouts, then ends of wraps.
func (i *interaction) less(x, y *input) bool {
	if x.dt != y.dt {
		return x.dt < y.dt
	}
	if xr, yr := rank(x), rank(y); xr != yr {
		return xr < yr
	}
	if x.kind >= kindTransition {
		return x.ref1 < y.ref1 || x.ref1 == y.ref1 && x.b < y.b
	}
	return lessSequence(i.line.extra(x), i.line.extra(y))
}

func rank(in *input) int {
	switch in.kind {
	case kindLogout:
		return 1
	case kindWrapEnd:
		return 2
	case kindTick:
		return 3
	}
	return 0
}
