package history

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"floorwalker/schema"
)

// Progress is how far a contact centre's history has been flushed.
type Progress struct {
	AsOf          int64 // the moment up to which history holds every event that Kafka had; schema.NoTime where nothing was flushed
	CompleteUntil int64 // schema.NoTime likewise
	// WrittenAt is the processed_at of the newest flush that is whole: what comes later is stamped later. schema.NoTime likewise.
	WrittenAt int64
}

type position struct {
	epoch                            uint16
	offset                           uint64
	newest, completeUntil, writtenAt time.Time
	caughtUp                         bool
}

func (p position) behind(o position) bool {
	if p.epoch != o.epoch {
		return p.epoch < o.epoch
	}
	return p.offset < o.offset
}

// Progress reads how far a contact centre has come. Where the worker had caught up after its newest event, that is the moment when it last
// had; else the newest event time flushed.
//
// Which partitions have a contact centre's rows hardly ever changes, so those of the answer before are asked about at once, and the
// same statement says whether they are the right ones.
func (r *Reader) Progress(ctx context.Context, contactCenter string) (Progress, error) {
	out := Progress{AsOf: schema.NoTime, CompleteUntil: schema.NoTime, WrittenAt: schema.NoTime}
	var at positions
	for logs := r.logs.of(contactCenter); ; logs = at.logs {
		var err error
		if at, err = r.positions(ctx, contactCenter, logs); err != nil {
			return out, fmt.Errorf("progress of %q: %w", contactCenter, err)
		}
		if slices.Equal(at.logs, logs) {
			break
		}
		r.logs.remember(contactCenter, at.logs)
	}
	var center position
	var log partitionLog
	found := false
	for _, l := range at.logs {
		if p, ok := at.center[l]; ok && (!found || center.behind(p)) {
			center, log, found = p, l, true
		}
	}
	if !found {
		return out, nil
	}
	out.AsOf, out.CompleteUntil, out.WrittenAt = orNoTime(center.newest), orNoTime(center.completeUntil), center.writtenAt.UnixMilli()
	// Nothing has come of the contact centre since: what the worker is busy with now is another one's, or it has just been started.
	if whole, ok := at.whole[log]; ok && !whole.behind(center) {
		out.AsOf, out.WrittenAt = whole.writtenAt.UnixMilli(), whole.writtenAt.UnixMilli()
	}
	return out, nil
}

// Flushed is the offset of the next record of a partition to be flushed, false where none of it ever was.
func (r *Reader) Flushed(ctx context.Context, topic string, partition int) (offset int64, ok bool, err error) {
	log := partitionLog{topic, uint32(partition)}
	at, err := r.positions(ctx, "", []partitionLog{log})
	if err != nil {
		return 0, false, fmt.Errorf("progress of partition %d of %q: %w", partition, topic, err)
	}
	p, ok := at.whole[log]
	return int64(p.offset), ok, nil
}

// WholeUntil is the moment up to which history holds every event that Kafka had in any of the partitions: where the newest row says that
// the worker had caught up, that row's, else the newest event time flushed. Partitions that were never flushed do not count; the zero
// time where none was.
func (r *Reader) WholeUntil(ctx context.Context, topic string, partitions []int) (time.Time, error) {
	logs := make([]partitionLog, len(partitions))
	for i, p := range partitions {
		logs[i] = partitionLog{topic, uint32(p)}
	}
	at, err := r.positions(ctx, "", logs)
	if err != nil {
		return time.Time{}, fmt.Errorf("progress of %q: %w", topic, err)
	}
	var oldest time.Time
	for _, p := range at.whole {
		until := p.newest
		switch {
		case p.caughtUp:
			until = p.writtenAt
		case orNoTime(p.newest) == schema.NoTime:
			continue // it holds no event yet
		}
		if oldest.IsZero() || until.Before(oldest) {
			oldest = until
		}
	}
	return oldest, nil
}

// orNoTime reads a time that was written as 1970 where there is none yet.
func orNoTime(t time.Time) int64 {
	if ms := t.UnixMilli(); ms > 0 {
		return ms
	}
	return schema.NoTime
}

type partitionLog struct {
	topic     string
	partition uint32
}

// knownLogs are the partitions that each contact centre had rows from when it was last asked: a guess, which every answer tests.
type knownLogs struct {
	mu       sync.Mutex
	byCenter map[string][]partitionLog
}

func (k *knownLogs) of(contactCenter string) []partitionLog {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.byCenter[contactCenter]
}

func (k *knownLogs) remember(contactCenter string, logs []partitionLog) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.byCenter == nil {
		k.byCenter = map[string][]partitionLog{}
	}
	k.byCenter[contactCenter] = logs
}

// positions is what the progress log says at one time.
type positions struct {
	logs []partitionLog // where rows of the contact centre were ever flushed from, in order
	// The newest rows of the contact centre and of the whole partition, of the logs asked about. Beside a contact centre's, the partition's is
	// the newest one that says that the worker had caught up.
	center, whole map[partitionLog]position
}

// What a row of the statement of positions says.
const (
	isLog uint8 = iota
	ofCenter
	ofWhole
)

// positions reads the logs of a contact centre, unless that is empty, and the newest rows of those given: the contact centre's
// before the whole partition's, so that these are never older.
func (r *Reader) positions(ctx context.Context, contactCenter string, logs []partitionLog) (positions, error) {
	s := &statement{}
	if contactCenter != "" {
		s.add("SELECT DISTINCT ", s.bind("UInt8", isLog), " AS what, topic, partition, toUInt16(0) AS epoch, toUInt64(0) AS offset, toDateTime64(0, 3, 'UTC') AS newest_event,",
			" toDateTime64(0, 3, 'UTC') AS complete_until, false AS caught_up, toDateTime64(0, 3, 'UTC') AS written_at\nFROM progress WHERE contact_center = ", s.bind("String", contactCenter))
		for _, l := range logs {
			s.add("\nUNION ALL ")
			selectNewest(s, ofCenter, contactCenter, l, "")
		}
	}
	which := ""
	if contactCenter != "" {
		which = " AND caught_up"
	}
	for _, l := range logs {
		if s.Len() > 0 {
			s.add("\nUNION ALL ")
		}
		selectNewest(s, ofWhole, "", l, which)
	}
	out := positions{center: map[partitionLog]position{}, whole: map[partitionLog]position{}}
	var what uint8
	var l partitionLog
	var p position
	err := r.each(ctx, s, []any{&what, &l.topic, &l.partition, &p.epoch, &p.offset, &p.newest, &p.completeUntil, &p.caughtUp, &p.writtenAt}, func() error {
		switch what {
		case isLog:
			out.logs = append(out.logs, l)
		case ofCenter:
			out.center[l] = p
		case ofWhole:
			out.whole[l] = p
		}
		return nil
	})
	slices.SortFunc(out.logs, func(a, b partitionLog) int {
		return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.partition, b.partition))
	})
	return out, err
}

// selectNewest reads the row of the highest epoch and offset, of these the newest, among those that a further condition is true of. The
// order is the table's own, so that ClickHouse reads from its end.
func selectNewest(s *statement, what uint8, contactCenter string, l partitionLog, which string) {
	s.add("(SELECT ", s.bind("UInt8", what), " AS what, topic, partition, epoch, offset, newest_event, complete_until, caught_up, written_at\nFROM progress",
		" WHERE contact_center = ", s.bind("String", contactCenter), " AND topic = ", s.bind("String", l.topic), " AND partition = ", s.bind("UInt32", l.partition), which,
		"\nORDER BY epoch DESC, offset DESC, written_at DESC LIMIT 1)")
}
