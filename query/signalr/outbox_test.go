package signalr

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func newOutbox(l Limits) *outbox {
	l = l.withDefaults()
	return &outbox{limits: &l, resume: true}
}

// Whatever is put, taken, lost and asked for again: a client that is told the truth about misses has every call in order, once, but
// for those replaced by a newer one of their key before they were sent; and the accounts of the bounds are right.
func TestOutbox_EveryCallOnceInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := newOutbox(Limits{Queue: rapid.IntRange(1, 100).Draw(t, "queue"), Resume: rapid.IntRange(1, 20).Draw(t, "resume"),
			ResumeBytes: rapid.IntRange(200, 4000).Draw(t, "bytes")})
		var (
			number  int
			waiting []message          // what a model would still send, never sent before
			passage = map[uint64]int{} // seq → number of the call
			got     []int              // what the client has, in order
			cursor  uint64             // what it has
			taken   []message          // on the way to it
		)
		now := time.Unix(0, 0)
		deliver := func(n int) {
			for _, m := range taken[:n] {
				require.Equal(t, cursor+1, m.seq, "a call is missing or comes twice")
				cursor = m.seq
				got = append(got, passage[m.seq])
			}
			taken = nil
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				key := rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, "key")
				number++
				m := message{key: key, method: "m", body: fmt.Appendf(nil, "[%d]", number)}
				rest := waiting[:0:0]
				for _, w := range waiting {
					if key == "" || w.key != key {
						rest = append(rest, w)
					}
				}
				replaced, ok := o.put(m)
				require.Equal(t, len(rest) < len(waiting), replaced)
				require.Equal(t, len(rest) < o.limits.Queue, ok)
				if waiting = rest; ok {
					waiting = append(waiting, m)
				}
			},
			"take": func(t *rapid.T) {
				batch := o.take(nil, now)
				for _, m := range batch {
					if _, again := passage[m.seq]; again {
						continue
					}
					require.Equal(t, waiting[0].body, m.body)
					waiting = waiting[1:]
					_, err := fmt.Sscanf(string(m.body), "[%d]", new(int))
					require.NoError(t, err)
					var n int
					_, _ = fmt.Sscanf(string(m.body), "[%d]", &n)
					passage[m.seq] = n
				}
				taken = append(taken, batch...)
			},
			"deliver": func(t *rapid.T) { deliver(len(taken)) },
			"lose": func(t *rapid.T) {
				deliver(rapid.IntRange(0, len(taken)).Draw(t, "arrived"))
				if o.rewind(cursor) {
					return
				}
				require.True(t, o.empty())
				waiting, cursor = nil, o.last // the state comes anew
			},
			"": func(t *rapid.T) {
				bytes := 0
				for _, w := range waiting {
					bytes += w.size()
				}
				require.Equal(t, len(waiting), o.fresh)
				require.Equal(t, bytes, o.bytes)
				require.LessOrEqual(t, len(o.sent), o.limits.Resume)
				require.IsIncreasing(t, append(got, number+1))
			},
		})
	})
}

// An idle outbox holds no memory.
func TestOutbox_EmptyWhenIdle(t *testing.T) {
	o := newOutbox(Limits{})
	now := time.Unix(100, 0)
	for i := range 1000 {
		o.put(message{key: fmt.Sprint(i % 7), method: "m", body: []byte("[]")})
	}
	for len(o.take(nil, now)) > 0 {
	}
	o.trim(func(m *message) bool { return m.at.Equal(now) })
	require.Nil(t, o.pending)
	require.Nil(t, o.keyed)
	require.Nil(t, o.sent)
	require.Zero(t, o.fresh+o.bytes+o.sentBytes)
}

// Keys that change all the time must not make the queue longer than what it holds.
func TestOutbox_ReplacedCallsLeaveNoHoles(t *testing.T) {
	o := newOutbox(Limits{})
	for i := range 100_000 {
		o.put(message{key: fmt.Sprint(i % 10), method: "m", body: []byte("[]")})
	}
	require.Equal(t, 10, o.fresh)
	require.LessOrEqual(t, len(o.pending), 128)
}

// A batch is bounded, and a single call goes however large it is.
func TestOutbox_BatchesAreBounded(t *testing.T) {
	o := newOutbox(Limits{QueueBytes: 1000})
	_, ok := o.put(message{method: "m", body: make([]byte, 1<<20)})
	require.True(t, ok)
	_, ok = o.put(message{method: "m", body: []byte("[]")})
	require.False(t, ok)
	require.Len(t, o.take(nil, time.Time{}), 1)

	o = newOutbox(Limits{})
	for range 3000 {
		_, ok := o.put(message{method: "m", body: []byte("[]")})
		require.True(t, ok)
	}
	for range 3 {
		require.Len(t, o.take(nil, time.Time{}), batchMessages)
	}
	require.True(t, o.empty())
}
