package program

import "syscall"

// diesWithTest has the kernel kill the program when the test process ends without its cleanups (a panic, a timeout, kill -9).
func diesWithTest() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
