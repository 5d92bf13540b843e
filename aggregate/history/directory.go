package history

import (
	"context"
	"sync"
	"time"

	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
)

// Directory keeps the records of the directory's topic as history: who was in which team when. Rows are keyed by topic, partition
// and offset, so that whoever reads the topic again overwrites them. What compaction has removed from the topic stays.
type Directory struct {
	conn Conn
	cfg  Config

	mu   sync.Mutex
	rows *clickhouse.Directory
}

// NewDirectory makes a keeper; it writes nothing yet.
func NewDirectory(conn Conn, cfg Config) (*Directory, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Directory{conn: conn, cfg: cfg, rows: clickhouse.NewDirectory()}, nil
}

// Keep takes a record's event, which it copies. Where much is waiting it first writes that, until ctx ends.
func (d *Directory) Keep(ctx context.Context, rec *schema.Record, ev *schema.Event) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.rows.Rows() >= clickhouse.PieceRows {
		if err := d.flush(ctx); err != nil {
			return err
		}
	}
	d.rows.Add(rec.Topic, rec.Partition, rec.Offset, ev)
	return nil
}

// Flush writes what was taken, trying until ctx ends.
func (d *Directory) Flush(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.flush(ctx)
}

func (d *Directory) flush(ctx context.Context) error {
	err := Retry(ctx, d.cfg.MinPause, d.cfg.MaxPause, func() error {
		attempt, cancel := context.WithTimeout(ctx, d.cfg.Attempt)
		defer cancel()
		return d.rows.Send(attempt, d.conn, d.cfg.Now().UnixMilli())
	}, func(err error) {
		d.cfg.Log.Warn("directory not kept, tried again", "records", d.rows.Rows(), "error", err)
	})
	if err == nil {
		d.rows.Reset()
	}
	return err
}

// directoryFlush is how long a record waits at most before it is written.
const directoryFlush = time.Second

// Run writes what Keep takes until ctx ends. What is not written then is read again by the next one.
func (d *Directory) Run(ctx context.Context) {
	tick := time.NewTicker(directoryFlush)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = d.Flush(ctx) // fails only when ctx has ended
		}
	}
}
