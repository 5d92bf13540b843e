package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/spf13/cobra"

	"floorwalker/cmd/floorwalker/config"
	"floorwalker/ingest"
	"floorwalker/schema/clickhouse"
)

func newCheck() *cobra.Command {
	var file string
	var offline bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check a configuration, and what it points to",
		Long: "Reports every fault of a configuration with its line, path, value and what is allowed; then whether Kafka can be reached and its\n" +
			"topics have the settings that are needed, and whether ClickHouse can be reached. Exit code 0 if nothing is wrong.",
		Example: "  floorwalker check --config floorwalker.yaml\n  floorwalker check --offline --config floorwalker.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			c, err := config.Load(file)
			if err != nil {
				return report(out, err)
			}
			fmt.Fprintln(out, "configuration: fine")
			expired := checkCertificate(out, c.TLS.CertFile, c.TLS.KeyFile, time.Now())
			if offline {
				return nil // what the clock finds does not keep a service from its start
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			return report(out, errors.Join(expired, checkKafka(ctx, out, c.Kafka), checkClickHouse(ctx, out, c.ClickHouse)))
		},
	}
	configFlag(cmd, &file)
	cmd.Flags().BoolVar(&offline, "offline", false, "look at the file only")
	cmd.Flags().DurationVar(&timeout, "timeout", 20*time.Second, "how long Kafka and ClickHouse may take to answer")
	return cmd
}

var errFaults = errors.New("not fine, see above")

// report prints one fault per line.
func report(out io.Writer, err error) error {
	if err == nil {
		return nil
	}
	fmt.Fprintln(out, err)
	return errFaults
}

// expiresSoon is when a certificate is worth a word.
const expiresSoon = 14 * 24 * time.Hour

// checkCertificate prints until when the API's certificate is good where that is not long, and fails once that has passed.
func checkCertificate(out io.Writer, certFile, keyFile string, now time.Time) error {
	if certFile == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return fmt.Errorf("tls.cert_file: %w", err)
	}
	cert := pair.Leaf
	until := cert.NotAfter.UTC().Format(time.RFC3339)
	if now.After(cert.NotAfter) {
		fmt.Fprintf(out, "tls: the certificate expired at %s; clients refuse it\n", until)
		return fmt.Errorf("tls.cert_file: %q has expired", certFile)
	}
	if cert.NotAfter.Sub(now) < expiresSoon {
		fmt.Fprintf(out, "tls: the certificate expires at %s\n", until)
	}
	return nil
}

func checkKafka(ctx context.Context, out io.Writer, k config.Kafka) error {
	options, err := kafkaConfig(k)
	if err != nil {
		return err
	}
	client, err := ingest.NewClient(options, metrics.NewSet(), slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.Ping(ctx); err != nil {
		return fmt.Errorf("kafka.brokers: %v: %w", k.Brokers, err)
	}
	fmt.Fprintln(out, "kafka: reached")
	found, err := client.CheckTopics(ctx, 0)
	if err != nil {
		return fmt.Errorf("kafka: topics: %w", err)
	}
	faults := topicFaults(found, k.CreateTopics)
	missing := missingTopics(found, k)
	switch {
	case len(faults) == 0 && len(missing) == 0:
		fmt.Fprintln(out, "kafka: topics are fine")
	case len(missing) > 0 && k.CreateTopics:
		fmt.Fprintf(out, "kafka: will be created at the start: %s\n", strings.Join(missing, ", "))
	}
	if !found.EnforcesTimestamps && !slices.Contains(missing, k.Topics.Events) {
		fmt.Fprintln(out, "kafka: the broker does not bound timestamps of events; events are judged by the clock when they are read")
	}
	return errors.Join(faults...)
}

// missingTopics are those of the configuration that the cluster does not have.
func missingTopics(found ingest.TopicReport, k config.Kafka) (out []string) {
	for _, name := range []string{k.Topics.Events, k.Topics.Directory, k.Topics.Commands, k.Topics.DeadLetters, k.Topics.Alerts} {
		if _, exists := found.Partitions[name]; !exists {
			out = append(out, name)
		}
	}
	return out
}

// topicFaults leaves out topics that the start will create.
func topicFaults(found ingest.TopicReport, create bool) []error {
	var out []error
	for _, f := range found.Faults {
		if _, exists := found.Partitions[f.Topic]; exists || !create {
			out = append(out, errors.New(f.String()))
		}
	}
	return out
}

func checkClickHouse(ctx context.Context, out io.Writer, c config.ClickHouse) error {
	options, err := clickHouseConfig(c)
	if err != nil {
		return err
	}
	// A check makes nothing: the database of the file may not exist yet.
	options.Database = "default"
	conn, err := clickhouse.Open(ctx, options)
	if err != nil {
		return err
	}
	defer conn.Close()
	fmt.Fprintln(out, "clickhouse: reached")
	return nil
}
