package clickhouse

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// writePatience is how long a server may take to accept writePiece bytes. The driver sends the slices of an INSERT without any
	// limit of its own, so that a server that stands still would hold the worker for ever.
	writePatience = 30 * time.Second
	writePiece    = 256 << 10
)

// dial is how the driver reaches a server; the context's end, or the timeout, ends it.
func (c Config) dial(ctx context.Context, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, orDefault(c.DialTimeout, 5*time.Second))
	defer cancel()
	var dialer net.Dialer
	raw, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	patient := &patientConn{Conn: raw, patience: writePatience}
	if c.TLS == nil {
		return patient, nil
	}
	cfg := c.TLS.Clone()
	if host, _, err := net.SplitHostPort(address); cfg.ServerName == "" && err == nil {
		cfg.ServerName = host
	}
	secure := tls.Client(patient, cfg)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, fmt.Errorf("tls with %s: %w", address, err)
	}
	return secure, nil
}

// patientConn fails a write that does not get on for its patience, or beyond the deadline that was set.
type patientConn struct {
	net.Conn
	patience time.Duration
	limit    atomic.Pointer[time.Time] // of writing, as it was set; nil or zero: none
}

func (c *patientConn) Write(p []byte) (n int, err error) {
	for n < len(p) {
		deadline := time.Now().Add(c.patience)
		if limit := c.limit.Load(); limit != nil && !limit.IsZero() && limit.Before(deadline) {
			deadline = *limit
		}
		if err := c.Conn.SetWriteDeadline(deadline); err != nil {
			return n, err
		}
		done, err := c.Conn.Write(p[n:min(n+writePiece, len(p))])
		if n += done; err != nil {
			return n, err
		}
	}
	return n, nil
}

func (c *patientConn) SetDeadline(t time.Time) error {
	c.limit.Store(&t)
	return c.Conn.SetDeadline(t)
}

func (c *patientConn) SetWriteDeadline(t time.Time) error {
	c.limit.Store(&t)
	return c.Conn.SetWriteDeadline(t)
}

// SyscallConn lets the driver see whether an idle connection has been closed by its server.
func (c *patientConn) SyscallConn() (syscall.RawConn, error) {
	s, ok := c.Conn.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("%T has no file descriptor", c.Conn)
	}
	return s.SyscallConn()
}
