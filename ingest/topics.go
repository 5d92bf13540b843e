package ingest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
)

const (
	// MinRetention is how long cc.events must at least be kept (design, "Nothing lost", 10).
	MinRetention = 7 * 24 * time.Hour
	// MaxTimestampAhead is how far after the broker's clock the timestamp of a record may lie (spec/events.md).
	MaxTimestampAhead = 5 * time.Minute
)

// TopicSettings say how missing topics are created.
type TopicSettings struct {
	Create             bool          `yaml:"create"` // whether EnsureTopics may create any
	Partitions         int           `yaml:"partitions"`
	Replication        int           `yaml:"replication"` // -1 is the broker's default
	Retention          time.Duration `yaml:"retention"`   // of cc.events, cc.commands and cc.dead-letters
	DeadLetterMaxBytes int           `yaml:"dead_letter_max_bytes"`
}

// DefaultTopicSettings returns what suits a cluster of its own.
func DefaultTopicSettings() TopicSettings {
	return TopicSettings{Create: true, Partitions: 16, Replication: -1, Retention: MinRetention, DeadLetterMaxBytes: 32 << 20}
}

// Validate names every fault.
func (s TopicSettings) Validate() error {
	var faults []error
	if s.Partitions < 1 {
		faults = append(faults, fmt.Errorf("topics.partitions is %d: must be positive", s.Partitions))
	}
	if s.Replication < 1 && s.Replication != -1 {
		faults = append(faults, fmt.Errorf("topics.replication is %d: must be positive, or -1 for the broker's default", s.Replication))
	}
	if s.Retention < MinRetention {
		faults = append(faults, fmt.Errorf("topics.retention is %s: at least %s is needed", s.Retention, MinRetention))
	}
	if s.DeadLetterMaxBytes < 1<<20 {
		faults = append(faults, fmt.Errorf("topics.dead_letter_max_bytes is %d: at least %d is needed", s.DeadLetterMaxBytes, 1<<20))
	}
	return errors.Join(faults...)
}

// Names of the topic settings that matter here.
const (
	cfgTimestampType  = "message.timestamp.type"
	cfgTimestampAfter = "message.timestamp.after.max.ms"
	cfgRetention      = "retention.ms"
	cfgCleanup        = "cleanup.policy"
	cfgMaxBytes       = "max.message.bytes"
	cfgCompactionLag  = "min.compaction.lag.ms"
)

// maxAlertPartitions is among how many query nodes the evaluation of alert rules can be shared.
const maxAlertPartitions = 4

func (c *Client) wanted(s TopicSettings) []kafka.TopicConfig {
	retention := strconv.FormatInt(s.Retention.Milliseconds(), 10)
	t := c.cfg.Topics
	topic := func(name string, partitions int, entries ...string) kafka.TopicConfig {
		out := kafka.TopicConfig{Topic: name, NumPartitions: partitions, ReplicationFactor: s.Replication}
		for i := 0; i < len(entries); i += 2 {
			out.ConfigEntries = append(out.ConfigEntries, kafka.ConfigEntry{ConfigName: entries[i], ConfigValue: entries[i+1]})
		}
		return out
	}
	return []kafka.TopicConfig{
		topic(t.Events, s.Partitions, cfgTimestampType, "CreateTime", cfgRetention, retention, cfgCleanup, "delete",
			cfgTimestampAfter, strconv.FormatInt(MaxTimestampAhead.Milliseconds(), 10)),
		topic(t.Directory, 1, cfgCleanup, "compact"),
		topic(t.Commands, s.Partitions, cfgRetention, retention, cfgCleanup, "delete"),
		topic(t.DeadLetters, 1, cfgRetention, retention, cfgCleanup, "delete", cfgMaxBytes, strconv.Itoa(s.DeadLetterMaxBytes)),
		// Nothing is compacted away before it has had time to reach history, and before a record that does not count has been followed
		// by one that does.
		topic(t.Alerts, min(s.Partitions, maxAlertPartitions), cfgCleanup, "compact", cfgCompactionLag, retention),
	}
}

// EnsureTopics creates the topics that do not exist, if the settings allow it, and returns when the broker knows them. Topics
// that exist are left as they are: CheckTopics judges them.
func (c *Client) EnsureTopics(ctx context.Context, s TopicSettings) error {
	if err := s.Validate(); err != nil {
		return err
	}
	if !s.Create {
		return nil
	}
	for _, t := range c.wanted(s) {
		if err := c.ensureTopic(ctx, t); err != nil {
			return fmt.Errorf("creating topic %s: %w", t.Topic, err)
		}
	}
	return nil
}

func (c *Client) ensureTopic(ctx context.Context, t kafka.TopicConfig) error {
	if _, err := c.PartitionCount(ctx, t.Topic); err == nil {
		return nil
	}
	err := c.createTopic(ctx, t)
	if errors.Is(err, kafka.InvalidConfiguration) {
		// Brokers before 3.6 and the embedded one do not know this setting.
		for i, e := range t.ConfigEntries {
			if e.ConfigName == cfgTimestampAfter {
				t.ConfigEntries = append(t.ConfigEntries[:i:i], t.ConfigEntries[i+1:]...)
				err = c.createTopic(ctx, t)
				break
			}
		}
	}
	if err != nil {
		return err
	}
	// The answer comes before all brokers know the topic and its leaders.
	again := backoff{first: 10 * time.Millisecond, longest: 200 * time.Millisecond}
	for {
		err := c.settled(ctx, t.Topic)
		if err == nil {
			return nil
		}
		if again.pause(ctx) != nil {
			return err
		}
	}
}

func (c *Client) createTopic(ctx context.Context, t kafka.TopicConfig) error {
	again := backoff{first: 50 * time.Millisecond, longest: time.Second}
	for {
		res, err := c.kafka.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{t}})
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		err = res.Errors[t.Topic]
		if err == nil || errors.Is(err, kafka.TopicAlreadyExists) {
			return nil
		}
		if !errors.Is(err, kafka.NotController) || again.pause(ctx) != nil {
			return err
		}
	}
}

// settled returns nil when each partition of the topic answers.
func (c *Client) settled(ctx context.Context, topic string) error {
	n, err := c.PartitionCount(ctx, topic)
	for i := 0; i < n && err == nil; i++ {
		_, _, err = c.bounds(ctx, topic, i)
	}
	return err
}

// TopicFault is a setting that does not do.
type TopicFault struct {
	Topic, Setting, Value, Want string
}

func (f TopicFault) String() string {
	return fmt.Sprintf("topic %s: %s is %s, %s is needed", f.Topic, f.Setting, f.Value, f.Want)
}

// TopicReport is what CheckTopics found.
type TopicReport struct {
	Partitions map[string]int // by topic; absent where it does not exist
	Faults     []TopicFault
	// EnforcesTimestamps says that the broker refuses records of cc.events that are more than MaxTimestampAhead after its clock.
	// Where it cannot tell or does not know the setting (the embedded one), consuming must judge events by the clock.
	EnforcesTimestamps bool
	// Retention is how long cc.events is kept, 0 where that is not known or for ever.
	Retention time.Duration
}

// CheckTopics reads the topics' settings and returns everything that does not do: a topic that does not exist, cc.events with
// another timestamp type than CreateTime, a larger message.timestamp.after.max.ms than five minutes, less than seven days of
// retention, compaction, or another number of partitions than expected (0: any number); cc.alerts without compaction, or with one that is
// not held off for as long.
func (c *Client) CheckTopics(ctx context.Context, partitions int) (TopicReport, error) {
	r := TopicReport{Partitions: map[string]int{}}
	t := c.cfg.Topics
	for _, name := range []string{t.Events, t.Directory, t.Commands, t.DeadLetters, t.Alerts} {
		n, err := c.PartitionCount(ctx, name)
		if errors.Is(err, kafka.UnknownTopicOrPartition) {
			r.Faults = append(r.Faults, TopicFault{name, "topic", "absent", "an existing topic"})
			continue
		}
		if err != nil {
			return r, err
		}
		r.Partitions[name] = n
	}
	n, exists := r.Partitions[t.Events]
	if !exists {
		return r, nil
	}
	if partitions > 0 && n != partitions {
		r.Faults = append(r.Faults, TopicFault{t.Events, "partitions", strconv.Itoa(n), strconv.Itoa(partitions)})
	}
	settings, err := c.topicSettings(ctx, t.Events)
	if err != nil {
		return r, err
	}
	r.judgeEvents(t.Events, settings)
	if _, exists := r.Partitions[t.Alerts]; exists {
		settings, err := c.topicSettings(ctx, t.Alerts)
		if err != nil {
			return r, err
		}
		r.judgeAlerts(t.Alerts, settings)
	}
	if _, exists := r.Partitions[t.Directory]; r.EnforcesTimestamps && exists {
		// The embedded broker keeps and tells any setting that a topic was created with. One that knows this setting tells it, as
		// a default, of a topic that was created without it too.
		other, err := c.topicSettings(ctx, t.Directory)
		if err != nil {
			return r, err
		}
		_, r.EnforcesTimestamps = other[cfgTimestampAfter]
	}
	return r, nil
}

func (r *TopicReport) judgeEvents(topic string, settings map[string]string) {
	fault := func(setting, want string) {
		r.Faults = append(r.Faults, TopicFault{topic, setting, settings[setting], want})
	}
	createTime := true
	if v, told := settings[cfgTimestampType]; told && v != "CreateTime" {
		createTime = false
		fault(cfgTimestampType, "CreateTime")
	}
	if v, told := settings[cfgTimestampAfter]; told {
		limit, err := strconv.ParseInt(v, 10, 64)
		if err != nil || limit > MaxTimestampAhead.Milliseconds() {
			fault(cfgTimestampAfter, "at most "+strconv.FormatInt(MaxTimestampAhead.Milliseconds(), 10))
		} else {
			r.EnforcesTimestamps = createTime
		}
	}
	if v, told := settings[cfgRetention]; told {
		ms, err := strconv.ParseInt(v, 10, 64)
		if err != nil || ms >= 0 && ms < MinRetention.Milliseconds() {
			fault(cfgRetention, "at least "+strconv.FormatInt(MinRetention.Milliseconds(), 10))
		}
		r.Retention = time.Duration(max(ms, 0)) * time.Millisecond
	}
	// The key is the contact centre: compaction would keep one event of each.
	if strings.Contains(settings[cfgCleanup], "compact") {
		fault(cfgCleanup, "delete")
	}
}

// judgeAlerts wants what keeps open alerts for ever, and the others until history has them.
func (r *TopicReport) judgeAlerts(topic string, settings map[string]string) {
	if v, told := settings[cfgCleanup]; told && v != "compact" {
		r.Faults = append(r.Faults, TopicFault{topic, cfgCleanup, v, "compact"})
	}
	if v, told := settings[cfgCompactionLag]; told {
		if ms, err := strconv.ParseInt(v, 10, 64); err != nil || ms < MinRetention.Milliseconds() {
			r.Faults = append(r.Faults, TopicFault{topic, cfgCompactionLag, v, "at least " + strconv.FormatInt(MinRetention.Milliseconds(), 10)})
		}
	}
}

// topicSettings returns what the broker tells of a topic; empty where it does not answer that question.
func (c *Client) topicSettings(ctx context.Context, topic string) (map[string]string, error) {
	res, err := c.kafka.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{{
		ResourceType: kafka.ResourceTypeTopic, ResourceName: topic,
		ConfigNames: []string{cfgTimestampType, cfgTimestampAfter, cfgRetention, cfgCleanup, cfgCompactionLag},
	}}})
	if err != nil {
		return nil, fmt.Errorf("%w: settings of %s: %w", ErrUnavailable, topic, err)
	}
	settings := map[string]string{}
	for _, r := range res.Resources {
		if errors.Is(r.Error, kafka.UnsupportedVersion) || errors.Is(r.Error, kafka.UnknownTopicOrPartition) {
			continue
		}
		if r.Error != nil {
			return nil, fmt.Errorf("settings of %s: %w", topic, r.Error)
		}
		for _, e := range r.ConfigEntries {
			settings[e.ConfigName] = e.ConfigValue
		}
	}
	return settings, nil
}
