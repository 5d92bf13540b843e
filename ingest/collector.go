package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/valyala/fastjson"

	"floorwalker/schema"
)

// Media types that the collector takes (spec/native-api.md, "Writing events").
const (
	TypeEvent  = "application/cloudevents+json"
	TypeBatch  = "application/cloudevents-batch+json"
	TypeNDJSON = "application/x-ndjson"
)

// Codes of rejections that are not violations of the event contract (those have schema's codes).
const (
	CodeWrongContactCenter = "wrong_contact_center"
	CodeUnavailable        = "unavailable" // Kafka did not acknowledge it: send it again
	CodeNotStored          = "not_stored"  // Kafka refused it
	CodeTooLarge           = "too_large"   // the topic does not take a record of this size
	directorySource        = "/floorwalker/api"
)

var (
	// ErrMediaType says that a body is of none of the three types (HTTP 415).
	ErrMediaType = errors.New("unsupported media type")
	// ErrMalformedBody says that no single events could be told apart in the body (HTTP 400).
	ErrMalformedBody = errors.New("malformed body")
)

// Result of a collected body.
type Result struct {
	Accepted  int
	Rejected  []Rejection
	Positions []Position // of the accepted events, in the order of the body
}

// Rejection of one event.
type Rejection struct {
	Index  int    // in the body, from 0; blank lines of NDJSON do not count
	ID     string // as far as it could be read
	Code   string
	Detail string
}

// Collector takes events that come over HTTP. Its methods may be called from any goroutine.
type Collector struct {
	producer *Producer
	maxAhead time.Duration
	maxBytes int
	decoders sync.Pool
}

// Collector makes a collector that shares the producer. maxAhead is how far after the collector's clock an event's time may
// lie; maxBytes is the size of the largest event, 0 for the decoder's default.
func (p *Producer) Collector(maxAhead time.Duration, maxBytes int) *Collector {
	c := &Collector{producer: p, maxAhead: maxAhead, maxBytes: maxBytes}
	c.decoders.New = func() any { return &schema.Decoder{MaxBytes: maxBytes} }
	return c
}

// Accept writes the events of a body for one contact centre and returns when each one has been acknowledged by all in-sync
// replicas or has been rejected; every event is either counted in Accepted or listed in Rejected.
//
// ErrMediaType and ErrMalformedBody mean that nothing was written. ErrUnavailable (HTTP 503) comes with a Result: events that
// Kafka did not acknowledge are listed with CodeUnavailable, those that are counted as accepted are stored. Sending all of them
// again does no harm: stored duplicates are dropped by readers.
func (c *Collector) Accept(ctx context.Context, contactCenter, contentType string, body []byte, now time.Time) (Result, error) {
	raw, err := split(contentType, body)
	if err != nil {
		return Result{}, err
	}
	var res Result
	msgs, index := make([]Message, 0, len(raw)), make([]int, 0, len(raw))
	decoder := c.decoders.Get().(*schema.Decoder)
	var ev schema.Event
	for i, value := range raw {
		msg, err := c.message(decoder, &ev, contactCenter, value, now)
		if err != nil {
			res.Rejected = append(res.Rejected, rejection(i, idOf(value), err))
			continue
		}
		msgs, index = append(msgs, msg), append(index, i)
	}
	c.decoders.Put(decoder)
	err = c.write(ctx, msgs, func(i int, at Position, err error) {
		if err == nil {
			res.Accepted++
			res.Positions = append(res.Positions, at)
			return
		}
		res.Rejected = append(res.Rejected, rejection(index[i], idOf(msgs[i].Value), err))
	})
	slices.SortFunc(res.Rejected, func(x, y Rejection) int { return x.Index - y.Index })
	c.producer.client.counters.accepted.Add(res.Accepted)
	c.producer.client.counters.rejected.Add(len(res.Rejected))
	return res, err
}

// Retry writes an event that stands for a dead letter, repaired or as it was: judged like any that Accept takes, for the contact centre
// that it names. The record says with HeaderRetryOf which one it stands for; the event itself stays as it is given. A *schema.Violation
// says what is still wrong with it, ErrUnavailable that it was not acknowledged.
func (c *Collector) Retry(ctx context.Context, value []byte, of Position, now time.Time) (Position, error) {
	decoder := c.decoders.Get().(*schema.Decoder)
	defer c.decoders.Put(decoder)
	var ev schema.Event
	if err := decoder.DecodeStructured(value, &ev); err != nil {
		return Position{}, err
	}
	msg, err := c.message(decoder, &ev, strings.Clone(ev.ContactCenter), value, now)
	if err != nil {
		return Position{}, err
	}
	msg.Headers = append(msg.Headers, schema.Header{Key: HeaderRetryOf, Value: fmt.Appendf(nil, "%s/%d/%d", of.Topic, of.Partition, of.Offset)})
	at, err := c.one(ctx, msg)
	if err != nil {
		return Position{}, err
	}
	c.producer.client.counters.accepted.Inc()
	return at, nil
}

// write reports the outcome of each message and returns ErrUnavailable if that was one.
func (c *Collector) write(ctx context.Context, msgs []Message, outcome func(i int, at Position, err error)) error {
	at, err := c.producer.Write(ctx, msgs)
	var failed *WriteError
	if err != nil && !errors.As(err, &failed) {
		return err
	}
	for i := range msgs {
		var one error
		if failed != nil {
			one = failed.Errs[i]
		}
		outcome(i, at[i], one)
	}
	if errors.Is(err, ErrUnavailable) {
		return err
	}
	return nil
}

func (c *Collector) message(d *schema.Decoder, ev *schema.Event, contactCenter string, value []byte, now time.Time) (Message, error) {
	if err := d.DecodeStructured(value, ev); err != nil {
		return Message{}, err
	}
	if ev.ContactCenter != contactCenter {
		return Message{}, &schema.Violation{Code: CodeWrongContactCenter, Attribute: "contactcenter",
			Detail: fmt.Sprintf("is %q, this path takes events of %q only", ev.ContactCenter, contactCenter)}
	}
	if err := schema.CheckTime(ev, now.Add(c.maxAhead).UnixMilli()); err != nil {
		return Message{}, err
	}
	topics := &c.producer.client.cfg.Topics
	if ev.Type == schema.EventDirectory {
		key := schema.DirectoryKey(ev.ContactCenter, ev.DirectoryKind, ev.Subject)
		return Message{Topic: topics.Directory, Key: []byte(key), Value: value, Time: now.UnixMilli()}, nil
	}
	return Message{Topic: topics.Events, Key: []byte(contactCenter), Value: value, Time: now.UnixMilli()}, nil
}

// PutDirectory writes an entity, whole. data is a JSON object. A *schema.Violation says what is wrong with it.
func (c *Collector) PutDirectory(ctx context.Context, contactCenter, kind, id string, data []byte, now time.Time) (Position, error) {
	value := schema.AppendDirectoryEvent(nil, contactCenter, directorySource, uuid.NewString(), kind, id, now.UnixMilli(), data)
	decoder := c.decoders.Get().(*schema.Decoder)
	defer c.decoders.Put(decoder)
	var ev schema.Event
	msg, err := c.message(decoder, &ev, contactCenter, value, now)
	if err != nil {
		return Position{}, err
	}
	return c.one(ctx, msg)
}

// DeleteDirectory writes an entity's tombstone. A *schema.Violation says that there can be no such entity.
func (c *Collector) DeleteDirectory(ctx context.Context, contactCenter, kind, id string, now time.Time) (Position, error) {
	key := schema.DirectoryKey(contactCenter, kind, id)
	if _, _, _, err := schema.ParseDirectoryKey(key); err != nil {
		return Position{}, err
	}
	return c.one(ctx, Message{Topic: c.producer.client.cfg.Topics.Directory, Key: []byte(key), Time: now.UnixMilli()})
}

func (c *Collector) one(ctx context.Context, msg Message) (Position, error) {
	at, err := c.producer.Write(ctx, []Message{msg})
	return at[0], err
}

func rejection(index int, id string, err error) Rejection {
	r := Rejection{Index: index, ID: id, Code: CodeNotStored, Detail: err.Error()}
	var v *schema.Violation
	switch {
	case errors.As(err, &v):
		r.Code, r.Detail = v.Code, v.Detail
		if v.Attribute != "" {
			r.Detail = v.Attribute + ": " + v.Detail
		}
	case errors.Is(err, ErrTooLarge):
		r.Code = CodeTooLarge
	case errors.Is(err, ErrUnavailable):
		r.Code, r.Detail = CodeUnavailable, "it was not acknowledged in time"
	}
	return r
}

// idOf looks for the id of an event that was not decoded.
func idOf(value []byte) string {
	if len(value) > schema.DefaultMaxBytes {
		return ""
	}
	if id := fastjson.GetString(value, "id"); len(id) <= schema.MaxIDBytes {
		return id
	}
	return ""
}

// split cuts a body into its events, unread.
func split(contentType string, body []byte) ([][]byte, error) {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, fmt.Errorf("%w %q: %s, %s, %s are taken", ErrMediaType, contentType, TypeEvent, TypeBatch, TypeNDJSON)
	}
	switch media {
	case TypeEvent:
		return [][]byte{body}, nil
	case TypeBatch:
		return splitArray(body)
	case TypeNDJSON:
		var lines [][]byte
		for line := range bytes.Lines(body) {
			if line = bytes.TrimSpace(line); len(line) > 0 {
				lines = append(lines, line)
			}
		}
		return lines, nil
	}
	return nil, fmt.Errorf("%w %q: %s, %s, %s are taken", ErrMediaType, media, TypeEvent, TypeBatch, TypeNDJSON)
}

// splitArray returns the elements of a JSON array as they stand in it. It only looks at brackets, commas and strings: whether an
// element is JSON is judged when it is decoded.
func splitArray(body []byte) ([][]byte, error) {
	body = bytes.TrimSpace(body)
	if len(body) < 2 || body[0] != '[' || body[len(body)-1] != ']' {
		return nil, fmt.Errorf("%w: a batch is a JSON array of events", ErrMalformedBody)
	}
	inner := body[1 : len(body)-1]
	if len(bytes.TrimSpace(inner)) == 0 {
		return nil, nil
	}
	var out [][]byte
	depth, from, quoted := 0, 0, false
	for i := 0; i < len(inner); i++ {
		switch c := inner[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth < 0 {
				return nil, fmt.Errorf("%w: a bracket at byte %d closes what was not opened", ErrMalformedBody, i+1)
			}
		case c == ',' && depth == 0:
			out = append(out, bytes.TrimSpace(inner[from:i]))
			from = i + 1
		}
	}
	if depth != 0 || quoted {
		return nil, fmt.Errorf("%w: it ends inside an event", ErrMalformedBody)
	}
	return append(out, bytes.TrimSpace(inner[from:])), nil
}
