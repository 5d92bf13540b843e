package suite

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"

	"floorwalker/bench/load"
)

// Events that are produced while something is measured come from a process of its own, this executable started again, so that producing is
// not on the bill.
const childArg = "bench-produce"

type produceTask struct {
	Corpus        *load.Corpus
	Broker, Topic string
}

// IsChild reports whether Run started this process. Its program must then hand control to Main before it reads any flag.
func IsChild() bool { return len(os.Args) == 3 && os.Args[1] == childArg }

// Main is the whole life of a child. It returns the process's exit code.
func Main(args []string) int {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	var t produceTask
	err := json.Unmarshal([]byte(args[2]), &t)
	if err == nil {
		err = t.Corpus.Produce(ctx, t.Broker, t.Topic, partitions)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func produceElsewhere(ctx context.Context, t produceTask) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	text, err := json.Marshal(t)
	if err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, exe, childArg, string(text)).CombinedOutput(); err != nil {
		return fmt.Errorf("produce: %w: %s", err, out)
	}
	return nil
}
