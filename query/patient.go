package query

import (
	"crypto/tls"
	"net"
	"sync/atomic"
	"time"
)

// patientListener bounds how long the clients of its connections may take nothing in: the server itself waits for ever, and with it what the
// answer holds, such as the place of an export.
type patientListener struct {
	net.Listener
	timeout time.Duration
}

// patience of whoever writes without a deadline of its own. Streams set theirs.
type patience struct {
	timeout time.Duration
	own     atomic.Bool
}

func (p *patience) write(conn net.Conn, b []byte) (n int, err error) {
	if p.own.Load() {
		return conn.Write(b)
	}
	for more := true; more && err == nil; more = len(b) > 0 {
		if err = conn.SetWriteDeadline(time.Now().Add(p.timeout)); err != nil {
			break
		}
		var of int
		of, err = conn.Write(b[:min(len(b), patientPiece)])
		n, b = n+of, b[of:]
	}
	return n, err
}

// patientPiece is how much has to be taken in within the timeout.
const patientPiece = 64 << 10

type patientConn struct {
	net.Conn
	patience
}

func (c *patientConn) Write(b []byte) (int, error) { return c.write(c.Conn, b) }
func (c *patientConn) SetWriteDeadline(t time.Time) error {
	c.own.Store(!t.IsZero())
	return c.Conn.SetWriteDeadline(t)
}
func (c *patientConn) SetDeadline(t time.Time) error {
	c.own.Store(!t.IsZero())
	return c.Conn.SetDeadline(t)
}

// patientTLS keeps the methods by which fasthttp knows TLS.
type patientTLS struct {
	*tls.Conn
	patience
}

func (c *patientTLS) Write(b []byte) (int, error) { return c.write(c.Conn, b) }
func (c *patientTLS) SetWriteDeadline(t time.Time) error {
	c.own.Store(!t.IsZero())
	return c.Conn.SetWriteDeadline(t)
}
func (c *patientTLS) SetDeadline(t time.Time) error {
	c.own.Store(!t.IsZero())
	return c.Conn.SetDeadline(t)
}

func (l *patientListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if secure, ok := conn.(*tls.Conn); ok {
		return &patientTLS{Conn: secure, patience: patience{timeout: l.timeout}}, nil
	}
	return &patientConn{Conn: conn, patience: patience{timeout: l.timeout}}, nil
}
