package faults

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/internal/program"
)

// soakCenters are simulated at once.
var soakCenters = []string{"c1", "c2", "c3"}

// The simulator, workers and a replica run for the time that FLOORWALKER_SOAK says (such as 30m), while something breaks now and then;
// in the end `floorwalker audit` must find no difference. `make soak` runs it and shows the report.
func TestSoak(t *testing.T) {
	lasts, err := time.ParseDuration(os.Getenv("FLOORWALKER_SOAK"))
	if err != nil {
		t.Skip("FLOORWALKER_SOAK=30m runs it")
	}
	w := newWorld(t)
	s := w.site("soak", soakCenters)
	conn := s.conn()
	c := s.chaos(uint64(time.Now().UnixNano()), 3)
	var simulators []*program.Process
	for i, cc := range soakCenters {
		simulators = append(simulators, program.Start(t, "simulate", "--config", s.file(), "--contact-center", cc, "--agents", "400", "--seed", fmt.Sprint(i+1),
			"--backfill", "2h", "--disorder", "0.1", "--disorder-max", "10m"))
	}
	s.awaitSome()
	c.replica.awaitLive(5 * time.Minute)
	began := c.usage()
	start := time.Now()
	for time.Since(start) < lasts {
		c.strike()
		t.Logf("%s %s: %s", time.Since(start).Round(time.Second), c.usage(), c)
		for n := 0; n < 10 && time.Since(start) < lasts; n++ {
			time.Sleep(time.Second)
			c.tend()
		}
	}
	for _, p := range simulators {
		p.Signal(syscall.SIGTERM)
		<-p.Done
	}
	s.awaitHistory(conn, 5*time.Minute)
	c.replica.awaitLive(time.Minute)
	ended := c.usage()
	out, err := exec.Command(program.Path(t), "audit", "--config", s.file()).CombinedOutput()
	verdict := "no difference"
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		verdict = "DIFFERENCES"
	}
	var records int64
	for _, end := range s.ends() {
		records += end
	}
	t.Logf("soak of %s: %d records\n%s\nstart: %s\nend:   %s\naudit: %s\n%s", lasts, records, c, began, ended, verdict, out)
	require.NoError(t, err)
	for _, n := range c.workers {
		n.address()
		n.Stop(time.Minute)
	}
	requireRaw(t, conn, s)
	requireOneVersion(t, conn, s)
}

// file is a configuration of the site that goes to Kafka and ClickHouse directly.
func (s *site) file() string {
	s.t.Helper()
	return s.configure(options{kafka: s.kafka.Addr(), house: s.clickHouse.Addr(), dir: s.t.TempDir()})
}

// awaitSome waits until events come.
func (s *site) awaitSome() {
	s.t.Helper()
	program.Eventually(s.t, time.Minute, "events of the simulators", func() string {
		for _, end := range s.ends() {
			if end > 1000 {
				return ""
			}
		}
		return "none yet"
	})
}

// usage is the memory and the goroutines of every process.
func (c *chaos) usage() string {
	var out []string
	add := func(what string, n *node) {
		out = append(out, fmt.Sprintf("%s %.0f MB %.0f goroutines", what, n.metric("process_resident_memory_bytes")/1e6, n.metric("go_goroutines")))
	}
	add("replica", c.replica)
	for _, n := range c.workers {
		add("worker", n)
	}
	return strings.Join(out, ", ")
}
