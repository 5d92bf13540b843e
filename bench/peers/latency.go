package peers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"floorwalker/bench/load"
	"floorwalker/schema"
)

// Latency is how long after an event was due at Kafka a result that counts it can be read, by clients that see what is committed only.
type Latency struct {
	Setting string  `json:"setting"`
	Rate    int     `json:"rate"`    // events a second
	Updates int     `json:"updates"` // changes of a cell that were waited for
	Missing int     `json:"missing"` // of these, the ones that no result had when the wait was over
	P50     float64 `json:"p50_ms"`
	P99     float64 `json:"p99_ms"`
	Max     float64 `json:"max_ms"`
}

const (
	liveRate  = 1000                   // events a second, produced at their due times whatever the peer does
	liveStep  = 10 * time.Millisecond  // between produce requests
	liveWarm  = 15 * time.Second       // of production that are not counted
	liveGrace = 45 * time.Second       // for the last results
	liveFirst = 2 * liveRate           // records that are there when the peer starts, to see it running
	liveStart = 3 * time.Minute        // for reading the first record, on a busy machine
	livePoll  = 200 * time.Millisecond // for the end
)

// measureLatencies runs every setting once.
func (s *stage) measureLatencies(ctx context.Context, lasts time.Duration) ([]Latency, error) {
	var out []Latency
	for _, p := range live() {
		s.say("latency at %d events/s: %s; takes some %s", liveRate, p.title, (liveWarm + lasts + liveGrace/2).Round(time.Second))
		l, err := s.latency(ctx, p, lasts)
		if err != nil {
			return out, fmt.Errorf("peers: %s: %w", p.name, err)
		}
		out = append(out, l)
	}
	return out, nil
}

func (s *stage) latency(ctx context.Context, p peer, lasts time.Duration) (Latency, error) {
	s.n++
	name := fmt.Sprintf("live_%d", s.n)
	dir := filepath.Join(s.dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Latency{}, err
	}
	defer os.RemoveAll(dir)
	records, err := load.Records(load.Floor(liveFirst + int((liveWarm+lasts).Seconds()*liveRate)))
	if err != nil {
		return Latency{}, err
	}
	events := name + "_events"
	if err := errors.Join(s.createTopic(ctx, events, partitions, keepAll), s.createTopic(ctx, name, resultsParts, keepAll)); err != nil {
		return Latency{}, err
	}
	cmd, err := p.command(task{Broker: s.kafka.Addr(), Topic: events, Records: -1}, s.java, dir, name)
	if err != nil {
		return Latency{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop, err := startLive(ctx, cmd, dir, func() error {
		_, err := load.Produce(ctx, s.kafka.Addr(), events, partitions, records[:liveFirst])
		return err
	})
	if err != nil {
		return Latency{}, err
	}
	defer stop()
	w := &watch{cells: map[Key]*updates{}, fold: newFold()}
	failed := make(chan error, 1)
	go func() { failed <- w.read(ctx, s.kafka.Addr(), name) }()
	err = s.produceLive(ctx, events, records, w)
	for over := time.Now().Add(liveGrace); err == nil && w.open() > 0 && time.Now().Before(over); {
		err = sleep(ctx, livePoll)
	}
	cancel()
	if readErr := <-failed; !errors.Is(readErr, context.Canceled) {
		err = errors.Join(err, readErr)
	}
	if err != nil {
		return Latency{}, err
	}
	return w.result(p), nil
}

// startLive starts the peer and returns once it has read its first record. What stops it, kills it: nobody needs its state.
func startLive(ctx context.Context, cmd *exec.Cmd, dir string, feed func() error) (stop func(), err error) {
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr, cmd.SysProcAttr = log, diesWithUs()
	runtime.LockOSThread() // see follow
	if err := cmd.Start(); err != nil {
		runtime.UnlockOSThread()
		return nil, err
	}
	first, scanned := make(chan struct{}), make(chan struct{})
	stop = func() {
		_ = cmd.Process.Kill()
		<-scanned
		_ = cmd.Wait()
		runtime.UnlockOSThread()
	}
	var once sync.Once
	go func() {
		defer close(scanned)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if lines.Text() == "mark first" {
				once.Do(func() { close(first) })
			}
		}
	}()
	if err := feed(); err != nil {
		stop()
		return nil, err
	}
	select {
	case <-first:
		return stop, nil
	case <-ctx.Done():
	case <-time.After(liveStart):
	}
	stop()
	return nil, fmt.Errorf("it has read nothing within %s; end of its log: %s", liveStart, tail(log.Name()))
}

// produceLive produces each record when it is due.
func (s *stage) produceLive(ctx context.Context, topic string, records []load.Record, w *watch) error {
	if err := w.expect(records[:liveFirst], time.Time{}); err != nil {
		return err
	}
	producer := load.NewProducer(s.kafka.Addr())
	defer producer.Close()
	began := time.Now()
	perStep := int(liveStep.Seconds() * liveRate)
	for at := liveFirst; at < len(records); {
		n := min(perStep, len(records)-at)
		due := began.Add(time.Duration(at-liveFirst) * time.Second / liveRate)
		if err := sleep(ctx, time.Until(due)); err != nil {
			return err
		}
		counted := due
		if due.Sub(began) < liveWarm {
			counted = time.Time{}
		}
		// Before they are produced: a result may be quick.
		if err := w.expect(records[at:at+n], counted); err != nil {
			return err
		}
		if _, err := producer.Produce(ctx, topic, partitions, records[at:at+n]); err != nil {
			return err
		}
		at += n
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(max(d, 0))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// watch knows what every cell should come to be and when, and sees what it is.
type watch struct {
	mu        sync.Mutex
	fold      *fold
	dec       schema.Decoder
	cells     map[Key]*updates
	waiting   int // counted updates that have not been seen
	latencies []time.Duration
}

// updates of one cell, those that have been seen left out.
type updates struct {
	to  []Cell
	due []time.Time // zero: not counted
}

func (w *watch) expect(records []load.Record, due time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range records {
		var ev schema.Event
		if err := w.dec.DecodeStructured(records[i].Value, &ev); err != nil {
			return err
		}
		w.fold.apply(&ev)
		w.fold.drain(func(k Key, c Cell) {
			u := w.cells[k]
			if u == nil {
				u = &updates{}
				w.cells[k] = u
			}
			u.to, u.due = append(u.to, c), append(u.due, due)
			if !due.IsZero() {
				w.waiting++
			}
		})
	}
	return nil
}

// saw notes a result: what the cell had to come to before is in it.
func (w *watch) saw(k Key, c Cell, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.cells[k]
	if u == nil {
		return
	}
	n := slices.Index(u.to, c) + 1
	for _, due := range u.due[:n] {
		if !due.IsZero() {
			w.waiting--
			w.latencies = append(w.latencies, now.Sub(due))
		}
	}
	u.to, u.due = u.to[n:], u.due[n:]
}

func (w *watch) open() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.waiting
}

func (w *watch) read(ctx context.Context, broker, topic string) error {
	return eachResult(ctx, broker, topic, func(batch []schema.Record) error {
		now := time.Now()
		for i := range batch {
			k, c, err := parseCell(batch[i].Key, batch[i].Value)
			if err != nil {
				return err
			}
			w.saw(k, c, now)
		}
		return nil
	})
}

func (w *watch) result(p peer) Latency {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := Latency{Setting: p.title, Rate: liveRate, Updates: len(w.latencies) + w.waiting, Missing: w.waiting}
	if n := len(w.latencies); n > 0 {
		slices.Sort(w.latencies)
		ms := func(i int) float64 { return float64(w.latencies[i].Microseconds()) / 1000 }
		l.P50, l.P99, l.Max = ms(n/2), ms(min(n-1, n*99/100)), ms(n-1)
	}
	return l
}
