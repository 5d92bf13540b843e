package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/aggregate/engine"
	"floorwalker/ingest/simulate"
	"floorwalker/schema"
)

// The engine accepts every event of a simulated day, also when some arrive late.
func TestSimulator_EngineAcceptsEveryEvent(t *testing.T) {
	start := time.Date(2026, 3, 2, 4, 0, 0, 0, time.UTC)
	s, err := simulate.New(simulate.Config{ContactCenter: "demo", Agents: 60, Seed: 5, Start: start})
	require.NoError(t, err)
	e := engine.New(engine.Config{})
	var dec schema.Decoder
	var ev schema.Event
	var buf []byte
	offset := int64(0)
	for done := false; !done; {
		if s.Now() > start.Add(12*time.Hour).UnixMilli() {
			s.Finish()
		}
		batch := s.Next()
		done = len(batch) == 0
		for i := range batch {
			buf = schema.AppendStructured(buf[:0], &batch[i])
			require.NoError(t, dec.DecodeStructured(buf, &ev))
			outcome := e.Apply(&ev, offset)
			require.Equal(t, engine.Applied, outcome, "%s: %s", outcome, buf)
			offset++
		}
	}
	require.Greater(t, offset, int64(10_000))
}
