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

// patientPiece is how much has to be taken in within the timeout.
const patientPiece = 64 << 10

// patientConn is patient with whoever writes without a deadline of its own. Streams set theirs.
type patientConn struct {
	net.Conn
	timeout time.Duration
	own     atomic.Bool
}

func (c *patientConn) Write(b []byte) (n int, err error) {
	if c.own.Load() {
		return c.Conn.Write(b)
	}
	for more := true; more && err == nil; more = len(b) > 0 {
		if err = c.Conn.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
			break
		}
		var of int
		of, err = c.Conn.Write(b[:min(len(b), patientPiece)])
		n, b = n+of, b[of:]
	}
	return n, err
}

func (c *patientConn) SetWriteDeadline(t time.Time) error {
	c.own.Store(!t.IsZero())
	return c.Conn.SetWriteDeadline(t)
}

func (c *patientConn) SetDeadline(t time.Time) error {
	c.own.Store(!t.IsZero())
	return c.Conn.SetDeadline(t)
}

// patientTLS has the methods by which fasthttp knows TLS.
type patientTLS struct {
	*patientConn
	secure *tls.Conn
}

func (c *patientTLS) Handshake() error                     { return c.secure.Handshake() }
func (c *patientTLS) ConnectionState() tls.ConnectionState { return c.secure.ConnectionState() }

func (l *patientListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	patient := &patientConn{Conn: conn, timeout: l.timeout}
	if secure, ok := conn.(*tls.Conn); ok {
		return &patientTLS{patient, secure}, nil
	}
	return patient, nil
}
