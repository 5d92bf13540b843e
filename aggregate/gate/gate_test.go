package gate

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

type decoder int64

func (d decoder) Decode(_ *schema.Record, ev *schema.Event) error {
	*ev = schema.Event{Type: schema.AgentLogin, Time: int64(d)}
	return nil
}

// The clock is asked only for event times that it has not allowed yet, and is asked again once they are later.
func TestAdmit_ClockBoundsEventTimes(t *testing.T) {
	now, asked := time.UnixMilli(1_000_000), 0
	g := Gate{AnyPartitioner: true, MaxAhead: time.Second, Clock: func() time.Time { asked++; return now }}
	admit := func(eventTime, recordTime int64) error {
		var ev schema.Event
		return g.Admit(decoder(eventTime), &schema.Record{Timestamp: recordTime}, &ev)
	}
	require.NoError(t, admit(1_001_000, 9_000_000))
	require.NoError(t, admit(1_000_500, 9_000_000))
	require.Equal(t, 1, asked)
	require.ErrorContains(t, admit(1_000_500, 999_000), "the latest", "the record's own timestamp bounds it too")
	require.ErrorContains(t, admit(1_001_001, 9_000_000), "the latest")
	now = now.Add(time.Millisecond)
	require.NoError(t, admit(1_001_001, 9_000_000))
	require.Equal(t, 3, asked)
}
