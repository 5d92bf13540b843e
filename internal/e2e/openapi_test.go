package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/internal/schemathesis"
)

// What a document cannot say, because it depends on other parameters or on what there is: these operations may refuse what it calls
// valid. Every other one must take it.
var choosy = []string{"getMetrics", "postMetrics", "listDirectory", "listInteractions", "getAgentTimeline", "putDirectoryEntity", "putAgentPresence",
	"vonageToken", "clarityToken"}

// tester's settings: who calls, ids that exist, and which refusals are right.
func settings(f *floor) string {
	var s strings.Builder
	fmt.Fprintf(&s, "[parameters]\n\"path.cc\" = %q\n", f.ContactCenter)
	fmt.Fprintf(&s, "[auth.openapi.token]\nbearer = %q\n", f.Tokens["admin"])
	fmt.Fprintln(&s, `[checks]
positive_data_acceptance.expected-statuses = ["2xx", "304", "401", "403", "404", "410", "429"]`)
	for _, id := range choosy {
		fmt.Fprintf(&s, "[[operations]]\ninclude-operation-id = %q\nchecks.positive_data_acceptance.expected-statuses = [\"2xx\", \"304\", \"400\", \"401\", \"403\", \"404\", \"409\", \"410\", \"429\"]\n", id)
	}
	// That vendor says everything with 200, also what is wrong.
	fmt.Fprintf(&s, "[[operations]]\ninclude-path = %q\nchecks.ignored_auth.enabled = false\nchecks.negative_data_rejection.enabled = false\n", "/v1/user-activity/search")
	// This one judges the grant before it asks who calls.
	fmt.Fprintf(&s, "[[operations]]\ninclude-operation-id = %q\nchecks.missing_required_header.enabled = false\n", "clarityToken")
	return s.String()
}

// A tester that knows nothing of Floorwalker but its document finds no answer that the document does not describe, no valid request
// that is refused, no invalid one that is taken, and no failure of the server.
func TestOpenAPI_SchemathesisFindsNoFailure(t *testing.T) {
	requireEngine(t)
	modules := requireSchemathesis(t)
	f := startDemo(t, t.TempDir(), "--no-simulator")
	f.beginDay()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "schemathesis.toml"), []byte(settings(f)), 0o600))
	// The same requests in every run, or ten minutes of others.
	extent := []string{"--max-examples", "5", "--seed", "1"}
	if long() {
		extent = []string{"--max-time", "600"}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	out, err := schemathesis.Run(ctx, modules, dir, append([]string{f.URL + "/openapi.json", "--phases", "coverage,fuzzing", "--rate-limit", "190/s",
		"--warnings", "off", "--suppress-health-check", "all", "--exclude-operation-id", "stream", // whose answer does not end
	}, extent...)...)
	require.NoError(t, err, out)
	require.NotContains(t, out, " 0 generated", "it tested something")
	t.Log(out[max(0, len(out)-1500):])
}

// requireSchemathesis skips the test where Python is missing, except in CI, which installs it.
func requireSchemathesis(t *testing.T) string {
	t.Helper()
	modules, err := schemathesis.Fetch(t.Context())
	if errors.Is(err, schemathesis.ErrMissing) && os.Getenv("CI") == "" {
		t.Skip("needs Python 3 with venv:", err)
	}
	require.NoError(t, err)
	return modules
}
