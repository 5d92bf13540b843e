package vonage

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/internal/documented"
	"floorwalker/schema"
)

func TestStatuses_EachHasANameAModeAndIsDocumented(t *testing.T) {
	rows := documented.Statuses(t, "../../docs/surfaces/vonage.md")
	for _, name := range schema.StatusNames() {
		s, ok := schema.ParseStatus(name)
		require.True(t, ok)
		m, mapped := modeOf(s)
		require.True(t, mapped, "%s has no place among the states of workforce management", name)
		require.Contains(t, strings.Join(rows[name], ""), map[mode]string{unexpected: "`Unexpected`", wrap: "`Wrap`", idle: "by the presence"}[m], name)
		require.Equal(t, s.IsPresence(), presenceName(s) != "", "%s has no place among the presences", name)
		require.Contains(t, strings.Join(rows[name], ""), presenceName(s), name)
	}
	_, mapped := modeOf(schema.Status(schema.NumStatuses))
	require.False(t, mapped, "a status that is new has no place until it is mapped")
}

func TestParts_EveryStateChannelAndReasonIsMapped(t *testing.T) {
	type key struct{ state, reason string }
	for _, c := range []struct {
		channel schema.Channel
		state   schema.PartState
		role    schema.Role
		reason  string
		want    key
	}{
		{schema.ChannelVoice, schema.StateRinging, schema.RoleAgent, "", key{"Ringing", ""}},
		{schema.ChannelVoice, schema.StateDialing, schema.RoleAgent, "", key{"Ringing", ""}},
		{schema.ChannelVoice, schema.StateRinging, schema.RoleSilentJoin, "", key{"Ringing", "Monitor"}},
		{schema.ChannelVoice, schema.StateConnected, schema.RoleAgent, "", key{"Connected", ""}},
		{schema.ChannelVoice, schema.StateConnected, schema.RoleWhisperJoin, "unparked", key{"Connected", "Monitor"}},
		{schema.ChannelVoice, schema.StateConnected, schema.RoleAgent, "unparked", key{"Connected", "Unparked"}},
		{schema.ChannelVoice, schema.StateConnected, schema.RoleAgent, "resumed", key{"Connected", ""}},
		{schema.ChannelChat, schema.StateConnected, schema.RoleAgent, "resumed", key{"Connected", "Resumed"}},
		{schema.ChannelVideo, schema.StateHeld, schema.RoleAgent, "", key{"Connected", ""}},
		{schema.ChannelEmail, schema.StateHeld, schema.RoleAgent, "", key{}},
		{schema.ChannelVoice, schema.StateParked, schema.RoleAgent, "", key{}},
		{schema.ChannelVoice, schema.StateWrap, schema.RoleBargeIn, "", key{"Wrap", ""}},
		{schema.ChannelVoice, schema.StateWrap, schema.RoleSilentJoin, "", key{"Wrap", "Monitor"}},
		{schema.ChannelVoice, schema.StateDeclined, schema.RoleAgent, "no_answer", key{"Unexpected", "NoAnswer"}},
		{schema.ChannelVoice, schema.StateDeclined, schema.RoleAgent, "busy", key{"Unexpected", "NumberBusy"}},
		{schema.ChannelVoice, schema.StateDeclined, schema.RoleAgent, "rejected", key{"Unexpected", "CallRejected"}},
		{schema.ChannelVoice, schema.StateDeclined, schema.RoleAgent, "unreachable", key{"Unexpected", "NumberUnobtainable"}},
		{schema.ChannelVoice, schema.StateDeclined, schema.RoleAgent, "failed", key{"Unexpected", "CallFailed"}},
		{schema.ChannelVoice, schema.StateDeclined, schema.RoleAgent, "connection_unavailable", key{"Unexpected", "ConnectionUnavailable"}},
		{schema.ChannelVoice, schema.StateDeclined, schema.RoleAgent, "customer_abandoned", key{}},
		{schema.ChannelVoice, schema.StateFailed, schema.RoleAgent, "unreachable", key{"Failed", "NumberUnobtainable"}},
		{schema.ChannelVoice, schema.StateFailed, schema.RoleAgent, "rejected", key{"Failed", "CallRejected"}},
		{schema.ChannelVoice, schema.StateFailed, schema.RoleAgent, "no_answer", key{"Failed", "CallFailed"}},
		{schema.ChannelVoice, schema.StateFailed, schema.RoleAgent, "", key{"Failed", "CallFailed"}},
		{schema.ChannelVoice, schema.StateEnded, schema.RoleAgent, "", key{}},
	} {
		state, reason := interactionState(c.channel, c.state, c.role, c.reason)
		require.Equal(t, c.want, key{state, reason}, "%s %s %s %s", c.channel, c.state, c.role, c.reason)
	}
	for _, name := range schema.DeclineReasonNames() {
		require.Equal(t, name != "customer_abandoned", declineReason(name) != "", name)
		require.NotEmpty(t, failureReason(name))
	}
	for _, name := range schema.ChannelNames() {
		c, _ := schema.ParseChannel(name)
		require.NotEmpty(t, mediumOf(c), name)
	}
	for _, name := range schema.DirectionNames() {
		d, _ := schema.ParseDirection(name)
		require.NotEmpty(t, directionOf(d), name)
	}
}
