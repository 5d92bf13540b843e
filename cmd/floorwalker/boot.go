package main

import (
	"context"

	"floorwalker/aggregate/history"
	"floorwalker/aggregate/view"
)

// boot is the history as the live view knows it.
type boot struct {
	*history.Boot
	topic string
}

func (b boot) Epoch(ctx context.Context) (uint16, bool, error) { return b.Boot.Epoch(ctx, b.topic) }

func (b boot) Snapshot(ctx context.Context, partition int) (view.Checkpoint, error) {
	c, err := b.LoadSnapshot(ctx, b.topic, partition)
	return view.Checkpoint{Epoch: c.Epoch, Partitions: c.Partitions, Offset: c.Offset, Engine: c.Snapshot}, err
}
