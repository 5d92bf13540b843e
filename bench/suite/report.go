package suite

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"floorwalker/bench/plot"
)

// section is a part of the page; text is empty where the part has not run.
type section struct{ title, about, text string }

const notRun = "Not run."

// benchmarks is the page of results.
func (r *report) benchmarks() string {
	var b strings.Builder
	b.WriteString(r.machineText())
	for _, s := range []section{
		{"Goals", "Each against a figure of this run.", r.goals()},
		{"Throughput", throughputAbout, r.throughput()},
		{"Growth", growthAbout, r.growth()},
		{"Freshness", freshnessAbout, r.freshnessText()},
		{"Push", pushAbout, r.pushText()},
		{"Answers", answersAbout, r.answersText()},
		{"Recovery", recoveryAbout, r.recoveryText()},
		{"Peers", peersAbout, r.peersText()},
	} {
		if s.text == "" {
			s.text = notRun
		}
		fmt.Fprintf(&b, "## %s\n\n%s\n\n%s\n\n", s.title, s.about, strings.TrimSpace(s.text))
	}
	return b.String()
}

const (
	throughputAbout = "Events per CPU-second (user and system, by the operating system, of the process alone that does it), median of the rounds and range. *decode* and\n" +
		"*decode, engine* read from memory; the *worker* goes from Kafka to rows that ClickHouse has acknowledged, with everything that `serve\n--roles=worker` does; the *replica* " +
		"goes from Kafka to the live view. The floor is 8 simulated centres with 1,250 agents each, from ten in the\nmorning on; late: 20 % of the events come up to 10 s after their time. " +
		"The real day is a bank's call log, repeated day after day with new ids\nin 8 centres. Garbage is collected as seldom as the program does."
	growthAbout = "Cost of an event and memory of an agent, by how many agents and contact centres there are in all. Counted are events after all agents have\nlogged in, which come from another process. " +
		"*At work* are those that have logged in; memory is what can be reached (Go's heap), per agent at\nwork, with the events of the last hour, as far as so much was played; a process takes up to four times as much " +
		"where the machine has it to spare. Events come as fast as they are taken:\na flush then holds many events of each of few agents, whose rows fall together, and single events of many agents, whose rows do not."
	freshnessAbout = "From when an event was due to when a client has it: the producer's lingering (5 ms, as Kafka's clients have), Kafka, Floorwalker and HTTP\nincluded. Load is open: " +
		"events are due at their times whatever becomes of those before, and a stall is seen by all that it delays. One `serve`\nprocess with both roles, Kafka, ClickHouse, the producer and the clients share the machine. " +
		"*REST* asks for an agent every millisecond from\nwhen a change was due, later every tenth of the time that it has waited; *SSE* is a stream of one agent that changes five times a second, at the shortest interval (50 ms).\n*Kafka alone* is a consumer " +
		"beside these that only reads, one of the partitions: what of the times above is not Floorwalker's."
	pushAbout = "The same with a crowd of subscribers, each of whom streams ten agents at the shortest interval (50 ms), on a node without the worker's role:\n`serve --roles=query`. " +
		"A worker has a machine of its own where so many watch; here Kafka, the producer and all clients share the node's."
	answersAbout = "Latency from when a request was due, at a steady rate over up to 64 connections, everything on one machine; one centre, an hour of its events\nbehind it. CPU is that of the server's process per request: " +
		"with events coming in it includes their cost."
	recoveryAbout = "A `serve` process with one partition is killed (SIGKILL) after a checkpoint, ten seconds' worth of events come in, and it is started again.\nTimes are from its start. History waits for Kafka to give up " +
		"the dead member of the group first: up to 20 s."
	peersAbout = "The same job (queue minutes, see `go doc ./bench/peers`), the same records of one real Kafka, alternating runs, each in a process of its own.\nResults that differ from the oracle's do not count. " +
		"Floorwalker's worker does far more than the job: all facts, all windows, order, duplicates,\nrows acknowledged by ClickHouse."
)

func (r *report) machineText() string {
	m := r.machine
	if m.CPUs == 0 {
		return ""
	}
	var versions []string
	for name, v := range m.Versions {
		versions = append(versions, name+" "+v)
	}
	slices.Sort(versions)
	t := newTable("this run", "")
	t.row("command", "`"+m.Command+"`")
	t.row("date, commit", m.Date.Format(time.DateOnly)+", "+m.Commit)
	t.row("machine", fmt.Sprintf("%s, %d CPUs, %s of memory, %s; load average before: %s", m.CPU, m.CPUs, size(float64(m.MemoryBytes)), m.System, m.Load))
	t.row("versions", strings.Join(versions, ", "))
	out := t.String() + "\n"
	for _, l := range r.lines {
		if l.Part == failures {
			out += fmt.Sprintf("**Failed: %s.** `%s`\n\n", l.Name, strings.ReplaceAll(string(l.Detail), "`", "'"))
		}
	}
	return out
}

// image keeps a plot and links to it.
func (r *report) image(name, what string, svg []byte) string {
	name = "bench-" + name + ".svg"
	r.images[name] = svg
	return fmt.Sprintf("![%s](images/%s)\n\n", what, name)
}

func (r *report) throughput() string {
	all := r.where(Throughput, "")
	if len(all) == 0 {
		return ""
	}
	loads := labels(all, "load")
	t := newTable(append([]string{"events per CPU-second"}, loads...)...)
	for _, name := range []string{decoding, folding, working, viewing} {
		cells := []string{name}
		for _, l := range loads {
			cells = append(cells, over(r.where(Throughput, name, "load", l), perCPU).text(rounded))
		}
		t.row(cells...)
	}
	detail := newTable(append([]string{"per event"}, loads...)...)
	row := func(what, name string, of func(map[string]float64) float64, number func(float64) string) {
		cells := []string{what}
		for _, l := range loads {
			cells = append(cells, over(r.where(Throughput, name, "load", l), of).short(number))
		}
		detail.row(cells...)
	}
	row("CPU of the worker, µs", working, cost, rounded)
	row("CPU of ClickHouse for the worker's rows, merges included, µs", working, func(v map[string]float64) float64 { return v["store_cpu_s"] / v["events"] * 1e6 }, rounded)
	row("rows written to ClickHouse", working, perEvent("rows"), rounded)
	row("kept on ClickHouse's disk", working, stored, size)
	row("of these, the events themselves", working, perEvent("bytes_events"), size)
	row("kept on Kafka's disk (LZ4)", working, perEvent("kafka_bytes"), size)
	row("objects allocated by the worker", working, perEvent("allocs"), rounded)
	row("worker, events a second, beside Kafka and ClickHouse", working, func(v map[string]float64) float64 { return v["events"] / v["s"] }, rounded)
	row("replica, events a second, beside Kafka", viewing, func(v map[string]float64) float64 { return v["events"] / v["s"] }, rounded)
	return t.String() + "\n" + detail.String()
}

// grownBy are the lines of a growth measurement by agents and centres.
func (r *report) grownBy(name, agents, centers string) []Line {
	return r.where(Growth, name, "agents", agents, "centers", centers)
}

func perAgent(lines []Line) figure {
	var values []float64
	for _, l := range lines {
		if at := amount(l.Labels["at_work"]); at > 0 {
			values = append(values, l.Values["state_bytes"]/at)
		}
	}
	return figureOf(values)
}

// mainCenters is the number of centres that the growing numbers of agents are in.
func (r *report) mainCenters() string {
	if lines := r.where(Growth, working); len(lines) > 0 {
		return lines[0].Labels["centers"]
	}
	return ""
}

func (r *report) growth() string {
	all := r.where(Growth, "")
	if len(all) == 0 {
		return ""
	}
	names := []string{folding, working, viewing}
	t := newTable("agents", "centres", "at work", "minutes played", "decode, engine: µs", "worker: µs", "replica: µs", "rows of an event", "engine's memory", "worker's", "replica's")
	costs, memory := map[string][]plot.Point{}, map[string][]plot.Point{}
	for _, agents := range labels(all, "agents") {
		for _, centers := range labels(all, "centers") {
			lines := r.grownBy("", agents, centers)
			if len(lines) == 0 {
				continue
			}
			cells := []string{count(amount(agents)), count(amount(centers)), count(amount(lines[0].Labels["at_work"])), count(lines[0].Values["span_s"] / 60)}
			for _, name := range names {
				f := over(r.grownBy(name, agents, centers), cost)
				cells = append(cells, f.text(rounded))
				if f.n > 0 && centers == r.mainCenters() {
					costs[name] = append(costs[name], point(amount(agents), f))
				}
			}
			cells = append(cells, over(r.grownBy(working, agents, centers), perEvent("rows")).short(rounded))
			for _, name := range names {
				f := perAgent(r.grownBy(name, agents, centers))
				cells = append(cells, f.short(size))
				if f.n > 0 && centers == r.mainCenters() {
					memory[name] = append(memory[name], point(amount(agents), f))
				}
			}
			t.row(cells...)
		}
	}
	out := t.String() + "\n"
	out += r.image("growth-cost", "Cost of an event against the number of agents", plot.Chart{Title: "Cost of an event, CPU µs, median and range", X: "agents in all", Y: "µs", LogX: true,
		Series: series(names, costs)}.SVG())
	out += r.image("growth-memory", "Memory of an agent against the number of agents", plot.Chart{Title: "Memory of an agent at work, bytes that can be reached", X: "agents in all", Y: "bytes", LogX: true, LogY: true,
		Series: series(names, memory)}.SVG())
	return out
}

func point(x float64, f figure) plot.Point {
	p := plot.Point{X: x, Y: f.median}
	if f.n > 1 {
		p.Low, p.High = f.low, f.high
	}
	return p
}

func series(names []string, of map[string][]plot.Point) (out []plot.Series) {
	for _, name := range names {
		if len(of[name]) > 0 {
			out = append(out, plot.Series{Name: name, Points: of[name]})
		}
	}
	return out
}

func (r *report) freshnessText() string {
	all := r.where(Freshness, "")
	if len(all) == 0 {
		return ""
	}
	t := newTable("events/s", "REST: p50", "p99", "p99.9", "SSE: p50", "p99", "p99.9", "Kafka alone: p50", "p99", "p99.9, ms", "changes watched, missed", "CPUs: Floorwalker, ClickHouse, bench", "produced events/s; at most late, ms")
	lines := map[string][]plot.Point{}
	for _, rate := range labels(all, "rate") {
		one := func(name, v string) figure { return over(r.where(Freshness, name, "rate", rate), value(v)) }
		cells := []string{count(amount(rate))}
		for _, way := range []string{byREST, bySSE, byKafka} {
			cells = append(cells, percentileCells(one, way)...)
			for _, q := range []string{"p50", "p99"} {
				if f := one(way, q+"_ms"); f.n > 0 {
					name := map[string]string{byREST: "REST", bySSE: "SSE", byKafka: "Kafka alone"}[way] + " " + q
					lines[name] = append(lines[name], plot.Point{X: amount(rate), Y: f.median})
				}
			}
		}
		cells = append(cells,
			fmt.Sprintf("%.0f, %.0f", one(byREST, "samples").median+one(bySSE, "samples").median, one(byREST, "missing").median+one(bySSE, "missing").median),
			fmt.Sprintf("%.2f, %.2f, %.2f", one(feeds, "cpus").median, one(feeds, "store_cpus").median, one(feeds, "bench_cpus").median),
			fmt.Sprintf("%s; %s", one(feeds, "per_s").short(rounded), one(feeds, "late_ms").short(rounded)))
		t.row(cells...)
	}
	return t.String() + "\n" + r.image("freshness", "Freshness against the rate of events", plot.Chart{Title: "From when an event was due to when a client has it", X: "events a second", Y: "ms",
		LogX: true, LogY: true, Series: series([]string{"REST p50", "REST p99", "SSE p50", "SSE p99", "Kafka alone p50", "Kafka alone p99"}, lines)}.SVG())
}

func percentileCells(one func(name, v string) figure, way string) (cells []string) {
	for _, q := range []string{"p50_ms", "p99_ms", "p999_ms"} {
		cells = append(cells, one(way, q).short(rounded))
	}
	return cells
}

func (r *report) pushText() string {
	all := r.where(Push, feeds)
	if len(all) == 0 {
		return ""
	}
	t := newTable("events/s", "streams", "SSE: p50", "p99", "p99.9", "Kafka alone: p50", "p99", "p99.9, ms", "changes watched, missed", "CPUs: Floorwalker, bench")
	cells := []string{count(over(all, value("rate")).median), count(over(all, value("streams")).median)}
	one := func(name, v string) figure { return over(r.where(Push, name), value(v)) }
	for _, way := range []string{bySSE, byKafka} {
		cells = append(cells, percentileCells(one, way)...)
	}
	t.row(append(cells, fmt.Sprintf("%.0f, %.0f", one(bySSE, "samples").median, one(bySSE, "missing").median),
		fmt.Sprintf("%.2f, %.2f", one(feeds, "cpus").median, one(feeds, "bench_cpus").median))...)
	return t.String()
}

func (r *report) answersText() string {
	all := r.where(Answers, "")
	if len(all) == 0 {
		return ""
	}
	ingests := labels(all, "ingest")
	head := []string{"request", "requests/s"}
	for _, i := range ingests {
		what := "at rest"
		if i != "0" {
			what = rounded(amount(i)) + " events/s"
		}
		head = append(head, what+": p50", "p99, ms", "CPU ms", "not answered")
	}
	t := newTable(head...)
	plots := map[string]map[string][]plot.Point{}
	var names []string
	for _, l := range all {
		if !slices.Contains(names, l.Name) {
			names = append(names, l.Name)
		}
	}
	busiest := ingests[len(ingests)-1]
	for _, name := range names {
		lines := r.where(Answers, name)
		kind := lines[0].Labels["kind"]
		if plots[kind] == nil {
			plots[kind] = map[string][]plot.Point{}
		}
		for _, rate := range labels(lines, "rate") {
			cells := []string{name, rate}
			for _, i := range ingests {
				one := func(v string) figure { return over(r.where(Answers, name, "rate", rate, "ingest", i), value(v)) }
				cells = append(cells, one("p50_ms").short(rounded), one("p99_ms").short(rounded), one("cpu_ms").short(rounded), one("failed").short(count))
				if f := one("p99_ms"); f.n > 0 && i == busiest {
					plots[kind][name] = append(plots[kind][name], plot.Point{X: amount(rate), Y: f.median})
				}
			}
			t.row(cells...)
		}
	}
	out := t.String() + "\n"
	for _, kind := range []string{liveKind, pastKind, vendorKind} {
		if s := series(names, plots[kind]); len(s) > 0 {
			for n := range s { // short names, for the legend
				s[n].Name, _, _ = strings.Cut(s[n].Name, ",")
			}
			out += r.image("answers-"+kind, "Latency of "+kind+" requests against their rate", plot.Chart{Title: "p99 of " + kind + " requests beside " + busiest + " events/s", X: "requests a second", Y: "ms",
				LogX: true, LogY: true, Series: s}.SVG())
		}
	}
	return out
}

func (r *report) recoveryText() string {
	all := r.where(Recovery, killed)
	if len(all) == 0 {
		return ""
	}
	t := newTable("agents of the partition", "serves, s", "live view caught up, s", "history caught up, s", "events, of them while it was away", "resident memory")
	var live, past []plot.Point
	for _, agents := range labels(all, "agents") {
		one := func(v string) figure { return over(r.where(Recovery, killed, "agents", agents), value(v)) }
		t.row(count(amount(agents)), one("serve_s").text(rounded), one("live_s").text(rounded), one("history_s").text(rounded),
			one("events").short(count)+", "+one("backlog").short(count), one("memory_bytes").short(size))
		live, past = append(live, point(amount(agents), one("live_s"))), append(past, point(amount(agents), one("history_s")))
	}
	return t.String() + "\n" + r.image("recovery", "Time to recover against the number of agents", plot.Chart{Title: "From a start after kill -9 to caught up", X: "agents of the partition", Y: "s", LogX: true,
		Series: []plot.Series{{Name: "live view", Points: live}, {Name: "history", Points: past}}}.SVG())
}

func (r *report) peersText() string {
	if r.peers == nil {
		return ""
	}
	var bars []plot.Bar
	for _, row := range r.peers.Rows() {
		if row.PerCPU.Max > 0 {
			bars = append(bars, plot.Bar{Name: row.Title, Value: row.PerCPU.Median, Low: row.PerCPU.Min, High: row.PerCPU.Max})
		}
	}
	return r.peers.Markdown() + "\n" + r.image("peers", "Events per CPU-second of Floorwalker and its peers", plot.Bars("The same job on the same records", "events per CPU-second, median and range", bars))
}

// best is the highest median of events per CPU-second among peers whose name begins so.
func (r *report) best(prefix string) float64 {
	best := 0.0
	if r.peers == nil {
		return best
	}
	for _, row := range r.peers.Rows() {
		if strings.HasPrefix(row.Peer, prefix) {
			best = max(best, row.PerCPU.Median)
		}
	}
	return best
}

func (r *report) goals() string {
	t := newTable("goal", "this run", "")
	n := 0
	judge := func(goal string, got float64, there bool, text string, most bool, limit float64) {
		if !there {
			t.row(goal, missing, "not run")
			return
		}
		n++
		verdict := "met"
		if most && got > limit || !most && got < limit {
			verdict = "**missed**"
		}
		t.row(goal, text, verdict)
	}
	one := func(goal string, f figure, number func(float64) string, most bool, limit float64) {
		judge(goal, f.median, f.n > 0, f.text(number), most, limit)
	}
	one("worker: 400,000 events per CPU-second or more", over(r.where(Throughput, working, "load", inOrder), perCPU), rounded, false, 400_000)
	one("replica: 500,000 or more", over(r.where(Throughput, viewing, "load", inOrder), perCPU), rounded, false, 500_000)
	ours := r.best("floorwalker-worker")
	for _, p := range []struct {
		goal, prefix string
		times        float64
	}{{"worker: twice Flink's or more", "flink-", 2}, {"worker: five times Kafka Streams' or more", "streams-", 5}} {
		theirs := r.best(p.prefix)
		judge(p.goal, ours/max(theirs, 1), ours > 0 && theirs > 0, fmt.Sprintf("%.1f times", ours/max(theirs, 1)), false, p.times)
	}
	for _, g := range []struct {
		rate string
		most float64
	}{{"10000", 20}, {"50000", 50}} {
		for _, way := range []string{byREST, bySSE} {
			one(fmt.Sprintf("freshness at %s events/s by %s: p99 of %.0f ms or less", rounded(amount(g.rate)), strings.ToUpper(way), g.most),
				over(r.where(Freshness, way, "rate", g.rate), value("p99_ms")), func(v float64) string { return rounded(v) + " ms" }, true, g.most)
		}
	}
	one("push with 1,000 subscribers at 5,000 events/s: p99 of 50 ms or less", over(r.where(Push, bySSE, "rate", "5000"), value("p99_ms")),
		func(v float64) string { return rounded(v) + " ms" }, true, 50)
	c := r.mainCenters()
	few, many := over(r.grownBy(working, "1000", c), cost), over(r.grownBy(working, "1000000", c), cost)
	judge("cost of an event at 1,000,000 agents: 1.3 times that at 1,000 or less (worker)", many.median/max(few.median, 1e-9), few.n > 0 && many.n > 0,
		fmt.Sprintf("%.2f times", many.median/max(few.median, 1e-9)), true, 1.3)
	one("recovery of a partition with 10,000 agents: live answers in 3 s or less", over(r.where(Recovery, killed, "agents", "10000"), value("live_s")),
		func(v float64) string { return rounded(v) + " s" }, true, 3)
	if n == 0 {
		return ""
	}
	return t.String()
}
