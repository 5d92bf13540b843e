//go:build !unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// lockDir only marks the directory here: the embedded broker's and ClickHouse's own guards are left.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	return f, nil
}
