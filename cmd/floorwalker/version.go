package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"floorwalker/aggregate/engine"
	"floorwalker/schema/clickhouse"
)

// build says what this program was built from.
type build struct {
	version, revision string
}

// thisBuild is what the Go toolchain noted: the version of the module and the commit, where it saw the repository.
func thisBuild() build {
	b := build{version: "0.0.0-dev", revision: "unknown"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if v := info.Main.Version; v != "(devel)" {
		b.version = cmp.Or(v, b.version)
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.revision = s.Value
		}
	}
	return b
}

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
			b := thisBuild()
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "floorwalker %s\ncommit %s\nengine %d\ntables %s\n%s %s/%s\n", b.version, b.revision, engine.Number,
				migrations[len(migrations)-1], runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
