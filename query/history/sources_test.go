package history

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
)

func TestSaid_EventsOfOneInteraction(t *testing.T) {
	f := newFloor(t)
	ctx := context.Background()
	at := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC).UnixMilli()
	write := func(epoch uint16) {
		b := clickhouse.NewEvents()
		for i, e := range []struct {
			typ             schema.EventType
			center, subject string
			source          string
			time            int64
		}{
			{schema.InteractionCreated, center, "call-1", "/acd/1", at},
			{schema.InteractionQueued, center, "call-1", "/acd/2", at + 5},
			{schema.InteractionQueued, center, "call-2", "/other", at + 6},
			{schema.InteractionQueued, "elsewhere", "call-1", "/other", at + 6},
			{schema.AgentLogin, center, "call-1", "/other", at + 7}, // an agent of that name
			{schema.InteractionEnded, center, "call-1", "/acd/1", at + 9},
			{schema.InteractionCreated, center, "call-1", "/later", at + 10},
		} {
			b.Add(clickhouse.Stamp{Topic: "cc.events", Epoch: epoch}, &schema.RawEvent{ContactCenter: e.center, ID: "e", Source: e.source, Subject: e.subject, Type: e.typ,
				Time: e.time, RecordTime: e.time, Offset: int64(i), Data: []byte("{}")})
		}
		require.NoError(t, b.Send(ctx, f.conn, 1))
	}
	write(1)
	write(2)
	got, err := f.reader.Said(ctx, center, "call-1", at, at+9)
	require.NoError(t, err)
	require.Equal(t, []Said{{at, schema.InteractionCreated, "/acd/1"}, {at + 5, schema.InteractionQueued, "/acd/2"}, {at + 9, schema.InteractionEnded, "/acd/1"}}, got)
}
