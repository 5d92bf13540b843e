package clarity

import "floorwalker/query/floor"

// sight is what one agent sees of one state of its contact centre. It knows no request: whoever pushes answers looks with the same.
type sight struct {
	api *API
	v   *floor.View
	me  *floor.Agent
	may *rights
}

// look is a caller's sight of the newest state; false where the directory does not have the caller any more.
func (a *API) look(who caller) (*sight, bool) {
	v := a.Source.View(who.contactCenter)
	me, ok := agentByID(v, who.agent)
	if !ok || v.Directory.Agents[who.agent] == nil {
		return nil, false
	}
	return &sight{a, v, me, rightsOf(v, me)}, true
}
