package exotel

import (
	"sync"
	"time"
)

// window is the time that a limit counts over.
const window = time.Minute

// limiter counts the requests of each account over windows that begin with the account's first request.
type limiter struct {
	now func() time.Time

	mu       sync.Mutex
	accounts map[string]*spent
}

type spent struct {
	count int
	ends  time.Time
}

// quota is what an account has left.
type quota struct {
	limit, remaining int
	resets           time.Time
	exceeded         bool
}

// take counts one request of an account. Contact centres are few, so entries are never dropped.
func (l *limiter) take(account string, limit int) quota {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.accounts[account]
	if s == nil || !now.Before(s.ends) {
		s = &spent{ends: now.Add(window)}
		l.accounts[account] = s
	}
	if s.count >= limit {
		return quota{limit: limit, resets: s.ends, exceeded: true}
	}
	s.count++
	return quota{limit: limit, remaining: limit - s.count, resets: s.ends}
}
