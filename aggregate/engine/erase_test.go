package engine

import (
	"bytes"
	"io"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

// body is a snapshot without compression.
func body(t *testing.T, snapshot []byte) []byte {
	t.Helper()
	z, err := zstd.NewReader(bytes.NewReader(snapshot[24:]))
	require.NoError(t, err)
	defer z.Close()
	raw, err := io.ReadAll(z)
	require.NoError(t, err)
	return raw
}

func TestErase_SnapshotHoldsNothingOfTheCustomer_AndCountsTheSame(t *testing.T) {
	f := newFloor(t)
	f.do(login(0, "a"))
	created := func(id string) {
		ev := ix(10, schema.InteractionCreated, id)
		ev.Channel, ev.Direction = schema.ChannelVoice, schema.Inbound
		ev.Customer, ev.ScreenPopURL, ev.Gruu = []byte(`{"name":"SECRET-`+id+`"}`), "https://crm/SECRET-"+id, "SECRET-"+id
		f.do(ev)
		f.do(queued(12, id, "q"))
	}
	for _, id := range []string{"cold", "goes on", "other"} {
		created(id)
	}
	f.do(by(ix(15, schema.InteractionConnected, "cold"), "a"))
	f.do(ended(60, "cold", schema.EndCompleted))
	f.settle()
	require.True(t, f.isCold("cold"))
	snapshot, err := f.e.Snapshot()
	require.NoError(t, err)
	for _, id := range []string{"cold", "goes on", "other"} {
		require.Contains(t, string(body(t, snapshot)), "SECRET-"+id)
	}
	e, err := Restore(Config{}, snapshot)
	require.NoError(t, err)
	require.Zero(t, e.Erase("nobody's", func(string, int64) bool { return true }))
	require.Zero(t, e.Erase("1", func(string, int64) bool { return false }))
	mine := func(id string, _ int64) bool { return id != "other" }
	require.Equal(t, 2, e.Erase("1", mine))
	require.Zero(t, e.Erase("1", mine), "once is enough")
	erased, err := e.Snapshot()
	require.NoError(t, err)
	require.NotContains(t, string(body(t, erased)), "SECRET-cold")
	require.NotContains(t, string(body(t, erased)), "SECRET-goes on")
	require.Contains(t, string(body(t, erased)), "SECRET-other")

	// What goes on from there counts like what goes on from the original.
	f.e, err = Restore(Config{Live: true}, erased)
	require.NoError(t, err)
	g := newFloor(t)
	g.s = f.s
	g.e, err = Restore(Config{Live: true}, snapshot)
	require.NoError(t, err)
	for _, x := range []*floor{f, g} {
		x.do(by(ix(70, schema.InteractionConnected, "goes on"), "a"))
		x.do(ended(90, "goes on", schema.EndCompleted))
		x.do(by(ix(30, schema.InteractionLeft, "cold"), "a"))
	}
	var with, without Rows
	f.e.Drain(&without)
	g.e.Drain(&with)
	require.NotEmpty(t, with.Interactions)
	require.Equal(t, with.Windows, without.Windows)
	require.Equal(t, with.Parts, without.Parts)
	require.Equal(t, with.Visits, without.Visits)
	for k := range with.Interactions {
		with.Interactions[k].Customer, with.Interactions[k].ScreenPopURL, with.Interactions[k].Gruu = nil, "", ""
	}
	require.Equal(t, with.Interactions, without.Interactions)
}
