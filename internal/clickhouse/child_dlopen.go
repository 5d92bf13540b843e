//go:build (linux || darwin) && (amd64 || arm64)

package clickhouse

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/ebitengine/purego"
)

// runLibrary runs the engine's own `clickhouse local` out of libchdb. It returns when the engine has shut down.
func runLibrary(path string, options []string) error {
	lib, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return fmt.Errorf("load %s: %w", path, err)
	}
	symbol, err := purego.Dlsym(lib, "chdb_query_cmdline")
	if err != nil {
		return fmt.Errorf("%s is not a libchdb 26.7: %w", path, err)
	}
	var run func(argc int32, argv **byte) unsafe.Pointer
	var failure func(unsafe.Pointer) string
	purego.RegisterFunc(&run, symbol)
	purego.RegisterLibFunc(&failure, lib, "chdb_result_error")

	argv := make([]*byte, 0, len(options)+2)
	for _, option := range append([]string{"clickhouse"}, options...) {
		argv = append(argv, unsafe.SliceData(append([]byte(option), 0)))
	}
	argc := int32(len(argv))
	argv = append(argv, nil)
	result := run(argc, unsafe.SliceData(argv))
	if result == nil {
		return nil
	}
	if text := failure(result); text != "" {
		return errors.New(text)
	}
	return nil
}
