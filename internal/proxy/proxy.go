// Package proxy is a TCP proxy for tests: it can cut, refuse and freeze connections, and a tap sees the bytes on their way and
// decides what becomes of them.
package proxy

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
)

// Direction of bytes.
type Direction int

// The two directions.
const (
	ToServer Direction = iota
	ToClient
)

// Mode is how the proxy treats connections.
type Mode int

const (
	Pass   Mode = iota
	Refuse      // every connection is reset, new ones too
	Freeze      // new ones are accepted, but no byte goes anywhere
)

// Conn is one proxied connection.
type Conn struct {
	Tap    atomic.Value // for the tap's own notes
	client net.Conn
	server net.Conn
	once   sync.Once
}

// close ends the connection on both sides, as the end of a process does, or resets it, as one is that a machine no longer knows.
func (c *Conn) close(reset bool) {
	c.once.Do(func() {
		for _, side := range []net.Conn{c.client, c.server} {
			if tcp, ok := side.(*net.TCPConn); ok && reset {
				_ = tcp.SetLinger(0)
			}
			_ = side.Close()
		}
	})
}

// Tap sees each chunk before it is forwarded, and returns how much of it goes on and whether the connection is cut after that. It
// may block; the other direction goes on meanwhile.
type Tap func(c *Conn, d Direction, chunk []byte) (forward int, cut bool)

// Proxy listens on loopback.
type Proxy struct {
	listener net.Listener
	wg       sync.WaitGroup

	mu     sync.Mutex
	target string
	tap    Tap
	mode   Mode
	change chan struct{} // closed when the mode changes
	conns  map[*Conn]bool
	closed bool
}

// New listens; until To says where, connections are refused. The caller closes it.
func New() (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	p := &Proxy{listener: l, conns: map[*Conn]bool{}, change: make(chan struct{})}
	p.wg.Go(p.accept)
	return p, nil
}

// Addr is where the proxy listens.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// To sets the address that connections are forwarded to.
func (p *Proxy) To(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

// Watch sets the tap, nil for none.
func (p *Proxy) Watch(tap Tap) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tap = tap
}

// Set changes the mode. Refuse also cuts what is there. Frozen connections go on when the mode changes back, with nothing lost.
func (p *Proxy) Set(m Mode) {
	p.mu.Lock()
	p.mode = m
	close(p.change)
	p.change = make(chan struct{})
	p.mu.Unlock()
	if m == Refuse {
		p.Cut()
	}
}

// Cut resets all present connections.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.close(true)
	}
}

// Close ends everything.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.Set(Refuse)
	_ = p.listener.Close()
	p.wg.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			p.wg.Go(func() { p.serve(client) })
		}
	}
}

func (p *Proxy) serve(client net.Conn) {
	p.mu.Lock()
	target, refuse := p.target, p.mode == Refuse
	p.mu.Unlock()
	c := &Conn{client: client, server: client}
	if refuse || target == "" {
		c.close(true)
		return
	}
	server, err := net.Dial("tcp", target)
	if err != nil {
		c.close(true)
		return
	}
	c.server = server
	p.mu.Lock()
	p.conns[c] = true
	refuse = p.mode == Refuse
	p.mu.Unlock()
	if refuse {
		c.close(true)
	}
	var both sync.WaitGroup
	both.Go(func() { p.copy(c, ToServer, client, server) })
	both.Go(func() { p.copy(c, ToClient, server, client) })
	both.Wait()
	p.mu.Lock()
	delete(p.conns, c)
	p.mu.Unlock()
}

func (p *Proxy) copy(c *Conn, d Direction, from, to net.Conn) {
	defer c.close(false)
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && !p.forward(c, d, to, buf[:n]) || err != nil {
			return
		}
	}
}

func (p *Proxy) forward(c *Conn, d Direction, to net.Conn, chunk []byte) bool {
	p.mu.Lock()
	for p.mode == Freeze {
		change := p.change
		p.mu.Unlock()
		<-change
		p.mu.Lock()
	}
	tap := p.tap
	p.mu.Unlock()
	n, cut := len(chunk), false
	if tap != nil {
		n, cut = tap(c, d, chunk)
	}
	_, err := to.Write(chunk[:n])
	return err == nil && !cut
}
