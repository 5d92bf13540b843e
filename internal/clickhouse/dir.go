package clickhouse

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Names inside Config.Dir.
const (
	dataName   = "data"
	runName    = "run"
	configName = "config.xml"
	portsName  = "ports"
	// enginePortsName holds those that the engine itself listens on.
	enginePortsName = "engine-ports"
	lockName        = "lock"
	logName         = "clickhouse.log"
)

const logCheckEvery = 5 * time.Second

// prepareDir makes the directories, writes the server's configuration and forgets the ports of the last run.
func prepareDir(cfg Config) error {
	for _, name := range []string{dataName, runName} {
		if err := os.MkdirAll(filepath.Join(cfg.Dir, name), 0o700); err != nil {
			return fmt.Errorf("data directory: %w", err)
		}
	}
	for _, name := range []string{portsName, enginePortsName} {
		if err := os.Remove(filepath.Join(cfg.Dir, name)); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("ports of the last run: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(cfg.Dir, configName), serverConfig(cfg), 0o600); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	return nil
}

// serverConfig is the configuration of `clickhouse local` and of `clickhouse server` alike; keys that only one of them
// knows are ignored by the other.
func serverConfig(cfg Config) []byte {
	var b bytes.Buffer
	add := func(key, value string) {
		fmt.Fprintf(&b, "    <%s>", key)
		_ = xml.EscapeText(&b, []byte(value)) // a bytes.Buffer does not fail
		fmt.Fprintf(&b, "</%s>\n", key)
	}
	b.WriteString("<clickhouse>\n")
	add("path", filepath.Join(cfg.Dir, dataName)+"/")
	add("listen_host", "127.0.0.1")
	add("tcp_port", fmt.Sprint(cfg.TCPPort))
	add("http_port", fmt.Sprint(cfg.HTTPPort))
	if cfg.MemoryLimit > 0 {
		add("max_server_memory_usage", fmt.Sprint(cfg.MemoryLimit))
	}
	// Sized for a demo on a small machine, not for ClickHouse's usual host: these are upper bounds of caches.
	add("mark_cache_size", fmt.Sprint(256<<20))
	add("uncompressed_cache_size", fmt.Sprint(128<<20))
	add("shutdown_wait_unfinished", "2")
	b.WriteString("    <logger><level>warning</level><console>1</console></logger>\n")
	b.WriteString("    <users><default><password></password><networks><ip>127.0.0.1</ip></networks>" +
		"<profile>default</profile><quota>default</quota></default></users>\n")
	b.WriteString("    <profiles><default></default></profiles>\n    <quotas><default></default></quotas>\n</clickhouse>\n")
	return b.Bytes()
}

// openLog appends, so that boundLog may cut the file under the child's feet without leaving a hole.
func openLog(cfg Config) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(cfg.Dir, logName), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("log: %w", err)
	}
	trimLog(f, cfg.LogLimit)
	return f, nil
}

// boundLog starts the log over whenever it has outgrown limit, until stop is closed.
func boundLog(f *os.File, limit int64, stop <-chan struct{}) {
	tick := time.NewTicker(logCheckEvery)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			trimLog(f, limit)
		}
	}
}

func trimLog(f *os.File, limit int64) {
	if st, err := f.Stat(); err == nil && st.Size() > limit {
		_ = f.Truncate(0) // a log that cannot be cut is no reason to stop the database
	}
}

// logTail is the last two kilobytes of the log, for the error of a failed start.
func logTail(dir string) string {
	f, err := os.Open(filepath.Join(dir, logName))
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.Size() > 2048 {
		_, _ = f.Seek(-2048, io.SeekEnd)
	}
	b, _ := io.ReadAll(f)
	return string(bytes.TrimSpace(b))
}
