// Package build says what this program was built from, as the Go toolchain noted it.
package build

import "runtime/debug"

// Version is the module's; 0.0.0-dev where it was built from a checkout without one.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "0.0.0-dev"
}

// Revision is the commit; unknown where the toolchain did not see the repository.
func Revision() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return "unknown"
}
