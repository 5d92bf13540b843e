package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// The hidden first argument of a child, and the second: what it is to be.
const (
	childArg    = "clickhouse-child"
	modeFront   = "front"   // front TCPPORT HTTPPORT DIR library|local PATH options...
	modeLibrary = "library" // library PATH options...
	modeLocal   = "local"   // local BINARY options...
	modeServer  = "server"  // server BINARY CONFIG TCPPORT HTTPPORT PORTSFILE
)

// IsChild reports whether this process was started by Start to be the database.
func IsChild() bool { return len(os.Args) > 2 && os.Args[1] == childArg }

// Main is the whole life of the child; args are os.Args. It returns the process's exit code.
func Main(args []string) int {
	if err := runChild(args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func runChild(args []string) error {
	switch {
	case args[0] == modeFront && len(args) >= 6:
		return runBehindFront(args[1], args[2], args[3], args[4:])
	case args[0] == modeLibrary && len(args) >= 2:
		return runLibrary(args[1], args[2:])
	case args[0] == modeLocal && len(args) >= 2:
		return runLocal(args[1], args[2:])
	case args[0] == modeServer && len(args) == 6:
		return runServer(args[1], args[2], args[3], args[4], args[5])
	}
	return fmt.Errorf("%s: arguments %q are not understood", childArg, args)
}

// runBehindFront runs an engine whose clients connect to a front. The process ends with the engine, and when the front cannot
// serve.
func runBehindFront(tcpPort, httpPort, dir string, engine []string) error {
	tcp, err := strconv.Atoi(tcpPort)
	if err != nil {
		return fmt.Errorf("%s: port %q: %w", childArg, tcpPort, err)
	}
	http, err := strconv.Atoi(httpPort)
	if err != nil {
		return fmt.Errorf("%s: port %q: %w", childArg, httpPort, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	front, ran := make(chan error, 1), make(chan error, 1)
	go func() { front <- runFront(ctx, tcp, http, dir) }()
	go func() { ran <- runChild(engine) }()
	select {
	case err := <-front:
		cancel()
		return err
	case err := <-ran:
		cancel()
		return errors.Join(err, <-front)
	}
}

// runLocal runs an installed `clickhouse local`, which watches the standard input that it inherits.
func runLocal(binary string, options []string) error {
	cmd := exec.Command(binary, append([]string{"local"}, options...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{os.NewFile(3, lockName)}
	unpin := dieWithParent(cmd)
	defer unpin()
	return cmd.Run()
}

// runServer runs `clickhouse server` until stdin closes or the server ends by itself.
func runServer(binary, config, tcpPort, httpPort, portsFile string) error {
	cmd := exec.Command(binary, "server", "--config-file="+config)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{os.NewFile(3, lockName)}
	unpin := dieWithParent(cmd)
	defer unpin()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s server: %w", binary, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	ready := time.NewTicker(20 * time.Millisecond)
	defer ready.Stop()
	for {
		select {
		case err := <-ended:
			return errors.Join(fmt.Errorf("%s server ended by itself", binary), err)
		case <-closed:
			_ = cmd.Process.Signal(os.Interrupt)
			<-ended
			return nil
		case <-ready.C:
			if reportPorts(tcpPort, httpPort, portsFile) {
				ready.Stop()
			}
		}
	}
}

func reportPorts(tcpPort, httpPort, file string) bool {
	port, err := strconv.Atoi(tcpPort)
	if err != nil || !listening(context.Background(), port) {
		return false
	}
	return os.WriteFile(file, []byte(tcpPort+"\t"+httpPort+"\n"), 0o600) == nil
}
