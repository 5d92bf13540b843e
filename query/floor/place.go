package floor

import (
	"slices"
	"strings"
	"sync"

	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// placer joins agents with the directory; agents of one team that nothing else is said of share one place.
type placer struct {
	directory *directory.Directory
	ofTeam    map[string]*Place
	same      map[string]*Place // those of agents' own, by what is in them
	shared    []*Place          // all of these, by their n
	kept      sync.Map          // see View.OfDirectory
}

// maxShared bounds the places that are told apart, an int16 holds them; agents beyond have each their own.
const maxShared = 1 << 14

func newPlacer(d *directory.Directory) *placer {
	return &placer{directory: d, ofTeam: map[string]*Place{}, same: map[string]*Place{}}
}

// share returns the place that is already there with the same content, else the given one.
func (p *placer) share(key string, place *Place) *Place {
	if known := p.same[key]; known != nil {
		return known
	}
	if len(p.shared) >= maxShared {
		place.n = -1
		return place
	}
	place.n = len(p.shared)
	p.same[key] = place
	p.shared = append(p.shared, place)
	return place
}

// contentKey is equal for two places of the same team where their content is.
func contentKey(team string, lists ...[]string) string {
	var key strings.Builder
	key.WriteString(team)
	for _, ids := range lists {
		key.WriteByte(0)
		for _, id := range ids {
			key.WriteByte(1) // ids have no control characters
			key.WriteString(id)
		}
	}
	return key.String()
}

func (p *placer) join(id string, live *schema.LiveAgent) Agent {
	entry := p.directory.Agents[id]
	if entry == nil {
		entry = &directory.Agent{Entity: directory.Entity{ID: id, Name: id}}
	}
	if live == nil {
		live = &schema.LiveAgent{ID: id, Status: schema.LoggedOut, StatusSince: schema.NoTime, WorkloadSince: schema.NoTime,
			Presence: schema.LivePresence{Status: schema.LoggedOut, Since: schema.NoTime}}
	}
	return Agent{ID: id, Live: live, Entry: entry, Place: p.place(entry, live.Assignment)}
}

// rejoin is join for an agent that was joined with the same directory before: most changes leave its place as it is.
func (p *placer) rejoin(before *Agent, live *schema.LiveAgent) Agent {
	if live.Assignment != before.Live.Assignment {
		return p.join(before.ID, live)
	}
	return Agent{ID: before.ID, Live: live, Entry: before.Entry, Place: before.Place}
}

func (p *placer) place(entry *directory.Agent, named *schema.LiveAssignment) *Place {
	team := p.team(entry.TeamID)
	own := len(entry.QueueIDs) > 0 || len(entry.CampaignIDs) > 0 || len(entry.Skills) > 0
	if !own && named == nil {
		return team
	}
	place := *team
	place.QueueIDs = ordered(union(entry.QueueIDs, team.QueueIDs))
	place.CampaignIDs, place.Skills = entry.CampaignIDs, entry.Skills
	if named != nil {
		place.QueueIDs = orElse(named.QueueIDs, place.QueueIDs)
		place.CampaignIDs = orElse(named.CampaignIDs, place.CampaignIDs)
		place.Skills = orElse(named.Skills, place.Skills)
	}
	place.CampaignIDs = p.served(place.CampaignIDs, place.QueueIDs)
	return p.share(contentKey(entry.TeamID, place.QueueIDs, place.CampaignIDs, place.Skills), &place)
}

func (p *placer) team(id string) *Place {
	if place := p.ofTeam[id]; place != nil {
		return place
	}
	place := &Place{}
	d := p.directory
	if id != "" {
		place.Team = d.Teams[id]
		if place.Team == nil {
			place.Team = &directory.Team{Entity: directory.Entity{ID: id, Name: id}}
		}
		place.GroupIDs = d.GroupsOfTeam(id)
		place.BusinessUnitID = d.BusinessUnitOfTeam(id)
		place.QueueIDs = d.QueuesOfTeam(id)
		place.CampaignIDs = p.served(nil, place.QueueIDs)
	}
	place = p.share("\x02"+id, place)
	p.ofTeam[id] = place
	return place
}

// served adds the campaigns of the queues: serving one of a campaign's queues assigns to the campaign.
func (p *placer) served(campaigns, queues []string) []string {
	for _, queue := range queues {
		campaigns = union(campaigns, p.directory.CampaignsOfQueue(queue))
	}
	return ordered(campaigns)
}

func orElse(named, otherwise []string) []string {
	if named == nil {
		return otherwise
	}
	return named
}

func ordered(ids []string) []string {
	if slices.IsSorted(ids) {
		return ids
	}
	return slices.Sorted(slices.Values(ids))
}

// union keeps the order of first mention and never changes its arguments.
func union(a, b []string) []string {
	out := a
	copied := false
	for _, s := range b {
		if slices.Contains(out, s) {
			continue
		}
		if !copied {
			out, copied = slices.Clone(out), true
		}
		out = append(out, s)
	}
	return out
}
