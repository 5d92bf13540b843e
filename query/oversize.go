package query

import (
	"net"
	"time"
)

// Bounds of reading a body that is refused.
const (
	drainBytes = 64 << 20
	drainTime  = 2 * time.Second
	drainIdle  = 200 * time.Millisecond
)

// drain reads what a client goes on sending of a body that was refused unread. The server closes the connection after its answer, and
// the kernel answers bytes that nobody has read with a reset, which takes the answer with it on the client's side. What is beyond the
// bounds is reset all the same.
func drain(conn net.Conn) {
	if conn == nil {
		return
	}
	buf := make([]byte, 64<<10)
	end := time.Now().Add(drainTime)
	for left := drainBytes; left > 0; {
		now := time.Now()
		if !now.Before(end) || conn.SetReadDeadline(now.Add(drainIdle)) != nil {
			return
		}
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		left -= n
	}
}
