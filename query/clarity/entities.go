package clarity

import (
	"cmp"
	"slices"
	"strconv"

	"floorwalker/query/floor"
	encode "floorwalker/query/list"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// number is the integer that an entity shows, nil where it has none.
func (s *sight) number(kind, id string) *int64 {
	if id == "" {
		return nil
	}
	n, ok := s.v.Directory.Number(kind, id)
	if !ok {
		return nil
	}
	wide := int64(n)
	return &wide
}

// writeNumber appends the integer that an entity shows, null where it has none.
func (s *sight) writeNumber(e *encode.Encoder, kind, id string) {
	if n, ok := s.v.Directory.Number(kind, id); ok {
		e.Int(int64(n))
	} else {
		e.Null()
	}
}

// numbers are the integers of those of ids that have one, ascending.
func (s *sight) numbers(kind string, ids []string) []int64 {
	out := make([]int64, 0, len(ids))
	for _, id := range ids {
		if n, ok := s.v.Directory.Number(kind, id); ok && id != "" {
			out = append(out, int64(n))
		}
	}
	slices.Sort(out)
	return out
}

// numbersByTeam are the integers of each team's agents, made once of a directory.
type numbersByTeam struct{}

// teamNumbers are the integers of a team's agents, ascending, and written as an array.
type teamNumbers struct {
	numbers []int64
	text    []byte
}

// teamNumbers is the array of the integers of the agents of several teams, ascending.
func (s *sight) teamNumbers(teams []string) []byte {
	all := s.v.OfDirectory(numbersByTeam{}, func() any {
		out := make(map[string]teamNumbers, len(s.v.Directory.Teams))
		for team := range s.v.Directory.Teams {
			numbers := s.numbers(directory.KindAgent, s.v.Directory.AgentsOfTeam(team))
			out[team] = teamNumbers{numbers, numbersText(numbers)}
		}
		return out
	}).(map[string]teamNumbers)
	if len(teams) == 1 {
		if known, ok := all[teams[0]]; ok {
			return known.text
		}
	}
	var out []int64
	for _, team := range teams {
		out = append(out, all[team].numbers...)
	}
	slices.Sort(out)
	return numbersText(out)
}

func numbersText(numbers []int64) []byte {
	var e encode.Encoder
	e.Array()
	for _, n := range numbers {
		e.Int(n)
	}
	e.EndArray()
	return e.B
}

// byNumber orders ids by the integers that they show; those without one come last.
func (s *sight) byNumber(kind string, ids []string) []string {
	key := func(id string) int64 {
		if n := s.number(kind, id); n != nil {
			return *n
		}
		return 1 << 40
	}
	return slices.SortedStableFunc(slices.Values(ids), func(a, b string) int { return cmp.Compare(key(a), key(b)) })
}

// entity is the id that a number or an id means: this API shows numbers, so a decimal is one first.
func (s *sight) entity(kind, text string) string {
	if n, err := strconv.ParseInt(text, 10, 32); err == nil && n > 0 {
		if id, ok := s.v.Directory.ByNumber(kind, int32(n)); ok {
			return id
		}
	}
	return text
}

// interaction is the session that a number or an id means, a number first; of several of one number the newest.
func (s *sight) interaction(text string) (*floor.Interaction, bool) {
	i, ok := s.v.Interaction(text)
	n, err := strconv.ParseInt(text, 10, 32)
	if !ok || err != nil || int64(i.Number) == n {
		return i, ok
	}
	s.v.Floor.Interactions.Scan(func(_ string, other *schema.LiveInteraction) bool {
		if row := floor.NewInteraction(other); int64(row.Number) == n && (int64(i.Number) != n || row.Start > i.Start) {
			i = row
		}
		return true
	})
	return i, true
}

// agent is a visible agent; what is not visible and what does not exist is the same 401.
func (s *sight) agent(text string) (*floor.Agent, error) {
	a, ok := agentByID(s.v, s.entity(directory.KindAgent, text))
	if !ok || !s.may.agent(a) {
		return nil, invisible()
	}
	return a, nil
}

// queue is a visible queue's id.
func (s *sight) queue(text string) (string, error) {
	id := s.entity(directory.KindQueue, text)
	if !s.seesQueue(id) {
		return "", invisible()
	}
	return id, nil
}

func (s *sight) seesQueue(id string) bool {
	_, known := slices.BinarySearch(s.v.QueueIDs(), id)
	return known && s.may.queue(id)
}

// unit is the id of a visible team, group or business unit.
func (s *sight) unit(kind, text string) (string, error) {
	id := s.entity(kind, text)
	if !s.seesUnit(kind, id) {
		return "", invisible()
	}
	return id, nil
}

func (s *sight) seesUnit(kind, id string) bool {
	may := s.may.team
	switch kind {
	case directory.KindGroup:
		may = s.may.group
	case directory.KindBusinessUnit:
		may = s.may.unit
	}
	_, known := s.v.Directory.Raw(kind, id)
	return known && may(id)
}
