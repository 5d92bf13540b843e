package main

import (
	"context"

	"floorwalker/aggregate/history"
)

// boot is the history as the live view knows it.
type boot struct {
	*history.Boot
	topic string
}

func (b boot) Snapshot(ctx context.Context, partition int) ([]byte, uint16, error) {
	data, _, epoch, err := b.LoadSnapshot(ctx, b.topic, partition)
	return data, epoch, err
}
