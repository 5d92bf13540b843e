package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"floorwalker/cmd/floorwalker/config"
	"floorwalker/query"
)

// probeTimeout is how long one part may take to say that it is there.
const probeTimeout = 2 * time.Second

// readiness asks every part.
func (s *server) readiness(ctx context.Context) query.Readiness {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	var r query.Readiness
	add := func(name string, err error) {
		p := query.Part{Name: name, Ready: err == nil}
		if err != nil {
			p.Detail = err.Error()
		}
		r.Parts = append(r.Parts, p)
	}
	if s.draining.Load() {
		r.Parts = append(r.Parts, goingDown())
	}
	if s.cfg.Has(config.RoleQuery) {
		add("live view", s.viewReadiness(&r))
	}
	add("kafka", s.kafka.Ping(ctx))
	add("lag", s.lag.ready())
	err := s.pingClickHouse(ctx)
	if err == nil && len(r.Partitions) > 0 {
		err = s.flushed.fill(ctx, r.Partitions)
	}
	add("clickhouse", err)
	r.Parts = append(r.Parts, s.warnings()...)
	return r
}

func goingDown() query.Part {
	return query.Part{Name: "shutdown", Detail: "going down; requests are still answered"}
}

// serving asks nobody else: while Kafka or ClickHouse is away, or slow, no other node is better. A live view that has caught up once is
// whole, and says in its answers how old it is.
func (s *server) serving() query.Readiness {
	var r query.Readiness
	live := query.Part{Name: "live view"}
	err := s.viewReadiness(&r)
	if live.Ready = s.caughtUp.Load(); !live.Ready && err != nil {
		live.Detail = err.Error()
	}
	r.Parts = append(r.Parts, live)
	if s.draining.Load() {
		r.Parts = append(r.Parts, goingDown())
	}
	return r
}

// warnings are what operators should know although everything goes on.
func (s *server) warnings() []query.Part {
	var out []query.Part
	if s.worker != nil {
		for _, w := range s.worker.Warnings() {
			out = append(out, query.Part{Name: "worker", Ready: true, Detail: w})
		}
	}
	if s.alerts != nil {
		for _, w := range s.alerts.Warnings() {
			out = append(out, query.Part{Name: "alerts", Ready: true, Detail: w})
		}
	}
	if s.view != nil {
		for _, w := range s.view.Split() {
			out = append(out, query.Part{Name: "live view", Ready: true, Detail: w})
		}
	}
	return out
}

func (s *server) viewReadiness(r *query.Readiness) error {
	behind := 0
	var errs []error
	for _, p := range s.view.Status() {
		out := query.Partition{Partition: p.Partition, Applied: p.Applied, End: p.End, CaughtUp: p.CaughtUp}
		if p.Err != nil {
			out.Error = p.Err.Error()
			errs = append(errs, fmt.Errorf("partition %d: %w", p.Partition, p.Err))
		}
		if !p.CaughtUp {
			behind++
		}
		r.Partitions = append(r.Partitions, out)
	}
	if behind > 0 {
		errs = append(errs, fmt.Errorf("%d of %d partitions are catching up", behind, len(r.Partitions)))
	}
	if len(errs) == 0 && len(r.Partitions) > 0 {
		s.caughtUp.Store(true)
	}
	return errors.Join(errs...)
}

// serveOperations is all that a process without the query role serves: health, readiness and metrics.
func (s *server) serveOperations(listener net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", s.answerReadiness)
	metricsMux, metricsListener := mux, net.Listener(nil)
	if s.cfg.MetricsListen != "" {
		var err error
		if metricsListener, err = s.listen(s.cfg.MetricsListen); err != nil {
			return errors.Join(err, listener.Close())
		}
		metricsMux = http.NewServeMux()
	}
	metricsMux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		s.set.WritePrometheus(w)
		metrics.WriteProcessMetrics(w)
		metrics.WriteFDMetrics(w)
	})
	if metricsListener != nil {
		s.serveMux("metrics", metricsMux, metricsListener)
	}
	s.serveMux("operation", mux, listener)
	s.log.Info("serving health and metrics", "url", s.url)
	return nil
}

func (s *server) answerReadiness(w http.ResponseWriter, req *http.Request) {
	r := s.readiness(req.Context())
	if !r.Ready() {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	for _, p := range r.Parts {
		fmt.Fprintf(w, "%s: %s\n", p.Name, strings.TrimSuffix(readyWord(p.Ready)+", "+p.Detail, ", "))
	}
}

func (s *server) serveMux(name string, mux *http.ServeMux, listener net.Listener) {
	srv := &http.Server{Handler: mux, ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)} // faults of whoever calls
	s.components.start(name, func(ctx context.Context) error {
		serve := func(l net.Listener) error {
			if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		}
		return serveApp(ctx, serve, srv.Shutdown, listener)
	})
}

func readyWord(ready bool) string {
	if ready {
		return "ready"
	}
	return "not ready"
}
