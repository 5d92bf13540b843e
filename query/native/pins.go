package native

import (
	"crypto/rand"
	"encoding/base64"
	"slices"
	"sync"

	"floorwalker/query/floor"
	"floorwalker/query/history"
	"floorwalker/query/problem"
)

// Bounds of lists of the past that are kept for later pages, in keys. A key takes about a hundred bytes.
const (
	maxPinned    = 20_000
	maxPinnedAll = 1_000_000
)

// pins keep lists of the past for as long as floor.Source keeps floors, so that pages of one list do not shift while late events
// come in.
type pins struct {
	mu   sync.Mutex
	list []*pin // oldest first
	keys int
}

// pin is one list: the keys of what was found, in order.
type pin struct {
	token, contactCenter, question string
	keys                           []history.InteractionKey
	asOf                           int64
	from, to                       int64
	until                          int64
}

// keep pins a list and returns its token; empty where there is no room, since what is pinned must stay.
func (p *pins) keep(contactCenter, question string, keys []history.InteractionKey, asOf, from, to, now int64) (string, error) {
	var raw [15]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return "", problem.Internal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expire(now)
	if p.keys+len(keys) > maxPinnedAll {
		return "", nil
	}
	one := &pin{token: base64.RawURLEncoding.EncodeToString(raw[:]), contactCenter: contactCenter, question: question, keys: keys, asOf: asOf, from: from, to: to,
		until: now + floor.KeepFor.Milliseconds()}
	p.list, p.keys = append(p.list, one), p.keys+len(keys)+1
	return one.token, nil
}

// find returns a pinned list and keeps it for longer. Errors are problems: 400 for the token of another list, 410
// snapshot_expired.
func (p *pins) find(contactCenter, token, question string, now int64) (*pin, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expire(now)
	for _, one := range p.list {
		if one.token != token || one.contactCenter != contactCenter {
			continue
		}
		if one.question != question {
			return nil, problem.Parameter("snapshot", "the snapshot is of a list with other filters or another order")
		}
		one.until = now + floor.KeepFor.Milliseconds()
		return one, nil
	}
	expired := problem.New(410, "snapshot_expired", "this snapshot is no longer kept; begin again without snapshot")
	expired.Parameter = "snapshot"
	return nil, expired
}

func (p *pins) expire(now int64) {
	p.list = slices.DeleteFunc(p.list, func(one *pin) bool {
		if one.until >= now {
			return false
		}
		p.keys -= len(one.keys) + 1
		return true
	})
}
