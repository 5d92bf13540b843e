package clarity

import (
	"cmp"
	"slices"
	"strconv"

	"floorwalker/query/floor"
	"floorwalker/schema/directory"
)

// number is the integer that an entity shows, nil where it has none.
func (c *call) number(kind, id string) *int64 {
	if id == "" {
		return nil
	}
	n, ok := c.v.Directory.Number(kind, id)
	if !ok {
		return nil
	}
	wide := int64(n)
	return &wide
}

// numbers are the integers of those of ids that have one, ascending.
func (c *call) numbers(kind string, ids []string) []int64 {
	out := make([]int64, 0, len(ids))
	for _, id := range ids {
		if n, ok := c.v.Directory.Number(kind, id); ok && id != "" {
			out = append(out, int64(n))
		}
	}
	slices.Sort(out)
	return out
}

// byNumber orders ids by the integers that they show; those without one come last.
func (c *call) byNumber(kind string, ids []string) []string {
	key := func(id string) int64 {
		if n := c.number(kind, id); n != nil {
			return *n
		}
		return 1 << 40
	}
	return slices.SortedStableFunc(slices.Values(ids), func(a, b string) int { return cmp.Compare(key(a), key(b)) })
}

// entity is the id that a number or an id means: this API shows numbers, so a decimal is one first.
func (c *call) entity(kind, text string) string {
	if n, err := strconv.ParseInt(text, 10, 32); err == nil && n > 0 {
		if id, ok := c.v.Directory.ByNumber(kind, int32(n)); ok {
			return id
		}
	}
	return text
}

// agent is a visible agent; what is not visible and what does not exist is the same 401.
func (c *call) agent(text string) (*floor.Agent, error) {
	a, ok := agentByID(c.v, c.entity(directory.KindAgent, text))
	if !ok || !c.may.agent(a) {
		return nil, invisible()
	}
	return a, nil
}

// queue is a visible queue's id.
func (c *call) queue(text string) (string, error) {
	id := c.entity(directory.KindQueue, text)
	if _, known := slices.BinarySearch(c.v.QueueIDs(), id); !known || !c.may.queue(id) {
		return "", invisible()
	}
	return id, nil
}

// unit is the id of a visible team, group or business unit.
func (c *call) unit(kind, text string) (string, error) {
	id := c.entity(kind, text)
	may := c.may.team
	switch kind {
	case directory.KindGroup:
		may = c.may.group
	case directory.KindBusinessUnit:
		may = c.may.unit
	}
	if _, known := c.v.Directory.Raw(kind, id); !known || !may(id) {
		return "", invisible()
	}
	return id, nil
}
