package clickhouse

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// LibraryEnv names the variable that holds the path of a libchdb to use instead of the cached one.
const LibraryEnv = "FLOORWALKER_LIBCHDB"

// libraryVersion is the npm version of the library packages. npm's `latest` tag is older and cannot listen.
const libraryVersion = "26.7.3-stable.1"

// pin is what a platform's package must be, to the byte.
type pin struct {
	platform  string // as the package is called: @chdb/lib-PLATFORM
	integrity string // npm's: hash of the package file
	file      string // the library inside the package
	sha256    string // of that library
	size      int64  // of that library, bytes
}

// pins is keyed by GOOS/GOARCH. A platform without an entry is never fetched: its package could not be verified.
func pins() map[string]pin {
	return map[string]pin{
		"linux/amd64": {
			platform:  "linux-x64-gnu",
			integrity: "sha512-XP97mMqnc5tZpKQywR8N7cLTsHNiTmHr30pC5mzo3jWmukjKn2IBa60c2B/gWUNcuFjOMjWoorQICCqBVj5wpw==",
			file:      "libchdb.so",
			sha256:    "36ad4e999882821ef13cf2d0f52c93f48e6ee1b4498b35a201c23ce4b8d15bf5",
			size:      566330096,
		},
	}
}

func platformPin() (pin, error) {
	p, ok := pins()[runtime.GOOS+"/"+runtime.GOARCH]
	if !ok {
		return pin{}, fmt.Errorf("clickhouse: %w: no verified library for %s/%s; install ClickHouse %d.%d or later, or set %s to the path of a libchdb %d.%d, or configure the address of a server",
			ErrNoEngine, runtime.GOOS, runtime.GOARCH, oldestServer.major, oldestServer.minor, LibraryEnv, listensFromLocal.major, listensFromLocal.minor)
	}
	return p, nil
}

// Library is the path of the library that Start would load: $FLOORWALKER_LIBCHDB, else the one that Fetch left in the
// user's cache.
func Library() (string, error) {
	if path := os.Getenv(LibraryEnv); path != "" {
		return path, checkLibrary(path)
	}
	p, err := platformPin()
	if err != nil {
		return "", err
	}
	dir, err := cacheDir(p)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, p.file)
	if err := checkMarker(path, p); err != nil {
		return "", fmt.Errorf("clickhouse: %w: %w; run `make setup` (it fetches the library with npm), or install ClickHouse %d.%d or later, or configure the address of a server",
			ErrNoEngine, err, oldestServer.major, oldestServer.minor)
	}
	return path, nil
}

func checkLibrary(path string) error {
	st, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("clickhouse: library: %w", err)
	}
	if !st.Mode().IsRegular() {
		return fmt.Errorf("clickhouse: library %s is not a file", path)
	}
	return nil
}

func cacheDir(p pin) (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("clickhouse: user cache directory: %w", err)
	}
	return filepath.Join(base, "floorwalker", "chdb", libraryVersion, p.platform), nil
}

// marker records that the library was hashed once. Hashing half a gigabyte at every start would take longer than the start.
type marker struct {
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
	Mtime  int64  `json:"mtime_ns"`
}

func markerName(library string) string { return library + ".verified" }

func checkMarker(library string, p pin) error {
	st, err := os.Stat(library)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(markerName(library))
	if err != nil {
		return err
	}
	var m marker
	if err := json.Unmarshal(b, &m); err != nil {
		return fmt.Errorf("%s: %w", markerName(library), err)
	}
	if m != (marker{SHA256: p.sha256, Size: st.Size(), Mtime: st.ModTime().UnixNano()}) {
		return fmt.Errorf("%s has changed since it was verified", library)
	}
	return nil
}
