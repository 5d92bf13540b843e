//go:build !linux

package program

import "syscall"

func diesWithTest() *syscall.SysProcAttr { return nil }
