package peers

import (
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/internal/program"
)

// A shell that only waits for its child has used next to nothing itself: what is counted is the child's.
func TestTreeCPU_CountsDescendants(t *testing.T) {
	cmd := exec.Command("sh", "-c", "sh -c 'while :; do :; done' & wait")
	cmd.SysProcAttr = diesWithUs()
	cmd.SysProcAttr.Setpgid = true
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	var all time.Duration
	program.Eventually(t, 30*time.Second, "100 ms of CPU counted", func() string {
		var err error
		all, err = treeCPU(cmd.Process.Pid)
		require.NoError(t, err)
		if all < 100*time.Millisecond {
			return all.String()
		}
		return ""
	})
	_, own, err := stat(cmd.Process.Pid)
	require.NoError(t, err)
	require.Less(t, own, all/2)
}

func TestTreeCPU_OfNobody_IsAnError(t *testing.T) {
	cmd := exec.Command("true")
	require.NoError(t, cmd.Run())
	_, err := treeCPU(cmd.Process.Pid)
	require.Error(t, err)
}
