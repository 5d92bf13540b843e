package main

import (
	"fmt"
	"time"
	_ "time/tzdata" // zones of contact centres must be known wherever this runs

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"floorwalker/ingest/simulate"
)

// simulateOptions are the flags of the simulator, in simulate and demo.
type simulateOptions struct {
	contactCenter, zone string
	agents              int
	rate, speed         float64
	seed                uint64
	backfill            time.Duration
	late                float64
	lateMax             time.Duration
}

func (o *simulateOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.contactCenter, "contact-center", "demo", "id of the simulated contact centre")
	f.StringVar(&o.zone, "time-zone", "UTC", "its time zone, such as Europe/Berlin")
	f.IntVar(&o.agents, "agents", 120, "agents in its directory, 8 or more; about half of them work at noon")
	f.Float64Var(&o.rate, "rate", 0, "interactions per hour at the busiest time of day; 0: what keeps the agents busy")
	f.Uint64Var(&o.seed, "seed", 1, "another seed, another day")
	f.DurationVar(&o.backfill, "backfill", 10*time.Hour, "how long before the present the day begins")
	f.Float64Var(&o.speed, "speed", 0, "how fast that past is passed; 0: at once, else so many times as fast as the clock, which is never overtaken")
	f.Float64Var(&o.late, "disorder", 0, "share of events that arrive late, 0 to 1")
	f.DurationVar(&o.lateMax, "disorder-max", 30*time.Second, "how late at most")
}

func (o *simulateOptions) config(state string) (simulate.RunConfig, error) {
	zone, err := time.LoadLocation(o.zone)
	if err != nil {
		return simulate.RunConfig{}, fmt.Errorf("--time-zone %q: %w", o.zone, err)
	}
	return simulate.RunConfig{
		Config:   simulate.Config{ContactCenter: o.contactCenter, Agents: o.agents, Rate: o.rate, Seed: o.seed, Zone: zone},
		Backfill: o.backfill, Speed: o.speed, Disorder: simulate.Disorder{Fraction: o.late, Max: o.lateMax}, State: state,
	}, nil
}

func newSimulate() *cobra.Command {
	var o simulateOptions
	var t target
	var state string
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Write the events of an invented contact centre to Kafka",
		Long: "Invents a contact centre with its directory, people and traffic and writes its events, first those of the past hours, then by the\n" +
			"clock, until SIGINT or SIGTERM. It then ends what is open; --state lets the next run do so after a kill.",
		Example: "  floorwalker simulate --kafka 127.0.0.1:9092 --agents 500 --state simulator.json\n" +
			"  floorwalker simulate --config floorwalker.yaml --contact-center test --disorder 0.05",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			kafka, _, err := t.kafka()
			if err != nil {
				return err
			}
			cfg, err := o.config(state)
			if err != nil {
				return err
			}
			log := newLogger("info", "text")
			w, err := newEventWriter(kafka, log)
			if err != nil {
				return err
			}
			defer w.Close()
			r, err := simulate.NewRunner(cfg, w, log)
			if err != nil {
				return err
			}
			return r.Run(cmd.Context())
		},
	}
	t.flags(cmd)
	o.flags(cmd.Flags())
	cmd.Flags().StringVar(&state, "state", "", "file that remembers what is open, for the next run")
	return cmd
}
