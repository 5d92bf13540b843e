package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"floorwalker/aggregate/view"
	"floorwalker/ingest"
	"floorwalker/query/command"
	"floorwalker/schema"
)

const (
	// appliedWithin bounds the wait until this node has taken in what it wrote.
	appliedWithin = 5 * time.Second
	appliedPause  = 2 * time.Millisecond // between two looks
)

// commandLog writes what clients of the APIs set, and waits until this node's live view or directory has it.
type commandLog struct {
	producer  *ingest.Producer
	collector *ingest.Collector
	topics    ingest.Topics
	view      *view.View
	directory *directoryProgress
}

func (l *commandLog) Say(ctx context.Context, event *schema.Event, commands ...*schema.Command) error {
	now := time.Now().UnixMilli()
	var msgs []ingest.Message
	if event != nil {
		msgs = append(msgs, ingest.Message{Topic: l.topics.Events, Key: []byte(event.ContactCenter), Value: schema.AppendStructured(nil, event), Time: now})
	}
	for _, c := range commands {
		msgs = append(msgs, ingest.Message{Topic: l.topics.Commands, Key: []byte(c.ContactCenter), Value: schema.AppendCommand(nil, c), Time: now})
	}
	at, err := l.producer.Write(ctx, msgs)
	if err != nil || event == nil {
		return err
	}
	return awaitApplied(ctx, at[0], func(partition int) int64 {
		for _, s := range l.view.Status() {
			if s.Partition == partition {
				return s.Applied
			}
		}
		return 0
	})
}

func (l *commandLog) PutDirectory(ctx context.Context, contactCenter, kind, id string, data []byte) error {
	at, err := l.collector.PutDirectory(ctx, contactCenter, kind, id, data, time.Now())
	if err != nil {
		return err
	}
	return awaitApplied(ctx, at, l.directory.next)
}

func (l *commandLog) DeleteDirectory(ctx context.Context, contactCenter, kind, id string) error {
	at, err := l.collector.DeleteDirectory(ctx, contactCenter, kind, id, time.Now())
	if err != nil {
		return err
	}
	return awaitApplied(ctx, at, l.directory.next)
}

// awaitApplied returns when the next offset to apply lies behind a record's.
func awaitApplied(ctx context.Context, at ingest.Position, next func(partition int) int64) error {
	ctx, cancel := context.WithTimeout(ctx, appliedWithin)
	defer cancel()
	tick := time.NewTicker(appliedPause)
	defer tick.Stop()
	for next(at.Partition) <= at.Offset {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%w: offset %d of partition %d of %q, the next one to apply is %d", command.ErrNotApplied, at.Offset, at.Partition, at.Topic, next(at.Partition))
		}
	}
	return nil
}

// directoryProgress is how far the directory's topic has been read.
type directoryProgress struct {
	mu      sync.Mutex
	applied map[int]int64 // the next offset, by partition
}

func (p *directoryProgress) note(rec *schema.Record) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.applied[rec.Partition] = rec.Offset + 1
}

func (p *directoryProgress) next(partition int) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.applied[partition]
}
