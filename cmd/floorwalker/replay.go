package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"floorwalker/ingest/replay"
)

// badLinesShown is how many bad lines are told one by one.
const badLinesShown = 20

type replayOptions struct {
	target
	format, contactCenter, source, date string
	speed                               float64
	wait                                bool
	awaiter
}

func newReplay() *cobra.Command {
	var o replayOptions
	cmd := &cobra.Command{
		Use:   "replay FILE...",
		Short: "Write the events of files to Kafka",
		Long: `Writes the events of files to Kafka, as fast as it takes them or at a multiple of the pace at which they happened. Records
carry the present as their timestamp, so that Kafka keeps them. Replaying a file again changes nothing: events keep their ids.
- as a file is standard input. With --wait it returns when a running Floorwalker has taken everything in: when both its live view and
its history have come to the last event that was written.

Formats (--format; auto looks at the first line):
  ndjson          one CloudEvent in structured mode per line
  csv             columns type, subject, time; id, source, contactcenter, sequence where there are any; data for the whole
                  payload as JSON; every other column is a field of data, with dots inside objects (reason.id), and lists
                  separated by semicolons
  anonymous-bank  the call log of the Anonymous Bank, one day; times are UTC on the day of the file's name or of --date`,
		Example: "  floorwalker replay --contact-center bank anonymous-bank-1999-08-01.csv\n" +
			"  floorwalker replay --config floorwalker.yaml --speed 60 day.ndjson",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	o.target.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.format, "format", replay.FormatAuto, "auto, ndjson, csv or anonymous-bank")
	f.StringVar(&o.contactCenter, "contact-center", "", "contact centre of all events, instead of their own; an anonymous-bank log names none: the demo's, unless said")
	f.StringVar(&o.source, "source", "", "CloudEvents source of all events, instead of their own")
	f.StringVar(&o.date, "date", "", "day of an anonymous-bank log, such as 1999-08-01")
	f.Float64Var(&o.speed, "speed", 0, "so many times as fast as the events happened; 0: as fast as possible")
	f.BoolVar(&o.wait, "wait", false, "return when the live view and the history hold all that was written")
	f.StringVar(&o.awaiter.url, "url", "", "the Floorwalker to wait for; the demo's or that of --config unless said")
	f.DurationVar(&o.awaiter.timeout, "wait-timeout", 5*time.Minute, "how long to wait at most")
	return cmd
}

func (o *replayOptions) run(cmd *cobra.Command, files []string) error {
	options := replay.OpenConfig{Format: o.format, Envelope: replay.Envelope{ContactCenter: o.contactCenter, Source: o.source}}
	if o.date != "" {
		var err error
		if options.Date, err = time.Parse(time.DateOnly, o.date); err != nil {
			return fmt.Errorf("--date %q is not a day such as 1999-08-01", o.date)
		}
	}
	kafka, demo, err := o.target.kafka()
	if err != nil {
		return err
	}
	options.Fallback = demo
	// What to wait for is found out first: nothing should be written and the wait fail.
	if o.wait && o.awaiter.url == "" {
		if o.awaiter.url, err = o.target.apiURL(); err != nil {
			return err
		}
		if o.awaiter.url == "" {
			return errors.New("--wait needs --url: neither demo nor configuration says where Floorwalker serves")
		}
	}
	w, err := newEventWriter(kafka, slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return err
	}
	defer w.Close()
	for _, file := range files {
		if err := o.file(cmd.Context(), cmd, w, file, options); err != nil {
			return err
		}
	}
	if !o.wait {
		return nil
	}
	return o.await(cmd.Context(), w.next)
}

func (o *replayOptions) file(ctx context.Context, cmd *cobra.Command, w replay.Writer, file string, options replay.OpenConfig) error {
	in, size, err := openInput(cmd, file)
	if err != nil {
		return err
	}
	defer in.Close()
	stderr := cmd.ErrOrStderr()
	progress := replay.NewProgress(stderr, terminal(stderr), filepath.Base(file), size, time.Now)
	reader, err := replay.Open(progress.Reader(in), file, options)
	if err != nil {
		return err
	}
	bad := 0
	report, err := replay.Run(ctx, replay.Config{Speed: o.speed, Progress: progress.Tell, Bad: func(e *replay.LineError) {
		if bad++; bad <= badLinesShown {
			fmt.Fprintf(stderr, "%s: %v\n", file, e)
		}
	}}, reader, w)
	progress.Done()
	if bad > badLinesShown {
		fmt.Fprintf(stderr, "%s: %d more bad lines\n", file, bad-badLinesShown)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s: %d events written in %s (%.0f/s), %d bad lines\n", file, report.Written, report.Took.Round(time.Millisecond), report.Rate(), report.Bad)
	return err
}

func openInput(cmd *cobra.Command, file string) (io.ReadCloser, int64, error) {
	if file == "-" {
		// A pipe, because a read of standard input itself cannot be ended: a signal ends the command though nothing comes.
		in, out := io.Pipe()
		go func() {
			_, err := io.Copy(out, cmd.InOrStdin())
			out.CloseWithError(err)
		}()
		context.AfterFunc(cmd.Context(), func() { out.CloseWithError(context.Cause(cmd.Context())) })
		return in, -1, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	if info.IsDir() {
		return nil, 0, errors.Join(fmt.Errorf("%s is a directory", file), f.Close())
	}
	return f, info.Size(), nil
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}
