package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"floorwalker/aggregate/engine"
	"floorwalker/internal/build"
	"floorwalker/schema/clickhouse"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which release this is",
		Long: "Prints the version and commit of this program, the number of its engine (another number means that workers fold the stored events\n" +
			"again) and its newest migration of ClickHouse's tables.",
		Example: "  floorwalker version",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			migrations, err := clickhouse.Migrations()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "floorwalker %s\ncommit %s\nengine %d\ntables %s\n%s %s/%s\n", build.Version(), build.Revision(), engine.Number,
				migrations[len(migrations)-1], runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
