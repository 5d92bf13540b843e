package main

import (
	"errors"

	"github.com/spf13/cobra"

	"floorwalker/cmd/floorwalker/config"
	"floorwalker/internal/build"
)

func newServe() *cobra.Command {
	var file, listen string
	var roles []string
	cmd := &cobra.Command{
		Use:     "serve",
		Short:   "Run Floorwalker against Kafka and ClickHouse",
		Long:    "Runs the roles of the configuration: worker (folds its share of the partitions and writes the history) and query (keeps the live\nview and serves the APIs). Ends on SIGINT or SIGTERM: /readyz says so for shutdown.drain_delay while requests are still answered, then\neverything read is written. A second signal ends it at once.",
		Example: "  floorwalker serve --config floorwalker.yaml\n  floorwalker serve --config floorwalker.yaml --roles=query --listen=:8081",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := config.Load(file)
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("roles") {
				c.Roles = roles
			}
			if cmd.Flags().Changed("listen") {
				c.Listen = listen
			}
			if err := c.Validate(); err != nil {
				return err
			}
			log := newLogger(c.Log.Level, c.Log.Format)
			log.Info("starting", "version", build.Version(), "revision", build.Revision(), "roles", c.Roles)
			collectSeldom(log)
			if c.Has(config.RoleQuery) {
				spreadThreads()
			}
			s, err := startServer(cmd.Context(), c, log, newComponents(log))
			if err != nil && cmd.Context().Err() != nil {
				log.Info("ended before it had started", "error", err)
				return nil
			}
			if err != nil {
				return err
			}
			err = s.components.wait(cmd.Context())
			if err == nil {
				err = s.drain()
			}
			return errors.Join(err, s.components.stop())
		},
	}
	configFlag(cmd, &file)
	cmd.Flags().StringSliceVar(&roles, "roles", nil, "worker, query, or both, instead of the configuration's")
	cmd.Flags().StringVar(&listen, "listen", "", "host:port, instead of the configuration's")
	return cmd
}
