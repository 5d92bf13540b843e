//go:build !linux

package kafkatest

import "syscall"

func diesWithTest() *syscall.SysProcAttr { return nil }
