package clarity

import (
	"floorwalker/query/auth"
	"floorwalker/query/floor"
	"floorwalker/query/mask"
)

// sight is what one agent sees of one state of its contact centre. It knows no request: whoever pushes answers looks with the same.
type sight struct {
	api *API
	v   *floor.View
	me  *floor.Agent
	may *rights

	mask *mask.Mask // what the agent is not to see of customers
}

// look is a caller's sight of the newest state; false where the directory does not have the caller any more.
func (a *API) look(who caller) (*sight, bool) {
	v := a.Source.View(who.contactCenter)
	me, ok := agentByID(v, who.agent)
	if !ok || v.Directory.Agents[who.agent] == nil {
		return nil, false
	}
	return a.sightOf(v, me), true
}

func (a *API) sightOf(v *floor.View, me *floor.Agent) *sight {
	return &sight{a, v, me, rightsOf(v, me), a.Masks[roleOf(me)]}
}

// roleOf is the native role that an agent's role in the directory is as good as; whoever has none of its words may only read.
func roleOf(me *floor.Agent) auth.Role {
	switch me.Entry.Role {
	case roleAdmin:
		return auth.Admin
	case roleSupervisor:
		return auth.Supervisor
	}
	return auth.Reader
}

// shown is a session as the agent may see it.
func (s *sight) shown(of session) session {
	if s.mask == nil {
		return of
	}
	row := *of.Interaction
	row.LiveInteraction = s.mask.Interaction(of.LiveInteraction)
	of.whole, of.Interaction, of.text = of.LiveInteraction, &row, nil
	return of
}
