// Package deadletters reads the records that could not be read as events (event contract, section Envelope) from ClickHouse, where
// the workers keep them with the reason.
package deadletters

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"floorwalker/schema"
)

// Conn is what a Reader needs of a ClickHouse connection pool.
type Conn interface {
	// Query sends values beside the text, as server-side parameters.
	Query(ctx context.Context, query string, args ...any) (driver.Rows, error)
}

// ErrNone says that there is no such dead letter.
var ErrNone = errors.New("there is no such dead letter")

// ID is where a dead letter came from; written EPOCH/PARTITION/OFFSET, as in 0/3/1284.
type ID struct {
	Epoch     uint16
	Partition uint32
	Offset    uint64
}

func (id ID) String() string { return fmt.Sprintf("%d/%d/%d", id.Epoch, id.Partition, id.Offset) }

// ParseID reads what String writes.
func ParseID(s string) (ID, error) {
	parts := strings.Split(s, "/")
	var n [3]uint64
	for i, bits := range []int{16, 32, 63} {
		var err error
		if len(parts) == len(n) {
			n[i], err = strconv.ParseUint(parts[i], 10, bits)
		}
		if len(parts) != len(n) || err != nil {
			return ID{}, fmt.Errorf("%q is not the id of a dead letter: EPOCH/PARTITION/OFFSET is, as in 0/3/1284", s)
		}
	}
	return ID{uint16(n[0]), uint32(n[1]), n[2]}, nil
}

// Letter is one dead letter. ContactCenter, Type and Subject are as far as they could be read, without having been judged.
type Letter struct {
	ID ID
	schema.DeadLetter
	ContactCenter string
	Type          string
	Subject       string
	StoredAt      int64 // ms; when a worker kept it
}

// Filter says which letters are listed; zero fields filter nothing.
type Filter struct {
	Topic         string // required
	ContactCenter string // as the event, or else its key, says
	Codes         []string
	Type          string
	Partition     *int
	From, To      int64  // ms, of the record's timestamp: [From, To); 0: open
	After         Cursor // the end of an earlier page
	Limit         int
}

// Cursor is where a page ended; its zero value is the beginning. The newest letters come first.
type Cursor struct {
	RecordTime int64
	ID         ID
	set        bool
}

func (c Cursor) String() string {
	if !c.set {
		return ""
	}
	return fmt.Sprintf("%d/%s", c.RecordTime, c.ID)
}

// ParseCursor reads what String writes.
func ParseCursor(s string) (Cursor, error) {
	if s == "" {
		return Cursor{}, nil
	}
	at, rest, _ := strings.Cut(s, "/")
	ms, err := strconv.ParseInt(at, 10, 64)
	id, errID := ParseID(rest)
	if err != nil || errID != nil {
		return Cursor{}, fmt.Errorf("cursor %q is not one that a page ended with", s)
	}
	return Cursor{ms, id, true}, nil
}

// Reader reads dead letters. It holds no state and may be used from any goroutine.
type Reader struct {
	conn Conn
}

// New makes a Reader.
func New(conn Conn) *Reader { return &Reader{conn: conn} }

// attribute is an attribute of the envelope in either content mode, empty where it cannot be read.
func attribute(name string) string {
	return "if(has(headers.1, 'ce_" + name + "'), headers.2[indexOf(headers.1, 'ce_" + name + "')], JSONExtractString(value, '" + name + "'))"
}

var center = "coalesce(nullIf(" + attribute("contactcenter") + ", ''), key)"

// columns are what read scans; value may be left out of lists, since it can be large.
func columns(value string) string {
	return "epoch, partition, offset, toUnixTimestamp64Milli(record_time), code, error, key, " + value + ", headers.1, headers.2, " +
		"toUnixTimestamp64Milli(processed_at), " + center + ", " + attribute("type") + ", " + attribute("subject")
}

// List returns a page without values, the newest first, and where it ended: a cursor that is not set says that there are no more.
func (r *Reader) List(ctx context.Context, f Filter) ([]Letter, Cursor, error) {
	where := []string{"topic = {topic:String}"}
	args := []any{ch.Named("topic", f.Topic), ch.Named("limit", f.Limit+1)}
	add := func(on bool, clause string, values ...any) {
		if on {
			where, args = append(where, clause), append(args, values...)
		}
	}
	add(f.ContactCenter != "", center+" = {cc:String}", ch.Named("cc", f.ContactCenter))
	add(len(f.Codes) > 0, "has({codes:Array(String)}, code)", ch.Named("codes", f.Codes))
	add(f.Type != "", attribute("type")+" = {type:String}", ch.Named("type", f.Type))
	if f.Partition != nil {
		add(true, "partition = {partition:UInt32}", ch.Named("partition", *f.Partition))
	}
	add(f.From != 0, "record_time >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')", ch.Named("from", f.From))
	add(f.To != 0, "record_time < fromUnixTimestamp64Milli({to:Int64}, 'UTC')", ch.Named("to", f.To))
	add(f.After.set, "(record_time, epoch, partition, offset) < (fromUnixTimestamp64Milli({at:Int64}, 'UTC'), {epoch:UInt16}, {ofpartition:UInt32}, {offset:UInt64})",
		ch.Named("at", f.After.RecordTime), ch.Named("epoch", f.After.ID.Epoch), ch.Named("ofpartition", f.After.ID.Partition), ch.Named("offset", f.After.ID.Offset))
	letters, err := r.read(ctx, "SELECT "+columns("''")+" FROM dead_letters FINAL WHERE "+strings.Join(where, " AND ")+
		" ORDER BY record_time DESC, epoch DESC, partition DESC, offset DESC LIMIT {limit:UInt32}", f.Topic, args...)
	if err != nil {
		return nil, Cursor{}, fmt.Errorf("list dead letters: %w", err)
	}
	if len(letters) <= f.Limit {
		return letters, Cursor{}, nil
	}
	letters = letters[:f.Limit]
	last := letters[f.Limit-1]
	return letters, Cursor{last.RecordTime, last.ID, true}, nil
}

// One returns a letter, or ErrNone.
func (r *Reader) One(ctx context.Context, topic string, id ID) (Letter, error) {
	letters, err := r.read(ctx, "SELECT "+columns("value")+` FROM dead_letters FINAL WHERE topic = {topic:String} AND epoch = {epoch:UInt16}
		AND partition = {partition:UInt32} AND offset = {offset:UInt64}`, topic,
		ch.Named("topic", topic), ch.Named("epoch", id.Epoch), ch.Named("partition", id.Partition), ch.Named("offset", id.Offset))
	if err != nil {
		return Letter{}, fmt.Errorf("read dead letter %s: %w", id, err)
	}
	if len(letters) == 0 {
		return Letter{}, fmt.Errorf("dead letter %s of %q: %w", id, topic, ErrNone)
	}
	return letters[0], nil
}

func (r *Reader) read(ctx context.Context, query, topic string, args ...any) ([]Letter, error) {
	rows, err := r.conn.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Letter
	for rows.Next() {
		var l Letter
		var key, value string
		var names, values []string
		if err := rows.Scan(&l.ID.Epoch, &l.ID.Partition, &l.ID.Offset, &l.RecordTime, &l.Code, &l.Error, &key, &value, &names, &values,
			&l.StoredAt, &l.ContactCenter, &l.Type, &l.Subject); err != nil {
			return nil, err
		}
		l.Topic, l.Partition, l.Offset = topic, int(l.ID.Partition), int64(l.ID.Offset)
		l.Key, l.Value = []byte(key), []byte(value)
		for i := range names {
			l.Headers = append(l.Headers, schema.Header{Key: names[i], Value: []byte(values[i])})
		}
		out = append(out, l)
	}
	return out, rows.Err()
}

// Place is where a stored event lies.
type Place struct {
	Epoch     uint16
	Topic     string
	Partition uint32
	Offset    uint64
	Time      time.Time // of the event
}

// Stored looks for valid events with a source and an id among those that were written since a moment: what has become of a letter that
// was repaired, by whomever.
func (r *Reader) Stored(ctx context.Context, contactCenter, source, id string, since int64) ([]Place, error) {
	rows, err := r.conn.Query(ctx, `SELECT epoch, topic, partition, offset, time FROM events FINAL
		WHERE contact_center = {cc:String} AND source = {source:String} AND id = {id:String}
		AND record_time >= fromUnixTimestamp64Milli({since:Int64}, 'UTC') ORDER BY epoch, topic, partition, offset`,
		ch.Named("cc", contactCenter), ch.Named("source", source), ch.Named("id", id), ch.Named("since", since))
	if err != nil {
		return nil, fmt.Errorf("look for event %q of %q: %w", id, source, err)
	}
	defer rows.Close()
	var out []Place
	for rows.Next() {
		var p Place
		if err := rows.Scan(&p.Epoch, &p.Topic, &p.Partition, &p.Offset, &p.Time); err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, rows.Err()
}
