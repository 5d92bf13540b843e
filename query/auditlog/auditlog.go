// Package auditlog keeps who signed in, who set what, and who took personal data out: one JSON object per line in a file of its own,
// which nobody but an operator changes. It is no part of answering: where it cannot be written, what it would have said goes to the
// process's log, is counted, and the request goes on.
package auditlog

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// Outcomes.
const (
	OK      = "ok"
	Refused = "refused" // the caller may not, or asked for what cannot be
	Failed  = "failed"  // not the caller's fault
)

// SignIn is the action of signing in, and of using a credential for the first time in a while.
const SignIn = "sign_in"

// Entry is one line. Empty fields are left out.
type Entry struct {
	Time          time.Time `json:"time"` // now where it is zero
	Action        string    `json:"action"`
	Outcome       string    `json:"outcome"`
	ContactCenter string    `json:"contact_center,omitempty"`
	Principal     string    `json:"principal,omitempty"`
	Target        string    `json:"target,omitempty"` // what it was done to: a path, a customer's fingerprint
	Detail        string    `json:"detail,omitempty"` // never a secret, never what was written
	Address       string    `json:"address,omitempty"`
	RequestID     string    `json:"request_id,omitempty"`
	Count         int       `json:"count,omitempty"` // of RecordSeldom: the line stands for so many; 1 where it is missing
}

// Options of a Log. Zero fields take the default.
type Options struct {
	Now     func() time.Time
	Log     *slog.Logger // takes what the file does not
	Metrics *metrics.Set
}

// Log writes entries. A nil one writes nothing. Its methods may be called from any goroutine.
type Log struct {
	path    string
	options Options
	written *metrics.Counter
	lost    *metrics.Counter

	mu    sync.Mutex
	torn  bool // the last line was cut off
	seen  map[kind]*run
	swept time.Time
}

// New makes a log of a file, which it creates with mode 0600 where it is not there. The file is opened for each line anew, so that
// whoever rotates it needs no signal: after a rename the next line makes a new one.
func New(path string, o Options) (*Log, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Metrics == nil {
		o.Metrics = metrics.NewSet()
	}
	l := &Log{path: path, options: o, written: o.Metrics.GetOrCreateCounter("floorwalker_audit_entries_total"),
		lost: o.Metrics.GetOrCreateCounter("floorwalker_audit_entries_lost_total"), seen: map[kind]*run{}, swept: o.Now()}
	f, err := l.open()
	if err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	return l, f.Close()
}

func (l *Log) open() (*os.File, error) {
	return os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
}

// Record writes an entry before it returns.
func (l *Log) Record(e Entry) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.record(e)
}

func (l *Log) record(e Entry) {
	if e.Time.IsZero() {
		e.Time = l.options.Now()
	}
	e.Time = e.Time.UTC().Truncate(time.Millisecond)
	var line bytes.Buffer
	if l.torn {
		line.WriteByte('\n')
	}
	coder := json.NewEncoder(&line)
	coder.SetEscapeHTML(false)
	err := coder.Encode(e)
	if err == nil {
		err = l.write(line.Bytes())
	}
	if err == nil {
		l.written.Inc()
		return
	}
	l.lost.Inc()
	l.options.Log.Error("an audit entry was not written", "error", err, "action", e.Action, "outcome", e.Outcome, "contact_center", e.ContactCenter,
		"principal", e.Principal, "target", e.Target, "detail", e.Detail, "address", e.Address, "request_id", e.RequestID, "count", e.Count)
}

func (l *Log) write(line []byte) error {
	f, err := l.open()
	if err != nil {
		return err
	}
	n, err := f.Write(line)
	if n > 0 {
		l.torn = n < len(line)
	}
	return cmp.Or(err, f.Close())
}

// kind is what entries are alike in of which not every one is worth a line.
type kind struct{ action, outcome, contactCenter, principal, address string }

// run is a row of entries that are alike.
type run struct {
	until time.Time // from then on the next one is written
	more  int       // that were not
	last  Entry
}

const (
	// A program's every request carries its credential: one line says that it is in use. Wrong ones are told more often.
	seldomOK    = 10 * time.Minute
	seldomOther = time.Minute
	// maxKinds bounds the memory that strangers' addresses take.
	maxKinds   = 10_000
	sweepEvery = time.Minute
)

// RecordSeldom writes an entry unless one like it (action, outcome, contact centre, principal, address) was written in the last ten
// minutes, of outcomes other than ok in the last minute. Those in between are counted in the next line.
func (l *Log) RecordSeldom(e Entry) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.options.Now()
	if now.Sub(l.swept) >= sweepEvery {
		l.sweep(now)
	}
	k := kind{e.Action, e.Outcome, e.ContactCenter, e.Principal, e.Address}
	if l.seen[k] == nil && len(l.seen) >= maxKinds {
		k = kind{action: e.Action, outcome: e.Outcome, address: "many"}
		e.ContactCenter, e.Principal, e.Address = "", "", "many"
	}
	r := l.seen[k]
	if r != nil && now.Before(r.until) {
		r.more, r.last = r.more+1, e
		return
	}
	wait := seldomOther
	if e.Outcome == OK {
		wait = seldomOK
	}
	if r != nil && r.more > 0 {
		e.Count = r.more + 1
	}
	l.seen[k] = &run{until: now.Add(wait)}
	l.record(e)
}

// sweep forgets what is over, and writes what has not been told of it.
func (l *Log) sweep(now time.Time) {
	l.swept = now
	for k, r := range l.seen {
		if now.Before(r.until) {
			continue
		}
		l.tell(r)
		delete(l.seen, k)
	}
}

func (l *Log) tell(r *run) {
	if r.more == 0 {
		return
	}
	r.last.Count = r.more
	l.record(r.last)
}

// Close writes what RecordSeldom has counted and not told.
func (l *Log) Close() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for k, r := range l.seen {
		l.tell(r)
		delete(l.seen, k)
	}
	return nil
}
