package peers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
)

// sources are the peers' programs, one Maven project.
//
//go:embed java/pom.xml java/*/pom.xml java/*/src
var sources embed.FS

// buildJava compiles the peers' programs in the user's cache, once for each state of their sources, and returns the project's directory
// there. Maven brings Flink and Kafka Streams (some 200 MB) from whatever repository the user's Maven is set up for.
func buildJava(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("peers: user cache directory: %w", err)
	}
	sum, err := sourcesSum()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "floorwalker", "peers", sum)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return "", fmt.Errorf("peers: mvn is not installed; Maven builds the peers' programs once: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", fmt.Errorf("peers: cache: %w", err)
	}
	fresh, err := os.MkdirTemp(filepath.Dir(dir), "build-")
	if err != nil {
		return "", fmt.Errorf("peers: cache: %w", err)
	}
	defer os.RemoveAll(fresh)
	project, err := fs.Sub(sources, "java")
	if err == nil {
		err = os.CopyFS(fresh, project)
	}
	if err != nil {
		return "", fmt.Errorf("peers: cache: %w", err)
	}
	cmd := exec.CommandContext(ctx, mvn, "-q", "-B", "package")
	cmd.Dir = fresh
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("peers: mvn package: %w: %s", err, bytes.TrimSpace(out))
	}
	// The directory appears complete or not at all. If somebody else was faster, theirs is the same.
	if err := os.Rename(fresh, dir); err != nil {
		if _, there := os.Stat(dir); there != nil {
			return "", fmt.Errorf("peers: cache: %w", err)
		}
	}
	return dir, nil
}

func sourcesSum() (string, error) {
	h := sha256.New()
	err := fs.WalkDir(sources, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := sources.ReadFile(name)
		fmt.Fprintf(h, "%s %d\n%s", name, len(text), text)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("peers: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}

// javaVersions reads a property of the parent pom, such as flink.version.
func javaVersion(property string) string {
	pom, err := sources.ReadFile("java/pom.xml")
	if err != nil {
		return ""
	}
	m := regexp.MustCompile("<" + regexp.QuoteMeta(property) + ">([^<]+)<").FindSubmatch(pom)
	if m == nil {
		return ""
	}
	return string(m[1])
}
