package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"floorwalker/internal/clickhouse"
)

func newFetchClickHouse() *cobra.Command {
	return &cobra.Command{
		Use:     "fetch-clickhouse",
		Short:   "Fetch the ClickHouse that the demo runs",
		Long:    "Fetches the ClickHouse library for the demo with npm into the user's cache (some 180 MB, once). Where a clickhouse binary is\ninstalled the demo uses that and nothing needs to be fetched.",
		Example: "  floorwalker fetch-clickhouse",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := clickhouse.Fetch(cmd.Context(), func(step string) { fmt.Fprintln(cmd.ErrOrStderr(), step) })
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), path)
			return nil
		},
	}
}
