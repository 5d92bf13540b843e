package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"time"
)

// ErrNoEngine means that neither a `clickhouse` binary nor the library was found. Its text says what to do.
var ErrNoEngine = errors.New("no ClickHouse on this machine")

// An engine makes the command that runs a server on a prepared directory. The command ends when its stdin closes.
type engine interface {
	command(cfg Config) (*exec.Cmd, error)
	String() string
}

// findEngine prefers what the caller named, then an installed binary, then the library.
func findEngine(ctx context.Context, cfg Config) (engine, error) {
	if cfg.Binary != "" {
		return binaryEngine(ctx, cfg.Binary)
	}
	if cfg.Library != "" {
		return libraryEngine{path: cfg.Library}, checkLibrary(cfg.Library)
	}
	var unusable error
	if path, err := exec.LookPath("clickhouse"); err == nil {
		e, err := binaryEngine(ctx, path)
		if err == nil {
			return e, nil
		}
		unusable = err
	}
	path, err := Library()
	if err != nil {
		return nil, errors.Join(err, unusable)
	}
	return libraryEngine{path: path}, nil
}

// listenQuery opens the listeners, reports their ports and then blocks on stdin, whose end is the order to stop.
// Paths are relative to the child's working directory, which spares us quoting.
const listenQuery = "SYSTEM START LISTEN TCP; SYSTEM START LISTEN HTTP; " +
	"SELECT getServerPort('tcp_port'), getServerPort('http_port') INTO OUTFILE '../" + enginePortsName + "' TRUNCATE FORMAT TSV; " +
	"SELECT * FROM file('/dev/stdin', 'LineAsString', 'line String') FORMAT Null"

// behindFront is the child's arguments for an engine of clickhouse-local.
func behindFront(cfg Config, mode, path string) []string {
	return append([]string{modeFront, strconv.Itoa(cfg.TCPPort), strconv.Itoa(cfg.HTTPPort), cfg.Dir, mode, path}, localArgs(cfg)...)
}

// threadMemory is how much memory has to be free for each thread of a query. ClickHouse's own 1 GiB would leave queries a single one where
// MemoryLimit is a few GiB.
const threadMemory = 64 << 20

// localArgs are the arguments of clickhouse-local. listen_host and the ports are options too, and the options win over the
// configuration file. The kernel chooses the ports, because clients use the front's.
func localArgs(cfg Config) []string {
	return []string{
		"--config-file=" + filepath.Join(cfg.Dir, configName),
		"--path=" + filepath.Join(cfg.Dir, dataName),
		"--listen_host=127.0.0.1",
		"--tcp_port=0",
		"--http_port=0",
		"--log-level=warning", // the level of the configuration file is not heeded: some dozen lines are written for each statement
		"--max_threads_min_free_memory_per_thread=" + strconv.Itoa(threadMemory),
		"--query", listenQuery,
	}
}

// libraryEngine is this executable again, which loads libchdb. A process of its own, because the engine takes over signals
// and memory allocation, and because its death must not be ours.
type libraryEngine struct{ path string }

func (e libraryEngine) String() string { return e.path }

func (e libraryEngine) command(cfg Config) (*exec.Cmd, error) {
	return self(behindFront(cfg, modeLibrary, e.path))
}

// self is a command that runs this executable as a child: see Main.
func self(args []string) (*exec.Cmd, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("own executable: %w", err)
	}
	if runtime.GOOS == "linux" {
		exe = "/proc/self/exe" // still there when the file was replaced or deleted meanwhile
	}
	cmd := exec.Command(exe)
	cmd.Args = append([]string{"floorwalker", childArg}, args...)
	return cmd, nil
}

// localEngine is an installed `clickhouse` that can listen from `clickhouse local`.
type localEngine struct{ path string }

func (e localEngine) String() string { return e.path + " local" }

func (e localEngine) command(cfg Config) (*exec.Cmd, error) {
	return self(behindFront(cfg, modeLocal, e.path))
}

// serverEngine is an older installed `clickhouse`: it has `clickhouse server` only, which does not watch its stdin, so this
// executable runs between the two and does.
type serverEngine struct{ path string }

func (e serverEngine) String() string { return e.path + " server" }

func (e serverEngine) command(cfg Config) (*exec.Cmd, error) {
	// `clickhouse server` cannot report a port that the kernel chose.
	for _, port := range []*int{&cfg.TCPPort, &cfg.HTTPPort} {
		if *port != 0 {
			continue
		}
		free, err := freePort()
		if err != nil {
			return nil, err
		}
		*port = free
	}
	name := filepath.Join(cfg.Dir, configName)
	if err := os.WriteFile(name, serverConfig(cfg), 0o600); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return self([]string{modeServer, e.path, name, strconv.Itoa(cfg.TCPPort), strconv.Itoa(cfg.HTTPPort), filepath.Join(cfg.Dir, portsName)})
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("free port: %w", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}

// version is a ClickHouse release, year and month.
type version struct{ major, minor int }

func (v version) before(w version) bool {
	return v.major < w.major || v.major == w.major && v.minor < w.minor
}

var (
	listensFromLocal = version{26, 7} // SYSTEM START LISTEN TCP|HTTP in clickhouse-local
	oldestServer     = version{25, 8}
)

func binaryEngine(ctx context.Context, path string) (engine, error) {
	v, err := binaryVersion(ctx, path)
	switch {
	case err != nil:
		return nil, err
	case v.before(oldestServer):
		return nil, fmt.Errorf("clickhouse: %s is version %d.%d; %d.%d or later is needed", path, v.major, v.minor, oldestServer.major, oldestServer.minor)
	case v.before(listensFromLocal):
		return serverEngine{path: path}, nil
	}
	return localEngine{path: path}, nil
}

func binaryVersion(ctx context.Context, path string) (version, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "local", "--version").Output()
	if err != nil {
		return version{}, fmt.Errorf("clickhouse: %s local --version: %w", path, err)
	}
	m := regexp.MustCompile(`version (\d+)\.(\d+)`).FindSubmatch(out)
	if m == nil {
		return version{}, fmt.Errorf("clickhouse: %s local --version said %q; a version was expected", path, out)
	}
	major, _ := strconv.Atoi(string(m[1]))
	minor, _ := strconv.Atoi(string(m[2]))
	return version{major, minor}, nil
}

// Available says whether Start would find a ClickHouse to run, without running it: nil, or an error that IsMissing.
func Available(ctx context.Context) error {
	_, err := findEngine(ctx, Config{})
	return err
}

// IsMissing reports whether err means that there is no ClickHouse to run here.
func IsMissing(err error) bool { return errors.Is(err, ErrNoEngine) }
