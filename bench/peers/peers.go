package peers

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// The sides of the comparison.
const (
	floorwalkerWorker = "floorwalker-worker"
	floorwalkerFold   = "floorwalker-job"
	clickhouseAlone   = "clickhouse"

	flinkClass   = "floorwalker.peers.FlinkJob"
	streamsClass = "floorwalker.peers.StreamsJob"
)

// peer is one side in one setting.
type peer struct {
	name, title string
	class       string   // of the Java program; empty: a child of ours
	module      string   // Maven module of the class
	args        []string // behind broker, topic, results' topic and number of records
	stores      bool     // it writes to ClickHouse
}

// The commit intervals: at least once as often as Flink's checkpoints, exactly once more often, because what is behind the repartition
// topic waits for commits.
const (
	commitAtLeastOnce = 10_000
	commitExactlyOnce = 1_000
)

func flink(parallelism int) peer {
	return peer{name: fmt.Sprintf("flink-%d", parallelism), title: fmt.Sprintf("Apache Flink, parallelism %d", parallelism),
		class: flinkClass, module: "flink", args: []string{strconv.Itoa(parallelism), "at-least-once"}}
}

func streams(name, title, store, guarantee, path string) peer {
	commit := commitAtLeastOnce
	if guarantee == "exactly_once_v2" {
		commit = commitExactlyOnce
	}
	return peer{name: "streams-" + name, title: "Kafka Streams, " + title, class: streamsClass, module: "streams",
		args: []string{store, guarantee, strconv.Itoa(commit), path, "1"}}
}

// live are the peers whose results' latency is measured, in the settings that it depends on.
func live() []peer {
	return []peer{
		streamsEvery("30s", "Kafka Streams, its default commit interval of 30 s", 30_000, "at_least_once"),
		streamsEvery("100ms", "Kafka Streams, commit interval of 100 ms", 100, "at_least_once"),
		streamsEvery("eos-100ms", "Kafka Streams, exactly once, commit interval of 100 ms", 100, "exactly_once_v2"),
		{name: "flink-live", title: "Apache Flink, a result for each addition", class: flinkClass, module: "flink", args: []string{"1", "at-least-once"}},
		{name: "flink-live-eos", title: "Apache Flink, exactly once, checkpoints every 10 s", class: flinkClass, module: "flink", args: []string{"1", "exactly-once"}},
	}
}

func streamsEvery(name, title string, commit int, guarantee string) peer {
	return peer{name: "streams-live-" + name, title: title, class: streamsClass, module: "streams",
		args: []string{"rocksdb", guarantee, strconv.Itoa(commit), "dsl", "1"}}
}

// all are the peers in the order in which they are told of.
func all() []peer {
	return []peer{
		{name: floorwalkerWorker, title: "Floorwalker, the whole worker", stores: true},
		{name: floorwalkerFold, title: "Floorwalker's reader and decoder, this job only", stores: true},
		flink(1),
		flink(2),
		streams("rocksdb", "RocksDB, at least once", "rocksdb", "at_least_once", "dsl"),
		streams("rocksdb-eos", "RocksDB, exactly once", "rocksdb", "exactly_once_v2", "dsl"),
		streams("memory", "in memory, at least once", "memory", "at_least_once", "dsl"),
		streams("memory-eos", "in memory, exactly once", "memory", "exactly_once_v2", "dsl"),
		streams("memory-local", "in memory, at least once, no repartition", "memory", "at_least_once", "local"),
		{name: clickhouseAlone, title: "ClickHouse alone", stores: true},
	}
}

// Names are the peers that Run knows, in order.
func Names() []string {
	var names []string
	for _, p := range all() {
		names = append(names, p.name)
	}
	return names
}

// choose are the peers of these names; all where there are none.
func choose(names []string) ([]peer, error) {
	if len(names) == 0 {
		return all(), nil
	}
	var out []peer
	for _, name := range names {
		found := false
		for _, p := range all() {
			if p.name == name {
				out, found = append(out, p), true
			}
		}
		if !found {
			return nil, fmt.Errorf("peers: %q is unknown; allowed are %v", name, Names())
		}
	}
	return out, nil
}

// jvm are the options of all Java programs: a fixed heap of a size that none of them fills, and the collector with the least work.
var jvmOptions = []string{"-Xms1g", "-Xmx1g", "-XX:+UseParallelGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
	"--add-opens=java.base/java.util=ALL-UNNAMED", "--add-opens=java.base/java.lang=ALL-UNNAMED", "--add-opens=java.base/java.time=ALL-UNNAMED"}

// command runs the peer on a task; dir is its own.
func (p peer) command(t task, java, dir, results string) (*exec.Cmd, error) {
	if p.class == "" {
		exe, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("own executable: %w", err)
		}
		text, err := json.Marshal(t)
		if err != nil {
			return nil, err
		}
		return exec.Command(exe, childArg, string(text)), nil
	}
	module := filepath.Join(java, p.module, "target")
	args := append([]string{}, jvmOptions...)
	args = append(args, "-cp", filepath.Join(module, p.module+"-1.jar")+string(os.PathListSeparator)+filepath.Join(module, "libs", "*"), p.class,
		t.Broker, t.Topic, results, strconv.Itoa(t.Records))
	args = append(args, p.args...)
	return exec.Command("java", append(args, dir)...), nil
}
