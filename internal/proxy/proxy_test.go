package proxy

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// echo gives a proxied connection to a server that says everything again.
func echo(t *testing.T) (*Proxy, func() net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c) }()
		}
	}()
	p, err := New()
	require.NoError(t, err)
	t.Cleanup(p.Close)
	p.To(l.Addr().String())
	return p, func() net.Conn {
		c, err := net.Dial("tcp", p.Addr())
		require.NoError(t, err)
		t.Cleanup(func() { c.Close() })
		require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
		return c
	}
}

func say(t *testing.T, c net.Conn, text string) string {
	t.Helper()
	_, err := io.WriteString(c, text)
	require.NoError(t, err)
	got := make([]byte, len(text))
	_, err = io.ReadFull(c, got)
	require.NoError(t, err)
	return string(got)
}

func TestFreeze_NothingPasses_ThenNothingIsLost(t *testing.T) {
	p, dial := echo(t)
	c := dial()
	require.Equal(t, "one", say(t, c, "one"))
	p.Set(Freeze)
	_, err := io.WriteString(c, "two")
	require.NoError(t, err)
	require.NoError(t, c.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
	_, err = c.Read(make([]byte, 1))
	var late net.Error
	require.ErrorAs(t, err, &late)
	require.True(t, late.Timeout())
	p.Set(Pass)
	require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	got := make([]byte, 3)
	_, err = io.ReadFull(c, got)
	require.NoError(t, err)
	require.Equal(t, "two", string(got))
}

func TestRefuse_CutsAndLetsNobodyIn(t *testing.T) {
	p, dial := echo(t)
	c := dial()
	say(t, c, "one")
	p.Set(Refuse)
	_, err := c.Read(make([]byte, 1))
	require.Error(t, err)
	next, err := net.Dial("tcp", p.Addr()) // who is let go at once may not even get that far
	if err == nil {
		_, err = next.Read(make([]byte, 1))
		next.Close()
	}
	require.Error(t, err)
	p.Set(Pass)
	require.Equal(t, "two", say(t, dial(), "two"))
}

func TestTap_ForwardsAPartAndCuts(t *testing.T) {
	p, dial := echo(t)
	p.Watch(func(_ *Conn, d Direction, chunk []byte) (int, bool) {
		if d == ToClient && bytes.Contains(chunk, []byte("secret")) {
			return 3, true
		}
		return len(chunk), false
	})
	c := dial()
	require.Equal(t, "open", say(t, c, "open"))
	_, err := io.WriteString(c, "secret")
	require.NoError(t, err)
	got := make([]byte, 6)
	n, err := io.ReadFull(c, got)
	require.Error(t, err)
	require.LessOrEqual(t, n, 3)
}
