package suite

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"floorwalker/ingest"
	"floorwalker/internal/program"
	"floorwalker/query/auth"
	"floorwalker/schema"
)

// Credentials of the servers that are measured, which listen on loopback and end with the run.
const (
	token         = "bench-token-of-the-reader"
	ameyoPassword = "bench-ameyo-password"
	vendorToken   = "bench-vendor-token-0123456789"
	exotelAccount = "bench1"
)

// program is the path of floorwalker, built where none was named.
func (r *run) program(ctx context.Context) (string, error) {
	if r.Binary != "" {
		return r.Binary, nil
	}
	root, err := program.Root()
	if err != nil {
		return "", fmt.Errorf("no binary was named: %w", err)
	}
	path := r.file("floorwalker")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", path, "./cmd/floorwalker")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	r.Binary = path
	return path, nil
}

// site is a Floorwalker's topics, group, database, directory of local data and configuration.
type site struct {
	servers *servers
	binary  string
	name    string
	file    string
	parts   int
}

// newSite writes the configuration of a node with both roles. Only the first centre has vendors' credentials.
func (r *run) newSite(ctx context.Context, name string, parts int, centers []string, engine string) (*site, error) {
	binary, err := r.program(ctx)
	if err != nil {
		return nil, err
	}
	s := &site{servers: r.servers, binary: binary, name: r.servers.name(name), parts: parts}
	dir := r.file(s.name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	hash, err := auth.HashPassword(ameyoPassword)
	if err != nil {
		return nil, err
	}
	var list strings.Builder
	for n, cc := range centers {
		fmt.Fprintf(&list, "  - id: %q\n", cc)
		if n == 0 {
			fmt.Fprintf(&list, `    surfaces:
      ameyo: {users: [{name: bench, password_hash: %q}]}
      convoso: {auth_tokens: [{name: bench, token_sha256: %[2]x}]}
      exotel: {account_sid: %[3]s, requests_per_minute: 10000000, tokens: [{name: bench, role: reader, token_sha256: %[2]x}]}
      vonage: {clients: [{client_id: bench, secret_sha256: %[2]x}]}
`, hash, sha256.Sum256([]byte(vendorToken)), exotelAccount)
		}
	}
	text := fmt.Sprintf(`listen: 127.0.0.1:0
data_dir: %q
shutdown: {drain_delay: 0s}
kafka:
  brokers: [%q]
  group: %[3]s
  partitions: %[4]d
  replication: 1
  topics: {events: %[3]s-events, directory: %[3]s-directory, commands: %[3]s-commands, dead_letters: %[3]s-letters, alerts: %[3]s-alerts}
clickhouse: {addresses: [%[5]q], database: %[3]s}
engine: {%[6]s}
query: {limits: {requests_per_second: 1000000, burst: 1000000, streams_per_principal: 2000}}
tokens: [{name: bench, role: reader, token_sha256: %[7]x}]
contact_centers:
%[8]s`, dir, r.servers.kafka.Addr(), s.name, parts, r.servers.store.Addr(), engine, sha256.Sum256([]byte(token)), list.String())
	s.file = filepath.Join(dir, "floorwalker.yaml")
	return s, os.WriteFile(s.file, []byte(text), 0o600)
}

func (s *site) topic() string { return s.name + "-events" }

// remove deletes what the site has stored.
func (s *site) remove(ctx context.Context) {
	_ = s.servers.drop(ctx, s.name)
	s.servers.deleteTopic(ctx, s.topic())
	_ = os.RemoveAll(filepath.Dir(s.file))
}

// node is a process of a site.
type node struct {
	site  *site
	cmd   *exec.Cmd
	log   string
	ended chan struct{}
	url   string
}

// start runs the program, with both roles where none is named, and returns at once.
func (s *site) start(roles string) (*node, error) {
	n := &node{site: s, ended: make(chan struct{})}
	out, err := os.CreateTemp(filepath.Dir(s.file), "log-*.txt")
	if err != nil {
		return nil, err
	}
	defer out.Close()
	n.log = out.Name()
	n.cmd = exec.Command(s.binary, "serve", "--config", s.file)
	if roles != "" {
		n.cmd.Args = append(n.cmd.Args, "--roles="+roles)
	}
	n.cmd.Stdout, n.cmd.Stderr = out, out
	started := make(chan error, 1)
	go func() {
		// Where the kernel ends the program with the thread that started it, that thread has to stay.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		n.cmd.SysProcAttr = diesWithUs()
		err := n.cmd.Start()
		started <- err
		if err == nil {
			_ = n.cmd.Wait()
		}
		close(n.ended)
	}()
	return n, <-started
}

// kill is kill -9.
func (n *node) kill() {
	_ = n.cmd.Process.Kill()
	<-n.ended
}

// stop asks it to end.
func (n *node) stop() {
	_ = n.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-n.ended:
	case <-time.After(20 * time.Second):
		n.kill()
	}
}

func (n *node) running() error {
	select {
	case <-n.ended:
		return fmt.Errorf("%w: %s", errEnded, n.tail())
	default:
		return nil
	}
}

func (n *node) tail() string {
	text, err := os.ReadFile(n.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-3000):])
}

var serving = regexp.MustCompile(`msg=serving url=(\S+)`)

// address waits until the node says where it serves.
func (n *node) address(ctx context.Context) (string, error) {
	if n.url != "" {
		return n.url, nil
	}
	return n.url, until(ctx, readyWithin, "a node that serves", func() error {
		text, err := os.ReadFile(n.log)
		if err != nil {
			return err
		}
		if m := serving.FindSubmatch(text); m != nil {
			n.url = strings.Trim(string(m[1]), `"`)
			return nil
		}
		return errors.Join(n.running(), errors.New("it says nothing yet"))
	})
}

// readiness is what a node says of itself.
type readiness struct {
	Ready      bool `json:"ready"`
	Partitions []struct {
		Partition int   `json:"partition"`
		Applied   int64 `json:"applied"`
		CaughtUp  bool  `json:"caught_up"`
	} `json:"partitions"`
}

func (n *node) readiness(ctx context.Context) (r readiness, err error) {
	url, err := n.address(ctx)
	if err != nil {
		return r, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		return r, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return r, err
	}
	defer answer.Body.Close()
	return r, json.NewDecoder(bufio.NewReader(answer.Body)).Decode(&r)
}

// ready waits until the node answers requests.
func (n *node) ready(ctx context.Context) error {
	if _, err := n.address(ctx); err != nil {
		return fmt.Errorf("%w: %s", err, n.tail())
	}
	return until(ctx, readyWithin, "a node that is ready", func() error {
		r, err := n.readiness(ctx)
		if err == nil && !r.Ready {
			err = fmt.Errorf("%+v", r)
		}
		return errors.Join(n.running(), err)
	})
}

// live waits until the live view has applied everything that Kafka had.
func (n *node) live(ctx context.Context) error {
	ends, err := n.site.servers.ends(ctx, n.site.topic(), n.site.parts)
	if err != nil {
		return err
	}
	return until(ctx, readyWithin, "the live view", func() error {
		r, err := n.readiness(ctx)
		if err != nil {
			return errors.Join(n.running(), err)
		}
		for _, p := range r.Partitions {
			if p.Applied < ends[p.Partition] || !p.CaughtUp {
				return fmt.Errorf("partition %d: %d of %d", p.Partition, p.Applied, ends[p.Partition])
			}
		}
		if len(r.Partitions) < n.site.parts {
			return fmt.Errorf("%d partitions", len(r.Partitions))
		}
		return nil
	})
}

// past waits until the history holds everything that Kafka had.
func (n *node) past(ctx context.Context) error {
	ends, err := n.site.servers.ends(ctx, n.site.topic(), n.site.parts)
	if err != nil {
		return err
	}
	return until(ctx, readyWithin, "the history", func() error {
		got, err := n.site.flushed(ctx)
		if err != nil {
			return errors.Join(n.running(), err)
		}
		for p, end := range ends {
			if got[p] < end {
				return errors.Join(n.running(), fmt.Errorf("partition %d: %d of %d", p, got[p], end))
			}
		}
		return nil
	})
}

func (s *site) flushed(ctx context.Context) (map[int]int64, error) {
	rows, err := s.servers.admin.Query(ctx, "SELECT toInt64(partition), toInt64(max(offset)) FROM "+s.name+".progress WHERE contact_center = '' GROUP BY partition")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[int]int64{}
	for rows.Next() {
		var p, offset int64
		if err := rows.Scan(&p, &offset); err != nil {
			return nil, err
		}
		out[int(p)] = offset
	}
	return out, rows.Err()
}

// tell writes directory events to their topic.
func (s *site) tell(ctx context.Context, events []schema.Event) error {
	options := ingest.DefaultConfig()
	options.Brokers, options.Topics.Events, options.Topics.Directory = []string{s.servers.kafka.Addr()}, s.topic(), s.name+"-directory"
	client, err := ingest.NewClient(options, metrics.NewSet(), slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer client.Close()
	producer := client.Producer()
	defer producer.Close()
	const atOnce = 1000
	for len(events) > 0 {
		n := min(atOnce, len(events))
		var messages []ingest.Message
		for i := range events[:n] {
			e := &events[i]
			messages = append(messages, ingest.Message{Topic: options.Topics.Directory, Key: []byte(schema.DirectoryKey(e.ContactCenter, e.DirectoryKind, e.Subject)),
				Value: schema.AppendStructured(nil, e)})
		}
		if _, err := producer.Write(ctx, messages); err != nil {
			return err
		}
		events = events[n:]
	}
	return nil
}
