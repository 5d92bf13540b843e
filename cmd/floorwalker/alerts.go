package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"floorwalker/ingest"
	"floorwalker/query/alert"
	"floorwalker/schema"
	"floorwalker/schema/metric"
)

// startAlerts reads the alerts that there are, before anything is answered, and takes this node's share of the rules.
func (s *server) startAlerts(ctx context.Context) error {
	hooks, err := s.cfg.Alerts.Webhooks.Config()
	if err != nil {
		return err
	}
	webhooks, err := alert.NewWebhooks(hooks)
	if err != nil {
		return fmt.Errorf("alerts.webhooks: %w", err)
	}
	topic := alertTopic{client: s.kafka, producer: s.producer, name: s.cfg.Kafka.Topics.Alerts}
	s.alerts, err = alert.New(alert.Config{Rules: alertRules(&s.cfg)}, alert.Deps{Topic: topic, Source: s.source, Directory: s.directory,
		Catalogue: metric.NewCatalogue(), Webhooks: webhooks, History: s.history, Metrics: s.set, Log: s.log})
	if err != nil {
		return err
	}
	s.components.start("alerts", s.alerts.Run)
	select {
	case <-s.alerts.Ready():
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(startTimeout):
		return fmt.Errorf("the alerts' topic %q was not read to its end within %s", topic.name, startTimeout)
	}
	return s.startAlertRules()
}

// startAlertRules joins the group that shares the rules out.
func (s *server) startAlertRules() error {
	options := ingest.DefaultGroupConfig()
	options.ID, options.Topic = s.cfg.Alerts.Group, s.cfg.Kafka.Topics.Alerts
	options.Gather = 0 // an alert is told at once
	// A write that has been sent is waited for, which may take as long as Kafka's own timeouts.
	options.SessionTimeout, options.StopTimeout = 25*time.Second, 20*time.Second
	group, err := s.kafka.Group(options)
	if err != nil {
		return err
	}
	s.components.start("alert rules", func(ctx context.Context) error {
		return group.Run(ctx, func(ctx context.Context, gen *ingest.Generation) error {
			if err := s.alerts.Own(ctx, alertGeneration(gen)); err != nil {
				return fmt.Errorf("%w: %w", ingest.ErrGivenUp, err)
			}
			return nil
		})
	})
	return nil
}

func alertGeneration(gen *ingest.Generation) alert.Generation {
	out := alert.Generation{Total: gen.Count, Committed: gen.Committed, Commit: gen.Commit}
	for _, p := range gen.Partitions {
		out.Partitions = append(out.Partitions, p.ID())
	}
	return out
}

// alertTopic is the alerts' topic as query knows it.
type alertTopic struct {
	client   *ingest.Client
	producer *ingest.Producer
	name     string
}

func (t alertTopic) Follow(ctx context.Context, partitions []int, reached func(), apply func(rec *schema.Record) error) error {
	var of []*ingest.Partition
	for _, id := range partitions {
		of = append(of, t.client.Partition(t.name, id))
	}
	reader := t.client.TopicReader(t.name, of...)
	over, done := context.WithCancel(ctx)
	told := make(chan struct{})
	go func() {
		defer close(told)
		select {
		case <-reader.Ready():
			reached()
		case <-over.Done():
		}
	}()
	err := reader.Run(ctx, apply)
	done()
	<-told
	return err
}

func (t alertTopic) Write(ctx context.Context, messages []alert.Message) ([]alert.Position, error) {
	out := make([]ingest.Message, len(messages))
	for i, m := range messages {
		out[i] = ingest.Message{Topic: t.name, Key: []byte(m.Key), Value: m.Value}
	}
	stored, err := t.producer.Write(ctx, out)
	at := make([]alert.Position, len(stored))
	for i, p := range stored {
		at[i] = alert.Position{Partition: p.Partition, Offset: p.Offset}
	}
	return at, unjoined(err)
}

// unjoined is one error of a write, which may hold the same one for each record.
func unjoined(err error) error {
	var all *ingest.WriteError
	if !errors.As(err, &all) {
		return err
	}
	for _, one := range all.Errs {
		if one != nil {
			return one
		}
	}
	return err
}
