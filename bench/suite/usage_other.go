//go:build !unix

package suite

import (
	"errors"
	"time"
)

func ownCPU() (time.Duration, error) { return 0, errors.New("CPU times are not known on this system") }
