package directory

import (
	"cmp"
	"slices"
	"strconv"

	"floorwalker/schema"
)

// inspector collects the problems of one directory.
type inspector struct {
	d    *Directory
	list []Problem
}

func (d *Directory) findProblems() []Problem {
	in := inspector{d: d}
	in.numbers()
	if d.zoneFault != "" {
		in.add(KindContactCenter, d.ID, "time_zone", d.zoneFault)
	}
	in.structure()
	in.agents()
	in.queues()
	slices.SortFunc(in.list, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Detail, b.Detail))
	})
	return in.list
}

func (in *inspector) add(kind, id, field, detail string) {
	in.list = append(in.list, Problem{kind, id, field, detail})
}

func (in *inspector) numbers() {
	for kind, n := range in.d.numbers {
		for _, lost := range n.lost {
			in.add(kind, lost.id, "number", strconv.Itoa(int(lost.number))+" belongs to "+strconv.Quote(lost.to)+", this one has none")
		}
	}
	if q := in.d.Queues[strconv.Itoa(NotAQueueNumber)]; q != nil && q.Number == 0 {
		in.add(KindQueue, q.ID, "id", "9999 is no queue's number, this one has none")
	}
}

// refer reports ids of a kind that the directory does not know.
func (in *inspector) refer(kind, id, field, target string, ids ...string) {
	for _, to := range ids {
		if to != "" && in.d.kinds[target][to] == nil {
			in.add(kind, id, field, "there is no "+target+" "+strconv.Quote(to))
		}
	}
}

func (in *inspector) structure() {
	for id, g := range in.d.Groups {
		in.refer(KindGroup, id, "team_ids", KindTeam, g.TeamIDs...)
	}
	for id, t := range in.d.Teams {
		in.refer(KindTeam, id, "business_unit_id", KindBusinessUnit, t.BusinessUnitID)
		in.refer(KindTeam, id, "queue_ids", KindQueue, t.QueueIDs...)
	}
	for id, c := range in.d.Campaigns {
		in.refer(KindCampaign, id, "queue_ids", KindQueue, c.QueueIDs...)
	}
	for id, x := range in.d.Dispositions {
		in.refer(KindDisposition, id, "business_unit_id", KindBusinessUnit, x.BusinessUnitID)
	}
	for id := range in.d.Dashboards {
		if id != "default" {
			in.refer(KindDashboard, id, "id", KindAgent, id)
		}
	}
}

func (in *inspector) agents() {
	for id, a := range in.d.Agents {
		in.refer(KindAgent, id, "team_id", KindTeam, a.TeamID)
		in.refer(KindAgent, id, "queue_ids", KindQueue, a.QueueIDs...)
		in.refer(KindAgent, id, "campaign_ids", KindCampaign, a.CampaignIDs...)
		in.refer(KindAgent, id, "hidden_queue_ids", KindQueue, a.HiddenQueueIDs...)
		in.refer(KindAgent, id, "permissions.group_ids", KindGroup, a.Permissions.GroupIDs...)
		in.refer(KindAgent, id, "permissions.business_unit_ids", KindBusinessUnit, a.Permissions.BusinessUnitIDs...)
		in.refer(KindAgent, id, "permissions.team_ids", KindTeam, a.Permissions.TeamIDs...)
		if len(in.d.Skills) > 0 { // a centre may name skills without describing any
			in.refer(KindAgent, id, "skills", KindSkill, a.Skills...)
		}
	}
}

func (in *inspector) queues() {
	for id, q := range in.d.Queues {
		in.refer(KindQueue, id, "business_unit_id", KindBusinessUnit, q.BusinessUnitID)
		in.refer(KindQueue, id, "team_ids", KindTeam, q.TeamIDs...)
		for field, seconds := range map[string]int{"service_level_seconds": q.ServiceLevelSeconds, "short_abandon_seconds": q.ShortAbandonSeconds} {
			if seconds > schema.MaxThresholdSeconds {
				in.add(KindQueue, id, field, strconv.Itoa(seconds)+" s, waits are counted by seconds up to "+strconv.Itoa(schema.MaxThresholdSeconds))
			}
		}
	}
}
