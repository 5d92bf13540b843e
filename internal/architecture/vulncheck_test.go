package architecture_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What CI makes of a scan: findings fail, a database that cannot be reached is said, and everything else that goes wrong fails too.
func TestVulncheck_FindingsFail_NoDatabaseIsSaid(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("needs bash")
	}
	for _, c := range []struct {
		name, said string
		status     string
		fails      bool
		skipped    bool
	}{
		{"nothing found", "No vulnerabilities found.", "0", false, false},
		{"a finding", "Vulnerability #1: GO-2026-0001\n  More info: https://pkg.go.dev/vuln/GO-2026-0001\nexit status 3\nmake: *** [vulncheck] Error 1", "2", true, false},
		{"a finding that speaks of hosts", "Vulnerability #1: GO-2026-0001\n  no such host is checked\nexit status 3", "2", true, false},
		{"no database", "govulncheck: fetching vulnerabilities: Get \"https://vuln.go.dev/index/modules.json.gz\": dial tcp: lookup vuln.go.dev: no such host\nexit status 1", "2", false, true},
		{"a broken database", "govulncheck: fetching vulnerabilities: invalid character 'x'\nexit status 1", "2", true, false},
		{"code that does not build", "govulncheck: loading packages: there are errors", "2", true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := filepath.Join(t.TempDir(), "make")
			require.NoError(t, os.WriteFile(fake, []byte("#!/bin/sh\ncat <<'END'\n"+c.said+"\nEND\nexit "+c.status+"\n"), 0o700))
			cmd := exec.CommandContext(t.Context(), "bash", filepath.Join(root, ".ci", "vulncheck"))
			cmd.Env = append(os.Environ(), "MAKE="+fake)
			out, err := cmd.CombinedOutput()
			require.Equal(t, c.fails, err != nil, "%s", out)
			if c.skipped {
				require.Contains(t, string(out), "SKIPPED: vulnerabilities were NOT checked")
			} else {
				require.NotContains(t, string(out), "SKIPPED")
			}
			require.Contains(t, string(out), c.said)
		})
	}
}
