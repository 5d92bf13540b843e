package main

import (
	"floorwalker/query/auditlog"
	"floorwalker/query/auth"
	"floorwalker/query/jwks"
	"floorwalker/query/native"
)

// authenticate adds the identity providers to the configured accounts, where there are any.
func (s *server) authenticate(accounts *auth.Authenticator) (native.Authenticator, error) {
	providers := identityProviders(&s.cfg)
	if len(providers) == 0 {
		return accounts, nil
	}
	verifier, err := jwks.New(providers, jwks.Options{Log: s.log, Metrics: s.set})
	if err != nil {
		return nil, err
	}
	return &jwks.Authenticator{Accounts: accounts, Verifier: verifier}, nil
}

// auditLog is nil where none is configured.
func (s *server) auditLog() (*auditlog.Log, error) {
	if s.cfg.AuditLog == "" {
		return nil, nil
	}
	log, err := auditlog.New(s.cfg.AuditLog, auditlog.Options{Log: s.log, Metrics: s.set})
	if err != nil {
		return nil, err
	}
	s.components.closeLast(log.Close)
	return log, nil
}
