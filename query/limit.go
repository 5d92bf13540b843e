package query

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"floorwalker/query/problem"
	"floorwalker/query/rate"
	"floorwalker/query/route"
)

// Header fields of draft-ietf-httpapi-ratelimit-headers-10.
const (
	headerRateLimit       = "RateLimit"
	headerRateLimitPolicy = "RateLimit-Policy"
)

// limiter gives every principal rate requests a second, and burst at once. Requests without a valid credential count against the
// address that they come from.
type limiter struct {
	*rate.Limiter
	rate, burst float64
	policy      string // RateLimit-Policy
}

// newLimiter is nil where there is no limit.
func newLimiter(perSecond, burst int, now func() time.Time) *limiter {
	if perSecond <= 0 {
		return nil
	}
	burst = max(burst, 1)
	window := int(math.Ceil(float64(burst) / float64(perSecond)))
	return &limiter{Limiter: rate.New(float64(perSecond), burst, now), rate: float64(perSecond), burst: float64(burst),
		policy: fmt.Sprintf(`"requests";q=%d;w=%d`, burst, window)}
}

// admitted is called with every request that was let in.
func (a *App) admitted(c *fiber.Ctx, call *route.Call) error {
	a.auditAdmitted(c, call)
	if a.limiter == nil || call.Principal == "" {
		return nil
	}
	return a.spend(c, call, "principal "+call.Principal)
}

// spend takes one request from a bucket, says in headers what is left of it, and refuses where nothing is.
func (a *App) spend(c *fiber.Ctx, call *route.Call, key string) error {
	left, wait := a.limiter.Take(key)
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
	a.auditStranger(c, call, p)
	if a.limiter == nil || p.Status != fiber.StatusUnauthorized || call.Operation == nil {
		return p
	}
	if err := a.spend(c, call, "address "+rate.Network(a.addressOf(c))); err != nil {
		return problem.Of(err)
	}
	return p
}
