package ingest

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"floorwalker/schema"
)

// Headers of a dead letter (spec/events.md). HeaderTruncated is set only where the value had to be cut; it says how long the
// value was. HeaderRetryOf is on the record of an event that was sent again in a dead letter's place: TOPIC/PARTITION/OFFSET of that
// letter. It is no attribute of the event, and stays where that record becomes a dead letter itself.
const (
	HeaderError     = "fw_error"
	HeaderTopic     = "fw_topic"
	HeaderPartition = "fw_partition"
	HeaderOffset    = "fw_offset"
	HeaderTruncated = "fw_truncated"
	HeaderRetryOf   = "fw_retry_of"
)

// maxReasonBytes bounds fw_error, which may quote what was wrong.
const maxReasonBytes = 1024

// DeadLetter is a record that could not be read, and why.
type DeadLetter struct {
	Record schema.Record
	Reason string
}

// DeadLetters writes to the dead-letter topic.
type DeadLetters struct {
	producer *Producer
	topic    string
}

// DeadLetters makes a writer that shares the producer.
func (p *Producer) DeadLetters() *DeadLetters {
	return &DeadLetters{producer: p, topic: p.client.cfg.Topics.DeadLetters}
}

// Write stores the records as they came, with their key, value and headers, and headers that say why and whence. A value that
// the topic does not take is cut. It returns when all are acknowledged; ErrUnavailable means that some may not be, and that all
// of them may be written again: a dead letter is identified by the place it came from.
func (d *DeadLetters) Write(ctx context.Context, letters []DeadLetter) error {
	msgs := make([]Message, len(letters))
	for i := range letters {
		msgs[i] = d.message(&letters[i])
	}
	_, err := d.producer.Write(ctx, msgs)
	stored := len(letters)
	for limit := d.producer.client.cfg.MaxBatchBytes; err != nil; limit /= 4 {
		large, rest := tooLarge(err, msgs)
		if rest != nil || limit == 0 {
			return err
		}
		msgs = large
		for i := range msgs {
			truncate(&msgs[i], limit)
		}
		if limit == d.producer.client.cfg.MaxBatchBytes {
			d.producer.client.counters.truncated.Add(len(msgs))
		}
		_, err = d.producer.Write(ctx, msgs)
	}
	d.producer.client.counters.deadLetters.Add(stored)
	return nil
}

func (d *DeadLetters) message(l *DeadLetter) Message {
	rec := &l.Record
	headers := slices.Grow([]schema.Header(nil), len(rec.Headers)+5)
	for _, h := range rec.Headers {
		switch h.Key { // of a dead letter that was read again and still cannot be
		case HeaderError, HeaderTopic, HeaderPartition, HeaderOffset, HeaderTruncated:
		default:
			headers = append(headers, h)
		}
	}
	reason := l.Reason[:min(len(l.Reason), maxReasonBytes)]
	headers = append(headers,
		schema.Header{Key: HeaderError, Value: []byte(reason)},
		schema.Header{Key: HeaderTopic, Value: []byte(rec.Topic)},
		schema.Header{Key: HeaderPartition, Value: strconv.AppendInt(nil, int64(rec.Partition), 10)},
		schema.Header{Key: HeaderOffset, Value: strconv.AppendInt(nil, rec.Offset, 10)})
	return Message{Topic: d.topic, Key: rec.Key, Value: rec.Value, Headers: headers}
}

// tooLarge returns the messages that the topic found too large, and the first error that is another one.
func tooLarge(err error, msgs []Message) (large []Message, rest error) {
	var failed *WriteError
	if !errors.As(err, &failed) {
		return nil, err
	}
	for i, err := range failed.Errs {
		switch {
		case err == nil:
		case errors.Is(err, ErrTooLarge):
			large = append(large, msgs[i])
		default:
			return nil, err
		}
	}
	return large, nil
}

// truncate makes the message fit into limit bytes: its value first, then the headers and the key that it came with.
func truncate(m *Message, limit int) {
	size := strconv.Itoa(len(m.Value))
	if n := len(m.Headers); m.Headers[n-1].Key == HeaderTruncated {
		size = string(m.Headers[n-1].Value)
		m.Headers = m.Headers[:n-1]
	}
	m.Headers = append(m.Headers, schema.Header{Key: HeaderTruncated, Value: []byte(size)})
	if rest := limit - (m.size() - len(m.Value)); rest >= 0 {
		m.Value = m.Value[:min(len(m.Value), rest)]
		return
	}
	m.Value = m.Value[:0]
	own := len(m.Headers) - 5
	m.Headers = m.Headers[own:]
	m.Key = m.Key[:min(len(m.Key), max(limit/2, 0))]
}
