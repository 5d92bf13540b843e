//go:build !unix

package broker

import (
	"fmt"
	"os"
)

// lockFile only marks the directory here: without flock, one broker per directory is the user's duty.
func lockFile(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	return f, nil
}
