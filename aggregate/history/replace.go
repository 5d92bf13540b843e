package history

import (
	"context"
	"fmt"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"floorwalker/schema/clickhouse"
)

// Replace puts another snapshot into the place of a stored one, and returns when nothing of the one before is left. A crash in between
// leaves one of both.
func (s *Store) Replace(ctx context.Context, m Mark, snapshot []byte) error {
	c := Checkpoint{Topic: m.Topic, Partition: m.Partition, Epoch: m.Epoch, Log: m.Log, Engine: m.Engine, Partitions: m.Partitions, Offset: m.Offset, Snapshot: snapshot}
	// A moment later, so that it is the newer one, and of the same day, of which one is kept.
	cfg := s.cfg
	cfg.Now = func() time.Time { return time.UnixMilli(m.WrittenAt + 1) }
	beside := &Store{conn: s.conn, cfg: cfg, rows: clickhouse.NewCheckpoints(), bytes: s.bytes}
	if err := beside.Save(ctx, []Checkpoint{c}); err != nil {
		return err
	}
	return s.forget(ctx, m, "written_at <= fromUnixTimestamp64Milli({written:Int64}, 'UTC')", ch.Named("written", m.WrittenAt))
}

// Forget deletes a stored checkpoint at once.
func (s *Store) Forget(ctx context.Context, m Mark) error { return s.forget(ctx, m, "true") }

// forget waits for all replicas: a lightweight delete would leave the rows on disk until a merge.
func (s *Store) forget(ctx context.Context, m Mark, which string, args ...any) error {
	table := clickhouse.Altered("checkpoints", s.cfg.Cluster)
	args = append(args, ch.Named("topic", m.Topic), ch.Named("partition", m.Partition), ch.Named("epoch", m.Epoch), ch.Named("offset", m.Offset))
	err := s.conn.Exec(ctx, "ALTER TABLE "+table+" DELETE WHERE topic = {topic:String} AND partition = {partition:UInt32} AND epoch = {epoch:UInt16}"+
		" AND offset = {offset:UInt64} AND "+which+" SETTINGS mutations_sync = 2", args...)
	if err != nil {
		return fmt.Errorf("delete the checkpoint of %s/%d at offset %d: %w", m.Topic, m.Partition, m.Offset, err)
	}
	return nil
}

// All lists every stored checkpoint of a topic's partitions, whether it can be used or not.
func (s *Store) All(ctx context.Context, topic string) (all []Mark, err error) {
	rows, err := s.conn.Query(ctx, "SELECT DISTINCT partition FROM checkpoints WHERE topic = {topic:String} ORDER BY partition", ch.Named("topic", topic))
	if err != nil {
		return nil, fmt.Errorf("list checkpoints of %s: %w", topic, err)
	}
	defer rows.Close()
	for rows.Next() {
		var partition uint32
		if err := rows.Scan(&partition); err != nil {
			return nil, fmt.Errorf("list checkpoints of %s: %w", topic, err)
		}
		marks, err := s.marks(ctx, topic, int(partition))
		if err != nil {
			return nil, fmt.Errorf("list checkpoints of %s/%d: %w", topic, partition, err)
		}
		all = append(all, marks...)
	}
	return all, rows.Err()
}

// Whole reports whether all of the checkpoint is there.
func (m Mark) Whole() bool { return m.whole() }
