package kerberos

import (
	"crypto/sha256"
	"sync"
	"time"
)

// replays remembers what was shown for as long as its clock would still be believed. The library's own memory is one for the whole
// process, forgets too early what came from a clock that goes ahead, and looks and notes in two steps.
type replays struct {
	now   func() time.Time
	mu    sync.Mutex
	young map[[sha256.Size]byte]struct{} // shown since turned
	old   map[[sha256.Size]byte]struct{} // shown before
	turn  time.Time
}

// An authenticator is believed from MaxSkew before its time to MaxSkew after it.
const believed = 2 * MaxSkew

func newReplays(now func() time.Time) *replays {
	return &replays{now: now, young: map[[sha256.Size]byte]struct{}{}, turn: now().Add(believed)}
}

// seen notes an authenticator and reports whether it was there already.
func (r *replays) seen(authenticator []byte) bool {
	sum := sha256.Sum256(authenticator)
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.now(); !now.Before(r.turn) {
		r.old, r.young = r.young, map[[sha256.Size]byte]struct{}{}
		if now.Sub(r.turn) >= believed {
			r.old = nil
		}
		r.turn = now.Add(believed)
	}
	if _, known := r.young[sum]; known {
		return true
	}
	if _, known := r.old[sum]; known {
		return true
	}
	r.young[sum] = struct{}{}
	return false
}
