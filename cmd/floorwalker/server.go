package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/VictoriaMetrics/metrics"

	"floorwalker/aggregate/engine"
	"floorwalker/aggregate/gate"
	"floorwalker/aggregate/history"
	"floorwalker/aggregate/view"
	"floorwalker/aggregate/worker"
	"floorwalker/cmd/floorwalker/config"
	"floorwalker/cmd/floorwalker/surfaces"
	"floorwalker/ingest"
	"floorwalker/query"
	"floorwalker/query/alert"
	"floorwalker/query/auth"
	"floorwalker/query/clarity"
	"floorwalker/query/command"
	"floorwalker/query/floor"
	reader "floorwalker/query/history"
	"floorwalker/query/hub"
	"floorwalker/query/wallboard"
	"floorwalker/schema"
	"floorwalker/schema/directory"
	"floorwalker/schema/metric"
)

// startTimeout is how long Kafka and ClickHouse may take to come up beside us.
const startTimeout = 2 * time.Minute

// server is Floorwalker with the roles of its configuration: the same for serve and demo.
type server struct {
	cfg        config.Config
	log        *slog.Logger
	components *components
	set        *metrics.Set

	kafka         *ingest.Client
	producer      *ingest.Producer
	topics        ingest.TopicReport
	history       driver.Conn
	directory     *directory.Store
	directoryRead *directoryProgress
	migrated      chan struct{}  // closed once ClickHouse's tables are of this release
	worker        *worker.Worker // nil without the role
	view          *view.View
	source        *floor.Source // of the live view, with the role
	alerts        *alert.Alerts // likewise
	lag           *lag
	flushed       *flushed
	push          *hub.Hub // with the role query
	vendors       []query.Surface
	url           string      // of the API
	certified     time.Time   // until when the API\'s certificate is good; zero without TLS
	app           *query.App  // with the role query
	caughtUp      atomic.Bool // the live view has caught up since the start
	draining      atomic.Bool // the end was asked for
}

// startServer starts everything in the order of the data's way, after what is among the components already. On an error nothing is left
// running.
func startServer(ctx context.Context, cfg config.Config, log *slog.Logger, parts *components) (s *server, err error) {
	s = &server{cfg: cfg, log: log, components: parts, set: metrics.NewSet(), directory: directory.NewStore(),
		directoryRead: &directoryProgress{applied: map[int]int64{}}}
	defer func() {
		if err != nil {
			err = errors.Join(err, parts.stop())
		}
	}()
	for _, part := range []struct {
		name string
		on   bool
		run  func(ctx context.Context) error
	}{
		{"debug", cfg.Debug.Listen != "", s.startDebug},
		{"kafka", true, s.startKafka},
		{"clickhouse", true, s.startClickHouse},
		{"worker", cfg.Has(config.RoleWorker), s.startWorker},
		{"directory", cfg.Has(config.RoleQuery), s.startDirectory},
		{"live view", cfg.Has(config.RoleQuery), s.startView},
		{"alerts", cfg.Has(config.RoleQuery), s.startAlerts},
		{"lag", true, s.startLag},
		{"api", true, s.startAPI},
		{"gauges", true, s.startGauges},
	} {
		if !part.on {
			continue
		}
		if err := part.run(ctx); err != nil {
			return nil, fmt.Errorf("starting %s: %w", part.name, err)
		}
	}
	return s, nil
}

func (s *server) prepareTopics(ctx context.Context) (err error) {
	if err := s.kafka.Ping(ctx); err != nil {
		return err
	}
	if err := s.kafka.EnsureTopics(ctx, topicSettings(s.cfg.Kafka)); err != nil {
		return err
	}
	s.topics, err = s.kafka.CheckTopics(ctx, 0)
	return err
}

// retry tries until it works, ctx ends or startTimeout has passed.
func (s *server) retry(ctx context.Context, what string, try func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for pause := 200 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		err := try(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		s.log.Warn("waiting", "for", what, "error", err)
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return err
		case <-t.C:
		}
	}
}

func (s *server) startKafka(ctx context.Context) error {
	options, err := kafkaConfig(s.cfg.Kafka)
	if err != nil {
		return err
	}
	if s.kafka, err = ingest.NewClient(options, s.set, s.log); err != nil {
		return err
	}
	s.components.closeLast(func() error { s.kafka.Close(); return nil })
	var refused error
	err = s.retry(ctx, "kafka", func(ctx context.Context) error {
		err := s.prepareTopics(ctx)
		if err != nil && !errors.Is(err, ingest.ErrUnavailable) {
			refused, err = err, nil // no waiting helps
		}
		return err
	})
	if err := errors.Join(err, refused); err != nil {
		return err
	}
	if faults := topicFaults(s.topics, false); len(faults) > 0 {
		return errors.Join(faults...)
	}
	s.producer = s.kafka.Producer()
	s.components.closeLast(func() error { s.producer.Close(); return nil })
	return nil
}

func (s *server) engineConfig() engine.Config {
	return engine.Config{HorizonMs: s.cfg.Engine.Horizon.Milliseconds()}
}

func (s *server) startWorker(context.Context) error {
	options := ingest.DefaultGroupConfig()
	options.ID = s.cfg.Kafka.Group
	cfg := history.Config{Worker: workerName(), Cluster: s.cfg.ClickHouse.Cluster, RawDays: config.Days(s.cfg.ClickHouse.Retention.Raw), Log: s.log}
	w, err := s.newWorker(cfg, options.StopTimeout-stopMargin)
	if err != nil {
		return err
	}
	s.worker = w
	group, err := s.kafka.Group(options)
	if err != nil {
		return err
	}
	s.components.start("worker", func(ctx context.Context) error {
		if s.awaitTables(ctx) != nil {
			return nil // the end came first
		}
		return group.Run(ctx, func(ctx context.Context, gen *ingest.Generation) error {
			defer s.keepDirectory(ctx, gen, cfg)()
			return lasting(w.Own(ctx, generation(gen)))
		})
	})
	return nil
}

// newWorker makes one that writes to the server's history; final is for its last flush, checkpoint and commit.
func (s *server) newWorker(cfg history.Config, final time.Duration) (*worker.Worker, error) {
	sink, err := history.NewSink(s.history, s.set, cfg)
	if err != nil {
		return nil, err
	}
	store, err := history.NewStore(s.history, s.set, cfg)
	if err != nil {
		return nil, err
	}
	return worker.New(worker.Config{
		Topic: s.cfg.Kafka.Topics.Events, Gate: s.gate(),
		Flush: s.cfg.Engine.FlushInterval, Checkpoint: s.cfg.Engine.CheckpointInterval, Log: s.log, Final: final,
	}, worker.Parts{
		Engines: worker.Real(s.engineConfig()), Decoder: func() gate.Decoder { return &schema.Decoder{} }, Sink: sink, Checkpoints: store,
		DeadLetters: s.writeDeadLetters, Metrics: s.set,
	})
}

// stopMargin is what is left for the rest when the last flush of a generation was given up.
const stopMargin = 4 * time.Second

// lasting tells what an operator has to see to from what passes: Kafka or ClickHouse being away must not end the process, and the
// live view with it.
func lasting(err error) error {
	if err == nil || errors.Is(err, worker.ErrNewEpoch) || errors.Is(err, ingest.ErrCorrupt) {
		return err
	}
	return fmt.Errorf("%w: %w", ingest.ErrGivenUp, err)
}

// generation is a group's generation as the worker knows it.
func generation(gen *ingest.Generation) worker.Generation {
	out := worker.Generation{Total: gen.Count, Commit: func(_ context.Context, next map[int]int64) error { return gen.Commit(next) }}
	for _, p := range gen.Partitions {
		out.Partitions = append(out.Partitions, p)
	}
	return out
}

func (s *server) writeDeadLetters(ctx context.Context, letters []schema.DeadLetter) error {
	out := make([]ingest.DeadLetter, len(letters))
	for i, l := range letters {
		out[i] = ingest.DeadLetter{Reason: l.Code + ": " + l.Error, Record: schema.Record{Topic: l.Topic, Partition: l.Partition, Offset: l.Offset,
			Timestamp: l.RecordTime, Key: l.Key, Value: l.Value, Headers: l.Headers}}
	}
	return s.producer.DeadLetters().Write(ctx, out)
}

// gate judges records for history and the live view alike.
func (s *server) gate() gate.Gate {
	g := gate.Gate{AnyPartitioner: s.cfg.Kafka.Partitioner == config.PartitionerAny, MaxAhead: s.cfg.Kafka.FutureLimit}
	if !s.topics.EnforcesTimestamps {
		g.Clock = time.Now
	}
	return g
}

// startDirectory reads what the topic holds before anything is answered: without names and teams answers would be wrong.
func (s *server) startDirectory(ctx context.Context) error {
	reader := s.kafka.DirectoryReader()
	var dec schema.Decoder
	var ev schema.Event
	s.components.start("directory", func(ctx context.Context) error {
		return reader.Run(ctx, func(rec *schema.Record) error {
			defer s.directoryRead.note(rec)
			err := dec.DecodeDirectoryRecord(rec, &ev)
			if err == nil {
				err = s.directory.Apply(&ev)
			}
			if err != nil {
				s.log.Warn("directory record refused", "partition", rec.Partition, "offset", rec.Offset, "error", err)
			}
			return nil
		})
	})
	select {
	case <-reader.Ready():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(startTimeout):
		return fmt.Errorf("the directory topic %q was not read to its end within %s", s.cfg.Kafka.Topics.Directory, startTimeout)
	}
}

func (s *server) startView(context.Context) error {
	disk, err := s.openDisk()
	if err != nil {
		return err
	}
	s.view, err = view.New(view.Config{
		Engine: s.engineConfig(), Decoder: func() gate.Decoder { return &schema.Decoder{} },
		Gate:    s.gate(),
		Zone:    func(contactCenter string) *time.Location { return s.directory.Snapshot(contactCenter).Location },
		History: boot{history.NewBoot(s.history, s.log), s.cfg.Kafka.Topics.Events}, Disk: disk, Metrics: s.set, Log: s.log,
	})
	if err != nil {
		return err
	}
	s.source = floor.NewSource(s.view, s.directory, contactCenters(&s.cfg), time.Now)
	s.components.start("live figures", func(ctx context.Context) error {
		s.source.Run(ctx)
		return nil
	})
	s.components.start("live view", func(ctx context.Context) error {
		if err := s.view.Run(ctx, s.viewPartitions); !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	})
	return nil
}

func (s *server) viewPartitions(ctx context.Context) ([]view.Partition, error) {
	partitions, err := s.kafka.Partitions(ctx, s.cfg.Kafka.Topics.Events)
	var list []view.Partition
	for _, p := range partitions {
		list = append(list, p)
	}
	return list, err
}

// openDisk is where the live view keeps its own checkpoints: nowhere without a data directory. One that cannot be had is no reason not
// to serve, but costs the next start its memory while ClickHouse is away.
func (s *server) openDisk() (*view.Disk, error) {
	if s.cfg.DataDir == "" {
		return nil, nil
	}
	dir := filepath.Join(s.cfg.DataDir, "live")
	disk, err := s.lockedDisk(dir)
	if err == nil {
		return disk, nil
	}
	s.log.Error("the live view keeps no checkpoints of its own", "data_dir", s.cfg.DataDir, "error", err)
	return nil, nil
}

func (s *server) lockedDisk(dir string) (*view.Disk, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	disk, err := view.NewDisk(dir, s.cfg.Kafka.Topics.Events)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	s.components.closeLast(lock.Close)
	return disk, nil
}

func (s *server) startAPI(ctx context.Context) error {
	listener, err := s.listen(s.cfg.Listen)
	if err != nil {
		return err
	}
	s.url = s.publicURL(listener)
	if !s.cfg.Has(config.RoleQuery) {
		return s.serveOperations(listener)
	}
	app, err := s.newApp()
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	s.app = app
	if s.cfg.MetricsListen != "" {
		if err := s.serveMetrics(app); err != nil {
			return errors.Join(err, listener.Close())
		}
	}
	s.components.start("api", func(ctx context.Context) error { return serveApp(ctx, app.Serve, app.Shutdown, listener) })
	s.components.start("push", s.push.Run) // ends before the api, which waits for what is open
	for _, of := range s.vendors {
		if pushes, ok := of.(interface{ Run(context.Context) error }); ok {
			s.components.start("vendors' push", pushes.Run)
		}
	}
	s.log.Info("serving", "url", s.url)
	return nil
}

func (s *server) newApp() (*query.App, error) {
	list, err := accounts(&s.cfg)
	if err != nil {
		return nil, err
	}
	authenticator, err := auth.New(list, auth.Options{})
	if err != nil {
		return nil, err
	}
	catalogue := metric.NewCatalogue()
	past := reader.New(s.history, catalogue, reader.Config{})
	s.flushed = newFlushed(past, s.cfg.Kafka.Topics.Events)
	source := s.source
	events := s.producer.Collector(s.cfg.Kafka.FutureLimit, 0)
	log := &commandLog{producer: s.producer, collector: events, topics: kafkaTopics(s.cfg.Kafka), view: s.view, directory: s.directoryRead}
	commands := command.New(source, log, time.Now)
	l := s.cfg.Query.Limits
	s.push, err = hub.New(hub.Config{Source: source, Metrics: s.set, Log: s.log,
		Limits: hub.Limits{Streams: l.Streams, StreamsPerPrincipal: l.StreamsPerPrincipal, Feeds: l.StreamFeeds}})
	if err != nil {
		return nil, err
	}
	settings, err := queryConfig(&s.cfg)
	if err != nil {
		return nil, err
	}
	s.vendors, err = surfaces.New(s.cfg.ContactCenters, surfaces.Deps{Source: source, History: past, Presences: commands, Log: s.log, Now: time.Now, Masks: settings.Masks,
		Clarity: surfaces.Clarity{History: past, Commands: commands, URL: s.cfg.PublicURL,
			Push: clarity.Push{Hub: s.push, Alerts: s.alerts, Origins: s.cfg.Query.CORS.Origins, Metrics: s.set}}})
	if err != nil {
		return nil, err
	}
	who, err := s.authenticate(authenticator)
	if err != nil {
		return nil, err
	}
	audit, err := s.auditLog()
	if err != nil {
		return nil, err
	}
	board, err := wallboard.New()
	if err != nil {
		return nil, err
	}
	return query.New(settings,
		query.Deps{
			Source: source, Catalogue: catalogue, Authenticator: who, Accounts: authenticator, Audit: audit,
			Collector: collector{events},
			History:   past,
			Commands:  commands,
			Alerts:    s.alerts,
			Push:      s.push,
			Surfaces:  append(slices.Clone(s.vendors), board),
			Readiness: s.readiness, Serving: s.serving, Sets: []*metrics.Set{s.set}, Set: s.set, Logger: s.log,
		})
}

func (s *server) serveMetrics(app *query.App) error {
	listener, err := s.listen(s.cfg.MetricsListen)
	if err != nil {
		return err
	}
	m := app.MetricsApp()
	s.components.start("metrics", func(ctx context.Context) error { return serveApp(ctx, m.Listener, m.ShutdownWithContext, listener) })
	return nil
}

// listen opens a port, with TLS where that is configured.
func (s *server) listen(address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening on %q: %w", address, err)
	}
	if s.cfg.TLS.CertFile == "" {
		return listener, nil
	}
	pair, err := tls.LoadX509KeyPair(s.cfg.TLS.CertFile, s.cfg.TLS.KeyFile)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("tls: %w", err), listener.Close())
	}
	if s.certified = pair.Leaf.NotAfter; time.Now().After(s.certified) {
		s.log.Error("the certificate has expired, clients refuse it", "file", s.cfg.TLS.CertFile, "until", s.certified.UTC())
	}
	return tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}), nil
}

func (s *server) publicURL(listener net.Listener) string {
	if s.cfg.PublicURL != "" {
		return s.cfg.PublicURL
	}
	scheme := "http"
	if s.cfg.TLS.CertFile != "" {
		scheme = "https"
	}
	host, port, _ := net.SplitHostPort(listener.Addr().String()) // a listener's address has both
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// shutdownTimeout is how long running requests may take after the end was asked for.
const shutdownTimeout = 5 * time.Second

// serveApp serves until ctx ends and then lets requests finish.
func serveApp(ctx context.Context, serve func(net.Listener) error, shutdown func(context.Context) error, listener net.Listener) error {
	ended := make(chan error, 1)
	go func() { ended <- serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	err := shutdown(limit)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil // clients that still listen are cut off
	}
	return errors.Join(err, <-ended)
}
