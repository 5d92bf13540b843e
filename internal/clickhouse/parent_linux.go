package clickhouse

import (
	"os/exec"
	"runtime"
	"syscall"
)

// dieWithParent has the kernel stop the command when the thread that starts it ends, which is why the thread is pinned
// until the returned function runs.
func dieWithParent(cmd *exec.Cmd) (unpin func()) {
	runtime.LockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	return runtime.UnlockOSThread
}
