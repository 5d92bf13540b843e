package clickhouse

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func pinOf(content string) pin {
	sum := sha256.Sum256([]byte(content))
	return pin{file: "lib.so", sha256: hex.EncodeToString(sum[:]), size: int64(len(content))}
}

func archiveOf(t *testing.T, member, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "p.tgz")
	f, err := os.Create(name)
	require.NoError(t, err)
	z := gzip.NewWriter(f)
	w := tar.NewWriter(z)
	for _, m := range []string{"package/other", member} {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: m, Mode: 0o755, Size: int64(len(content)), Typeflag: tar.TypeReg}))
		_, err = w.Write([]byte(content))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	require.NoError(t, z.Close())
	require.NoError(t, f.Close())
	return name
}

func TestUnpack_OnlyThePinnedBytes(t *testing.T) {
	archive := archiveOf(t, "package/lib.so", "right")
	dir := t.TempDir()
	require.NoError(t, unpack(archive, "package/lib.so", filepath.Join(dir, "a"), pinOf("right")))
	b, err := os.ReadFile(filepath.Join(dir, "a"))
	require.NoError(t, err)
	require.Equal(t, "right", string(b))

	require.ErrorContains(t, unpack(archive, "package/lib.so", filepath.Join(dir, "b"), pinOf("wrong")), "are pinned")
	require.ErrorContains(t, unpack(archive, "package/lib.so", filepath.Join(dir, "c"), pinOf("longer than it")), "are pinned")
	require.ErrorContains(t, unpack(archive, "package/absent", filepath.Join(dir, "d"), pinOf("right")), "not in the package")
	require.ErrorContains(t, checkIntegrity(archive, "sha512-AAAA"), "sha512-AAAA is pinned")
}

func TestLibraryChangedAfterVerification_Refused(t *testing.T) {
	dir := t.TempDir()
	fresh, library, p := filepath.Join(dir, "fresh"), filepath.Join(dir, "lib.so"), pinOf("right")
	require.NoError(t, os.WriteFile(fresh, []byte("right"), 0o755))
	require.Error(t, checkMarker(library, p))
	require.NoError(t, install(fresh, library, p))
	require.NoError(t, checkMarker(library, p))
	require.Error(t, checkMarker(library, pinOf("next release")), "another version is pinned now")
	require.NoError(t, os.WriteFile(library, []byte("wrong"), 0o755))
	require.ErrorContains(t, checkMarker(library, p), "changed since it was verified")
}

func TestFetchTwice_SecondUsesTheCache(t *testing.T) {
	if os.Getenv("CI") != "true" {
		if _, err := Library(); err != nil {
			t.Skip("would fetch 180 MB: ", err)
		}
	}
	_, err := platformPin()
	if err != nil {
		t.Skip(err)
	}
	library, err := Fetch(t.Context(), func(s string) { t.Log(s) })
	require.NoError(t, err)
	again, err := Fetch(t.Context(), func(s string) { t.Error("fetched again: " + s) })
	require.NoError(t, err)
	require.Equal(t, library, again)
}
