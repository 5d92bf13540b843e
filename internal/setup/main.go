// Command setup fills the user's cache with what `go mod download` cannot bring: the ClickHouse library that the demo and the
// tests run, Apache Kafka's jars, Schemathesis, SignalR's clients, and what builds the wallboard and drives a browser for the tests. They are
// fetched once, with npm, Maven and pip.
//
//	go run ./internal/setup [clickhouse] [kafka] [schemathesis] [signalr] [wallboard]     (no argument: all; in the project's directory)
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"

	"floorwalker/internal/clickhouse"
	"floorwalker/internal/kafkatest"
	"floorwalker/internal/nodeclients"
	"floorwalker/internal/schemathesis"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	parts := os.Args[1:]
	if len(parts) == 0 {
		parts = []string{"clickhouse", "kafka", "schemathesis", "signalr", "wallboard"}
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
	case "schemathesis":
		fmt.Println("Schemathesis", schemathesis.Version, "for the tests (about 70 MB)")
		_, err := schemathesis.Fetch(ctx)
		return err
	case "signalr":
		fmt.Println("SignalR's clients for the tests (about 20 MB)")
		_, err := nodeclients.Fetch(ctx, "query/signalr/testdata/clients")
		return err
	case "wallboard":
		fmt.Println("what builds the wallboard, and what drives a browser, for the tests (about 100 MB)")
		_, err := nodeclients.Fetch(ctx, "query/wallboard/web")
		_, err2 := nodeclients.Fetch(ctx, "internal/browser/clients")
		return errors.Join(err, err2)
	}
	return fmt.Errorf("part %q is unknown; clickhouse, kafka, schemathesis, signalr and wallboard are allowed", part)
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
