package directory

import "slices"

// relations joins what entities say about one another, both ways.
type relations struct {
	queuesOfTeam, teamsOfQueue        map[string][]string
	teamsOfGroup, groupsOfTeam        map[string][]string
	teamsOfBusinessUnit, agentsOfTeam map[string][]string
	campaignsOfQueue                  map[string][]string
}

func relate(d *Directory) relations {
	r := relations{
		queuesOfTeam: map[string][]string{}, teamsOfQueue: map[string][]string{},
		teamsOfGroup: map[string][]string{}, groupsOfTeam: map[string][]string{},
		teamsOfBusinessUnit: map[string][]string{}, agentsOfTeam: map[string][]string{},
		campaignsOfQueue: map[string][]string{},
	}
	for id, t := range d.Teams {
		for _, queue := range t.QueueIDs {
			link(r.queuesOfTeam, r.teamsOfQueue, id, queue)
		}
		r.teamsOfBusinessUnit[t.BusinessUnitID] = append(r.teamsOfBusinessUnit[t.BusinessUnitID], id)
	}
	for id, q := range d.Queues {
		for _, team := range q.TeamIDs {
			link(r.queuesOfTeam, r.teamsOfQueue, team, id)
		}
	}
	for id, g := range d.Groups {
		for _, team := range g.TeamIDs {
			link(r.teamsOfGroup, r.groupsOfTeam, id, team)
		}
	}
	for id, a := range d.Agents {
		if a.TeamID != "" {
			r.agentsOfTeam[a.TeamID] = append(r.agentsOfTeam[a.TeamID], id)
		}
	}
	for id, c := range d.Campaigns {
		for _, queue := range c.QueueIDs {
			r.campaignsOfQueue[queue] = append(r.campaignsOfQueue[queue], id)
		}
	}
	for _, m := range []map[string][]string{r.queuesOfTeam, r.teamsOfQueue, r.teamsOfGroup, r.groupsOfTeam, r.teamsOfBusinessUnit,
		r.agentsOfTeam, r.campaignsOfQueue} {
		for id, list := range m {
			m[id] = sortedSet(list)
		}
	}
	return r
}

func link(there, back map[string][]string, from, to string) {
	there[from] = append(there[from], to)
	back[to] = append(back[to], from)
}

func sortedSet(list []string) []string {
	slices.Sort(list)
	return slices.Clip(slices.Compact(list))
}

// QueuesOfTeam are team.queue_ids ∪ the queues whose team_ids name the team.
func (d *Directory) QueuesOfTeam(id string) []string { return d.relations.queuesOfTeam[id] }

// TeamsOfQueue is the same relation, read from the queue.
func (d *Directory) TeamsOfQueue(id string) []string { return d.relations.teamsOfQueue[id] }

// TeamsOfGroup are the teams of a group.
func (d *Directory) TeamsOfGroup(id string) []string { return d.relations.teamsOfGroup[id] }

// GroupsOfTeam are the groups that a team is in.
func (d *Directory) GroupsOfTeam(id string) []string { return d.relations.groupsOfTeam[id] }

// BusinessUnitOfTeam is the id of a team's business unit, empty where the team is not known.
func (d *Directory) BusinessUnitOfTeam(id string) string {
	if t := d.Teams[id]; t != nil {
		return t.BusinessUnitID
	}
	return ""
}

// TeamsOfBusinessUnit are the teams of a business unit.
func (d *Directory) TeamsOfBusinessUnit(id string) []string {
	return d.relations.teamsOfBusinessUnit[id]
}

// AgentsOfTeam are the agents of a team.
func (d *Directory) AgentsOfTeam(id string) []string { return d.relations.agentsOfTeam[id] }

// CampaignsOfQueue are the campaigns that name a queue.
func (d *Directory) CampaignsOfQueue(id string) []string { return d.relations.campaignsOfQueue[id] }

// QueuesOfAgent are an agent's queues where its session's assignment named none: agent.queue_ids ∪ those of its team.
func (d *Directory) QueuesOfAgent(id string) []string {
	a := d.Agents[id]
	if a == nil {
		return nil
	}
	return sortedSet(slices.Concat(a.QueueIDs, d.QueuesOfTeam(a.TeamID)))
}

// CampaignsOfAgent are an agent's campaigns where its session's assignment named none: agent.campaign_ids ∪ the campaigns that
// name one of queues, which are those that the agent serves now.
func (d *Directory) CampaignsOfAgent(id string, queues []string) []string {
	var campaigns []string
	if a := d.Agents[id]; a != nil {
		campaigns = append(campaigns, a.CampaignIDs...)
	}
	for _, queue := range queues {
		campaigns = append(campaigns, d.CampaignsOfQueue(queue)...)
	}
	return sortedSet(campaigns)
}
