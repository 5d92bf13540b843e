// Command revisions shows what a change does to chosen micro-benchmarks: it runs them on two states of the sources in turns, and hands the
// results to benchstat.
//
//	go run ./bench/revisions --base HEAD~1
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// benchstat is pinned: the same results give the same table.
const benchstat = "golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da"

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "revisions:", err)
		os.Exit(1)
	}
}

// options of a comparison.
type options struct {
	base, bench, benchtime string
	packages               []string
	count                  int
	out, errs              io.Writer
}

func command() *cobra.Command {
	o := options{}
	cmd := &cobra.Command{
		Use:   "revisions",
		Short: "Compare micro-benchmarks of the working directory with those of a revision",
		Long: "Builds the packages' tests twice, from the revision and from the working directory as it is, runs the benchmarks of both in turns, and\n" +
			"prints what benchstat makes of it. The revision's sources lie in a temporary directory meanwhile; nothing in the repository changes.\n" +
			"On a machine with other work look at the columns of CPU time and of allocations.",
		Example:       "  go run ./bench/revisions --base HEAD~1\n  go run ./bench/revisions --base v1.2.0 --packages ./schema --bench Decode --count 10",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.out, o.errs = cmd.OutOrStdout(), cmd.ErrOrStderr()
			return o.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.base, "base", "", "revision to compare with, such as HEAD~1 or a tag")
	f.StringSliceVar(&o.packages, "packages", []string{"./schema", "./aggregate/engine"}, "whose benchmarks run")
	f.StringVar(&o.bench, "bench", "Decode$|InOrder|Late|DecodeAndApply", "which of them, as of go test -bench")
	f.StringVar(&o.benchtime, "benchtime", "1s", "as of go test -benchtime")
	f.IntVar(&o.count, "count", 6, "how often each side runs; fewer than 6 prove little")
	return cmd
}

// side is one of the two states.
type side struct {
	name    string // of the file with its results
	root    string
	results bytes.Buffer
}

func (o options) run(ctx context.Context) error {
	switch {
	case o.base == "":
		return errors.New("--base is missing: a revision such as HEAD~1")
	case o.count < 1:
		return fmt.Errorf("--count is %d; 1 or more are allowed", o.count)
	}
	dir, err := os.MkdirTemp("", "floorwalker-revisions-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	here, err := output(ctx, "", "git", "rev-parse", "--show-toplevel")
	if err != nil {
		return err
	}
	base := &side{name: "base.txt", root: filepath.Join(dir, "base")}
	change := &side{name: "change.txt", root: here}
	if err := checkout(ctx, here, o.base, base.root); err != nil {
		return err
	}
	for n, s := range []*side{base, change} {
		for k, pkg := range o.packages {
			fmt.Fprintf(o.errs, "building %s of %s\n", pkg, s.name)
			if _, err := output(ctx, s.root, "go", "test", "-c", "-o", binary(dir, n, k), pkg); err != nil {
				return err
			}
		}
	}
	for round := range o.count {
		// Who is first changes: a machine that grows slower favours nobody.
		for turn := range 2 {
			n := (round + turn) % 2
			s := []*side{base, change}[n]
			fmt.Fprintf(o.errs, "round %d of %d: %s\n", round+1, o.count, s.name)
			for k, pkg := range o.packages {
				text, err := output(ctx, filepath.Join(s.root, pkg), binary(dir, n, k), "-test.run", "^$", "-test.bench", o.bench, "-test.benchmem", "-test.benchtime", o.benchtime)
				if err != nil {
					return err
				}
				s.results.WriteString(text + "\n")
			}
		}
	}
	return o.compare(ctx, dir, base, change)
}

func binary(dir string, side, pkg int) string {
	return filepath.Join(dir, fmt.Sprintf("bench-%d-%d.test", side, pkg))
}

// checkout lays a revision's files out, without the repository noticing.
func checkout(ctx context.Context, repository, revision, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	archive := dir + ".tar"
	if _, err := output(ctx, repository, "git", "archive", "--format=tar", "--output="+archive, revision); err != nil {
		return err
	}
	_, err := output(ctx, dir, "tar", "-xf", archive)
	return err
}

func (o options) compare(ctx context.Context, dir string, sides ...*side) error {
	args := []string{"run", benchstat}
	for _, s := range sides {
		file := filepath.Join(dir, s.name)
		if err := os.WriteFile(file, s.results.Bytes(), 0o600); err != nil {
			return err
		}
		args = append(args, s.name+"="+file)
	}
	text, err := output(ctx, "", "go", args...)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(o.out, text)
	return err
}

// output runs a program to its end, in a directory where one is named, and returns what it printed.
func output(ctx context.Context, dir, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s%s", program, strings.Join(args, " "), err, out, errs.String())
	}
	return strings.TrimSpace(string(out)), nil
}
