package schema

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestChange_ReaderWhoKeepsUpNeverLosesTheChain(t *testing.T) {
	var newest *Change
	newest = newest.Then(&Change{Agent: &LiveAgent{ID: "0"}})
	reader := newest
	for n := 1; n < 3*maxChain; n++ {
		newest = newest.Then(&Change{Agent: &LiveAgent{ID: fmt.Sprint(n)}})
		if n%1000 != 0 {
			continue
		}
		if n%20_000 == 0 {
			runtime.GC()
		}
		for k := n - 999; k <= n; k++ {
			reader = reader.Next()
			require.NotNil(t, reader, "at %d", k)
			require.Equal(t, fmt.Sprint(k), reader.Agent.ID)
		}
	}
}

func TestChange_ReaderWhoNeverComesBackHoldsOneChain(t *testing.T) {
	var newest *Change
	newest = newest.Then(&Change{})
	reader := newest
	for range 2*maxChain + youngChain {
		newest = newest.Then(&Change{})
	}
	runtime.GC()
	runtime.GC()
	links := 0
	for link := reader; link != nil; link = link.Next() {
		links++
	}
	require.Equal(t, maxChain+1, links)
	runtime.KeepAlive(newest)
}
