//go:build !((linux || darwin) && (amd64 || arm64))

package clickhouse

import "errors"

func runLibrary(string, []string) error {
	return errors.New("libchdb cannot be loaded on this platform; install clickhouse or configure the address of a server")
}
