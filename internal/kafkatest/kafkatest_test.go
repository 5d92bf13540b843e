package kafkatest_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"floorwalker/internal/kafkatest"
)

const holdEnv = "FLOORWALKER_TEST_HOLD" // this run starts a broker and waits to be killed

func write(t *testing.T, addr string, from, to int) {
	t.Helper()
	tr := &kafka.Transport{MetadataTTL: 100 * time.Millisecond}
	defer tr.CloseIdleConnections()
	w := &kafka.Writer{Addr: kafka.TCP(addr), Topic: "events", RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond, Transport: tr}
	defer w.Close()
	var messages []kafka.Message
	for i := from; i < to; i++ {
		messages = append(messages, kafka.Message{Value: fmt.Append(nil, i)})
	}
	require.NoError(t, w.WriteMessages(t.Context(), messages...))
}

// One body on both brokers: what was acknowledged is there after Kill and Restart, under the same address.
func TestKillAndRestart_RecordsStay(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		addr := b.Addr()
		b.CreateTopic("events", 1)
		write(t, addr, 0, 50)
		b.Kill()
		_, err := net.Dial("tcp", addr)
		require.Error(t, err, "killed, and still there")
		b.Restart()
		require.Equal(t, addr, b.Addr())
		write(t, addr, 50, 100)

		r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{addr}, Topic: "events", MaxWait: 50 * time.Millisecond})
		defer r.Close()
		for i := range 100 {
			m, err := r.ReadMessage(t.Context())
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint(i), string(m.Value))
		}
	})
}

// TestHold is the body of the next test's child.
func TestHold(t *testing.T) {
	if os.Getenv(holdEnv) == "" {
		t.Skip("runs as a child only")
	}
	fmt.Println("address", kafkatest.Start(t).Addr())
	select {}
}

func TestTestProcessKilled_BrokerEndsToo(t *testing.T) {
	if testing.Short() {
		t.Skip("starts another broker")
	}
	kafkatest.Start(t) // skips where Kafka cannot run
	child := exec.Command(os.Args[0], "-test.run=^TestHold$")
	child.Env = append(os.Environ(), holdEnv+"=1", "TMPDIR="+t.TempDir()) // its cleanups never run
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	var addr string
	_, err = fmt.Fscanf(out, "address %s\n", &addr)
	require.NoError(t, err)
	require.NoError(t, child.Process.Kill())
	_ = child.Wait()
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	}, 10*time.Second, 20*time.Millisecond)
}
