package signalr

// Waiting counts the polls that wait.
func (s *Server) Waiting() (n int) {
	return s.count(func(c *Conn) bool { return c.poll != nil })
}

// Lines counts the connections that have a transport.
func (s *Server) Lines() (n int) {
	return s.count(func(c *Conn) bool { return c.line != nil })
}

func (s *Server) count(has func(*Conn) bool) (n int) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, c := range s.conns {
		c.mu.Lock()
		if has(c) {
			n++
		}
		c.mu.Unlock()
	}
	return n
}

// Connections counts all.
func (s *Server) Connections() int { return s.size() }
