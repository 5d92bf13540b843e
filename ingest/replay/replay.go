// Package replay turns files into events of the contract (events.md) and writes them: CloudEvents as NDJSON, tables as CSV, and
// the call log of the Anonymous Bank.
package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// Writer stores events in order. It returns nil only when all of them are stored.
type Writer interface {
	Write(ctx context.Context, events []schema.Event) error
}

// Reader gives one event after the other, and io.EOF after the last. A *LineError says that one line is bad; reading goes on
// after it. Every other error is the end. The event's memory is the caller's.
type Reader interface {
	Read() (schema.Event, error)
}

// LineError is a line that holds no event.
type LineError struct {
	Line int // from 1
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

func (e *LineError) Unwrap() error { return e.Err }

// Envelope replaces attributes of what is read; an empty one stays.
type Envelope struct {
	ContactCenter string
	Source        string
}

// validate judges them as a decoder judges an event's own.
func (e Envelope) validate() error {
	probe := schema.Event{ID: "1", Source: cmp.Or(e.Source, "/"), Subject: "1", ContactCenter: cmp.Or(e.ContactCenter, "1"),
		Type: schema.AgentLogin, Data: schema.NewData().Bytes()}
	for attribute, text := range map[string]string{"source": e.Source, "contactcenter": e.ContactCenter} {
		if !utf8.ValidString(text) {
			return fmt.Errorf("%s: %q is not UTF-8", attribute, text)
		}
	}
	var dec schema.Decoder
	return dec.DecodeStructured(schema.AppendStructured(nil, &probe), &probe)
}

// decode reads one document. Of a directory event it says what its readers would refuse: they only log it.
func decode(dec *schema.Decoder, document []byte, ev *schema.Event) error {
	if err := dec.DecodeStructured(document, ev); err != nil || ev.Type != schema.EventDirectory {
		return err
	}
	return directory.Validate(ev)
}

func (e Envelope) apply(ev *schema.Event) {
	if e.ContactCenter != "" {
		ev.ContactCenter = e.ContactCenter
	}
	if e.Source != "" {
		ev.Source = e.Source
	}
}

// Config of a Replayer.
type Config struct {
	Speed    float64                     // so many times as fast as the events happened; 0: as fast as they can be written
	Bad      func(*LineError)            // told of every bad line
	Progress func(written int, at int64) // told after each write, with the newest event time; may be nil
	Now      func() time.Time            // nil: time.Now
}

// Report is what became of a file.
type Report struct {
	Written     int
	Bad         int
	First, Last int64 // event times, NoTime where nothing was written
	Took        time.Duration
}

// Rate is the events written per second.
func (r Report) Rate() float64 {
	if r.Took <= 0 {
		return 0
	}
	return float64(r.Written) / r.Took.Seconds()
}

const batchSize = 1000

// Run writes what the reader gives until its end. Records are to be stamped with the present by the Writer, so that Kafka's
// retention does not delete old events. The error names how far it came; what is written again is dropped as duplicate.
func Run(ctx context.Context, cfg Config, r Reader, w Writer) (Report, error) {
	if cfg.Speed != 0 && !(cfg.Speed > 0 && cfg.Speed <= 1e9) {
		return Report{}, fmt.Errorf("replay: speed %v; allowed are 0 (as fast as possible) and more", cfg.Speed)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	p := &player{Config: cfg, writer: w, began: cfg.Now(), report: Report{First: schema.NoTime, Last: schema.NoTime}}
	err := p.play(ctx, r)
	p.report.Took = p.Now().Sub(p.began)
	if err != nil {
		err = fmt.Errorf("replay: after %d events: %w", p.report.Written, err)
	}
	return p.report, err
}

type player struct {
	Config
	writer Writer
	began  time.Time
	batch  []schema.Event
	report Report
}

func (p *player) play(ctx context.Context, r Reader) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		ev, err := r.Read()
		var bad *LineError
		switch {
		case err == io.EOF:
			return p.flush(ctx)
		case errors.As(err, &bad):
			p.report.Bad++
			if p.Bad != nil {
				p.Bad(bad)
			}
			continue
		case err != nil:
			return errors.Join(err, p.flush(ctx))
		}
		if err := p.pace(ctx, ev.Time); err != nil {
			return err
		}
		p.batch = append(p.batch, ev)
		if len(p.batch) == batchSize {
			if err := p.flush(ctx); err != nil {
				return err
			}
		}
	}
}

// pace waits until an event is due; what came before is written first.
func (p *player) pace(ctx context.Context, at int64) error {
	if p.report.First == schema.NoTime {
		p.report.First = at
	}
	if p.Speed == 0 {
		return nil
	}
	passed := time.Duration(float64(at-p.report.First) / p.Speed * float64(time.Millisecond))
	wait := passed - p.Now().Sub(p.began)
	if wait <= 0 {
		return nil
	}
	if err := p.flush(ctx); err != nil {
		return err
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func (p *player) flush(ctx context.Context) error {
	if len(p.batch) == 0 {
		return nil
	}
	if err := p.writer.Write(ctx, p.batch); err != nil {
		return err
	}
	p.report.Written += len(p.batch)
	for i := range p.batch {
		p.report.Last = max(p.report.Last, p.batch[i].Time)
	}
	p.batch = p.batch[:0]
	if p.Progress != nil {
		p.Progress(p.report.Written, p.report.Last)
	}
	return nil
}
