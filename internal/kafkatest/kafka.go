package kafkatest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
)

const (
	startTimeout = 90 * time.Second // a cold JVM beside a full test run on two cores
	stopTimeout  = 20 * time.Second
	briefSession = 1500 * time.Millisecond
)

// Start runs Apache Kafka, KRaft, one node, in a temporary directory.
func Start(t testing.TB) *Broker {
	t.Helper()
	return &Broker{t: t, backend: startApache(t, "")}
}

// StartBehind is Start with a second way in: clients that come to Behind's address are told to go on at the front address, which is
// a proxy's.
func StartBehind(t testing.TB, front string) *Broker {
	t.Helper()
	return &Broker{t: t, backend: startApache(t, front)}
}

func startApache(t testing.TB, front string) *apache {
	t.Helper()
	java, err := exec.LookPath("java")
	if err != nil {
		unavailable(t, fmt.Errorf("kafkatest: java is %w; Java 17 or later runs Apache Kafka", errMissing))
	}
	libs, err := Fetch(t.Context())
	if err != nil {
		unavailable(t, err)
	}
	k := &apache{java: java, libs: libs, dir: t.TempDir(), front: front}
	t.Cleanup(func() {
		k.stop()
		if t.Failed() {
			t.Logf("end of the broker's log:\n%s", k.logTail())
		}
	})
	require.NoError(t, k.setup())
	require.NoError(t, k.start())
	return k
}

// apache is one broker process after another on the same directory.
type apache struct {
	java, libs, dir string
	addr            string
	session         time.Duration // after which the controller thinks it dead; 0 means briefSession
	lasting         bool          // runs for long, and it matters how fast
	front, behind   string        // what clients of the listener behind are told to go on at; both empty without a proxy
	cmd             *exec.Cmd
	ended           chan struct{} // closed when cmd has been waited for
}

const properties = `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@%[2]s
listeners=PLAINTEXT://%[1]s,CONTROLLER://%[2]s%[4]s
advertised.listeners=PLAINTEXT://%[1]s%[5]s
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,BEHIND:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs=%[3]s
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# Short, or a restart after SIGKILL waits nine seconds for its predecessor's session to end.
broker.heartbeat.interval.ms=300
broker.session.timeout.ms=%[6]d
log.cleaner.dedupe.buffer.size=16777216
log.cleaner.backoff.ms=200
`

var (
	// briefJVM is for the many brokers of tests: each is soon there and takes little memory.
	briefJVM = []string{"-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"}
	// lastingJVM is what Kafka's own kafka-server-start.sh gives its broker.
	lastingJVM = []string{"-Xms1g", "-Xmx1g", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35",
		"-XX:+ExplicitGCInvokesConcurrent", "-XX:MaxInlineLevel=15", "-Djava.awt.headless=true"}
)

const log4j = `<Configuration><Appenders><Console name="out"><PatternLayout pattern="%d{HH:mm:ss.SSS} %p %c{1} %m%n"/></Console></Appenders>
<Loggers><Root level="INFO"><AppenderRef ref="out"/></Root></Loggers></Configuration>
`

// clusterID is any UUID in Kafka's base64.
const clusterID = "4L6g3nShT-eMCtK--X86sw"

// setup picks the ports, which must outlive restarts and therefore cannot be the kernel's choice at each start, and formats
// the storage.
func (k *apache) setup() error {
	controller := ""
	for _, addr := range []*string{&k.addr, &controller} {
		free, err := freeAddr()
		if err != nil {
			return err
		}
		*addr = free
	}
	second, secondFront := "", ""
	if k.front != "" {
		free, err := freeAddr()
		if err != nil {
			return err
		}
		k.behind = free
		second, secondFront = ",BEHIND://"+k.behind, ",BEHIND://"+k.front
	}
	config := fmt.Sprintf(properties, k.addr, controller, filepath.Join(k.dir, "data"), second, secondFront,
		cmp.Or(k.session, briefSession).Milliseconds())
	if err := errors.Join(
		os.WriteFile(k.file("server.properties"), []byte(config), 0o600),
		os.WriteFile(k.file("log4j2.xml"), []byte(log4j), 0o600),
	); err != nil {
		return err
	}
	out, err := k.command("kafka.tools.StorageTool", "format", "-t", clusterID, "-c", k.file("server.properties")).CombinedOutput()
	if err != nil {
		return fmt.Errorf("kafka storage format: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

func (k *apache) address() (main, behind string) { return k.addr, k.behind }

func (k *apache) file(name string) string { return filepath.Join(k.dir, name) }

func (k *apache) command(class string, args ...string) *exec.Cmd {
	jvm := briefJVM
	if k.lasting {
		jvm = lastingJVM
	}
	jvm = append(slices.Clone(jvm), "-Dlog4j2.configurationFile="+k.file("log4j2.xml"), "-cp", filepath.Join(k.libs, "*"), class)
	cmd := exec.Command(k.java, append(jvm, args...)...)
	cmd.Dir = k.dir
	return cmd
}

func (k *apache) start() error {
	logFile, err := os.OpenFile(k.file("kafka.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer logFile.Close() // the broker has its own descriptor
	cmd := k.command("kafka.Kafka", k.file("server.properties"))
	cmd.Stdout, cmd.Stderr = logFile, logFile
	cmd.SysProcAttr = diesWithTest()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("kafka: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	k.cmd, k.ended = cmd, ended
	return k.awaitReady()
}

// awaitReady waits until the broker lists itself as alive, which it does once the controller has let it in.
func (k *apache) awaitReady() error {
	client, idle := newClient(k.addr)
	defer idle()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	err := poll(ctx, func() error {
		select {
		case <-k.ended:
			cancel() // no use in waiting on
			return errors.New("the process has ended")
		default:
		}
		r, err := client.Metadata(ctx, &kafka.MetadataRequest{})
		if err == nil && len(r.Brokers) == 0 {
			err = errors.New("no broker is alive")
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("kafka on %s is not ready: %w\n%s", k.addr, err, k.logTail())
	}
	return nil
}

func (k *apache) kill() {
	if k.cmd == nil {
		return
	}
	_ = k.cmd.Process.Kill()
	<-k.ended
}

func (k *apache) stop() {
	if k.cmd == nil {
		return
	}
	_ = k.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-k.ended:
	case <-time.After(stopTimeout):
		k.kill()
	}
}

func (k *apache) logTail() string {
	b, err := os.ReadFile(k.file("kafka.log"))
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-4000):])
}

// freeAddr is a port that nobody listens on now. It lies below those that the kernel gives to connections: a broker must find it free
// again at each start, and beside it tests open thousands of connections.
func freeAddr() (string, error) {
	const first, last, tries = 15_000, 32_000, 100
	for range tries {
		addr := fmt.Sprintf("127.0.0.1:%d", first+rand.IntN(last-first))
		if l, err := net.Listen("tcp", addr); err == nil {
			return addr, l.Close()
		}
	}
	return "", fmt.Errorf("no free port between %d and %d in %d tries", first, last, tries)
}
