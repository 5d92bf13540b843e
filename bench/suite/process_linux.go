package suite

import "syscall"

// diesWithUs has the kernel kill a child when this process ends without its cleanups.
func diesWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
