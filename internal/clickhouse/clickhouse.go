// Package clickhouse runs a real ClickHouse server as a child process, for `floorwalker demo` and for tests.
//
// The child is an installed `clickhouse` binary where there is one, otherwise this same executable, started again to load
// libchdb (see Fetch) and to run the engine's own main. Both listen on loopback only and end with the process that started
// them, however that one ends: they read their standard input and shut down cleanly when it closes.
//
// A program that calls Start must hand control over when it finds itself to be the child, before it reads any flag:
//
//	func main() {
//		if clickhouse.IsChild() {
//			os.Exit(clickhouse.Main(os.Args))
//		}
//		...
//	}
package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	defaultStartTimeout = 60 * time.Second
	defaultLogLimit     = 8 << 20
	killAfter           = 30 * time.Second
)

// Config says where the server keeps its data and what it may use. Only Dir is required.
type Config struct {
	// Dir holds the tables, the child's working directory and its log. One live server per Dir.
	Dir string
	// Binary is the path of a `clickhouse` executable. Empty: look in $PATH.
	Binary string
	// Library is the path of a libchdb that exports chdb_query_cmdline (26.7 or later). Setting it rules the binary out,
	// unless Binary is set too. Empty: $FLOORWALKER_LIBCHDB, then the cache that Fetch fills.
	Library string
	// TCPPort serves the native protocol, HTTPPort the HTTP interface; 0 lets the kernel choose.
	TCPPort, HTTPPort int
	// MemoryLimit bounds the server's memory, in bytes; 0 leaves ClickHouse's own bound (90 % of the machine).
	MemoryLimit int64
	// StartTimeout bounds Start, waiting for the predecessor's data lock included; 0 means one minute.
	StartTimeout time.Duration
	// LogLimit is the size in bytes beyond which the child's log is started over; 0 means 8 MiB.
	LogLimit int64
	// Log receives one line per start, stop and unexpected end; nil means slog.Default().
	Log *slog.Logger
}

func (c Config) withDefaults() (Config, error) {
	if c.Dir == "" {
		return c, errors.New("clickhouse: Dir is empty; a data directory is required")
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return c, fmt.Errorf("clickhouse: Dir %q: %w", c.Dir, err)
	}
	c.Dir = dir
	for name, port := range map[string]int{"TCPPort": c.TCPPort, "HTTPPort": c.HTTPPort} {
		if port < 0 || port > 65535 {
			return c, fmt.Errorf("clickhouse: %s %d is outside 0..65535", name, port)
		}
	}
	if c.MemoryLimit < 0 {
		return c, fmt.Errorf("clickhouse: MemoryLimit %d is negative; 0 or more bytes are allowed", c.MemoryLimit)
	}
	if c.StartTimeout <= 0 {
		c.StartTimeout = defaultStartTimeout
	}
	if c.LogLimit <= 0 {
		c.LogLimit = defaultLogLimit
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c, nil
}

// Server is a running ClickHouse. Its methods may be called from any goroutine.
type Server struct {
	cfg    Config
	engine engine

	mu       sync.Mutex
	child    *child
	stopped  bool
	restarts int
}

// Start brings a server up on cfg.Dir and returns once it accepts connections. The caller owns the server and must Stop it.
// ErrNoEngine means that this machine has neither a usable binary nor the library.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	engine, err := findEngine(ctx, cfg)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, engine: engine}
	if s.child, err = startChild(ctx, cfg, engine); err != nil {
		return nil, err
	}
	// A restart has to come back under the address that clients already hold.
	s.cfg.TCPPort, s.cfg.HTTPPort = s.child.tcpPort, s.child.httpPort
	cfg.Log.Info("clickhouse started", "engine", engine.String(), "address", s.Addr(), "dir", cfg.Dir, "pid", s.child.pid())
	return s, nil
}

// Addr is the host:port of the native protocol. It stays the same across restarts.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.cfg.TCPPort)) }

// HTTPAddr is the host:port of the HTTP interface.
func (s *Server) HTTPAddr() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.cfg.HTTPPort))
}

// LogFile is the path of the child's standard error.
func (s *Server) LogFile() string { return filepath.Join(s.cfg.Dir, logName) }

// PID is the present child's process id.
func (s *Server) PID() int { return s.current().pid() }

// Restarts counts the times that the server was brought back by Restart or Keep.
func (s *Server) Restarts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.restarts
}

// Done is closed when the present child has ended, whatever the reason. After a restart Done returns a new channel.
func (s *Server) Done() <-chan struct{} { return s.current().done }

// Err says why the present child ended: nil while it runs and after a clean stop.
func (s *Server) Err() error { return s.current().err() }

func (s *Server) current() *child {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.child
}

// Restart brings back a server whose child has ended, on the same data and ports. It is an error while the child runs and
// after Stop.
func (s *Server) Restart(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return errors.New("clickhouse: restart after stop")
	}
	select {
	case <-s.child.done:
	default:
		return fmt.Errorf("clickhouse: restart while process %d still runs", s.child.pid())
	}
	c, err := startChild(ctx, s.cfg, s.engine)
	if err != nil {
		return err
	}
	s.child = c
	s.restarts++
	s.cfg.Log.Info("clickhouse restarted", "address", s.Addr(), "pid", c.pid(), "restarts", s.restarts)
	return nil
}

// Keep restarts the server whenever it ends without Stop, until ctx ends or Stop was called. It leaves the server running:
// its owner stops it.
func (s *Server) Keep(ctx context.Context) error {
	const pause = time.Second
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.Done():
		}
		if s.isStopped() {
			return nil
		}
		s.cfg.Log.Error("clickhouse ended unexpectedly", "error", s.Err(), "log", s.LogFile())
		if err := s.Restart(ctx); err != nil && ctx.Err() == nil && !s.isStopped() {
			s.cfg.Log.Error("clickhouse restart failed", "error", err, "retry_in", pause)
			sleep(ctx, pause)
		}
	}
}

func (s *Server) isStopped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopped
}

// Stop asks the child to flush and end, and waits for it. When ctx ends first, or after 30 s, the child is killed; its data
// are as safe as after a power cut of the process alone. Stop twice is fine.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	s.stopped = true
	c := s.child
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, killAfter)
	defer cancel()
	err := c.stop(ctx)
	if err != nil {
		return fmt.Errorf("clickhouse: stop: %w", err)
	}
	return nil
}

// Kill ends the child at once, as `kill -9` does, and waits for its end: for tests of recovery. Restart brings it back.
func (s *Server) Kill() {
	c := s.current()
	c.kill()
	<-c.done
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// child is one process: started once, waited for once.
type child struct {
	cmd               *exec.Cmd
	stdin             interface{ Close() error }
	done              chan struct{}
	waitErr           error // valid once done is closed
	asked             chan struct{}
	askOnce           sync.Once
	tcpPort, httpPort int
}

func startChild(ctx context.Context, cfg Config, e engine) (*child, error) {
	ctx, cancel := context.WithTimeout(ctx, cfg.StartTimeout)
	defer cancel()
	if err := prepareDir(cfg); err != nil {
		return nil, fmt.Errorf("clickhouse: %w", err)
	}
	lock, err := lockDir(ctx, filepath.Join(cfg.Dir, lockName))
	if err != nil {
		return nil, fmt.Errorf("clickhouse: %w", err)
	}
	// The child inherits the lock with the descriptor; it is free only when the child, too, is gone.
	defer lock.Close()
	c, err := spawn(cfg, e, lock)
	if err != nil {
		return nil, fmt.Errorf("clickhouse: start %s: %w", e, err)
	}
	if err := c.awaitReady(ctx, cfg); err != nil {
		c.kill()
		<-c.done
		return nil, fmt.Errorf("clickhouse: start %s: %w; end of %s: %s", e, err, filepath.Join(cfg.Dir, logName), logTail(cfg.Dir))
	}
	return c, nil
}

func spawn(cfg Config, e engine, lock *os.File) (*child, error) {
	logFile, err := openLog(cfg)
	if err != nil {
		return nil, err
	}
	cmd, err := e.command(cfg)
	if err != nil {
		return nil, errors.Join(err, logFile.Close())
	}
	// A config.xml in the working directory would be loaded silently.
	cmd.Dir = filepath.Join(cfg.Dir, runName)
	cmd.Stdout, cmd.Stderr = logFile, logFile
	cmd.ExtraFiles = []*os.File{lock}
	cmd.SysProcAttr = ownGroup()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, errors.Join(err, logFile.Close())
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, logFile.Close())
	}
	if err := standBack(cmd.Process.Pid); err != nil {
		cfg.Log.Debug("clickhouse runs at the priority of this process", "error", err)
	}
	c := &child{cmd: cmd, stdin: stdin, done: make(chan struct{}), asked: make(chan struct{})}
	go c.wait(logFile, cfg.LogLimit)
	return c, nil
}

// wait owns the child's end and its log's size.
func (c *child) wait(logFile *os.File, limit int64) {
	stop, trimmed := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(trimmed)
		boundLog(logFile, limit, stop)
	}()
	c.waitErr = c.cmd.Wait()
	close(stop)
	<-trimmed
	logFile.Close()
	close(c.done)
}

// awaitReady waits for the ports that the server reports once its listeners are up.
func (c *child) awaitReady(ctx context.Context, cfg Config) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		tcp, http, ok := readPorts(filepath.Join(cfg.Dir, portsName))
		if ok && listening(ctx, tcp) {
			c.tcpPort, c.httpPort = tcp, http
			return nil
		}
		select {
		case <-c.done:
			return fmt.Errorf("the process ended before it was ready: %w", exitError(c.waitErr))
		case <-ctx.Done():
			return fmt.Errorf("not ready: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

func listening(ctx context.Context, port int) bool {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

// readPorts reads "tcp TAB http NEWLINE"; a file that is still being written has no newline yet.
func readPorts(name string) (tcp, http int, ok bool) {
	b, err := os.ReadFile(name)
	if err != nil || !strings.HasSuffix(string(b), "\n") {
		return 0, 0, false
	}
	if _, err := fmt.Sscan(string(b), &tcp, &http); err != nil {
		return 0, 0, false
	}
	return tcp, http, true
}

func (c *child) pid() int { return c.cmd.Process.Pid }

func (c *child) stop(ctx context.Context) error {
	c.askOnce.Do(func() { close(c.asked) })
	// Closing the pipe ends the query that the server blocks on: the clean way down.
	_ = c.stdin.Close()
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
	}
	c.kill()
	<-c.done
	return fmt.Errorf("killed after %w", ctx.Err())
}

func (c *child) kill() { _ = c.cmd.Process.Kill() }

func (c *child) err() error {
	select {
	case <-c.done:
	default:
		return nil
	}
	select {
	case <-c.asked:
		return nil
	default:
		return fmt.Errorf("clickhouse: process %d: %w", c.pid(), exitError(c.waitErr))
	}
}

func exitError(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}
