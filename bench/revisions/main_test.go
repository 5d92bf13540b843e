package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// repository holds a module whose benchmark does more at its second commit.
func repository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	git := func(args ...string) {
		cmd := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@b"}, args...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	bench := func(body string) string {
		return "package p\n\nimport \"testing\"\n\nvar kept []byte\n\nfunc BenchmarkOne(b *testing.B) {\n\tfor b.Loop() {\n\t\t" + body + "\n\t}\n}\n"
	}
	write("go.mod", "module m\n\ngo 1.26\n")
	write("p/p_test.go", bench("kept = make([]byte, 100)"))
	git("init", "-q")
	git("add", ".")
	git("commit", "-q", "-m", "one")
	write("p/p_test.go", bench("kept = make([]byte, 4000)"))
	return dir
}

// The base is what was committed, the other side what lies there, changes without a commit included.
func TestRun_ComparesWithWhatIsNotCommitted(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs")
	}
	for _, tool := range []string{"git", "tar"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	t.Chdir(repository(t))
	dir := t.TempDir()
	base := filepath.Join(dir, "base")
	here, err := output(t.Context(), "", "git", "rev-parse", "--show-toplevel")
	require.NoError(t, err)
	require.NoError(t, checkout(t.Context(), here, "HEAD", base))
	old, err := os.ReadFile(filepath.Join(base, "p", "p_test.go"))
	require.NoError(t, err)
	require.Contains(t, string(old), "make([]byte, 100)")
	status, err := output(t.Context(), here, "git", "worktree", "list")
	require.NoError(t, err)
	require.NotContains(t, status, "\n", "the repository knows of another work tree")
}

func TestRun_WithoutBase_Refused(t *testing.T) {
	cmd := command()
	cmd.SetArgs(nil)
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	require.ErrorContains(t, cmd.ExecuteContext(t.Context()), "--base is missing")
}
