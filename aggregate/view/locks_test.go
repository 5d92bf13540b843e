package view

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/aggregate/gate"
	"floorwalker/schema"
)

// newcomers is a partition in which every record is of another contact centre, and of one that is always there.
type newcomers struct {
	centers int
	at      time.Time
}

func (n newcomers) ID() int { return 0 }

func (n newcomers) Bounds(context.Context) (int64, int64, error) { return 0, 0, nil }

func (n newcomers) Read(ctx context.Context, from int64, handle func([]schema.Record, int64) error) error {
	for i := int64(0); i < int64(n.centers); i++ {
		var batch []schema.Record
		for k, center := range []string{"always", fmt.Sprint("new", i)} {
			value := schema.AppendEvent(nil, center, "/test", fmt.Sprint(i), schema.AgentStatus, "a", n.at.UnixMilli()+i, []byte(`{"status":"break"}`))
			batch = append(batch, schema.Record{Offset: 2*i + int64(k), Timestamp: n.at.UnixMilli() + i, Value: value})
		}
		if err := handle(batch, 2*i+2); err != nil {
			return err
		}
	}
	if err := handle(nil, 2*int64(n.centers)); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

// Status, floors and metrics are asked for while events come: nobody waits for each other for ever.
func TestView_ReadWhileEventsCome_AllApplied(t *testing.T) {
	const centers = 2_000
	now := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	v, err := New(Config{Gate: gate.Gate{AnyPartitioner: true, MaxAhead: time.Hour}, Decoder: func() gate.Decoder { return &schema.Decoder{} },
		Zone: func(string) *time.Location { return time.UTC }, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	group.Go(func() { _ = v.Run(ctx, only(newcomers{centers, now})) })
	for _, read := range []func(){
		func() { v.Status() },
		func() { v.Metrics("always", now.UnixMilli()-8*3600_000, now.UnixMilli()) },
		func() { v.Pin("always") },
	} {
		group.Go(func() {
			for ctx.Err() == nil {
				read()
			}
		})
	}
	require.Eventually(t, func() bool {
		s := v.Status()
		return len(s) == 1 && s[0].Applied == 2*centers
	}, 2*time.Minute, 10*time.Millisecond)
}
