package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/internal/clickhouse/clickhousetest"
)

func TestMain(m *testing.M) {
	code := clickhousetest.Run(m)
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// built is the program under test. A test binary has no main of its own to carry it.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// program builds floorwalker at the first call and returns its path.
func program(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("starts servers")
	}
	built.once.Do(func() { built.dir, built.err = build() })
	require.NoError(t, built.err)
	return filepath.Join(built.dir, "floorwalker")
}

func build() (string, error) {
	dir, err := os.MkdirTemp("", "floorwalker-e2e-")
	if err != nil {
		return "", err
	}
	args := []string{"build", "-o", filepath.Join(dir, "floorwalker")}
	cgo := "CGO_ENABLED=0"
	if os.Getenv("FLOORWALKER_RACE") == "1" {
		args, cgo = append(args, "-race"), "CGO_ENABLED=1"
	}
	cmd := exec.Command("go", append(args, "./cmd/floorwalker")...)
	cmd.Dir, cmd.Env = root, append(os.Environ(), cgo)
	if out, err := cmd.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return dir, nil
}

// root of the repository, seen from this package.
var root = filepath.Join("..", "..")

// long reports whether the runs that take minutes were asked for.
func long() bool { return os.Getenv("FLOORWALKER_LONG") == "1" }
