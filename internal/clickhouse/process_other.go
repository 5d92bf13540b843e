//go:build !unix

package clickhouse

import (
	"context"
	"errors"
	"os"
	"syscall"
)

func ownGroup() *syscall.SysProcAttr { return nil }

func standBack(int) error { return nil }

func lockDir(context.Context, string) (*os.File, error) {
	return nil, errors.New("no embedded ClickHouse on this platform; configure the address of a server")
}
