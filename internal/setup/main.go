// Command setup fills the user's cache with what `go mod download` cannot bring: the ClickHouse library that the demo and the
// tests run, and Apache Kafka's jars for the tests. Both are fetched once, with npm and Maven.
//
//	go run ./internal/setup [clickhouse] [kafka]     (no argument: both)
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"

	"floorwalker/internal/clickhouse"
	"floorwalker/internal/kafkatest"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	parts := os.Args[1:]
	if len(parts) == 0 {
		parts = []string{"clickhouse", "kafka"}
	}
	for _, part := range parts {
		if err := fetch(ctx, part); err != nil {
			fmt.Fprintln(os.Stderr, "setup:", err)
			os.Exit(1)
		}
	}
}

func fetch(ctx context.Context, part string) error {
	switch part {
	case "clickhouse":
		return fetchClickHouse(ctx)
	case "kafka":
		fmt.Println("Apache Kafka", kafkatest.Version, "for the tests (about 45 MB)")
		_, err := kafkatest.Fetch(ctx)
		return err
	}
	return fmt.Errorf("part %q is unknown; clickhouse and kafka are allowed", part)
}

// fetchClickHouse is content with an installed ClickHouse that Start can run.
func fetchClickHouse(ctx context.Context) error {
	if path, err := exec.LookPath("clickhouse"); err == nil && clickhouse.Available(ctx) == nil {
		fmt.Println("ClickHouse is installed:", path)
		return nil
	}
	_, err := clickhouse.Fetch(ctx, func(line string) { fmt.Println("ClickHouse:", line) })
	return err
}
