package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
)

// startDebug serves profiles on a port of their own. It speaks no TLS and asks for no credential, so that the configuration keeps it to
// this machine unless it is told otherwise.
func (s *server) startDebug(context.Context) error {
	listener, err := net.Listen("tcp", s.cfg.Debug.Listen)
	if err != nil {
		return fmt.Errorf("listening on debug.listen %q: %w", s.cfg.Debug.Listen, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	s.serveMux("debug", mux, listener)
	s.log.Info("serving profiles", "url", "http://"+listener.Addr().String()+"/debug/pprof/")
	return nil
}
