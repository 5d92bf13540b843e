// Command floorwalker reads the events of contact centres from Kafka and serves their floor live and in history.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"floorwalker/internal/clickhouse"
)

func main() {
	if clickhouse.IsChild() {
		os.Exit(clickhouse.Main(os.Args))
	}
	os.Exit(run(os.Args[1:]))
}

// run is main with its exit code: 0 fine, 1 failed. A second signal ends the process at once.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() {
		<-ctx.Done()
		stop()
	}()
	root := newRoot()
	root.SetArgs(args)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "floorwalker:", err)
		return 1
	}
	return 0
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "floorwalker",
		Short:         "Live and historical monitoring of contact centres",
		Long:          "Floorwalker reads the events of contact centres from Kafka, keeps the floor's live state in memory and its history in\nClickHouse, and serves both over REST and push.",
		Example:       "  floorwalker demo",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newDemo(), newServe(), newReplay(), newSimulate(), newTop(), newMigrate(), newCheck(), newAudit(), newBackfill(), newNewEpoch(), newDeadLetters(), newErase(), newHashPassword(), newHealth(), newFetchClickHouse(), newVersion())
	return root
}
