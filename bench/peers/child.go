package peers

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"floorwalker/ingest"
)

// Our own sides of the comparison, and ClickHouse's, run in processes of their own, as the peers do: this executable, started again.
const childArg = "peers-child"

// task is what a child is to do.
type task struct {
	Peer     string
	Broker   string
	Topic    string
	Records  int
	Native   string // ClickHouse's host:port of its native protocol
	HTTP     string // and of HTTP
	Database string
}

// IsChild reports whether this process was started by Run to be one of the sides. Its program must then hand control to Main before
// it reads any flag.
func IsChild() bool { return len(os.Args) == 3 && os.Args[1] == childArg }

// Main is the whole life of a child; args are os.Args. It returns the process's exit code.
func Main(args []string) int {
	// As seldom as `floorwalker serve` does on a machine with memory to spare.
	debug.SetGCPercent(300)
	var t task
	err := json.Unmarshal([]byte(args[2]), &t)
	if err == nil {
		err = t.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (t task) run() error {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	return t.do(ctx, &marks{out: os.Stdout, total: int64(t.Records)})
}

func (t task) do(ctx context.Context, m *marks) error {
	switch t.Peer {
	case floorwalkerWorker:
		return t.runWorker(ctx, m)
	case floorwalkerFold:
		return t.runFold(ctx, m)
	case clickhouseAlone:
		return t.runFeeder(ctx, m)
	}
	return fmt.Errorf("%s: peer %q is unknown", childArg, t.Peer)
}

func (t task) client() (*ingest.Client, error) {
	options := ingest.DefaultConfig()
	options.Brokers, options.Topics.Events = []string{t.Broker}, t.Topic
	return ingest.NewClient(options, metrics.NewSet(), slog.New(slog.DiscardHandler))
}

// marks tells the runner, on standard output, how far the job is.
type marks struct {
	out   io.Writer
	total int64
	n     atomic.Int64
}

// consumed counts records that have been read from Kafka.
func (m *marks) consumed(records int) {
	now := m.n.Add(int64(records))
	was := now - int64(records)
	if was == 0 && records > 0 {
		m.say("first")
	}
	if half := m.total / 2; was < half && now >= half {
		m.say("half")
	}
	if was < m.total && now >= m.total {
		m.say("last")
	}
}

func (m *marks) say(mark string) { fmt.Fprintln(m.out, "mark", mark) }

// flushEvery is how often the restricted fold writes: as often as the worker.
const flushEvery = time.Second
