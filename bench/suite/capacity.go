package suite

import (
	"fmt"
	"math"
	"strings"
)

// What capacity takes for granted. The rest is measured.
const (
	busyShare = 0.5 // of a core, at the busiest time
	peakTimes = 2.0 // the busiest minutes against the simulated floor's hours
	gcTimes   = 2.0 // of reachable memory that a process should have; it uses up to four times where it can
	hoursADay = 10.0
	daysRaw   = 90
	daysKept  = 400
)

// needs is what one floor costs, per agent at work or per event.
type needs struct {
	eventsPerHour          float64 // of an agent at work
	worker, replica, store float64 // CPU µs of an event
	workerMem, replicaMem  float64 // bytes of an agent at work
	raw, facts, kafka      float64 // bytes of an event: on ClickHouse's disk and on Kafka's
	full                   bool    // memory is that of agents with an hour of their events, as much as the engine keeps
	growth                 float64 // cost of an event at the most agents against the fewest
	most                   float64 // agents at work that were measured
}

// capacity is the page for those who choose machines.
func (r *report) capacity() string {
	n, ok := r.needs()
	if !ok {
		return "The run's parts throughput and growth say what is needed here. " + notRun
	}
	var b strings.Builder
	fmt.Fprintf(&b, "From [the run](benchmarks.md) of %s on %s (%d CPUs).\n\n", r.machine.Date.Format("2006-01-02"), r.machine.CPU, r.machine.CPUs)
	b.WriteString("## One agent, one event\n\n")
	t := newTable("measured", "")
	t.row("events of an agent at work, an hour", rounded(n.eventsPerHour))
	t.row("CPU of an event: worker, replica, ClickHouse", fmt.Sprintf("%s µs, %s µs, %s µs", rounded(n.worker), rounded(n.replica), rounded(n.store)))
	hour := "with an hour of its events"
	if !n.full {
		hour = "**with less than an hour of its events**, which take more"
	}
	t.row("memory of an agent at work, "+hour+": worker, replica", fmt.Sprintf("%s, %s", size(n.workerMem), size(n.replicaMem)))
	t.row("disk of an event: ClickHouse's raw events, its facts and windows, Kafka", fmt.Sprintf("%s, %s, %s", size(n.raw), size(n.facts), size(n.kafka)))
	t.row("cost of an event at the most agents against the fewest", fmt.Sprintf("%.2f times", n.growth))
	b.WriteString(t.String() + "\n")
	b.WriteString("## What a machine carries\n\n")
	fmt.Fprintf(&b, "With cores half busy (%.0f %%) at peaks of %.0f times the floor's mean, and %.0f times the memory that can be reached:\n\n", 100*busyShare, peakTimes, gcTimes)
	agents := func(µs float64) float64 { return busyShare * 1e6 / µs / peakTimes * 3600 / n.eventsPerHour }
	t = newTable("", "worker", "replica", "ClickHouse")
	t.row("events a second and core, all of the core", rounded(1e6/n.worker), rounded(1e6/n.replica), rounded(1e6/n.store))
	t.row("agents at work per core", rounded(agents(n.worker)), rounded(agents(n.replica)), rounded(agents(n.store)))
	t.row("agents at work per GiB of memory", rounded((1<<30)/n.workerMem/gcTimes), rounded((1<<30)/n.replicaMem/gcTimes), missing)
	t.row("agents at work per TB of disk", missing, missing, rounded(1e12/n.disk()))
	b.WriteString(t.String() + "\n")
	b.WriteString("Each replica carries all agents; workers and their partitions share them out.\n\n")
	b.WriteString("## Example: 100,000 agents at work\n\n")
	b.WriteString(n.example(100_000))
	fmt.Fprintf(&b, "\n## A million\n\n")
	b.WriteString(n.example(1_000_000))
	fmt.Fprintf(&b, `
It takes for granted:

- an event costs as much as measured, times %.2f, which is what it grew by up to %s agents at work in one process;
- agents and events are spread over many partitions, and no contact centre is larger than what one partition carries: the contact centre is
  the key, and a partition is folded by one core. With half of a core's time at peaks that is %s agents at work;
- a replica holds all contact centres of its topic. Where one machine is not to hold that many, run several Floorwalkers with a topic each;
- ClickHouse's share is measured on one server. A cluster of more spreads inserts and merges by contact centre and does them as often
  as it has copies;
- queries come on top: what one costs is under [answers](benchmarks.md#answers);
- the floor is the simulator's: %s events of an agent and hour. Yours says how many by `+"`floorwalker_ingest_records_total`"+`; everything here is in proportion.
`, max(1, n.growth), count(n.most), count(agents(n.worker)), rounded(n.eventsPerHour))
	return b.String()
}

// disk is what ClickHouse keeps of one agent at work for good, in bytes.
func (n needs) disk() float64 {
	perDay := n.eventsPerHour * hoursADay
	return perDay * (n.raw*daysRaw + n.facts*daysKept)
}

func (n needs) example(agents float64) string {
	grow := 1.0
	if agents > n.most {
		grow = max(1, n.growth)
	}
	mean := agents * n.eventsPerHour / 3600
	peak := mean * peakTimes
	cores := func(µs float64) string { return fmt.Sprintf("%.1f", math.Max(0.1, peak*µs*grow/1e6/busyShare)) }
	t := newTable(rounded(agents)+" agents at work", "cores", "memory", "disk")
	t.row("workers, together", cores(n.worker), size(agents*n.workerMem*gcTimes), missing)
	t.row("each replica", cores(n.replica), size(agents*n.replicaMem*gcTimes), "as much as memory, for its checkpoint")
	t.row("ClickHouse, each copy", cores(n.store), "a third of the machine's for merges and queries", fmt.Sprintf("%s (raw %d days, facts and windows %d)", size(agents*n.disk()), daysRaw, daysKept))
	t.row("Kafka, each copy", missing, missing, fmt.Sprintf("%s (14 days)", size(agents*n.eventsPerHour*hoursADay*14*n.kafka)))
	return fmt.Sprintf("%s events a second on average over the shift, %s at peaks; shifts of %.0f hours.\n\n", rounded(mean), rounded(peak), hoursADay) + t.String()
}

// horizon is how long the engine keeps events; memory is that of long runs only where so much has been played.
const horizon = 3600

// memory is what an agent at work takes, in bytes. Where two numbers of agents were played for longer than the horizon it is the difference
// between them, so that what a process takes anyway does not count; else that of most agents, with false if they had no hour.
func (r *report) memory(name string) (perOne float64, full bool) {
	type point struct{ agents, bytes float64 }
	var long, all []point
	c := r.mainCenters()
	for _, agents := range labels(r.where(Growth, name), "agents") {
		lines := r.grownBy(name, agents, c)
		if len(lines) == 0 {
			continue
		}
		p := point{amount(lines[0].Labels["at_work"]), over(lines, value("state_bytes")).median}
		if p.bytes <= 0 {
			continue // less was found after than before: it is lost in what the process takes anyway
		}
		all = append(all, p)
		if lines[0].Values["span_s"] >= .9*horizon {
			long = append(long, p)
		}
	}
	if n := len(long); n > 1 {
		a, b := long[n-2], long[n-1]
		if perOne := (b.bytes - a.bytes) / (b.agents - a.agents); perOne > 0 {
			return perOne, true
		}
	}
	if n := len(long); n > 0 {
		return long[n-1].bytes / long[n-1].agents, true
	}
	if len(all) == 0 {
		return 0, false
	}
	last := all[len(all)-1]
	return last.bytes / last.agents, false
}

// needs takes the figures from the run; costs from throughput, growth from growth.
func (r *report) needs() (n needs, ok bool) {
	worker := r.where(Throughput, working, "load", inOrder)
	replica := r.where(Throughput, viewing, "load", inOrder)
	grown := r.where(Growth, working)
	if len(worker) == 0 || len(replica) == 0 || len(grown) == 0 {
		return n, false
	}
	sizes := labels(grown, "agents")
	c := r.mainCenters()
	last := sizes[len(sizes)-1]
	lastWorker := r.grownBy(working, last, c)
	if len(lastWorker) == 0 {
		return n, false
	}
	n.worker, n.replica = over(worker, cost).median, over(replica, cost).median
	n.store = over(worker, func(v map[string]float64) float64 { return v["store_cpu_s"] / v["events"] * 1e6 }).median
	n.raw = over(worker, perEvent("bytes_events")).median
	n.facts = over(worker, stored).median - n.raw
	n.kafka = over(worker, perEvent("kafka_bytes")).median
	n.workerMem, n.full = r.memory(working)
	n.replicaMem, _ = r.memory(viewing)
	n.growth = over(lastWorker, cost).median / over(r.grownBy(working, sizes[0], c), cost).median
	n.most = amount(lastWorker[0].Labels["at_work"])
	n.eventsPerHour = over(lastWorker, func(v map[string]float64) float64 { return v["events"] / (v["span_s"] / 3600) / n.most }).median
	for _, v := range []float64{n.worker, n.replica, n.store, n.workerMem, n.replicaMem, n.eventsPerHour, n.growth} {
		if !(v > 0) || math.IsInf(v, 0) {
			return n, false
		}
	}
	return n, true
}
