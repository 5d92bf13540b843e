package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"floorwalker/cmd/floorwalker/config"
	"floorwalker/schema/clickhouse"
)

func newMigrate() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:     "migrate",
		Short:   "Create or update the tables in ClickHouse",
		Long:    "Runs the migrations that ClickHouse has not seen yet and sets the retention as configured. Running it again changes nothing.",
		Example: "  floorwalker migrate --config floorwalker.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := config.Load(file)
			if err != nil {
				return err
			}
			options, err := clickHouseConfig(c.ClickHouse)
			if err != nil {
				return err
			}
			conn, err := clickhouse.Open(cmd.Context(), options)
			if err != nil {
				return err
			}
			defer conn.Close()
			applied, err := clickhouse.Migrate(cmd.Context(), conn, migrateOptions(c.ClickHouse))
			for _, name := range applied {
				fmt.Fprintln(cmd.OutOrStdout(), name)
			}
			if err == nil && len(applied) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "nothing to do: the tables are of this release")
			}
			return err
		},
	}
	configFlag(cmd, &file)
	return cmd
}

// configFlag adds --config to commands that need one.
func configFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "config", "", "the configuration file (see config.example.yaml)")
	if err := cmd.MarkFlagRequired("config"); err != nil {
		panic(err) // the flag was defined on the line above
	}
}
