package audit_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/aggregate/audit"
)

// nonsense is events that need not fit one another: every order of everything that can happen to few agents and interactions.
func nonsense(cc string, seed uint64, n int) (list []happening) {
	r := rand.New(rand.NewPCG(seed, 5))
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	for k := range n {
		t := morning + r.Int64N(3*hour/500)*500
		agent, id := fmt.Sprint("a", r.IntN(3)), fmt.Sprint("i", (t-morning)/(10*minute), "-", r.IntN(4))
		h := happening{cc: cc, t: t, id: fmt.Sprint(cc, "-", k), subject: id, data: fmt.Sprintf(`{"agent_id":%q}`, agent)}
		switch r.IntN(24) {
		case 0:
			h.kind, h.subject, h.data = "agent.login", agent, `{}`
		case 1:
			h.kind, h.subject, h.data = pick("agent.logout", "agent.login"), agent, `{}`
		case 2, 3:
			h.kind, h.subject = "agent.status", agent
			h.data = fmt.Sprintf(`{"status":%q,"reason":{"id":%q}}`, pick("available", "available", "break", "on_call", "wrap", "rona", "logged_out"), pick("", "1"))
		case 4:
			h.kind, h.subject, h.data = "agent.suspended", agent, fmt.Sprintf(`{"suspended":%v}`, r.IntN(2) == 0)
		case 5, 6:
			h.kind = "interaction.created"
			h.data = fmt.Sprintf(`{"channel":%q,"direction":%q,"agent_id":%q,"campaign_id":%q}`, pick("voice", "voice", "chat", "email"),
				pick("inbound", "inbound", "outbound", "internal"), agent, pick("", "c1", "c2"))
		case 7:
			h.kind, h.data = "interaction.updated", fmt.Sprintf(`{"campaign_id":%q}`, pick("c1", "c2"))
		case 8, 9:
			h.kind, h.data = "interaction.queued", fmt.Sprintf(`{"queue_id":%q}`, pick("q1", "q2"))
		case 10, 11:
			h.kind, h.data = "interaction.offered", fmt.Sprintf(`{"agent_id":%q,"role":%q}`, agent, pick("agent", "agent", "consult", "transfer", "invite", "silent_join", "whisper_join"))
		case 12:
			h.kind, h.data = "interaction.declined", fmt.Sprintf(`{"agent_id":%q,"reason":%q}`, agent, pick("no_answer", "busy", "rejected"))
		case 13, 14, 15:
			h.kind = "interaction.connected"
			if r.IntN(3) == 0 {
				h.data = fmt.Sprintf(`{"agent_id":%q,"role":%q}`, agent, pick("agent", "consult", "transfer", "barge_in", "silent_join"))
			}
		case 16:
			h.kind = pick("interaction.held", "interaction.resumed")
		case 17:
			h.kind = pick("interaction.parked", "interaction.unparked", "interaction.unparked")
		case 18:
			h.kind, h.data = "interaction.transferred", fmt.Sprintf(`{"from_agent_id":%q,%s,"mode":"warm"}`, agent, pick(`"to_queue_id":"q1"`, `"to_queue_id":"q2"`, `"to_agent_id":"a1"`))
		case 19:
			h.kind = "interaction.left"
		case 20, 21:
			h.kind = pick("interaction.wrap_started", "interaction.wrap_ended")
		case 22:
			h.kind, h.data = "interaction.message", fmt.Sprintf(`{"from":"x","to":"y","text":"t","from_agent":true,"agent_id":%q}`, agent)
		case 23:
			h.kind, h.data = "interaction.ended", fmt.Sprintf(`{"reason":%q}`, pick("completed", "abandoned", "breakout", "failed", "after_hours"))
		}
		list = append(list, h)
	}
	slices.SortStableFunc(list, func(a, b happening) int { return cmp.Compare(a.t, b.t) })
	return list
}

// Whatever happens, and in whatever order it comes, history agrees with itself: what the audit knows of the rules is the rules.
func TestAudit_NonsenseIsClean(t *testing.T) {
	seeds := uint64(3)
	if os.Getenv("FLOORWALKER_LONG") != "" {
		seeds = 60
	}
	l := newLog(0)
	for seed := range seeds {
		cc := fmt.Sprint(seed)
		l.add(arrive(nonsense(cc, seed, 3000), seed, int64(seed%3)*20*minute)...)
		l.add(happening{cc: cc, kind: "agent.login", subject: "z", data: `{}`, t: morning + 5*hour, id: "end"})
	}
	s := newSystem(t, l)
	s.once()
	r := s.audit(func(c *audit.Config) { c.MaxDifferences = 20 })
	for _, d := range r.Differences {
		t.Logf("%+v", d)
	}
	require.Zero(t, r.Total)
	require.Empty(t, r.Explained)
}
