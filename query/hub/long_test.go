package hub_test

import "os"

// long reports whether the long forms of tests are wanted.
func long() bool { return os.Getenv("FLOORWALKER_LONG") != "" }
