package history

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/VictoriaMetrics/metrics"
	"github.com/cespare/xxhash/v2"

	"floorwalker/schema/clickhouse"
)

// ErrBroken marks a checkpoint that cannot be read as it was written: a chunk is missing or its checksum is wrong.
var ErrBroken = errors.New("checkpoint is broken")

const (
	chunkSize   = 4 << 20
	insertSize  = 64 << 20 // of one INSERT unless configured, so that a large snapshot does not have to lie in memory twice
	keepLast    = 3
	dayMs       = 24 * 60 * 60 * 1000
	checksumLen = 8
)

// Checkpoint is one partition's whole state and the next offset to apply to it.
type Checkpoint struct {
	Topic      string
	Partition  int
	Epoch, Log uint16 // Log is the first epoch whose offsets are of the same log
	Engine     uint32 // number of the engine that packed it
	Partitions int    // of the topic
	Offset     int64
	Snapshot   []byte
}

// Mark is a stored checkpoint without its snapshot.
type Mark struct {
	Topic      string
	Partition  int
	Epoch, Log uint16
	Engine     uint32
	Partitions int
	Offset     int64 // the next one to apply
	WrittenAt  int64
	chunks     uint32
	found      uint64 // how many of the chunks are there
}

func (m Mark) whole() bool { return m.found == uint64(m.chunks) }

// Store keeps checkpoints. Save is not safe for concurrent use, reading is.
type Store struct {
	conn  Conn
	cfg   Config
	rows  *clickhouse.Checkpoints
	bytes *metrics.Counter
}

// NewStore makes a store; it reads nothing yet.
func NewStore(conn Conn, set *metrics.Set, cfg Config) (*Store, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Store{conn: conn, cfg: cfg, rows: clickhouse.NewCheckpoints(), bytes: set.GetOrCreateCounter("floorwalker_checkpoint_bytes_total")}, nil
}

// Save writes all checkpoints. It tries once, and may be called again with the same ones. After an error some of them may be
// stored, which does no harm: each is what its partition was at its offset.
func (s *Store) Save(ctx context.Context, checkpoints []Checkpoint) error {
	now := s.cfg.Now().UnixMilli()
	defer s.rows.Reset()
	for i := range checkpoints {
		c := &checkpoints[i]
		if err := s.append(ctx, c, now); err != nil {
			return fmt.Errorf("save checkpoint of %s/%d at offset %d: %w", c.Topic, c.Partition, c.Offset, err)
		}
	}
	if err := s.send(ctx, now); err != nil {
		return fmt.Errorf("save checkpoints: %w", err)
	}
	return nil
}

func (s *Store) append(ctx context.Context, c *Checkpoint, now int64) error {
	stamp := clickhouse.Stamp{Topic: c.Topic, Partition: c.Partition, Epoch: c.Epoch, Position: c.Offset}
	chunks := slices.Collect(slices.Chunk(c.Snapshot, chunkSize))
	if len(chunks) == 0 {
		chunks = [][]byte{nil}
	}
	sums := newChecksum(c.Offset, uint32(len(chunks)))
	for i, data := range chunks {
		s.rows.Append(stamp, clickhouse.CheckpointRow{Chunk: uint32(i), Chunks: uint32(len(chunks)), Engine: c.Engine,
			Partitions: uint32(c.Partitions), Log: c.Log, Data: append(binary.LittleEndian.AppendUint64(nil, sums.next(data)), data...)})
		s.bytes.Add(len(data))
		if s.rows.Bytes() < s.cfg.Insert {
			continue
		}
		if err := s.send(ctx, now); err != nil {
			return err
		}
		s.rows.Reset()
	}
	return nil
}

func (s *Store) send(ctx context.Context, now int64) error {
	attempt, cancel := context.WithTimeout(ctx, s.cfg.Attempt)
	defer cancel()
	return s.rows.Send(attempt, s.conn, now)
}

// checksum of a chunk covers those before it too, so that chunks of two writes of the same offset do not pass for one write.
type checksum struct{ d *xxhash.Digest }

func newChecksum(offset int64, chunks uint32) checksum {
	c := checksum{xxhash.New()}
	head := binary.LittleEndian.AppendUint64(nil, uint64(offset))
	_, _ = c.d.Write(binary.LittleEndian.AppendUint32(head, chunks))
	return c
}

func (c checksum) next(data []byte) uint64 {
	_, _ = c.d.Write(data)
	return c.d.Sum64()
}

// Marks lists what the partition could be restored from, best first: the newest checkpoint of the newest epoch, then older ones.
// Whether the data can be read is seen by Load.
func (s *Store) Marks(ctx context.Context, topic string, partition int) ([]Mark, error) {
	marks, err := s.marks(ctx, topic, partition)
	if err != nil {
		return nil, fmt.Errorf("list checkpoints of %s/%d: %w", topic, partition, err)
	}
	return slices.DeleteFunc(marks, func(m Mark) bool { return !m.whole() }), nil
}

// Partitions is the topic's number of partitions as the newest checkpoint of any of them has it: 0 where there is none. One of a partition
// that was begun and never read says nothing, it may be of a topic that is gone.
func (s *Store) Partitions(ctx context.Context, topic string) (int, error) {
	var n uint32
	err := s.conn.QueryRow(ctx, "SELECT argMax(partitions, (epoch, -toInt64(partition))) FROM checkpoints WHERE topic = {topic:String} AND NOT (epoch = 0 AND offset = 0)",
		ch.Named("topic", topic)).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("read the number of partitions of %s: %w", topic, err)
	}
	return int(n), nil
}

// marks lists all that is stored, incomplete ones too, newest first.
func (s *Store) marks(ctx context.Context, topic string, partition int) ([]Mark, error) {
	rows, err := s.conn.Query(ctx, `SELECT epoch, toInt64(offset) AS at, chunks, any(engine), any(partitions), any(log),
			toUnixTimestamp64Milli(max(written_at)) AS written, uniqExact(chunk)
		FROM checkpoints FINAL WHERE topic = {topic:String} AND partition = {partition:UInt32}
		GROUP BY epoch, offset, chunks ORDER BY epoch DESC, at DESC, written DESC`,
		ch.Named("topic", topic), ch.Named("partition", partition))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Mark
	for rows.Next() {
		m := Mark{Topic: topic, Partition: partition}
		var partitions uint32
		if err := rows.Scan(&m.Epoch, &m.Offset, &m.chunks, &m.Engine, &partitions, &m.Log, &m.WrittenAt, &m.found); err != nil {
			return nil, err
		}
		m.Partitions = int(partitions)
		if n := len(out); n > 0 && out[n-1].Epoch == m.Epoch && out[n-1].Offset == m.Offset {
			continue // written again in another number of chunks: the later one counts
		}
		out = append(out, m)
	}
	return out, rows.Err()
}

// Load reads the snapshot of a mark and checks it. ErrBroken means: take the next mark.
func (s *Store) Load(ctx context.Context, m Mark) ([]byte, error) {
	data, err := s.read(ctx, m)
	if err != nil {
		return nil, fmt.Errorf("checkpoint of %s/%d at offset %d in epoch %d: %w", m.Topic, m.Partition, m.Offset, m.Epoch, err)
	}
	return data, nil
}

func (s *Store) read(ctx context.Context, m Mark) ([]byte, error) {
	rows, err := s.conn.Query(ctx, `SELECT chunk, data FROM checkpoints FINAL WHERE topic = {topic:String} AND partition = {partition:UInt32}
			AND epoch = {epoch:UInt16} AND offset = {offset:UInt64} AND chunks = {chunks:UInt32} ORDER BY chunk`,
		ch.Named("topic", m.Topic), ch.Named("partition", m.Partition), ch.Named("epoch", m.Epoch), ch.Named("offset", m.Offset),
		ch.Named("chunks", m.chunks))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []byte
	sums := newChecksum(m.Offset, m.chunks)
	next := uint32(0)
	for rows.Next() {
		var chunk uint32
		var data string
		if err := rows.Scan(&chunk, &data); err != nil {
			return nil, err
		}
		if chunk != next || len(data) < checksumLen {
			return nil, fmt.Errorf("%w: chunk %d of %d is missing or too short", ErrBroken, next, m.chunks)
		}
		at := len(out)
		out = append(out, data[checksumLen:]...)
		if binary.LittleEndian.Uint64([]byte(data[:checksumLen])) != sums.next(out[at:]) {
			return nil, fmt.Errorf("%w: checksum of chunk %d of %d", ErrBroken, chunk, m.chunks)
		}
		next++
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if next != m.chunks {
		return nil, fmt.Errorf("%w: %d of %d chunks", ErrBroken, next, m.chunks)
	}
	return out, nil
}

// Prune deletes what nobody will restore from: all checkpoints but the last three and, for as long as raw events are kept, the newest
// of each day and the first of each epoch.
func (s *Store) Prune(ctx context.Context, topic string, partition int) error {
	marks, err := s.marks(ctx, topic, partition)
	if err != nil {
		return fmt.Errorf("prune checkpoints of %s/%d: %w", topic, partition, err)
	}
	var keys []string
	for _, m := range obsolete(marks, s.cfg.Now(), s.cfg.RawDays) {
		keys = append(keys, fmt.Sprintf("%d/%d", m.Epoch, m.Offset))
	}
	if len(keys) == 0 {
		return nil
	}
	table, on := "checkpoints", ""
	if s.cfg.Cluster != "" {
		table, on = "checkpoints_local", " ON CLUSTER '"+strings.ReplaceAll(s.cfg.Cluster, "'", "")+"'"
	}
	err = s.conn.Exec(ctx, "DELETE FROM "+table+on+` WHERE topic = {topic:String} AND partition = {partition:UInt32}
		AND has({keys:Array(String)}, concat(toString(epoch), '/', toString(offset)))`,
		ch.Named("topic", topic), ch.Named("partition", partition), ch.Named("keys", keys))
	if err != nil {
		return fmt.Errorf("prune %d checkpoints of %s/%d: %w", len(keys), topic, partition, err)
	}
	return nil
}

// obsolete picks what may go; marks are newest first. Incomplete ones after the newest complete one stay: somebody may be
// writing them.
func obsolete(marks []Mark, now time.Time, rawDays int) []Mark {
	var out []Mark
	kept := 0
	days := map[int64]bool{}
	for k, m := range marks {
		if !m.whole() {
			if kept > 0 {
				out = append(out, m)
			}
			continue
		}
		day := m.WrittenAt / dayMs
		first := k == len(marks)-1 || marks[k+1].Epoch != m.Epoch // of its epoch: audits begin there
		recent := rawDays == 0 || now.UnixMilli()-m.WrittenAt < int64(rawDays)*dayMs
		if kept >= keepLast && !(recent && (first || !days[day])) {
			out = append(out, m)
			continue
		}
		days[day] = true
		kept++
	}
	return out
}
