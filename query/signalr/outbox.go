package signalr

import (
	"slices"
	"time"
)

// message is one thing to send: a call of the client's method, or a frame as it is (a reply, a ping, an end), which has no method.
type message struct {
	key    string
	method string
	body   []byte // the arguments, a JSON array; or the frame
	seq    uint64 // counted when first sent; 0 before that, and of frames
	at     time.Time
	dead   bool // replaced by a newer one of its key
}

// overhead is what a message takes besides its body, for the bounds in bytes.
const overhead = 128

func (m *message) size() int { return len(m.body) + len(m.method) + len(m.key) + overhead }

func (m *message) isCall() bool { return m.method != "" }

// outbox holds what goes to one client: what is to be sent, in order, and what was sent and might have to be sent again. It grows
// with what it holds and is empty when idle. Not safe for concurrent use.
type outbox struct {
	limits *Limits
	resume bool // keep what was sent

	pending []message
	base    int            // pending[i] is at position base+i
	keyed   map[string]int // position of the unsent message of a key
	fresh   int            // messages of pending never sent before, without dead ones
	bytes   int            // of these

	sent      []message // in order, seq rising by one
	sentBytes int
	last      uint64 // seq of the newest that was sent
}

// put adds a call; one of the same key that is not sent yet goes (replaced). ok is false where the bounds are reached; one call is
// taken whatever its size.
func (o *outbox) put(m message) (replaced, ok bool) {
	if m.key != "" {
		if at, there := o.keyed[m.key]; there {
			o.kill(at - o.base)
			replaced = true
		}
	}
	if o.full(&m) {
		return replaced, false
	}
	if m.key != "" {
		if o.keyed == nil {
			o.keyed = map[string]int{}
		}
		o.keyed[m.key] = o.base + len(o.pending)
	}
	o.push(m)
	return replaced, true
}

// full reports whether the bounds leave no room for a message.
func (o *outbox) full(m *message) bool {
	return o.fresh+1 > o.limits.Queue || o.fresh > 0 && o.bytes+m.size() > o.limits.QueueBytes
}

// push adds without a bound: frames that the server itself has reason to send.
func (o *outbox) push(m message) {
	o.pending = append(o.pending, m)
	o.fresh++
	o.bytes += m.size()
}

func (o *outbox) kill(i int) {
	m := &o.pending[i]
	o.fresh--
	o.bytes -= m.size()
	*m = message{dead: true}
	if len(o.pending) >= 64 && len(o.pending) > 2*o.fresh {
		o.compact()
	}
}

// compact drops the dead ones.
func (o *outbox) compact() {
	o.pending = slices.DeleteFunc(o.pending, func(m message) bool { return m.dead })
	clear(o.keyed)
	for i, m := range o.pending {
		if m.key != "" && m.seq == 0 {
			o.keyed[m.key] = o.base + i
		}
	}
}

func (o *outbox) empty() bool {
	return len(o.pending) == 0 || !slices.ContainsFunc(o.pending, func(m message) bool { return !m.dead })
}

// Bounds of one batch.
const (
	batchMessages = 1000
	batchBytes    = 256 << 10
)

// take appends the next batch to out: calls, or one frame. What it takes counts as sent at now.
func (o *outbox) take(out []message, now time.Time) []message {
	n, size := 0, 0
	for ; n < len(o.pending); n++ {
		m := &o.pending[n]
		if m.dead {
			continue
		}
		if len(out) > 0 && (!m.isCall() || len(out) == batchMessages || size+m.size() > batchBytes) {
			break
		}
		size += m.size()
		o.leave(m, now)
		out = append(out, *m)
		if !m.isCall() {
			n++
			break
		}
	}
	clear(o.pending[:n])
	o.pending, o.base = o.pending[n:], o.base+n
	if len(o.pending) == 0 {
		o.pending, o.keyed = nil, nil
	}
	return out
}

// leave does the accounts of a message that is being sent.
func (o *outbox) leave(m *message, now time.Time) {
	if m.seq == 0 {
		o.fresh--
		o.bytes -= m.size()
		if m.key != "" {
			delete(o.keyed, m.key)
		}
		if !m.isCall() {
			return
		}
		o.last++
		m.seq = o.last
	}
	if !o.resume {
		return
	}
	m.at = now
	o.sent = append(o.sent, *m)
	o.sentBytes += m.size()
	o.trim(func(*message) bool { return len(o.sent) > o.limits.Resume || o.sentBytes > o.limits.ResumeBytes })
}

// trim forgets sent messages from the oldest on, while unwanted says so.
func (o *outbox) trim(unwanted func(oldest *message) bool) {
	n := 0
	for len(o.sent) > 0 && unwanted(&o.sent[0]) {
		o.sentBytes -= o.sent[0].size()
		o.sent[0] = message{}
		o.sent = o.sent[1:]
		n++
	}
	if len(o.sent) == 0 {
		o.sent = nil
	}
}

// rewind goes back to the cursor that a client names: what came after it is sent again, before all else. false means that this is
// no longer known; the outbox is empty then.
func (o *outbox) rewind(cursor uint64) bool {
	o.trim(func(m *message) bool { return m.seq <= cursor })
	if cursor > o.last || cursor+uint64(len(o.sent)) < o.known() {
		o.clear()
		return false
	}
	n := len(o.sent)
	if n == 0 {
		return true
	}
	o.pending = append(o.sent, o.pending...)
	o.base -= n
	o.sent, o.sentBytes = nil, 0
	return true
}

// known is the seq that the sent ones end with: last, or what precedes those that wait to be sent again.
func (o *outbox) known() uint64 {
	for i := range o.pending {
		if m := &o.pending[i]; m.seq != 0 {
			return m.seq - 1
		}
	}
	return o.last
}

// clear drops everything.
func (o *outbox) clear() {
	*o = outbox{limits: o.limits, resume: o.resume, last: o.last}
}
