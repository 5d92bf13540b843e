package faults

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"floorwalker/internal/program"
	"floorwalker/internal/proxy"
)

// point is a moment in a worker's round: what it is at, and how far with it.
type point struct {
	step  string // apply, commit, anywhere, or the table of an INSERT
	phase phase
	after time.Duration // of apply: how long after the records have arrived; of anywhere: after the arming
}

type phase int

const (
	before phase = iota // the request has been made, and the server has not seen it
	during              // the server has seen a part of the data
	after               // the server has done it and said so, and the worker has not heard it
)

func (p point) String() string {
	switch p.step {
	case "apply", "anywhere":
		return fmt.Sprintf("%s+%s", p.step, p.after)
	}
	return p.step + " " + [...]string{"before", "during", "after"}[p.phase]
}

// flushed are the tables of a flush in their order, and the checkpoints' after them.
var tables = []string{"events", "dead_letters", "annotations", "agent_intervals", "queue_visits", "interaction_parts", "interactions",
	"windows_1m", "windows_15m", "progress", "checkpoints"}

// killer watches the proxies and kills a process at the point it is armed with.
type killer struct {
	mu     sync.Mutex
	victim *program.Process
	armed  *point
	struck chan point // gets the point when the process is gone
}

func newKiller(w *world) *killer {
	k := &killer{struck: make(chan point, 1)}
	w.toHouse.Watch(k.watchHouse)
	w.toKafka.Watch(k.watchKafka)
	return k
}

// arm has the process killed at the point, once.
func (k *killer) arm(p *program.Process, at point) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.victim, k.armed = p, &at
	if at.step == "anywhere" {
		go func() {
			time.Sleep(at.after) // any moment is what is tested
			k.strike("anywhere", before)
		}()
	}
}

// strike kills if this is the point, and returns whether it has.
func (k *killer) strike(step string, at phase) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.armed == nil || k.armed.step != step || k.armed.phase != at {
		return false
	}
	p, victim := *k.armed, k.victim
	k.armed = nil
	if step == "apply" {
		go func() {
			time.Sleep(p.after) // while the records are being applied
			victim.Kill()
			k.struck <- p
		}()
		return true
	}
	victim.Kill()
	k.struck <- p
	return true
}

// insert is an INSERT on a connection.
type insert struct {
	mu       sync.Mutex
	table    string
	answered bool // the server has told the table's columns
	sent     bool // data have gone
}

func (k *killer) watchHouse(c *proxy.Conn, d proxy.Direction, chunk []byte) (int, bool) {
	return watchInserts(c, d, chunk, func(table string, at phase) (int, bool) {
		if !k.strike(table, at) {
			return len(chunk), false
		}
		if at == during {
			return len(chunk) / 2, true
		}
		return 0, true
	})
}

// watchInserts tells reached of every INSERT that passes (ClickHouse's native protocol). The end of one is known by the byte of the
// packet EndOfStream.
func watchInserts(c *proxy.Conn, d proxy.Direction, chunk []byte, reached func(table string, at phase) (int, bool)) (int, bool) {
	c.Tap.CompareAndSwap(nil, &insert{})
	in := c.Tap.Load().(*insert)
	in.mu.Lock()
	defer in.mu.Unlock()
	if d == proxy.ToServer {
		if table := insertInto(chunk); table != "" {
			in.table, in.answered, in.sent = table, false, false
			return reached(table, before)
		}
		if in.table != "" && in.answered {
			in.sent = true
			return reached(in.table, during)
		}
		return len(chunk), false
	}
	const endOfStream = 5
	switch {
	case in.table == "":
	case !in.sent:
		in.answered = true
	case chunk[len(chunk)-1] == endOfStream:
		table := in.table
		in.table = ""
		return reached(table, after)
	}
	return len(chunk), false
}

func insertInto(chunk []byte) string {
	_, rest, found := bytes.Cut(chunk, []byte("INSERT INTO "))
	if !found {
		return ""
	}
	end := bytes.IndexAny(rest, " (")
	if end < 0 {
		return ""
	}
	return string(bytes.Trim(rest[:end], "`"))
}

// Keys of Kafka's requests.
const (
	keyFetch        = 1
	keyOffsetCommit = 8
)

// requests cuts what a client says into Kafka's requests.
type requests struct {
	mu   sync.Mutex
	left int   // bytes of the request that has begun
	last int16 // its key
}

func (k *killer) watchKafka(c *proxy.Conn, d proxy.Direction, chunk []byte) (int, bool) {
	c.Tap.CompareAndSwap(nil, &requests{})
	r := c.Tap.Load().(*requests)
	r.mu.Lock()
	defer r.mu.Unlock()
	if d == proxy.ToServer {
		if r.see(chunk) && k.strike("commit", before) {
			return 0, true
		}
		return len(chunk), false
	}
	const someEvents = 2000 // bytes
	switch {
	case r.last == keyOffsetCommit && k.strike("commit", after):
		return 0, true
	case r.last == keyFetch && len(chunk) > someEvents:
		k.strike("apply", before)
	}
	return len(chunk), false
}

// see takes bytes in and says whether they begin an OffsetCommit.
func (r *requests) see(chunk []byte) (commits bool) {
	for len(chunk) > 0 {
		if r.left == 0 {
			if len(chunk) < 6 {
				return commits // kafka-go writes whole headers
			}
			r.left, r.last = int(binary.BigEndian.Uint32(chunk))+4, int16(binary.BigEndian.Uint16(chunk[4:]))
			commits = commits || r.last == keyOffsetCommit
		}
		n := min(r.left, len(chunk))
		r.left -= n
		chunk = chunk[n:]
	}
	return commits
}
