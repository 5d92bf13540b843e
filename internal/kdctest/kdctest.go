// Package kdctest runs a real Kerberos domain for tests: MIT's KDC on loopback, with a realm, users and services of its own. Nothing
// of the machine's Kerberos configuration is read or changed.
package kdctest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// KDC is a running domain.
type KDC struct {
	Realm string

	t       testing.TB
	dir     string
	port    int
	program map[string]string // paths by name
	stopped chan struct{}
}

// Debian's packages krb5-kdc, krb5-admin-server and krb5-user hold these.
var programs = []string{"krb5kdc", "kdb5_util", "kadmin.local", "kinit"}

// Start runs a domain until the test ends. Where the programs are missing the test is skipped, with CI=true it fails.
func Start(t testing.TB, realm string) *KDC {
	t.Helper()
	k := &KDC{Realm: realm, t: t, dir: t.TempDir(), program: map[string]string{}, stopped: make(chan struct{})}
	for _, name := range programs {
		path, ok := find(name)
		if !ok {
			missing(t, name)
		}
		k.program[name] = path
	}
	k.configure()
	k.run("", "kdb5_util", "create", "-s", "-r", realm, "-P", "master")
	k.serve()
	return k
}

func missing(t testing.TB, name string) {
	t.Helper()
	text := name + " is not installed (Debian: krb5-kdc, krb5-admin-server, krb5-user)"
	if os.Getenv("CI") == "true" {
		t.Fatal(text)
	}
	t.Skip(text)
}

// find looks beside PATH where Debian keeps servers, which is not in everybody's PATH.
func find(name string) (string, bool) {
	for _, candidate := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path, true
		}
	}
	return "", false
}

func (k *KDC) configure() {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(k.t, err)
	k.port = free.Addr().(*net.TCPAddr).Port
	require.NoError(k.t, free.Close())
	k.write("krb5.conf", fmt.Sprintf(`[libdefaults]
 default_realm = %[1]s
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
 rdns = false
 udp_preference_limit = 1
[realms]
 %[1]s = {
  kdc = 127.0.0.1:%[2]d
 }
[domain_realm]
 localhost = %[1]s
[logging]
 kdc = FILE:%[3]s/kdc.log
`, k.Realm, k.port, k.dir))
	k.write("kdc.conf", fmt.Sprintf(`[kdcdefaults]
 kdc_listen = ""
 kdc_tcp_listen = 127.0.0.1:%[2]d
[realms]
 %[1]s = {
  database_name = %[3]s/principal
  key_stash_file = %[3]s/stash
  acl_file = %[3]s/acl
 }
`, k.Realm, k.port, k.dir))
}

func (k *KDC) write(name, text string) {
	require.NoError(k.t, os.WriteFile(filepath.Join(k.dir, name), []byte(text), 0o600))
}

// Env is the environment of a program that belongs to the domain and keeps its tickets under the name.
func (k *KDC) Env(tickets string) []string {
	return append(os.Environ(), "KRB5_CONFIG="+filepath.Join(k.dir, "krb5.conf"), "KRB5_KDC_PROFILE="+filepath.Join(k.dir, "kdc.conf"),
		"KRB5CCNAME=FILE:"+filepath.Join(k.dir, "tickets-"+tickets), "KRB5RCACHETYPE=none")
}

func (k *KDC) run(input, name string, arguments ...string) {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, k.program[name], arguments...)
	cmd.Env, cmd.Stdin = k.Env(""), strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	require.NoError(k.t, err, "%s %v: %s", name, arguments, out)
}

func (k *KDC) serve() {
	cmd := exec.Command(k.program["krb5kdc"], "-n", "-r", k.Realm)
	cmd.Env = k.Env("")
	require.NoError(k.t, cmd.Start())
	go func() {
		defer close(k.stopped)
		_ = cmd.Wait()
	}()
	k.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-k.stopped
	})
	require.Eventually(k.t, func() bool {
		select {
		case <-k.stopped:
			log, _ := os.ReadFile(filepath.Join(k.dir, "kdc.log"))
			k.t.Errorf("the KDC ended: %s", log)
			return true
		default:
		}
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", k.port))
		if err == nil {
			conn.Close()
		}
		return err == nil
	}, 20*time.Second, 20*time.Millisecond, "the KDC does not answer")
}

// AddUser makes a user of the domain.
func (k *KDC) AddUser(name, password string) {
	k.t.Helper()
	k.run("", "kadmin.local", "-r", k.Realm, "-q", fmt.Sprintf("addprinc -pw %s %s", password, name))
}

// Keytab makes a service of the domain and returns the file with its keys.
func (k *KDC) Keytab(service string) string {
	k.t.Helper()
	file := filepath.Join(k.dir, strings.ReplaceAll(service, "/", "-")+".keytab")
	k.run("", "kadmin.local", "-r", k.Realm, "-q", "addprinc -randkey "+service)
	k.run("", "kadmin.local", "-r", k.Realm, "-q", fmt.Sprintf("ktadd -k %s %s", file, service))
	return file
}

// SignIn gets a user's ticket, as kinit does, and returns the environment of programs that use it.
func (k *KDC) SignIn(name, password string) []string {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, k.program["kinit"], name)
	cmd.Env, cmd.Stdin = k.Env(name), strings.NewReader(password+"\n")
	out, err := cmd.CombinedOutput()
	require.NoError(k.t, err, "kinit %s: %s", name, out)
	return cmd.Env
}
