package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"floorwalker/cmd/floorwalker/config"
	"floorwalker/ingest"
)

// target says which Kafka a command writes to: that of a configuration, brokers by name, or the demo's that is running.
type target struct {
	config  string
	brokers []string
	data    string
}

func (t *target) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.config, "config", "", "the configuration that says where Kafka is")
	cmd.Flags().StringSliceVar(&t.brokers, "kafka", nil, "host:port of brokers, instead of a configuration")
	cmd.Flags().StringVar(&t.data, "data", "./data", "the data directory of the demo, when neither is given")
	cmd.MarkFlagsMutuallyExclusive("config", "kafka")
}

// kafka returns how Kafka is reached, and the contact centre that the demo is about ("" without a demo).
func (t *target) kafka() (ingest.Config, string, error) {
	switch {
	case t.config != "":
		c, err := config.Load(t.config)
		if err != nil {
			return ingest.Config{}, "", err
		}
		out, err := kafkaConfig(c.Kafka)
		return out, "", err
	case len(t.brokers) > 0:
		out := ingest.DefaultConfig()
		out.Brokers = t.brokers
		return out, "", out.Validate()
	}
	d, err := readDemo(t.data)
	if err != nil {
		return ingest.Config{}, "", fmt.Errorf("no --config, no --kafka, and no demo: %w", err)
	}
	out := ingest.DefaultConfig()
	out.Brokers = []string{d.Kafka}
	return out, d.ContactCenter, nil
}

// readDemo reads what a running demo says about itself.
func readDemo(dir string) (demoFile, error) {
	var d demoFile
	data, err := os.ReadFile(filepath.Join(cmp.Or(dir, "."), demoFileName))
	if errors.Is(err, os.ErrNotExist) {
		return d, fmt.Errorf("%q holds no %s; is the demo running there?", dir, demoFileName)
	}
	if err != nil {
		return d, err
	}
	if err := json.Unmarshal(data, &d); err != nil {
		return d, fmt.Errorf("%s: %w", demoFileName, err)
	}
	return d, nil
}
