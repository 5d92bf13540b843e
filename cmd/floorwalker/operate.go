package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/VictoriaMetrics/metrics"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"floorwalker/aggregate/engine"
	"floorwalker/aggregate/history"
	"floorwalker/cmd/floorwalker/config"
	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
)

// operation is what commands that work on the history of a running system share: which system that is.
type operation struct {
	config, data string
}

func (o *operation) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.config, "config", "", "the configuration of the system")
	cmd.Flags().StringVar(&o.data, "data", "./data", "the data directory of a running demo, when there is no --config")
	cmd.MarkFlagsMutuallyExclusive("config", "data")
}

// arg is how the system is named on a command line.
func (o *operation) arg() string {
	if o.config != "" {
		return "--config " + o.config
	}
	return "--data " + o.data
}

// load reads the configuration, or makes the demo's.
func (o *operation) load() (config.Config, error) {
	if o.config != "" {
		return config.Load(o.config)
	}
	d, err := readDemo(o.data)
	if err != nil {
		return config.Config{}, fmt.Errorf("no --config, and no demo: %w", err)
	}
	c := config.Default()
	c.Kafka.Brokers, c.ClickHouse.Addresses = []string{d.Kafka}, []string{d.ClickHouse}
	c.ClickHouse.Retention, c.AuditLog = config.Retention{}, filepath.Join(o.data, demoAuditLog) // as the demo has it
	return c, nil
}

// past is the history of a system.
type past struct {
	conn    driver.Conn
	options clickhouse.Config
	store   *history.Store
}

// openPast connects to one server of the history: what is computed beside it must be where it is read.
func openPast(ctx context.Context, c *config.Config) (*past, error) {
	options, err := clickHouseConfig(c.ClickHouse)
	if err != nil {
		return nil, err
	}
	options.ReadTimeout = 10 * time.Minute // one answer may take a while: a day is sorted
	p := &past{options: options}
	var faults error
	for _, address := range options.Addresses {
		p.options.Addresses = []string{address}
		if p.conn, err = clickhouse.Open(ctx, p.options); err == nil {
			break
		}
		faults = err
	}
	if p.conn == nil {
		return nil, faults
	}
	p.store, err = history.NewStore(p.conn, metrics.NewSet(), history.Config{Cluster: options.Cluster,
		RawDays: config.Days(c.ClickHouse.Retention.Raw), Log: slog.New(slog.DiscardHandler)})
	return p, err
}

// other connects to another database of the same server.
func (p *past) other(ctx context.Context, database string) (driver.Conn, error) {
	options := p.options
	options.Database, options.Cluster = database, ""
	return clickhouse.Open(ctx, options)
}

func engineOf(c *config.Config) engine.Config {
	return engine.Config{HorizonMs: c.Engine.Horizon.Milliseconds()}
}

// period is --from and --to.
type period struct {
	from, to string
}

func (p *period) flags(cmd *cobra.Command, from, to string) {
	cmd.Flags().StringVar(&p.from, "from", "", from)
	cmd.Flags().StringVar(&p.to, "to", "", to)
}

// bounds are both in ms, 0 where nothing was said.
func (p *period) bounds() (from, to int64, err error) {
	read := func(name, text string) (int64, error) {
		if text == "" {
			return 0, nil
		}
		if t, err := time.Parse(time.DateOnly, text); err == nil {
			return t.UnixMilli(), nil
		}
		ms, err := schema.ParseTime(text)
		if err != nil {
			return 0, fmt.Errorf("--%s %q is neither a moment such as 2026-03-01T00:00:00Z nor a day such as 2026-03-01", name, text)
		}
		return ms, nil
	}
	if from, err = read("from", p.from); err != nil {
		return 0, 0, err
	}
	if to, err = read("to", p.to); err != nil {
		return 0, 0, err
	}
	if to > 0 && from >= to {
		return 0, 0, fmt.Errorf("--from %s must lie before --to %s", p.from, p.to)
	}
	return from, to, nil
}

// steps shows how far a long computation has come: a bar on a terminal, else a line now and then.
type steps struct {
	out   io.Writer
	bar   *progressbar.ProgressBar
	phase string
	last  time.Time
}

const stepsInterval = 5 * time.Second

func newSteps(out io.Writer) *steps { return &steps{out: out, last: time.Now()} }

// tell says what is done of a total, -1 where that is not known.
func (s *steps) tell(phase string, done, total int64) {
	if !terminal(s.out) {
		if now := time.Now(); now.Sub(s.last) >= stepsInterval {
			s.last = now
			fmt.Fprintf(s.out, "%s: %s\n", phase, share(done, total))
		}
		return
	}
	if s.bar == nil || phase != s.phase {
		s.done()
		s.phase = phase
		s.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(s.out), progressbar.OptionSetDescription(phase),
			progressbar.OptionSetWidth(30), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	}
	_ = s.bar.Set64(done) // nothing depends on the picture
}

func share(done, total int64) string {
	if total <= 0 {
		return fmt.Sprint(done)
	}
	return fmt.Sprintf("%d of %d (%.0f %%)", done, total, 100*float64(done)/float64(total))
}

// done takes the bar away.
func (s *steps) done() {
	if s.bar != nil {
		_ = s.bar.Finish()
		s.bar = nil
	}
}
