package session

import (
	"fmt"
	"math"

	"floorwalker/query/problem"
	"floorwalker/query/rate"
)

// Tries that may go wrong: so many at once, and then one in ten seconds. Many users may share an address.
const (
	triesPerSecond = 0.1
	triesOfUser    = 10
	triesOfAddress = 50
)

// tries slows down whoever guesses, by the user who is guessed at and by the address that it comes from.
type tries struct{ users, addresses *rate.Limiter }

// take is called before the check, so that tries at the same time count too. The error is a problem.
func (t *tries) take(user, address string) error {
	address = rate.Network(address)
	_, wait := t.addresses.Take(address)
	if wait == 0 && user != "" {
		if _, wait = t.users.Take(user); wait > 0 {
			t.addresses.Return(address)
		}
	}
	if wait == 0 {
		return nil
	}
	seconds := max(1, int(math.Ceil(wait.Seconds())))
	return problem.TooMany(fmt.Sprintf("too many tries have gone wrong; wait %d s", seconds), seconds)
}

// giveBack forgets a try that was right, or that could not be checked.
func (t *tries) giveBack(user, address string) {
	t.addresses.Return(rate.Network(address))
	if user != "" {
		t.users.Return(user)
	}
}
