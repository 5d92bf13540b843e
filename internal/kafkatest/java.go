package kafkatest

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

//go:embed Produce.java
var produceSource []byte

// JavaProduce writes with Kafka's own Java client: for each codec (none, gzip, snappy, lz4, zstd) that many records to one partition,
// keyed by the codec, with the values codec-0, codec-1 and so on, in batches. It needs a broker of Start and a JDK; with a mere JRE
// the test is skipped.
func (b *Broker) JavaProduce(topic string, partition, records int, codecs ...string) {
	b.t.Helper()
	k, ok := b.backend.(*apache)
	if !ok {
		b.t.Fatal("kafkatest: JavaProduce needs Apache Kafka")
	}
	dir := b.t.TempDir()
	file := filepath.Join(dir, "Produce.java")
	require.NoError(b.t, os.WriteFile(file, produceSource, 0o600))
	// Class files of a program that is run from its source go nowhere.
	out, err := k.command(file, b.Addr(), topic, strconv.Itoa(partition), strconv.Itoa(records), strings.Join(codecs, ",")).CombinedOutput()
	if err != nil && strings.Contains(string(out), "jdk.compiler") {
		unavailable(b.t, fmt.Errorf("kafkatest: a JDK is %w; this Java cannot compile: %s", errMissing, out))
	}
	require.NoError(b.t, err, "%s", out)
}

// For returns the same broker for another test: it is that one's who fails or is skipped.
func (b *Broker) For(t testing.TB) *Broker { return &Broker{t: t, backend: b.backend} }
