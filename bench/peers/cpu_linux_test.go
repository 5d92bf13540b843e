package peers

import (
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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
	for limit := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		all, err := treeCPU(cmd.Process.Pid)
		require.NoError(t, err)
		if all >= 100*time.Millisecond {
			_, own, err := stat(cmd.Process.Pid)
			require.NoError(t, err)
			require.Less(t, own, all/2)
			return
		}
		require.True(t, time.Now().Before(limit), "after 30 s only %s are counted", all)
	}
}

func TestTreeCPU_OfNobody_IsAnError(t *testing.T) {
	cmd := exec.Command("true")
	require.NoError(t, cmd.Run())
	_, err := treeCPU(cmd.Process.Pid)
	require.Error(t, err)
}
