package view

import "floorwalker/schema"

// StatusIntervals returns an agent's intervals of effective status, oldest first, the one that goes on with an open end: those of
// the last 27 hours, as far as the view knows them. While the agent was logged out there is none.
func (v *View) StatusIntervals(contactCenter, agent string) []schema.Interval {
	c := v.find(contactCenter)
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.days[agent]
	if d == nil {
		return nil
	}
	out := make([]schema.Interval, len(d.Intervals))
	for n := range out {
		out[n] = d.Interval(n)
	}
	return out
}
