// Package schemathesis brings the API tester of that name from PyPI into the user's cache and runs it.
package schemathesis

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Version is the Schemathesis that Run runs.
const Version = "4.32.5"

// ErrMissing means that Python 3 with its venv module is not installed.
var ErrMissing = errors.New("not installed")

// Fetch makes sure that Schemathesis is in the user's cache and returns the directory of its modules. pip brings them (about 70 MB),
// from whatever index the user's pip is set up for. Two fetches at once are safe.
func Fetch(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("schemathesis: user cache directory: %w", err)
	}
	modules := filepath.Join(cache, "floorwalker", "schemathesis", Version)
	if complete(modules) {
		return modules, nil
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		return "", fmt.Errorf("schemathesis: python3 is %w", ErrMissing)
	}
	if err := os.MkdirAll(filepath.Dir(modules), 0o755); err != nil {
		return "", fmt.Errorf("schemathesis: cache: %w", err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(modules), "fetch-")
	if err != nil {
		return "", fmt.Errorf("schemathesis: cache: %w", err)
	}
	defer os.RemoveAll(tmp)
	// The environment is there for its pip alone: modules in a plain directory can be moved to their place when they are complete.
	venv, fresh := filepath.Join(tmp, "venv"), filepath.Join(tmp, "modules")
	if out, err := exec.CommandContext(ctx, python, "-m", "venv", venv).CombinedOutput(); err != nil {
		return "", fmt.Errorf("schemathesis: python3 -m venv is %w or fails: %w: %s", ErrMissing, err, bytes.TrimSpace(out))
	}
	cmd := exec.CommandContext(ctx, filepath.Join(venv, "bin", "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
		"--target", fresh, "schemathesis=="+Version)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("schemathesis: pip install: %w: %s", err, bytes.TrimSpace(out))
	}
	// The directory appears complete or not at all. If another fetch was faster, its modules are the same.
	if err := os.Rename(fresh, modules); err != nil && !complete(modules) {
		return "", fmt.Errorf("schemathesis: cache: %w", err)
	}
	return modules, nil
}

func complete(modules string) bool {
	_, err := os.Stat(filepath.Join(modules, "schemathesis", "__init__.py"))
	return err == nil
}

// Run runs `schemathesis run` in a directory, which may hold a schemathesis.toml and takes what it leaves behind, and returns what it
// prints. The error is that of the process: it ends with 1 where it found a failure.
func Run(ctx context.Context, modules, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "python3", append([]string{"-m", "schemathesis.cli", "run", "--no-color"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PYTHONPATH="+modules, "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.CombinedOutput()
	return string(out), err
}
