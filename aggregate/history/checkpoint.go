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

	"floorwalker/aggregate/engine"
	"floorwalker/schema/clickhouse"
)

// ErrBroken marks a checkpoint that cannot be read as it was written: a chunk is missing or its checksum is wrong.
var ErrBroken = errors.New("checkpoint is broken")

const (
	chunkSize   = 4 << 20
	insertSize  = 64 << 20 // of one INSERT, so that a large base does not have to lie in memory twice
	keepBases   = 3
	dayMs       = 24 * 60 * 60 * 1000
	checksumLen = 8
)

// Piece is a base or a segment with what it takes to know which others go with it.
type Piece struct {
	engine.Piece
	// Since is a segment's first offset, or the first offset of which a base needs the segments; 0 where the engine does not
	// say, which means all of them.
	Since int64
}

// Checkpoint is what one partition saves at once: its newest segment, now and then with a base.
type Checkpoint struct {
	Topic      string
	Partition  int
	Epoch, Log uint16 // Log is the first epoch whose offsets are of the same log
	Engine     uint32 // number of the engine that packed it
	Partitions int    // of the topic
	Pieces     []Piece
}

// Mark is a base that a partition can be restored from, together with its segments.
type Mark struct {
	Topic      string
	Partition  int
	Epoch, Log uint16
	Engine     uint32
	Partitions int
	Offset     int64 // the next one to apply after the newest usable segment
	WrittenAt  int64
	pieces     []piece // oldest first
}

// piece is a stored piece without its data.
type piece struct {
	base          bool
	epoch, log    uint16
	offset, since int64
	chunks        uint32
	engine        uint32
	partitions    int
	writtenAt     int64
	found         uint64 // how many of the chunks are there
}

func (p piece) kind() string {
	if p.base {
		return clickhouse.KindBase
	}
	return clickhouse.KindSegment
}

// Store keeps checkpoints. Not safe for concurrent use.
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

// Save writes the pieces of all checkpoints, oldest first. It tries once: the caller keeps them until it has succeeded, and may
// save the same again.
func (s *Store) Save(ctx context.Context, checkpoints []Checkpoint) error {
	now := s.cfg.Now().UnixMilli()
	defer s.rows.Reset()
	for i := range checkpoints {
		for _, p := range checkpoints[i].Pieces {
			if err := s.savePiece(ctx, &checkpoints[i], p, now); err != nil {
				return fmt.Errorf("save checkpoint of %s/%d at offset %d: %w", checkpoints[i].Topic, checkpoints[i].Partition, p.Offset, err)
			}
		}
	}
	if err := s.rows.Send(ctx, s.conn, now); err != nil {
		return fmt.Errorf("save checkpoints: %w", err)
	}
	return nil
}

func (s *Store) savePiece(ctx context.Context, c *Checkpoint, p Piece, now int64) error {
	stamp := clickhouse.Stamp{Topic: c.Topic, Partition: c.Partition, Epoch: c.Epoch, Position: p.Offset}
	chunks := slices.Collect(slices.Chunk(p.Data, chunkSize))
	if len(chunks) == 0 {
		chunks = [][]byte{nil}
	}
	kind := piece{base: p.Base}.kind()
	for i, data := range chunks {
		sum := checksum(kind, p.Offset, p.Since, uint32(i), uint32(len(chunks)), data)
		s.rows.Append(stamp, clickhouse.CheckpointRow{Kind: kind, Chunk: uint32(i), Chunks: uint32(len(chunks)), Engine: c.Engine,
			Partitions: uint32(c.Partitions), Log: c.Log, Since: p.Since, Data: append(binary.LittleEndian.AppendUint64(nil, sum), data...)})
		s.bytes.Add(len(data))
		if s.rows.Bytes() < insertSize {
			continue
		}
		if err := s.rows.Send(ctx, s.conn, now); err != nil {
			return err
		}
		s.rows.Reset()
	}
	return nil
}

// checksum covers a chunk and its place, so that a chunk of another write of the same piece does not pass for this one's.
func checksum(kind string, offset, since int64, chunk, chunks uint32, data []byte) uint64 {
	d := xxhash.New()
	head := append([]byte(kind), 0)
	head = binary.LittleEndian.AppendUint64(head, uint64(offset))
	head = binary.LittleEndian.AppendUint64(head, uint64(since))
	head = binary.LittleEndian.AppendUint32(head, chunk)
	head = binary.LittleEndian.AppendUint32(head, chunks)
	_, _ = d.Write(head)
	_, _ = d.Write(data)
	return d.Sum64()
}

// Marks lists what the partition could be restored from, best first: the newest base of the newest epoch with all its segments,
// then older bases. Whether the data can be read is seen by Load.
func (s *Store) Marks(ctx context.Context, topic string, partition int) ([]Mark, error) {
	pieces, err := s.pieces(ctx, topic, partition)
	if err != nil {
		return nil, fmt.Errorf("list checkpoints of %s/%d: %w", topic, partition, err)
	}
	var marks []Mark
	for i := len(pieces) - 1; i >= 0; i-- {
		b := pieces[i]
		if !b.base || b.found != uint64(b.chunks) {
			continue
		}
		m := Mark{Topic: topic, Partition: partition, Epoch: b.epoch, Log: b.log, Engine: b.engine, Partitions: b.partitions,
			Offset: b.offset, WrittenAt: b.writtenAt}
		m.pieces = chain(pieces, i)
		m.Offset = m.pieces[len(m.pieces)-1].offset
		marks = append(marks, m)
	}
	return marks, nil
}

// chain collects what goes with the base at i: the segments that it needs, and those after it without a hole. Pieces are ordered
// by epoch and offset, a segment before the base of the same offset.
func chain(pieces []piece, i int) []piece {
	base := pieces[i]
	var out []piece
	for _, p := range pieces[:i] {
		if p.epoch == base.epoch && !p.base && p.offset > base.since {
			out = append(out, p)
		}
	}
	out = append(out, base)
	end := base.offset
	for _, p := range pieces[i+1:] {
		if p.epoch != base.epoch || p.base {
			continue
		}
		if p.since > end || p.found != uint64(p.chunks) {
			break
		}
		out = append(out, p)
		end = p.offset
	}
	return out
}

func (s *Store) pieces(ctx context.Context, topic string, partition int) ([]piece, error) {
	rows, err := s.conn.Query(ctx, `SELECT epoch, toInt64(offset) AS at, kind = 'base' AS base, chunks, any(engine), any(partitions), any(log),
			toInt64(any(since)), toUnixTimestamp64Milli(max(written_at)) AS written, uniqExact(chunk)
		FROM checkpoints FINAL WHERE topic = {topic:String} AND partition = {partition:UInt32}
		GROUP BY epoch, offset, kind, chunks ORDER BY epoch, at, base, written`,
		ch.Named("topic", topic), ch.Named("partition", partition))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []piece
	for rows.Next() {
		var p piece
		var base uint8
		var partitions uint32
		if err := rows.Scan(&p.epoch, &p.offset, &base, &p.chunks, &p.engine, &partitions, &p.log, &p.since, &p.writtenAt, &p.found); err != nil {
			return nil, err
		}
		p.base, p.partitions = base != 0, int(partitions)
		if n := len(out); n > 0 && out[n-1].epoch == p.epoch && out[n-1].offset == p.offset && out[n-1].base == p.base {
			out[n-1] = p // written again in another number of chunks: the later one counts
			continue
		}
		out = append(out, p)
	}
	return out, rows.Err()
}

// Load reads the pieces of a mark, oldest first, and checks them. A broken segment after the base ends what is returned: the
// records from there on are read again. ErrBroken means: take the next mark.
func (s *Store) Load(ctx context.Context, m Mark) ([]engine.Piece, error) {
	var out []engine.Piece
	whole := false
	for _, p := range m.pieces {
		data, err := s.read(ctx, m, p)
		if err != nil {
			err = fmt.Errorf("%s of %s/%d at offset %d in epoch %d: %w", p.kind(), m.Topic, m.Partition, p.offset, p.epoch, err)
		}
		if whole && errors.Is(err, ErrBroken) {
			s.cfg.Log.Error("checkpoint ends before a broken segment", "error", err)
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		whole = whole || p.base
		out = append(out, engine.Piece{Base: p.base, Offset: p.offset, Data: data})
	}
	return out, nil
}

func (s *Store) read(ctx context.Context, m Mark, p piece) ([]byte, error) {
	rows, err := s.conn.Query(ctx, `SELECT chunk, data FROM checkpoints FINAL WHERE topic = {topic:String} AND partition = {partition:UInt32}
			AND epoch = {epoch:UInt16} AND offset = {offset:UInt64} AND kind = {kind:String} AND chunks = {chunks:UInt32} ORDER BY chunk`,
		ch.Named("topic", m.Topic), ch.Named("partition", m.Partition), ch.Named("epoch", p.epoch), ch.Named("offset", p.offset),
		ch.Named("kind", p.kind()), ch.Named("chunks", p.chunks))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []byte
	next := uint32(0)
	for rows.Next() {
		var chunk uint32
		var data string
		if err := rows.Scan(&chunk, &data); err != nil {
			return nil, err
		}
		if chunk != next || len(data) < checksumLen {
			return nil, fmt.Errorf("%w: chunk %d of %d is missing or too short", ErrBroken, next, p.chunks)
		}
		payload := []byte(data[checksumLen:])
		if binary.LittleEndian.Uint64([]byte(data)) != checksum(p.kind(), p.offset, p.since, chunk, p.chunks, payload) {
			return nil, fmt.Errorf("%w: checksum of chunk %d of %d", ErrBroken, chunk, p.chunks)
		}
		out = append(out, payload...)
		next++
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if next != p.chunks {
		return nil, fmt.Errorf("%w: %d of %d chunks", ErrBroken, next, p.chunks)
	}
	return out, nil
}

// Prune deletes what nobody will restore from: all bases but the last three and the newest of each day for as long as raw events
// are kept, and the segments that no kept base needs.
func (s *Store) Prune(ctx context.Context, topic string, partition int) error {
	pieces, err := s.pieces(ctx, topic, partition)
	if err != nil {
		return fmt.Errorf("prune checkpoints of %s/%d: %w", topic, partition, err)
	}
	var keys []string
	for _, p := range obsolete(pieces, s.cfg.Now(), s.cfg.RawDays) {
		keys = append(keys, fmt.Sprintf("%d/%d/%s", p.epoch, p.offset, p.kind()))
	}
	if len(keys) == 0 {
		return nil
	}
	table, on := "checkpoints", ""
	if s.cfg.Cluster != "" {
		table, on = "checkpoints_local", " ON CLUSTER '"+strings.ReplaceAll(s.cfg.Cluster, "'", "")+"'"
	}
	err = s.conn.Exec(ctx, "DELETE FROM "+table+on+` WHERE topic = {topic:String} AND partition = {partition:UInt32}
		AND has({keys:Array(String)}, concat(toString(epoch), '/', toString(offset), '/', kind))`,
		ch.Named("topic", topic), ch.Named("partition", partition), ch.Named("keys", keys))
	if err != nil {
		return fmt.Errorf("prune %d pieces of checkpoints of %s/%d: %w", len(keys), topic, partition, err)
	}
	return nil
}

func obsolete(pieces []piece, now time.Time, rawDays int) []piece {
	var kept []piece
	days := map[int64]bool{}
	var oldestOfLast *piece
	for i := len(pieces) - 1; i >= 0; i-- {
		p := pieces[i]
		if !p.base {
			continue
		}
		day := p.writtenAt / dayMs
		recent := len(kept) < keepBases
		daily := !days[day] && (rawDays == 0 || now.UnixMilli()-p.writtenAt < int64(rawDays)*dayMs)
		if !recent && !daily {
			continue
		}
		days[day] = true
		kept = append(kept, p)
		if recent {
			oldestOfLast = &pieces[i]
		}
	}
	if oldestOfLast == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(pieces), func(p piece) bool { return needed(p, kept, *oldestOfLast) })
}

// needed reports whether a piece is one of the kept bases, or a segment that one of them needs, or that comes after one of the
// last bases.
func needed(p piece, kept []piece, oldestOfLast piece) bool {
	if p.base {
		return slices.Contains(kept, p)
	}
	if p.epoch > oldestOfLast.epoch || p.epoch == oldestOfLast.epoch && p.offset > oldestOfLast.offset {
		return true
	}
	return slices.ContainsFunc(kept, func(b piece) bool {
		return b.epoch == p.epoch && p.offset > b.since && p.since < b.offset
	})
}
