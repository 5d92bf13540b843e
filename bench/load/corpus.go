package load

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"floorwalker/schema"
)

// Corpus is a load in a file, in the order of arrival: many events that cost the garbage collector nothing while something is measured.
type Corpus struct {
	Path        string
	Centers     []string // in the order of their first event, which is that of the numbers that Each gives
	Events      int
	Bytes       int64 // of the values
	Logins      int   // of agents
	First, Last int64 // earliest and latest event time, ms
}

// header precedes each value: its length, the centre's number, and when it arrives.
const headerBytes = 4 + 4 + 8

// WriteCorpus takes events until next reports false.
func WriteCorpus(path string, next func() (ev schema.Event, arrival int64, ok bool, err error)) (*Corpus, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("load: corpus: %w", err)
	}
	c := &Corpus{Path: path}
	err = c.fill(bufio.NewWriterSize(f, 1<<20), next)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("load: corpus: %w", err)
	}
	return c, nil
}

func (c *Corpus) fill(out *bufio.Writer, next func() (schema.Event, int64, bool, error)) error {
	var buf []byte
	index := map[string]uint32{}
	for {
		ev, arrival, ok, err := next()
		if err != nil {
			return err
		}
		if !ok {
			return out.Flush()
		}
		n, known := index[ev.ContactCenter]
		if !known {
			n = uint32(len(c.Centers))
			index[ev.ContactCenter] = n
			c.Centers = append(c.Centers, ev.ContactCenter)
		}
		buf = append(buf[:0], make([]byte, headerBytes)...)
		buf = schema.AppendStructured(buf, &ev)
		size := len(buf) - headerBytes
		binary.LittleEndian.PutUint32(buf, uint32(size))
		binary.LittleEndian.PutUint32(buf[4:], n)
		binary.LittleEndian.PutUint64(buf[8:], uint64(arrival))
		if _, err := out.Write(buf); err != nil {
			return err
		}
		if c.Events == 0 {
			c.First, c.Last = ev.Time, ev.Time
		}
		c.First, c.Last = min(c.First, ev.Time), max(c.Last, ev.Time)
		c.Events, c.Bytes = c.Events+1, c.Bytes+int64(size)
		if ev.Type == schema.AgentLogin {
			c.Logins++
		}
	}
}

// FromStream makes a corpus of a stream's next events.
func FromStream(path string, s *Stream, events int) (*Corpus, error) {
	n := 0
	return WriteCorpus(path, func() (schema.Event, int64, bool, error) {
		if n == events {
			return schema.Event{}, 0, false, nil
		}
		n++
		ev, arrival := s.Next()
		return ev, arrival, true, nil
	})
}

// Each hands on one event after the other. The value is valid until do returns.
func (c *Corpus) Each(do func(center int, arrival int64, value []byte) error) error {
	f, err := os.Open(c.Path)
	if err != nil {
		return fmt.Errorf("load: corpus: %w", err)
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 1<<20)
	var header [headerBytes]byte
	var value []byte
	for range c.Events {
		if _, err := io.ReadFull(in, header[:]); err != nil {
			return fmt.Errorf("load: corpus: %w", err)
		}
		size := int(binary.LittleEndian.Uint32(header[:]))
		if size > cap(value) {
			value = make([]byte, 2*size)
		}
		value = value[:size]
		if _, err := io.ReadFull(in, value); err != nil {
			return fmt.Errorf("load: corpus: %w", err)
		}
		if err := do(int(binary.LittleEndian.Uint32(header[4:])), int64(binary.LittleEndian.Uint64(header[8:])), value); err != nil {
			return err
		}
	}
	return nil
}

// Produce appends all of it to a topic.
func (c *Corpus) Produce(ctx context.Context, broker, topic string, partitions int) error {
	const atOnce = 50_000
	p := NewProducer(broker)
	defer p.Close()
	batch := make([]Record, 0, min(atOnce, c.Events))
	var text []byte // of the batch's values
	send := func() error {
		_, err := p.Produce(ctx, topic, partitions, batch)
		batch, text = batch[:0], nil
		return err
	}
	err := c.Each(func(center int, arrival int64, value []byte) error {
		from := len(text)
		text = append(text, value...)
		batch = append(batch, Record{Arrival: arrival, Center: c.Centers[center], Value: text[from:len(text):len(text)]})
		if len(batch) < atOnce {
			return nil
		}
		return send()
	})
	if err != nil {
		return err
	}
	return send()
}

// Remove deletes the file.
func (c *Corpus) Remove() { _ = os.Remove(c.Path) }
