package view

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"floorwalker/aggregate/gate"
	"floorwalker/schema"
)

// hand is a view with one partition, whose records are handed over by the test.
type hand struct {
	*log
	*View
	now  time.Time
	part *partition
	done int
}

func byHand(t *testing.T, dir string) *hand {
	h := &hand{log: newLog(), now: start}
	disk, err := NewDisk(dir, "cc.events")
	require.NoError(t, err)
	h.View, err = New(Config{Decoder: func() gate.Decoder { return &schema.Decoder{} }, Gate: gate.Gate{AnyPartitioner: true, MaxAhead: time.Hour},
		Zone: func(string) *time.Location { return time.UTC }, Disk: disk, Now: func() time.Time { return h.now }, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	r, err := h.newReplica(t.Context(), only(h.log))
	require.NoError(t, err)
	h.View.current.Store(r)
	h.part = r.partitions[0]
	h.part.vouched = true
	h.part.published = h.now
	return h
}

// take hands over what was added since the last time.
func (h *hand) take(t *testing.T) {
	batch := h.records[h.done:]
	h.done = len(h.records)
	require.NoError(t, h.part.handle(batch, int64(h.done)))
}

// shown is how far readers are told that the view has come.
func (h *hand) shown() int64 { return h.part.at.Load().applied }

// Whoever asks sees every batch that was applied, and is told no more and no less; for batches that nobody asked about no state is made.
func TestBatches_OneStateForWhoAsks(t *testing.T) {
	h := byHand(t, t.TempDir())
	h.add(start, schema.AgentLogin, "a", `{}`)
	h.take(t)
	f, ok := h.Pin("6")
	require.True(t, ok, "a contact centre that the last batch named first")
	require.EqualValues(t, 1, h.Status()[0].Applied)
	for n := range 20 {
		h.add(start.Add(time.Duration(n+1)*time.Second), schema.AgentStatus, "a", fmt.Sprintf(`{"status":%q}`, []string{"break", "available"}[n%2]))
		h.take(t)
	}
	require.EqualValues(t, 1, h.shown())
	require.EqualValues(t, 21, h.Status()[0].Applied)
	g, _ := h.Pin("6")
	a, _ := g.Agents.Get("a")
	require.Equal(t, schema.Available, a.Status)
	require.Equal(t, f.Version+1, g.Version)
	require.Equal(t, start.Add(20*time.Second).UnixMilli(), g.NewestEvent)
	require.Len(t, h.StatusIntervals("6", "a"), 21)
}

func TestNobodyAsks_PublishedAllTheSame(t *testing.T) {
	h := byHand(t, t.TempDir())
	h.add(start, schema.AgentLogin, "a", `{}`)
	h.take(t)
	require.Zero(t, h.shown())
	h.now = h.now.Add(publishEvery)
	h.add(start.Add(time.Second), schema.AgentStatus, "a", `{"status":"break"}`)
	h.take(t)
	require.EqualValues(t, 2, h.shown())
}

// A reader that finds the engine busy does not wait: it gets the state before, and the next batch is published without being asked for.
func TestReaderFindsTheEngineBusy_NextBatchPublished(t *testing.T) {
	h := byHand(t, t.TempDir())
	h.add(start, schema.AgentLogin, "a", `{}`)
	h.take(t)
	f, _ := h.Pin("6")
	h.add(start.Add(time.Second), schema.AgentStatus, "a", `{"status":"break"}`)
	h.take(t)

	h.part.mu.Lock()
	g, ok := h.Pin("6")
	require.True(t, ok)
	require.Equal(t, f.Version, g.Version)
	require.EqualValues(t, 1, h.Status()[0].Applied)
	h.part.mu.Unlock()
	h.add(start.Add(2*time.Second), schema.AgentStatus, "a", `{"status":"available"}`)
	h.take(t)
	require.EqualValues(t, 3, h.shown())
}

// What nobody had asked for when the view was saved is there when another one begins with the file.
func TestSaved_WhatWasNotPublishedToo(t *testing.T) {
	dir := t.TempDir()
	h := byHand(t, dir)
	calls(h.log, 0, 30)
	h.take(t)
	size, err := h.part.save()
	require.NoError(t, err)
	require.Positive(t, size)
	now := start.Add(time.Hour)
	n := startNode(t, only(h.log), nil, dir, now)
	n.eventually("begun", func() bool { return len(n.Status()) == 1 && n.Status()[0].Applied == int64(len(h.records)) })
	require.Contains(t, n.said.String(), "from=disk")
	h.now = now
	requireSame(t, now, run(t, h.log, nil, now), n.View)
	require.Equal(t, h.StatusIntervals("6", "b"), n.StatusIntervals("6", "b"))
}

// Rows that were given out keep their annotations as they were, whatever comes, in whatever order, and however much.
func TestAnnotations_GivenOut_StayAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := &notes{contactCenter: "6", interaction: "i"}
		type given struct{ row, copied []schema.Annotation }
		var out []given
		var reference []schema.Annotation
		for k := range rapid.IntRange(1, 40).Draw(t, "annotations") {
			typ := rapid.SampledFrom([]schema.EventType{schema.InteractionNote, schema.InteractionMessage, schema.InteractionDisposition}).Draw(t, "type")
			ev := schema.Event{ID: fmt.Sprint(k), Source: "/s", Type: typ, Time: rapid.Int64Range(0, 10).Draw(t, "time"),
				Data: []byte(strings.Repeat("x", rapid.SampledFrom([]int{1, keepNotes / 3}).Draw(t, "size")))}
			n.add(&ev, int64(k))
			reference = append(reference, schema.Annotation{ID: ev.ID, Type: typ, Time: ev.Time, Offset: int64(k), Data: ev.Data})
			var row schema.LiveInteraction
			n.lay(&row)
			for _, list := range [][]schema.Annotation{row.Annotations, row.Notes} {
				out = append(out, given{list, slices.Clone(list)})
			}
			slices.SortStableFunc(reference, schema.CompareAnnotations)
			reference = bounded(reference, typ)
			require.Equal(t, idsOf(reference), idsOf(row.Annotations))
			require.Equal(t, idsOf(slices.DeleteFunc(slices.Clone(reference), func(a schema.Annotation) bool { return a.Type != schema.InteractionNote })), idsOf(row.Notes))
		}
		for _, g := range out {
			require.Equal(t, g.copied, g.row)
		}
	})
}

// bounded drops the oldest ones of a type until the rest may be kept.
func bounded(list []schema.Annotation, typ schema.EventType) []schema.Annotation {
	sum := 0
	for _, a := range list {
		if a.Type == typ {
			sum += len(a.Data)
		}
	}
	for sum > keepNotes {
		k := slices.IndexFunc(list, func(a schema.Annotation) bool { return a.Type == typ })
		sum -= len(list[k].Data)
		list = slices.Delete(list, k, k+1)
	}
	return list
}

func idsOf(list []schema.Annotation) string {
	var out []string
	for _, a := range list {
		out = append(out, a.ID)
	}
	return strings.Join(out, " ")
}
