package clarity

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"floorwalker/query/floor"
	"floorwalker/query/history"
	"floorwalker/query/problem"
	"floorwalker/schema"
)

// maxCustomerHistory bounds one answer (specification, Customer History by Session ID).
const maxCustomerHistory = 50

func clampLimit(n int) int {
	if n < 0 || n > maxCustomerHistory {
		return maxCustomerHistory
	}
	return n
}

// span is a share of a customer's sessions: begun in [from, to], 0 and 0 for all.
type span struct {
	from, to    int64
	limited     bool // to counts
	newestFirst bool
	limit       int
}

// moments as the specification writes them (2016-6-15 5:30:00.15), and RFC 3339; without a zone they are UTC.
var momentLayouts = []string{time.RFC3339Nano, "2006-1-2 15:4:5.999999999", "2006-1-2T15:4:5.999999999", "2006-1-2 15:4", "2006-1-2"}

// moment is a parameter that must be a moment where it is given.
func (c *call) moment(names ...string) (ms int64, given bool, err error) {
	v := c.args.text(names...)
	if v == "" {
		return 0, false, nil
	}
	for _, layout := range momentLayouts {
		if t, err := time.Parse(layout, v); err == nil {
			return t.UnixMilli(), true, nil
		}
	}
	return 0, false, problem.BadValue(names[0], v, "a moment such as 2016-06-15T05:30:00.15Z or 2016-6-15 5:30:00.15")
}

// customerHistoryOf answers the sessions of a session's customer. start alone, end alone, both, or one with limit; limit alone and all
// three are not supported.
func customerHistoryOf(c *call) error {
	start, hasStart, err := c.moment("start")
	if err != nil {
		return err
	}
	end, hasEnd, err := c.moment("end")
	if err != nil {
		return err
	}
	limit, hasLimit, err := c.integer("limit")
	switch {
	case err != nil:
		return err
	case hasLimit && hasStart == hasEnd:
		return problem.Parameter("limit", "limit goes with either start or end")
	case hasStart && hasEnd && start > end:
		return problem.Parameter("end", "end is before start")
	}
	sp := span{from: start, to: end, limited: hasEnd, newestFirst: !hasStart || !hasLimit, limit: maxCustomerHistory}
	if hasLimit {
		sp.limit = clampLimit(limit)
	}
	s, err := c.session(c.segment("sessionId"))
	if err != nil {
		return err
	}
	out, err := c.customerHistory(s, sp)
	if err != nil {
		return err
	}
	return c.answer(listOf(out))
}

// customerHistory are the other sessions of the same customer: of the same id, else of the same number; none where there is neither. It is
// asked for by what the caller may not see, too: the answer tells that a customer is the same, not who.
func (c *call) customerHistory(s session, sp span) ([]sessionBase, error) {
	to := c.v.AsOf + 1
	if sp.limited {
		to = sp.to + 1
	}
	of := history.InteractionFilter{ContactCenter: c.v.ContactCenter, From: max(0, sp.from), To: to, AsOf: c.v.AsOf}
	id, phone := s.asItIs().customer("id"), s.asItIs().customer("phone", "display_phone")
	switch {
	case id != "":
		of.CustomerIDs = []string{id}
	case phone != "":
		of.CustomerPhones = []string{phone}
	default:
		return nil, nil
	}
	if sp.limit == 0 || of.From >= of.To {
		return nil, nil
	}
	all, err := c.sessionsWhere(of, id, phone, sp)
	if err != nil {
		return nil, err
	}
	var out []sessionBase
	for _, i := range all {
		if (i.ID != s.ID || i.Start != s.Start) && len(out) < sp.limit {
			out = append(out, c.base(c.shown(sessionOf(c.v, floor.NewInteraction(i)))))
		}
	}
	return out, nil
}

// sessionsWhere are the stored sessions, one more than the limit because the session itself is among them; without a history the
// live ones.
func (c *call) sessionsWhere(of history.InteractionFilter, id, phone string, sp span) (out []*schema.LiveInteraction, err error) {
	if c.api.History == nil {
		c.v.Floor.Interactions.Scan(func(_ string, i *schema.LiveInteraction) bool {
			other := session{Interaction: &floor.Interaction{LiveInteraction: i}}
			same := id != "" && other.customer("id") == id || id == "" && strings.EqualFold(other.customer("phone", "display_phone"), phone)
			if same && i.Start >= of.From && i.Start < of.To {
				out = append(out, i)
			}
			return true
		})
		slices.SortStableFunc(out, func(a, b *schema.LiveInteraction) int {
			if sp.newestFirst {
				return cmp.Compare(b.Start, a.Start)
			}
			return cmp.Compare(a.Start, b.Start)
		})
		return out, nil
	}
	ctx, cancel := context.WithTimeout(c.UserContext(), historyTimeout)
	defer cancel()
	keys, err := c.api.History.InteractionKeys(ctx, of, []history.InteractionOrder{{Field: "created", Desc: sp.newestFirst}}, 0, sp.limit+1)
	if err != nil {
		return nil, historyProblem(err)
	}
	if len(keys) == 0 {
		return nil, nil
	}
	rows, err := c.api.History.Interactions(ctx, c.v.ContactCenter, keys)
	if err != nil {
		return nil, historyProblem(err)
	}
	return inOrder(rows, keys), nil
}

func inOrder(rows []*schema.LiveInteraction, keys []history.InteractionKey) []*schema.LiveInteraction {
	place := map[string]int{}
	for n, key := range keys {
		place[key.ID+"\x00"+strconv.FormatInt(key.Start, 10)] = n
	}
	return slices.SortedStableFunc(slices.Values(rows), func(a, b *schema.LiveInteraction) int {
		return cmp.Compare(place[a.ID+"\x00"+strconv.FormatInt(a.Start, 10)], place[b.ID+"\x00"+strconv.FormatInt(b.Start, 10)])
	})
}
