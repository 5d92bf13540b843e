package native

import (
	"context"
	"errors"
	"slices"
	"strings"

	"floorwalker/query/auth"
	"floorwalker/query/floor"
	"floorwalker/query/hub"
	"floorwalker/query/list"
	"floorwalker/query/mask"
	"floorwalker/query/problem"
	"floorwalker/query/route"
	"floorwalker/query/stream"
)

// Topics are what the stream of the native API offers to a role: the lists of these names.
func (a *API) Topics(role auth.Role) []stream.Topic {
	m := a.Masks[role]
	return []stream.Topic{
		{Name: "agents", Parameters: append(agentFilters(), pushedFields(pushedAgentFields())), Feed: a.agentFeed(m)},
		{Name: "interactions", Parameters: append(liveInteractionFilters(), pushedFields(a.interactions.Names())), Feed: a.interactionFeed(m)},
		{Name: "queues", Parameters: append(queueFilters(), pushedFields(a.queueTable.Names())), Feed: a.stateFeed(a.queueTable, false)},
		{Name: "campaigns", Parameters: append(campaignFilters(), pushedFields(a.campTable.Names())), Feed: a.stateFeed(a.campTable, true)},
		{Name: "summary", Parameters: append(agentFilters(), summaryGrouping(), pushedFields(summaryTable("").Names())), Feed: a.summaryFeed},
		{Name: "metrics", Parameters: liveMetricParameters(), Feed: a.metricFeed},
		{Name: "alerts", Parameters: append(activeAlertFilters(), pushedFields(a.alertTable.Names())), Feed: a.alertFeed},
	}
}

func pushedFields(names []string) route.Parameter {
	return route.InQuery("fields", "only these fields of each row, and what tells rows apart", route.OneOf(names...)).Comma()
}

// fieldsOf reads the fields that were asked for.
func fieldsOf(q *list.Query, standard []string) []string {
	if fields, ok := q.Strings("fields"); ok {
		return fields
	}
	return standard
}

// encoded is where feeds find a row that another one has encoded in the same look.
type encoded struct{ table, fields, id string }

// pushedAgentFields are an agent's without the age of its status, beside which status_since stands.
func pushedAgentFields() []string {
	return slices.DeleteFunc(agentTable().Names(), func(name string) bool { return name == "status_age_ms" })
}

// pushedStandard leaves out what changes all the time.
func pushedStandard() []string {
	return slices.DeleteFunc(pushedAgentFields(), func(name string) bool { return name == "today" })
}

// agentFeed is shared by those alone whom the same of customers is hidden from.
func (a *API) agentFeed(m *mask.Mask) func(q *list.Query, _ *floor.View) (hub.Feed, error) {
	return func(q *list.Query, _ *floor.View) (hub.Feed, error) { return a.agents(q, m) }
}

func (a *API) agents(q *list.Query, m *mask.Mask) (hub.Feed, error) {
	filter := readAgentFilter(q)
	fields := fieldsOf(q, pushedStandard())
	row, shared := a.agentTable.Pushed("id", fields), m.Key()+" "+strings.Join(fields, ",")
	today := slices.Contains(fields, "today")
	feed := hub.Feed{Key: "agents\x00" + m.Key() + "\x00" + q.Canonical(), Timed: filter.hasLongerMs, Whole: today}
	if today {
		feed.Windows = []string{"today"}
	}
	var resolved agentFilter
	var wanted floor.Tester
	feed.Build = func(c *hub.Change, rows *hub.Rows) error {
		if c.Anew {
			resolved = *filter
			resolved.resolve(c.View)
			wanted = floor.Tester{Selection: resolved.selection()}
			rows.Only(resolved.id)
		}
		resolved.v = c.View
		s := c.Once(agentLook{today, m.Key()}, func() any { return a.agentState(c.View, today, m) }).(*agentState)
		encode := func(agent floor.Picked) {
			rows.Put(agent.ID, c.Row(encoded{"agents", shared, agent.ID}, func() []byte { return row.Row(agentRow{agent, s}) }))
		}
		if c.Whole {
			c.View.Select(wanted.Selection, func(agent floor.Picked) {
				if c.Figures || c.AgentChanged(agent.ID) || !rows.Keep(agent.ID) {
					encode(agent)
				}
			})
			return nil
		}
		for _, agent := range c.ChangedAgents() {
			switch {
			case wanted.Test(agent.Now):
				encode(floor.Pick(agent.Now))
			case agent.Before == nil || wanted.Test(agent.Before):
				rows.Remove(agent.Now.ID)
			}
		}
		return nil
	}
	return feed, nil
}

// agentLook tells apart the states that feeds of one look share.
type agentLook struct {
	today bool
	mask  string
}

func (a *API) interactionFeed(m *mask.Mask) func(q *list.Query, _ *floor.View) (hub.Feed, error) {
	return func(q *list.Query, _ *floor.View) (hub.Feed, error) {
		if err := unhidden(m, q, nil); err != nil {
			return hub.Feed{}, err
		}
		return a.liveInteractions(q, m)
	}
}

func (a *API) liveInteractions(q *list.Query, m *mask.Mask) (hub.Feed, error) {
	filter := readInteractionFilter(q)
	fields := fieldsOf(q, a.interactions.Names())
	row, shared := a.interactions.Pushed("id", fields), m.Key()+" "+strings.Join(fields, ",")
	// A number means the newest interaction of those that have it.
	feed := hub.Feed{Key: "interactions\x00" + m.Key() + "\x00" + q.Canonical(), Timed: filter.hasLonger, Whole: filter.id != nil}
	resolved := &interactionFilter{}
	feed.Build = func(c *hub.Change, rows *hub.Rows) error {
		if c.Anew || filter.id != nil {
			*resolved = *filter
			resolved.resolve(c.View)
		}
		resolved.v = c.View
		encode := func(i *floor.Interaction) {
			rows.Put(i.ID, c.Row(encoded{"interactions", shared, i.ID}, func() []byte { return row.Row(interactionRow{shown(m, i), c.View}) }))
		}
		if c.Whole {
			for _, i := range c.Once("interactions", func() any { return c.View.Interactions() }).([]*floor.Interaction) {
				if resolved.match(i) && (c.InteractionChanged(i.ID) || !rows.Keep(i.ID)) {
					encode(i)
				}
			}
			return nil
		}
		for _, id := range c.Interactions {
			if live, ok := c.View.Floor.Interactions.Get(id); ok {
				if i := floor.NewInteraction(live); resolved.match(i) {
					encode(i)
					continue
				}
			}
			rows.Remove(id)
		}
		return nil
	}
	return feed, nil
}

// stateFeed is that of queues or campaigns.
func (a *API) stateFeed(t *list.Table[queueRow], campaigns bool) func(q *list.Query, v *floor.View) (hub.Feed, error) {
	name := "queues"
	if campaigns {
		name = "campaigns"
	}
	type state struct {
		campaigns bool
		window    string
	}
	return func(q *list.Query, _ *floor.View) (hub.Feed, error) {
		window := q.Choice("window", "today", floor.WindowNames())
		wanted := readQueueFilter(q)
		fields := fieldsOf(q, t.Names())
		row, shared := t.Pushed("id", fields), window+" "+strings.Join(fields, ",")
		feed := hub.Feed{Key: name + "\x00" + q.Canonical(), Windows: []string{window}} // which says what rows there are, too
		if slices.Contains(fields, "estimated_wait_ms") && !campaigns {
			feed.Windows = append(feed.Windows, "1h")
		}
		feed.Build = func(c *hub.Change, rows *hub.Rows) error {
			s := c.Once(state{campaigns, window}, func() any { return a.queueState(c.View, campaigns, window, c.LiveWindow) }).(*queueState)
			filter := wanted.resolve(s)
			for _, id := range s.ids() {
				if r := s.row(id); filter.match(r) {
					rows.Put(id, c.Row(encoded{name, shared, id}, func() []byte { return row.Row(r) }))
				}
			}
			return nil
		}
		return feed, nil
	}
}

func (a *API) summaryFeed(q *list.Query, _ *floor.View) (hub.Feed, error) {
	filter, groupBy := readAgentFilter(q), q.One("group_by")
	t := summaryTable(groupBy)
	row := t.Pushed("group", fieldsOf(q, t.Names()))
	group := t.Pushed("group", nil)
	feed := hub.Feed{Key: "summary\x00" + q.Canonical(), Whole: true, Timed: filter.hasLongerMs, Objects: true}
	feed.Build = func(c *hub.Change, rows *hub.Rows) error {
		resolved := *filter
		resolved.resolve(c.View)
		for _, r := range summaryRows(c.View, &resolved, groupBy) {
			rows.Put(fieldOf(group.Row(r)), row.Row(r))
		}
		return nil
	}
	return feed, nil
}

// fieldOf is the value of an object's only field.
func fieldOf(object []byte) string {
	_, value, _ := strings.Cut(string(object), ":")
	return strings.TrimSuffix(value, "}")
}

// liveMetricParameters are those of /metrics that say what is counted, of live windows alone.
func liveMetricParameters() []route.Parameter {
	return slices.DeleteFunc(metricParameters(), func(p route.Parameter) bool {
		switch p.Name {
		case "format", "offset", "limit", "sort", "fields", "from", "to", "interval", "time_zone", "as_of":
			return true
		}
		return false
	})
}

func (a *API) metricFeed(q *list.Query, v *floor.View) (hub.Feed, error) {
	asked := a.readMetrics(q, v)
	if err := q.Err(); err != nil {
		return hub.Feed{}, err
	}
	if err := a.checkLive(asked); err != nil {
		return hub.Feed{}, historyProblem(err)
	}
	feed := hub.Feed{Key: "metrics\x00" + q.Canonical(), Windows: []string{asked.window, "1h"}, Objects: true}
	feed.Build = func(c *hub.Change, rows *hub.Rows) error {
		asked := a.readMetrics(q, c.View)
		answer, err := a.answerMetrics(context.Background(), c.View, asked)
		if err = errors.Join(err, a.Limits.checkRows(answer.rows)); err != nil {
			return historyProblem(err)
		}
		t := metricsTable(asked, answer.fields, answer.asOf, false)
		row, group := t.Pushed("group", t.Names()), t.Pushed("group", nil)
		for _, r := range answer.rows {
			rows.Put(fieldOf(group.Row(r)), row.Row(r))
		}
		return nil
	}
	return feed, nil
}

// activeAlertFilters are those of /alerts without what is of the past.
func activeAlertFilters() []route.Parameter {
	return slices.DeleteFunc(alertFilters(), func(p route.Parameter) bool { return p.Name == "state" || p.Name == "from" || p.Name == "to" })
}

func (a *API) alertFeed(q *list.Query, v *floor.View) (hub.Feed, error) {
	if a.Alerts == nil {
		return hub.Feed{}, problem.Unavailable("alerts_unavailable", "this server keeps no alerts", 0)
	}
	contactCenter := v.ContactCenter
	row := a.alertTable.Pushed("id", fieldsOf(q, a.alertTable.Names()))
	feed := hub.Feed{Key: "alerts\x00" + q.Canonical(), Whole: true}
	feed.Version = func(*floor.View) uint64 {
		_, version := a.Alerts.Active(contactCenter)
		return version
	}
	feed.Build = func(c *hub.Change, rows *hub.Rows) error {
		f := readAlertFilter(q, c.View)
		active, _ := a.Alerts.Active(contactCenter)
		for n := range active {
			if f.match(&active[n]) {
				rows.Put(active[n].ID, row.Row(active[n]))
			}
		}
		return nil
	}
	return feed, nil
}
