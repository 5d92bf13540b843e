package ingest

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"floorwalker/internal/kafkatest"
	"floorwalker/schema"
)

// What EnsureTopics creates, CheckTopics finds right; doing it again changes nothing.
func TestTopics_Created_AreRight(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		c := newClient(t, testConfig(b.Addr()))
		settings := DefaultTopicSettings()
		settings.Partitions = 3
		report, err := c.CheckTopics(testContext(t), 3)
		require.NoError(t, err)
		require.Len(t, report.Faults, 5)

		require.NoError(t, c.EnsureTopics(testContext(t), settings))
		require.NoError(t, c.EnsureTopics(testContext(t), settings))
		report, err = c.CheckTopics(testContext(t), 3)
		require.NoError(t, err)
		require.Empty(t, report.Faults)
		require.Equal(t, map[string]int{"cc.events": 3, "cc.directory": 1, "cc.commands": 3, "cc.dead-letters": 1, "cc.alerts": 3}, report.Partitions)
		require.Equal(t, c.enforcesTimestamps(t), report.EnforcesTimestamps)
	})
}

// enforcesTimestamps tries: does the broker refuse a record from the future?
func (c *Client) enforcesTimestamps(t *testing.T) bool {
	res, err := c.kafka.Produce(testContext(t), &kafka.ProduceRequest{Topic: c.cfg.Topics.Events, RequiredAcks: kafka.RequireAll,
		Records: kafka.NewRecordReader(kafka.Record{Value: kafka.NewBytes([]byte("x")), Time: time.Now().Add(10 * time.Minute)})})
	require.NoError(t, err)
	require.True(t, res.Error == nil || errors.Is(res.Error, kafka.InvalidTimestamp), "%v", res.Error)
	return res.Error != nil
}

// Every setting that would break a promise is named.
func TestTopics_WrongSettings_AllNamed(t *testing.T) {
	for name, tc := range map[string]struct {
		settings map[string]string
		faults   []string
		enforces bool
	}{
		"right":              {map[string]string{cfgTimestampType: "CreateTime", cfgTimestampAfter: "300000", cfgRetention: "604800000", cfgCleanup: "delete"}, nil, true},
		"for ever":           {map[string]string{cfgTimestampType: "CreateTime", cfgTimestampAfter: "1000", cfgRetention: "-1"}, nil, true},
		"broker cannot tell": {map[string]string{cfgTimestampType: "CreateTime", cfgRetention: "604800000"}, nil, false},
		"nothing told":       {nil, nil, false},
		"all wrong": {map[string]string{cfgTimestampType: "LogAppendTime", cfgTimestampAfter: "300001", cfgRetention: "604799999", cfgCleanup: "compact,delete"},
			[]string{cfgTimestampType, cfgTimestampAfter, cfgRetention, cfgCleanup}, false},
		"append time": {map[string]string{cfgTimestampType: "LogAppendTime", cfgTimestampAfter: "300000"}, []string{cfgTimestampType}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var r TopicReport
			r.judgeEvents("cc.events", tc.settings)
			var names []string
			for _, f := range r.Faults {
				names = append(names, f.Setting)
				require.Equal(t, tc.settings[f.Setting], f.Value)
			}
			require.Equal(t, tc.faults, names)
			require.Equal(t, tc.enforces, r.EnforcesTimestamps)
		})
	}
}

// A topic of alerts that would lose open ones, or cleared ones before history has them, is told.
func TestTopics_AlertsNotKept_Named(t *testing.T) {
	for name, tc := range map[string]struct {
		settings map[string]string
		faults   []string
	}{
		"right":        {map[string]string{cfgCleanup: "compact", cfgCompactionLag: "604800000"}, nil},
		"nothing told": {nil, nil},
		"deleted":      {map[string]string{cfgCleanup: "delete"}, []string{cfgCleanup}},
		"both":         {map[string]string{cfgCleanup: "compact,delete", cfgCompactionLag: "0"}, []string{cfgCleanup, cfgCompactionLag}},
	} {
		var r TopicReport
		r.judgeAlerts("cc.alerts", tc.settings)
		var names []string
		for _, f := range r.Faults {
			names = append(names, f.Setting)
		}
		require.Equal(t, tc.faults, names, name)
	}
}

// A number of partitions other than expected is a fault; topics may not be created where that is switched off.
func TestTopics_CreationOff_AndOtherPartitionCount(t *testing.T) {
	c := newClient(t, testConfig(startEmbedded(t)))
	settings := DefaultTopicSettings()
	settings.Create = false
	require.NoError(t, c.EnsureTopics(testContext(t), settings))
	_, err := c.PartitionCount(testContext(t), "cc.events")
	require.ErrorIs(t, err, kafka.UnknownTopicOrPartition)
	settings.Create, settings.Partitions = true, 2
	require.NoError(t, c.EnsureTopics(testContext(t), settings))
	report, err := c.CheckTopics(testContext(t), 4)
	require.NoError(t, err)
	require.Equal(t, []TopicFault{{"cc.events", "partitions", "2", "4"}}, report.Faults)
}

// The directory reader applies all partitions from their beginning, is ready only when it has reached the end that was there at
// its start, and follows what comes later.
func TestDirectoryReader_ReadsAllAndFollows(t *testing.T) {
	cfg := testConfig(startBroker(t))
	cfg.Topics.Directory = newClient(t, cfg).makeTopic(t, 3)
	c := newClient(t, cfg)
	for id := range 2 { // the third partition is empty
		c.produce(t, cfg.Topics.Directory, id, 0, 50, kafka.Gzip)
	}
	reader := c.DirectoryReader()
	ctx, cancel := context.WithCancel(testContext(t))
	var mu sync.Mutex
	applied := map[int]int{}
	total := func() int {
		mu.Lock()
		defer mu.Unlock()
		return applied[0] + applied[1] + applied[2]
	}
	done := make(chan error, 1)
	go func() {
		done <- reader.Run(ctx, func(rec *schema.Record) error {
			mu.Lock()
			defer mu.Unlock()
			if string(rec.Value) != strconv.Itoa(applied[rec.Partition]) {
				return errors.New("out of order")
			}
			applied[rec.Partition]++
			return nil
		})
	}()
	<-reader.Ready()
	require.Equal(t, 100, total())
	c.produce(t, cfg.Topics.Directory, 2, 0, 5, 0)
	require.Eventually(t, func() bool { return total() == 105 }, 10*time.Second, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
}

// A failing apply ends Run with its error, and the reader never says that it is ready.
func TestDirectoryReader_ApplyFails_EndsUnready(t *testing.T) {
	cfg := testConfig(startEmbedded(t))
	c := newClient(t, cfg)
	require.NoError(t, c.EnsureTopics(testContext(t), DefaultTopicSettings()))
	c.produce(t, cfg.Topics.Directory, 0, 0, 5, 0)
	reader, mine := c.DirectoryReader(), errors.New("mine")
	require.ErrorIs(t, reader.Run(testContext(t), func(*schema.Record) error { return mine }), mine)
	select {
	case <-reader.Ready():
		t.Fatal("ready although nothing was applied")
	default:
	}
}
