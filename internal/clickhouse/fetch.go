package clickhouse

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// Fetch makes sure that the library is in the user's cache and returns its path. npm brings the package, from whatever
// registry the user's npm is set up for; its content is pinned. About 180 MB travel, 570 MB stay. progress, if not nil,
// receives a line per step. Two fetches at once are safe: both verify, the later rename wins with the same bytes.
func Fetch(ctx context.Context, progress func(string)) (string, error) {
	if progress == nil {
		progress = func(string) {}
	}
	p, err := platformPin()
	if err != nil {
		return "", err
	}
	dir, err := cacheDir(p)
	if err != nil {
		return "", err
	}
	library := filepath.Join(dir, p.file)
	if checkMarker(library, p) == nil {
		return library, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("clickhouse: cache: %w", err)
	}
	sweep(dir)
	tmp, err := os.MkdirTemp(dir, fetchPrefix)
	if err != nil {
		return "", fmt.Errorf("clickhouse: cache: %w", err)
	}
	defer os.RemoveAll(tmp)
	return library, fetchInto(ctx, p, tmp, library, progress)
}

const fetchPrefix = "fetch-"

// sweep removes what fetches that were killed left behind.
func sweep(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && strings.HasPrefix(e.Name(), fetchPrefix) && time.Since(info.ModTime()) > time.Hour {
			_ = os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
}

func fetchInto(ctx context.Context, p pin, tmp, library string, progress func(string)) error {
	name := "@chdb/lib-" + p.platform + "@" + libraryVersion
	progress("fetching " + name + " with npm (about 180 MB)")
	archive, err := npmPack(ctx, name, tmp)
	if err != nil {
		return fmt.Errorf("clickhouse: %w", err)
	}
	progress("verifying and unpacking " + p.file)
	if err := checkIntegrity(archive, p.integrity); err != nil {
		return fmt.Errorf("clickhouse: %w", err)
	}
	fresh := filepath.Join(tmp, p.file)
	if err := unpack(archive, "package/"+p.file, fresh, p); err != nil {
		return fmt.Errorf("clickhouse: unpack %s: %w", name, err)
	}
	if err := install(fresh, library, p); err != nil {
		return fmt.Errorf("clickhouse: %w", err)
	}
	progress("ready: " + library)
	return nil
}

// npmPack downloads a package into dir and returns the archive's path. npm runs inside dir, so that no project's .npmrc or
// package.json takes part.
func npmPack(ctx context.Context, name, dir string) (string, error) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", fmt.Errorf("npm is needed to fetch the ClickHouse library: %w; install Node.js, or ClickHouse, or set %s", err, LibraryEnv)
	}
	cmd := exec.CommandContext(ctx, npm, "pack", name, "--json", "--ignore-scripts")
	cmd.Dir = dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("npm pack %s: %w: %s", name, err, bytes.TrimSpace(stderr.Bytes()))
	}
	var packed []struct {
		Filename string `json:"filename"`
	}
	if err := json.Unmarshal(stdout.Bytes(), &packed); err != nil || len(packed) != 1 {
		return "", fmt.Errorf("npm pack %s: one package was expected, got %q", name, stdout.Bytes())
	}
	return filepath.Join(dir, filepath.Base(packed[0].Filename)), nil
}

func checkIntegrity(archive, integrity string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha512.New()
	if _, err := io.Copy(h, f); err != nil {
		return fmt.Errorf("hash %s: %w", archive, err)
	}
	if got := "sha512-" + base64.StdEncoding.EncodeToString(h.Sum(nil)); got != integrity {
		return fmt.Errorf("package %s has integrity %s; %s is pinned", filepath.Base(archive), got, integrity)
	}
	return nil
}

// unpack writes one member of a .tgz to target and checks its size and hash.
func unpack(archive, member, target string, p pin) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	r := tar.NewReader(z)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("%s is not in the package", member)
		}
		if err != nil {
			return err
		}
		if path.Clean(h.Name) == member && h.Typeflag == tar.TypeReg {
			return writeVerified(r, target, p)
		}
	}
}

func writeVerified(r io.Reader, target string, p pin) error {
	out, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(out, h), io.LimitReader(r, p.size+1))
	if err := errors.Join(err, out.Sync(), out.Close()); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); n != p.size || got != p.sha256 {
		return fmt.Errorf("%s has %d bytes and sha256 %s; %d and %s are pinned", p.file, n, got, p.size, p.sha256)
	}
	return nil
}

// install puts the verified file in place, then its marker. A marker of the old file does not fit the new one, so a crash
// between the two only means another fetch.
func install(fresh, library string, p pin) error {
	st, err := os.Stat(fresh)
	if err != nil {
		return err
	}
	b, err := json.Marshal(marker{SHA256: p.sha256, Size: st.Size(), Mtime: st.ModTime().UnixNano()})
	if err != nil {
		return err
	}
	freshMarker := markerName(fresh)
	if err := os.WriteFile(freshMarker, b, 0o644); err != nil {
		return err
	}
	if err := os.Rename(fresh, library); err != nil {
		return err
	}
	return os.Rename(freshMarker, markerName(library))
}
