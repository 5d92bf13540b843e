package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// clickhouse-local ends its whole process when a client's connection is reset while it reads from it: its error handler is made
// for a program with one user, the server's own is not. A client that gives up in the middle of an answer, or is killed, resets
// its connection. So clients talk to a front in the child, which passes bytes on and turns every way a client can leave into the
// one that the engine takes calmly: the end of its input, with all its answers read. (An unknown user ends it as well; loopback
// has none, and Keep brings it back.)

// runFront opens the listeners that clients use once the engine reports its own ports, and reports theirs in its place.
// It returns the first failure of a listener, or nil when ctx ends.
func runFront(ctx context.Context, tcpPort, httpPort int, dir string) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		tcp, http, ok := readPorts(filepath.Join(dir, enginePortsName))
		if ok {
			return serveFront(ctx, dir, [2]int{tcpPort, httpPort}, [2]int{tcp, http})
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func serveFront(ctx context.Context, dir string, outside, inside [2]int) error {
	failed := make(chan error, len(outside))
	var opened [2]int
	for i := range outside {
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(outside[i])))
		if err != nil {
			return fmt.Errorf("listening for clients: %w", err)
		}
		defer listener.Close()
		opened[i] = listener.Addr().(*net.TCPAddr).Port
		go func() { failed <- forward(listener, inside[i]) }()
	}
	// Written whole and then named, because its reader polls.
	name := filepath.Join(dir, portsName)
	if err := os.WriteFile(name+".new", fmt.Appendf(nil, "%d\t%d\n", opened[0], opened[1]), 0o600); err != nil {
		return err
	}
	if err := os.Rename(name+".new", name); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

func forward(listener net.Listener, port int) error {
	for {
		client, err := listener.Accept()
		if err != nil {
			return err
		}
		go connect(client.(*net.TCPConn), port)
	}
}

// connect carries one connection until the engine closes its side.
func connect(client *net.TCPConn, port int) {
	defer client.Close()
	conn, err := net.DialTCP("tcp", nil, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		return
	}
	defer conn.Close()
	go func() {
		_, err := io.Copy(conn, client)
		_ = conn.CloseWrite()
		if err != nil && !errors.Is(err, net.ErrClosed) {
			_ = client.Close() // so that answers are not sent to nobody until a time-out
		}
	}()
	if _, err := io.Copy(client, conn); err != nil {
		_, _ = io.Copy(io.Discard, conn)
	}
}
