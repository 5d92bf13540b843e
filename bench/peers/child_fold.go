package peers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"floorwalker/ingest"
	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
)

const (
	createFolded = `CREATE TABLE folded (center LowCardinality(String), agent Bool, name String, minute DateTime('UTC'), offered UInt32, answered UInt32,
	abandoned UInt32, wait_sum Int64, wait_max Int64, talk_sum Int64, talk_max Int64, version UInt64)
	ENGINE = ReplacingMergeTree(version) ORDER BY (center, agent, minute, name)`
	insertFolded = `INSERT INTO folded`
	selectFolded = `SELECT center, agent, name, toInt64(toUnixTimestamp(minute)) * 1000, toInt64(offered), toInt64(answered), toInt64(abandoned),
	wait_sum, wait_max, talk_sum, talk_max FROM folded FINAL`
)

// runFold reads and decodes as the worker does, folds the job and nothing else, and writes the cells that changed once a second. It has no
// checkpoints: it measures what is left of the worker's cost when the job is all that it does.
func (t task) runFold(ctx context.Context, m *marks) error {
	conn, err := clickhouse.Open(ctx, clickhouse.Config{Addresses: []string{t.Native}, Database: t.Database})
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.Exec(ctx, createFolded); err != nil {
		return fmt.Errorf("create folded: %w", err)
	}
	client, err := t.client()
	if err != nil {
		return err
	}
	defer client.Close()
	partitions, err := client.Partitions(ctx, t.Topic)
	if err != nil {
		return err
	}
	reading, stop := context.WithCancel(ctx)
	defer stop()
	folders := make([]*folder, len(partitions))
	var readers sync.WaitGroup
	failed := make(chan error, len(partitions))
	for i, p := range partitions {
		folders[i] = &folder{fold: newFold(), marks: m}
		readers.Go(func() { failed <- folders[i].read(reading, p) })
	}
	err = t.flushFolders(ctx, conn, m, folders, failed)
	stop()
	readers.Wait()
	return err
}

func (t task) flushFolders(ctx context.Context, conn driver.Conn, m *marks, folders []*folder, failed <-chan error) error {
	every := time.NewTicker(flushEvery)
	defer every.Stop()
	poll := time.NewTicker(flushEvery / 100) // for the end of the topic
	defer poll.Stop()
	for version := uint64(1); ; {
		all := m.n.Load() >= m.total
		if !all {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case err := <-failed:
				return errors.Join(errors.New("a reader has ended"), err)
			case <-poll.C:
				continue
			case <-every.C:
			}
		}
		if err := flushFold(ctx, conn, version, folders); err != nil {
			return err
		}
		version++
		if all {
			m.say("done")
			return nil
		}
	}
}

func flushFold(ctx context.Context, conn driver.Conn, version uint64, folders []*folder) error {
	batch, err := conn.PrepareBatch(ctx, insertFolded)
	if err != nil {
		return fmt.Errorf("insert folded: %w", err)
	}
	for _, f := range folders {
		f.mu.Lock()
		f.fold.drain(func(k Key, c Cell) {
			err = errors.Join(err, batch.Append(k.Center, k.Agent, k.Name, time.UnixMilli(k.Minute), uint32(c.Offered), uint32(c.Answered),
				uint32(c.Abandoned), c.WaitSum, c.WaitMax, c.TalkSum, c.TalkMax, version))
		})
		f.mu.Unlock()
	}
	if err == nil {
		err = batch.Send()
	}
	if err != nil {
		return fmt.Errorf("insert folded: %w", err)
	}
	return nil
}

// folder is one partition.
type folder struct {
	mu    sync.Mutex
	fold  *fold
	marks *marks
	dec   schema.Decoder
	ev    schema.Event
}

func (f *folder) read(ctx context.Context, p *ingest.Partition) error {
	return p.Read(ctx, 0, func(batch []schema.Record, _ int64) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		for i := range batch {
			if err := f.dec.Decode(&batch[i], &f.ev); err != nil {
				return fmt.Errorf("%s/%d offset %d: %w", p.Topic(), p.ID(), batch[i].Offset, err)
			}
			f.fold.apply(&f.ev)
		}
		f.marks.consumed(len(batch))
		return nil
	})
}
