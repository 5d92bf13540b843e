// Package nodeclients brings the npm packages of a test's clients into the user's cache and runs scripts with them.
package nodeclients

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// ErrMissing means that Node.js or npm is not installed.
var ErrMissing = errors.New("not installed")

// Fetch makes sure that the packages of a project (package.json and package-lock.json in its directory) are in the user's cache and
// returns their node_modules. npm brings them, from whatever registry the user's npm is set up for; the lock file pins their content.
// Nothing of theirs is run. Two fetches at once are safe.
func Fetch(ctx context.Context, project string) (string, error) {
	manifest, err := os.ReadFile(filepath.Join(project, "package.json"))
	if err != nil {
		return "", fmt.Errorf("node clients: %w", err)
	}
	lock, err := os.ReadFile(filepath.Join(project, "package-lock.json"))
	if err != nil {
		return "", fmt.Errorf("node clients: %w", err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("node clients: user cache directory: %w", err)
	}
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return "", fmt.Errorf("node clients: %s is %w", program, ErrMissing)
		}
	}
	sum := sha256.Sum256(append(bytes.Clone(manifest), lock...))
	parent := filepath.Join(cache, "floorwalker", "nodeclients")
	modules := filepath.Join(parent, hex.EncodeToString(sum[:8]))
	if complete(modules) {
		return filepath.Join(modules, "node_modules"), nil
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", fmt.Errorf("node clients: cache: %w", err)
	}
	tmp, err := os.MkdirTemp(parent, "fetch-")
	if err != nil {
		return "", fmt.Errorf("node clients: cache: %w", err)
	}
	defer os.RemoveAll(tmp)
	err = errors.Join(os.WriteFile(filepath.Join(tmp, "package.json"), manifest, 0o644), os.WriteFile(filepath.Join(tmp, "package-lock.json"), lock, 0o644))
	if err != nil {
		return "", fmt.Errorf("node clients: cache: %w", err)
	}
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	cmd.Dir = tmp
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("node clients: npm ci: %w: %s", err, bytes.TrimSpace(out))
	}
	// The directory appears complete or not at all. If another fetch was faster, its modules are the same.
	if err := os.Rename(tmp, modules); err != nil && !complete(modules) {
		return "", fmt.Errorf("node clients: cache: %w", err)
	}
	return filepath.Join(modules, "node_modules"), nil
}

// complete reports whether npm has finished there: what it writes last is the list of what it installed.
func complete(modules string) bool {
	_, err := os.Stat(filepath.Join(modules, "node_modules", ".package-lock.json"))
	return err == nil
}

// Run runs a script with the modules and returns what it prints. input is its standard input. Canceling ctx kills it.
func Run(ctx context.Context, modules, script string, input []byte) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "node", script)
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules, "NODE_OPTIONS=")
	cmd.Stdin = bytes.NewReader(input)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.Bytes(), fmt.Errorf("node %s: %w: %s", script, err, bytes.TrimSpace(stderr.Bytes()))
	}
	return stdout.Bytes(), nil
}
