// Package browser runs scripts that drive an installed Chromium with Playwright, for tests of what people see.
package browser

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"floorwalker/internal/nodeclients"
)

// ErrMissing means that no Chromium is installed, or no Node.js to drive it with.
var ErrMissing = errors.New("not installed")

// names of the browser's program, as distributions and vendors have them.
var names = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}

// Chromium is the installed browser's program.
func Chromium() (string, error) {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("browser: Chromium is %w (looked for %v)", ErrMissing, names)
}

// Browser is a Chromium and what drives it.
type Browser struct{ program, project, modules string }

// Fetch finds Chromium and makes sure that playwright-core and axe-core are in the user's cache. project is the directory internal/browser,
// seen from the caller's.
func Fetch(ctx context.Context, project string) (*Browser, error) {
	program, err := Chromium()
	if err != nil {
		return nil, err
	}
	modules, err := nodeclients.Fetch(ctx, filepath.Join(project, "clients"))
	if errors.Is(err, nodeclients.ErrMissing) {
		return nil, fmt.Errorf("browser: %w: %w", ErrMissing, err)
	}
	if err != nil {
		return nil, err
	}
	if project, err = filepath.Abs(project); err != nil {
		return nil, fmt.Errorf("browser: %w", err)
	}
	return &Browser{program, project, modules}, nil
}

// Run runs a script that requires the file run.cjs of this directory; argument is what the script is given beside. It returns what the
// scenarios came to, in the order in which they ran. Canceling ctx kills the script, and the browser with it.
func (b *Browser) Run(ctx context.Context, script string, argument any) ([]Result, error) {
	input, err := json.Marshal(map[string]any{"chromium": b.program, "root": os.Geteuid() == 0, "argument": argument})
	if err != nil {
		return nil, fmt.Errorf("browser: %w", err)
	}
	// browser/run.cjs is found like a file of a package.
	out, err := nodeclients.Run(ctx, b.modules+string(os.PathListSeparator)+filepath.Dir(b.project), script, input)
	var results []Result
	if err := errors.Join(err, json.Unmarshal(out, &results)); err != nil {
		return results, fmt.Errorf("browser: %s: %w", script, err)
	}
	return results, nil
}

// Result of one scenario.
type Result struct {
	Name   string         `json:"name"`
	Error  string         `json:"error"` // empty where it went well
	TookMs int            `json:"took_ms"`
	Notes  map[string]any `json:"notes"` // what the scenario measured
}
