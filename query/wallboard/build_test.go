package wallboard_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/internal/nodeclients"
)

// What is embedded is what the sources give, byte by byte; and these are as their own checks want them.
func TestDist_IsWhatTheSourcesGive(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the application; it runs without -short")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	modules, err := nodeclients.Fetch(ctx, "web")
	if errors.Is(err, nodeclients.ErrMissing) && os.Getenv("CI") == "" {
		t.Skip("needs Node.js and npm:", err)
	}
	require.NoError(t, err)
	dir := t.TempDir()
	copyTree(t, "web", filepath.Join(dir, "web"))
	copyTree(t, "dist", filepath.Join(dir, "dist"))
	require.NoError(t, os.Symlink(modules, filepath.Join(dir, "web", "node_modules")))
	for _, script := range []string{"verify", "check", "test"} {
		cmd := exec.CommandContext(ctx, "npm", "run", "--silent", script)
		cmd.Dir = filepath.Join(dir, "web")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "npm run %s in query/wallboard/web: %s", script, out)
	}
}

// copyTree leaves out what is fetched and made.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Name() == "node_modules" || d.Name() == ".tested" {
			return fs.SkipDir
		}
		rest, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rest)
		if d.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(target, content, 0o644)
	})
	require.NoError(t, err)
}
