package peers

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const minuteMs = 60_000

// Key names a cell: a queue or an agent of a contact centre in one minute, whose start is in ms since the epoch.
type Key struct {
	Center string
	Agent  bool // else a queue
	Name   string
	Minute int64
}

// Cell is what was counted under a Key. Durations are in ms; agents have neither Offered, Abandoned nor waits.
type Cell struct {
	Offered, Answered, Abandoned       int64
	WaitSum, WaitMax, TalkSum, TalkMax int64
}

// Add sums another cell in.
func (c *Cell) Add(o Cell) {
	c.Offered += o.Offered
	c.Answered += o.Answered
	c.Abandoned += o.Abandoned
	c.WaitSum += o.WaitSum
	c.WaitMax = max(c.WaitMax, o.WaitMax)
	c.TalkSum += o.TalkSum
	c.TalkMax = max(c.TalkMax, o.TalkMax)
}

// Cells is a result of the job.
type Cells map[Key]Cell

func (c Cells) add(k Key, o Cell) {
	sum := c[k]
	sum.Add(o)
	c[k] = sum
}

// Equal is nil if both hold the same; else it names how many cells differ and the first of them. A cell of zeros is no cell.
func (c Cells) Equal(want Cells) error {
	var differ []Key
	for k, w := range want {
		if c[k] != w {
			differ = append(differ, k)
		}
	}
	for k, got := range c {
		if _, known := want[k]; !known && got != (Cell{}) {
			differ = append(differ, k)
		}
	}
	if len(differ) == 0 {
		return nil
	}
	slices.SortFunc(differ, func(a, b Key) int {
		return cmp.Or(cmp.Compare(a.Minute, b.Minute), cmp.Compare(a.Center, b.Center), cmp.Compare(a.Name, b.Name))
	})
	var text strings.Builder
	fmt.Fprintf(&text, "%d of %d cells differ from the oracle's", len(differ), len(want))
	for _, k := range differ[:min(3, len(differ))] {
		fmt.Fprintf(&text, "; %+v: %+v, not %+v", k, c[k], want[k])
	}
	return errors.New(text.String())
}

// parseCell reads a result's record: key "center TAB q|a TAB name TAB minute", value seven figures with TABs between them.
func parseCell(key, value []byte) (k Key, c Cell, err error) {
	parts := strings.Split(string(key), "\t")
	if len(parts) != 4 {
		return k, c, fmt.Errorf("result's key %q has %d parts, 4 are needed", key, len(parts))
	}
	minute, err := strconv.ParseInt(parts[3], 10, 64)
	if err != nil {
		return k, c, fmt.Errorf("result's minute %q: %w", parts[3], err)
	}
	k = Key{Center: parts[0], Agent: parts[1] == "a", Name: parts[2], Minute: minute}
	figures := strings.Split(string(value), "\t")
	into := []*int64{&c.Offered, &c.Answered, &c.Abandoned, &c.WaitSum, &c.WaitMax, &c.TalkSum, &c.TalkMax}
	if len(figures) != len(into) {
		return k, c, fmt.Errorf("result's value %q has %d figures, %d are needed", value, len(figures), len(into))
	}
	for i, f := range figures {
		if *into[i], err = strconv.ParseInt(f, 10, 64); err != nil {
			return k, c, fmt.Errorf("result's value %q: %w", value, err)
		}
	}
	return k, c, nil
}
