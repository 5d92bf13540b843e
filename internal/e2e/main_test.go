package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"floorwalker/internal/clickhouse/clickhousetest"
	"floorwalker/internal/program"
)

func TestMain(m *testing.M) {
	code := clickhousetest.Run(m)
	program.Clean()
	os.Exit(code)
}

// root of the repository, seen from this package.
var root = filepath.Join("..", "..")

// long reports whether the runs that take minutes were asked for.
func long() bool { return os.Getenv("FLOORWALKER_LONG") == "1" }
