package query

import (
	"fmt"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"floorwalker/query/problem"
	"floorwalker/query/route"
)

// Header fields of draft-ietf-httpapi-ratelimit-headers-10.
const (
	headerRateLimit       = "RateLimit"
	headerRateLimitPolicy = "RateLimit-Policy"
)

// maxBuckets bounds the memory of the limiter: principals are as many as are configured, addresses are not.
const maxBuckets = 100_000

// limiter gives every principal rate requests a second, and burst at once. Requests without a valid credential count against the
// address that they come from.
type limiter struct {
	rate, burst float64
	policy      string // RateLimit-Policy
	now         func() time.Time

	mu      sync.Mutex
	buckets map[string]*bucketOf
}

// bucketOf holds what is left at a moment.
type bucketOf struct {
	left float64
	at   time.Time
}

// newLimiter is nil where there is no limit.
func newLimiter(rate, burst int, now func() time.Time) *limiter {
	if rate <= 0 {
		return nil
	}
	burst = max(burst, 1)
	window := int(math.Ceil(float64(burst) / float64(rate)))
	return &limiter{rate: float64(rate), burst: float64(burst), now: now, buckets: map[string]*bucketOf{},
		policy: fmt.Sprintf(`"requests";q=%d;w=%d`, burst, window)}
}

// take spends one request of key. left is what remains; wait is how long to wait for the next where none did.
func (l *limiter) take(key string) (left float64, wait time.Duration) {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets[key]
	if b == nil {
		l.makeRoom(now)
		b = &bucketOf{left: l.burst, at: now}
		l.buckets[key] = b
	}
	l.fill(b, now)
	if b.left < 1 {
		return 0, time.Duration((1 - b.left) / l.rate * float64(time.Second))
	}
	b.left--
	return b.left, 0
}

func (l *limiter) fill(b *bucketOf, now time.Time) {
	if passed := now.Sub(b.at).Seconds(); passed > 0 {
		b.left = min(l.burst, b.left+passed*l.rate)
	}
	b.at = now
}

// makeRoom drops the buckets that are full again, which are worth nothing; where all are in use, any of them.
func (l *limiter) makeRoom(now time.Time) {
	if len(l.buckets) < maxBuckets {
		return
	}
	for key, b := range l.buckets {
		if l.fill(b, now); b.left >= l.burst {
			delete(l.buckets, key)
		}
	}
	for key := range l.buckets {
		if len(l.buckets) < maxBuckets {
			return
		}
		delete(l.buckets, key)
	}
}

// admitted is called with every request that was let in.
func (a *App) admitted(c *fiber.Ctx, call *route.Call) error {
	if a.limiter == nil || call.Principal == "" {
		return nil
	}
	return a.spend(c, call, "principal "+call.Principal)
}

// spend takes one request from a bucket, says in headers what is left of it, and refuses where nothing is.
func (a *App) spend(c *fiber.Ctx, call *route.Call, key string) error {
	left, wait := a.limiter.take(key)
	seconds := int(math.Ceil((a.limiter.burst - left) / a.limiter.rate))
	if wait > 0 {
		seconds = max(1, int(math.Ceil(wait.Seconds())))
	}
	if !call.Operation.Surface.Bare {
		c.Set(headerRateLimitPolicy, a.limiter.policy)
		c.Set(headerRateLimit, `"requests";r=`+strconv.Itoa(int(left))+";t="+strconv.Itoa(seconds))
	}
	if wait == 0 {
		return nil
	}
	return problem.TooMany(fmt.Sprintf("more than %.0f requests at once or %.0f a second; wait %d s", a.limiter.burst, a.limiter.rate, seconds), seconds)
}

// stranger counts a request without a valid credential against its address: whoever guesses is slowed down.
func (a *App) stranger(c *fiber.Ctx, p *problem.Problem) *problem.Problem {
	call := route.CallOf(c)
	if a.limiter == nil || p.Status != fiber.StatusUnauthorized || call.Operation == nil {
		return p
	}
	if err := a.spend(c, call, "address "+a.addressOf(c)); err != nil {
		return problem.Of(err)
	}
	return p
}
