package engine

// Erase takes what `created` said of the customer away from interactions of a contact centre, with the links that may carry it, and
// returns of how many it did. Nothing that is counted changes. It is for engines of which snapshots are taken, not for one that folds:
// no row is written for it.
func (e *Engine) Erase(contactCenter string, of func(id string, start int64) bool) (erased int) {
	c := e.centers[contactCenter]
	if c == nil {
		return 0
	}
	for h := range c.slab {
		if c.slab[h] == 0 {
			continue
		}
		i := c.hot(uint32(h))
		if i.line.head.Born && of(i.id.text, i.line.head.Start) && i.eraseCustomer() {
			erased++
		}
		c.coolThawed()
	}
	return erased
}

// eraseCustomer also reaches a created that another one stands before: should that one move, it would be the first.
func (i *interaction) eraseCustomer() (found bool) {
	found = i.attrs.eraseCustomer()
	if i.created.x != nil {
		found = i.created.x.attrs.eraseCustomer() || found
	}
	for _, x := range i.line.extras {
		found = x.attrs.eraseCustomer() || found
	}
	return found
}

func (a *attributes) eraseCustomer() bool {
	if a == nil || len(a.Customer) == 0 && a.ScreenPopURL == "" && a.Gruu == "" {
		return false
	}
	a.Customer, a.ScreenPopURL, a.Gruu = nil, "", ""
	return true
}
