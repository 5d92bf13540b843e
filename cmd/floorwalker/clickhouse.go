package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	embedded "floorwalker/internal/clickhouse"
	"floorwalker/schema/clickhouse"
)

const (
	// clickHousePatience is how long a start waits for ClickHouse before it goes on without: the live view can.
	clickHousePatience = 5 * time.Second
	longestPause       = 5 * time.Second
)

// startClickHouse brings the tables to this release's schema. While nobody answers, the live view goes on without, and the worker
// waits; a server that answers with a refusal ends the start.
func (s *server) startClickHouse(ctx context.Context) error {
	options, err := clickHouseConfig(s.cfg.ClickHouse)
	if err != nil {
		return err
	}
	if s.history, err = clickhouse.Connect(options); err != nil {
		return err
	}
	s.components.closeLast(s.history.Close)
	s.migrated = make(chan struct{})
	err = s.migrate(ctx, options)
	var refusal *ch.Exception
	switch {
	case err == nil:
		close(s.migrated)
		return nil
	case errors.As(err, &refusal) || ctx.Err() != nil:
		return err
	}
	s.log.Warn("clickhouse cannot be reached, the start goes on without", "error", err)
	s.components.start("clickhouse tables", func(ctx context.Context) error {
		s.migrateOnce(ctx, options)
		<-ctx.Done()
		return nil
	})
	return nil
}

// migrateOnce tries until it has worked or ctx ends.
func (s *server) migrateOnce(ctx context.Context, options clickhouse.Config) {
	for pause := 200 * time.Millisecond; ; pause = min(2*pause, longestPause) {
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		err := s.migrate(ctx, options)
		if err == nil {
			close(s.migrated)
			s.log.Info("clickhouse is there")
			return
		}
		s.log.Warn("waiting", "for", "clickhouse", "error", err)
	}
}

func (s *server) migrate(ctx context.Context, options clickhouse.Config) error {
	reach, cancel := context.WithTimeout(ctx, clickHousePatience)
	defer cancel()
	if err := clickhouse.Create(reach, options); err != nil {
		return err
	}
	applied, err := clickhouse.Migrate(ctx, s.history, migrateOptions(s.cfg.ClickHouse))
	if len(applied) > 0 {
		s.log.Info("clickhouse migrated", "applied", applied)
	}
	return err
}

// awaitTables returns when the tables are there, or with ctx's error.
func (s *server) awaitTables(ctx context.Context) error {
	select {
	case <-s.migrated:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pingClickHouse says whether history can be read and written.
func (s *server) pingClickHouse(ctx context.Context) error {
	if err := s.history.Ping(ctx); err != nil {
		return err
	}
	select {
	case <-s.migrated:
		return nil
	default:
		return errors.New("its tables are not of this release yet")
	}
}

// keepClickHouse brings the embedded engine back whenever it ends, and shows the end of what it said when that was not asked for.
func keepClickHouse(db *embedded.Server, log *slog.Logger) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		told := make(chan struct{})
		defer func() { <-told }()
		go func() {
			defer close(told)
			tellLastWords(ctx, db, log)
		}()
		return db.Keep(ctx)
	}
}

// tellLastWords does not ask the server why its child ended: that answer waits for the next child.
func tellLastWords(ctx context.Context, db *embedded.Server, log *slog.Logger) {
	for {
		done := db.Done()
		select {
		case <-ctx.Done():
			return
		case <-done:
		}
		log.Error("the end of clickhouse's log", "file", db.LogFile(), "lines", tailOf(db.LogFile()))
		for db.Done() == done { // it has not been brought back yet
			t := time.NewTimer(100 * time.Millisecond)
			select {
			case <-ctx.Done():
				t.Stop()
				return
			case <-t.C:
			}
		}
	}
}

// tailBytes is how much of a log file is shown.
const tailBytes = 2 << 10

func tailOf(name string) string {
	f, err := os.Open(name)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.Size() > tailBytes {
		if _, err := f.Seek(-tailBytes, io.SeekEnd); err != nil {
			return err.Error()
		}
	}
	data, err := io.ReadAll(io.LimitReader(f, tailBytes))
	if err != nil {
		return fmt.Sprintf("%s\n%v", data, err)
	}
	return string(data)
}
