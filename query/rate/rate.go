// Package rate bounds how often something may be done by whom: token buckets by key, in bounded memory.
package rate

import (
	"net/netip"
	"sync"
	"time"
)

// maxBuckets bounds the memory of a Limiter: principals are as many as are configured, addresses are not.
const maxBuckets = 100_000

// Limiter gives every key burst turns at once and then perSecond of them a second. Its methods may be called from any goroutine.
type Limiter struct {
	perSecond, burst float64
	now              func() time.Time

	mu      sync.Mutex
	buckets map[string]*bucket
}

// bucket holds what is left at a moment.
type bucket struct {
	left float64
	at   time.Time
}

// New makes a limiter; perSecond is more than 0, burst at least 1.
func New(perSecond float64, burst int, now func() time.Time) *Limiter {
	return &Limiter{perSecond: perSecond, burst: float64(burst), now: now, buckets: map[string]*bucket{}}
}

// Take spends one turn of key. left is what remains; wait is how long to wait for the next where none did.
func (l *Limiter) Take(key string) (left float64, wait time.Duration) {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets[key]
	if b == nil {
		l.makeRoom(now)
		b = &bucket{left: l.burst, at: now}
		l.buckets[key] = b
	}
	l.fill(b, now)
	if b.left < 1 {
		return 0, time.Duration((1 - b.left) / l.perSecond * float64(time.Second))
	}
	b.left--
	return b.left, 0
}

// Return gives back a turn that Take spent, where it turned out that it does not count.
func (l *Limiter) Return(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := l.buckets[key]; b != nil {
		b.left = min(l.burst, b.left+1)
	}
}

func (l *Limiter) fill(b *bucket, now time.Time) {
	if passed := now.Sub(b.at).Seconds(); passed > 0 {
		b.left = min(l.burst, b.left+passed*l.perSecond)
	}
	b.at = now
}

// makeRoom drops the buckets that are full again, which are worth nothing; where most are in use, any of them. It makes room for many, so that
// a flood of keys does not pay for it with each.
func (l *Limiter) makeRoom(now time.Time) {
	if len(l.buckets) < maxBuckets {
		return
	}
	for key, b := range l.buckets {
		if l.fill(b, now); b.left >= l.burst {
			delete(l.buckets, key)
		}
	}
	for key := range l.buckets {
		if len(l.buckets) <= maxBuckets-maxBuckets/8 {
			return
		}
		delete(l.buckets, key)
	}
}

// Network is what an address is counted under: of IPv6 the /64, of which a single host has all addresses.
func Network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil || !ip.Is6() || ip.Is4In6() {
		return address
	}
	network, _ := ip.WithZone("").Prefix(64) // of IPv6: never fails
	return network.String()
}
