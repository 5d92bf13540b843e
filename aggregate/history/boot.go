package history

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"floorwalker/aggregate/engine"
	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
)

// Boot reads what a live view begins with. Its methods may be called from any goroutine.
type Boot struct {
	conn  Conn
	store *Store
}

// NewBoot makes a reader; it reads nothing yet. A nil log is the default one.
func NewBoot(conn Conn, log *slog.Logger) *Boot {
	if log == nil {
		log = slog.Default()
	}
	return &Boot{conn: conn, store: &Store{conn: conn, cfg: Config{Log: log}}}
}

// LoadSnapshot returns the newest checkpoint of the partition that can be read: of this engine, and of the newest checkpoint's
// log, since offsets of another one mean nothing. Where there is none, its Snapshot is nil and so is the error.
func (b *Boot) LoadSnapshot(ctx context.Context, topic string, partition int) (Checkpoint, error) {
	marks, err := b.store.Marks(ctx, topic, partition)
	if err != nil {
		return Checkpoint{}, err
	}
	for _, m := range marks {
		if m.Engine != engine.Number || m.Log != marks[0].Log {
			continue
		}
		data, err := b.store.Load(ctx, m)
		if errors.Is(err, ErrBroken) {
			b.store.cfg.Log.Error("checkpoint cannot be read, the one before is taken", "error", err)
			continue
		}
		if err != nil {
			return Checkpoint{}, err
		}
		return Checkpoint{Topic: topic, Partition: partition, Epoch: m.Epoch, Log: m.Log, Engine: m.Engine, Partitions: m.Partitions,
			Offset: m.Offset, Snapshot: data}, nil
	}
	return Checkpoint{}, nil
}

// Epoch is the newest one of the topic that anything was flushed in, false where nothing ever was.
func (b *Boot) Epoch(ctx context.Context, topic string) (epoch uint16, ok bool, err error) {
	var rows uint64
	err = b.conn.QueryRow(ctx, "SELECT max(epoch), count() FROM progress WHERE contact_center = '' AND topic = {topic:String}",
		ch.Named("topic", topic)).Scan(&epoch, &rows)
	if err != nil {
		return 0, false, fmt.Errorf("read the epoch of %s: %w", topic, err)
	}
	return epoch, rows > 0, nil
}

// Backfilled is when the last backfill finished, in ms; 0 where none has.
func (b *Boot) Backfilled(ctx context.Context) (at int64, err error) {
	err = b.conn.QueryRow(ctx, "SELECT ifNull(toUnixTimestamp64Milli(max(finished_at)), 0) FROM backfills").Scan(&at)
	if err != nil {
		return 0, fmt.Errorf("read backfills: %w", err)
	}
	return at, nil
}

const (
	minuteMs  = 60_000
	quarterMs = 15 * minuteMs
)

// Windows sums what was counted in a contact centre over [from, to), in ms, whole minutes: one window per Dims with Start = from and
// Minutes unset, without those that counted nothing. Where to is no later than complete_until, it cannot change but by a backfill.
func (b *Boot) Windows(ctx context.Context, contactCenter string, from, to int64) ([]schema.Window, error) {
	if from < 0 || from%minuteMs != 0 || to%minuteMs != 0 {
		return nil, fmt.Errorf("windows of %s: from %d and to %d must be whole minutes since 1970", contactCenter, from, to)
	}
	if from >= to {
		return nil, nil
	}
	windows, err := b.windows(ctx, contactCenter, from, to)
	if err != nil {
		return nil, fmt.Errorf("read windows of %s from %s to %s: %w", contactCenter, schema.FormatTime(from), schema.FormatTime(to), err)
	}
	return windows, nil
}

// finalSettings spare merging months with one another: versions of a row always lie in one month.
const finalSettings = " SETTINGS do_not_merge_across_partitions_select_final = 1"

// windowsQuery reads quarters where they lie in the range as a whole, minutes before and after them.
func windowsQuery() string {
	var sums, columns strings.Builder
	for c := range schema.NumCounts {
		fmt.Fprintf(&sums, ", toUInt32(sum(%s))", c)
		fmt.Fprintf(&columns, ", %s", c)
	}
	for m := range schema.NumMeasures {
		fmt.Fprintf(&sums, ", toUInt32(sum(%[1]s_count)), sum(%[1]s_sum), max(%[1]s_max), sumMap(%[1]s_log)", m)
		fmt.Fprintf(&columns, ", %[1]s_count, %[1]s_sum, %[1]s_max, %[1]s_log", m)
		if m.CountsSeconds() {
			fmt.Fprintf(&sums, ", sumMap(%s_seconds)", m)
			fmt.Fprintf(&columns, ", %s_seconds", m)
		}
	}
	const dims = "agent, queue, campaign, channel, direction"
	stretch := func(table, from, to string) string {
		return "SELECT " + dims + columns.String() + " FROM " + table + " FINAL WHERE contact_center = {cc:String}" +
			" AND start >= toDateTime({" + from + ":UInt32}, 'UTC') AND start < toDateTime({" + to + ":UInt32}, 'UTC')"
	}
	return "SELECT " + dims + sums.String() + " FROM (" + stretch("windows_1m", "from", "first") + " UNION ALL " +
		stretch("windows_15m", "first", "last") + " UNION ALL " + stretch("windows_1m", "last", "to") + ") GROUP BY " + dims + finalSettings
}

func (b *Boot) windows(ctx context.Context, contactCenter string, from, to int64) ([]schema.Window, error) {
	first, last := (from+quarterMs-1)/quarterMs*quarterMs, to/quarterMs*quarterMs
	if first >= last {
		first, last = to, to
	}
	rows, err := b.conn.Query(ctx, windowsQuery(), ch.Named("cc", contactCenter), ch.Named("from", from/1000), ch.Named("first", first/1000),
		ch.Named("last", last/1000), ch.Named("to", to/1000))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []schema.Window
	for rows.Next() {
		r := windowRow{Window: schema.Window{Dims: schema.Dims{ContactCenter: contactCenter}, Start: from}}
		if err := rows.Scan(r.places()...); err != nil {
			return nil, err
		}
		if err := r.finish(); err != nil {
			return nil, err
		}
		if !r.empty() {
			out = append(out, r.Window)
		}
	}
	return out, rows.Err()
}

// windowRow is where a row of windowsQuery is scanned into.
type windowRow struct {
	schema.Window
	channel, direction string
	log, seconds       [schema.NumMeasures]map[uint16]uint64
}

func (r *windowRow) places() []any {
	out := []any{&r.Agent, &r.Queue, &r.Campaign, &r.channel, &r.direction}
	for c := range r.Counts {
		out = append(out, &r.Counts[c])
	}
	for m := range r.Measures {
		d := &r.Measures[m]
		out = append(out, &d.Count, &d.Sum, &d.Max, &r.log[m])
		if schema.Measure(m).CountsSeconds() {
			out = append(out, &r.seconds[m])
		}
	}
	return out
}

func (r *windowRow) finish() error {
	var ok bool
	if r.Channel, ok = schema.ParseChannel(r.channel); !ok && r.channel != "" {
		return fmt.Errorf("channel %q is not known", r.channel)
	}
	if r.Direction, ok = schema.ParseDirection(r.direction); !ok && r.direction != "" {
		return fmt.Errorf("direction %q is not known", r.direction)
	}
	for m := range r.Measures {
		r.Measures[m].Log, r.Measures[m].Seconds = bins(r.log[m]), bins(r.seconds[m])
	}
	return nil
}

func (r *windowRow) empty() bool {
	for m := range r.Measures {
		if r.Measures[m].Count != 0 {
			return false
		}
	}
	return r.Counts == [schema.NumCounts]uint32{}
}

func bins(histogram map[uint16]uint64) []schema.Bin {
	var out []schema.Bin
	for k, n := range histogram {
		if n > 0 {
			out = append(out, schema.Bin{Key: k, N: uint32(n)})
		}
	}
	slices.SortFunc(out, func(a, b schema.Bin) int { return int(a.Key) - int(b.Key) })
	return out
}

// askedAtOnce is how many interactions one query of Annotations names.
const askedAtOnce = 1000

// Annotations returns what is stored for the interactions from before a checkpoint (its epoch and offset, see LoadSnapshot), by
// interaction, oldest first. Nothing from before it is missing. What an earlier epoch stored of offsets that the later one has not
// come to again is there too: whoever reads on from the checkpoint must take each (source, id, time) once.
func (b *Boot) Annotations(ctx context.Context, contactCenter string, interactions []string, epoch uint16, offset int64) ([]schema.Annotation, error) {
	var out []schema.Annotation
	for some := range slices.Chunk(interactions, askedAtOnce) {
		var err error
		if out, err = b.annotations(ctx, out, contactCenter, some, epoch, offset); err != nil {
			return nil, fmt.Errorf("read annotations of %d interactions of %s: %w", len(some), contactCenter, err)
		}
	}
	return out, nil
}

func (b *Boot) annotations(ctx context.Context, out []schema.Annotation, contactCenter string, interactions []string, epoch uint16, offset int64) ([]schema.Annotation, error) {
	rows, err := b.conn.Query(ctx, `SELECT interaction, toUnixTimestamp64Milli(time), source, id, type, isNotNull(sequence), ifNull(sequence, 0),
			toInt64(offset), data
		FROM annotations FINAL WHERE contact_center = {cc:String} AND interaction IN {interactions:Array(String)}
			AND (version < {version:UInt64} OR offset < {offset:UInt64})
		ORDER BY interaction, time, version`+finalSettings,
		ch.Named("cc", contactCenter), ch.Named("interactions", interactions), ch.Named("version", clickhouse.Version(epoch, offset)),
		ch.Named("offset", offset))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		a := schema.Annotation{ContactCenter: contactCenter}
		var kind, data string
		var has uint8
		if err := rows.Scan(&a.Interaction, &a.Time, &a.Source, &a.ID, &kind, &has, &a.Sequence, &a.Offset, &data); err != nil {
			return nil, err
		}
		var ok bool
		if a.Type, ok = schema.ParseEventType(kind); !ok {
			return nil, fmt.Errorf("type %q at offset %d is not known", kind, a.Offset)
		}
		a.Data, a.HasSequence = []byte(data), has != 0
		out = append(out, a)
	}
	return out, rows.Err()
}
