package kafkatest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// Node is Apache Kafka for a program that is no test: one node on loopback, with the settings of Start, but with the Java options that Kafka
// ships with, and not taken for dead while the machine is busy with what is measured.
type Node struct{ k *apache }

// Open runs Apache Kafka in dir, which is created where it is missing. The caller closes the node.
func Open(ctx context.Context, dir string) (*Node, error) {
	java, err := exec.LookPath("java")
	if err != nil {
		return nil, fmt.Errorf("kafkatest: java is %w; Java 17 or later runs Apache Kafka", errMissing)
	}
	libs, err := Fetch(ctx)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("kafkatest: %w", err)
	}
	k := &apache{java: java, libs: libs, dir: dir, session: time.Minute, lasting: true}
	if err := k.setup(); err != nil {
		return nil, err
	}
	if err := k.start(); err != nil {
		k.stop()
		return nil, err
	}
	return &Node{k: k}, nil
}

// Addr is the host:port to bootstrap from.
func (n *Node) Addr() string { return n.k.addr }

// Close stops the broker and waits for its end. Its data stay in the directory.
func (n *Node) Close() { n.k.stop() }
