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
	modeLibrary = "library" // library PATH options...
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
	case args[0] == modeLibrary && len(args) >= 2:
		return runLibrary(args[1], args[2:])
	case args[0] == modeServer && len(args) == 6:
		return runServer(args[1], args[2], args[3], args[4], args[5])
	}
	return fmt.Errorf("%s: arguments %q are not understood", childArg, args)
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
