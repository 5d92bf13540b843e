package clarity

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"floorwalker/query/auth"
)

// Provider is one way to prove who somebody is to the token service.
type Provider interface {
	// Scheme is the word of Authorization that the provider reads: Basic, Negotiate.
	Scheme() string
	// Challenge is what WWW-Authenticate says of it where there is no such credential, or a wrong one.
	Challenge() string
	// Identify tells whose the credential is: Windows user names of one and the same user, with or without "domain\", the one that
	// a login most likely is first. contactCenter is where they want to work; empty where the client is not known, and the
	// credential is only to be judged. reply, where not empty, goes back in WWW-Authenticate whether it is right or not. Errors are
	// auth.ErrInvalid, which may be wrapped in a reason that the caller is told, auth.ErrBusy and failures.
	Identify(ctx context.Context, contactCenter, credential string) (names []string, reply string, err error)
}

// PasswordChecker knows the passwords of accounts by AccountID.
type PasswordChecker interface {
	Password(ctx context.Context, user, password string) (auth.Principal, error)
}

// AccountID is the account of a configured user: the same login may exist in two contact centres.
func AccountID(contactCenter, login string) string { return "clarity/" + contactCenter + "/" + login }

// Passwords are the configured users, for sites without a domain; it is a Provider.
type Passwords struct {
	check   PasswordChecker
	logins  map[string][]string // by contact centre
	centers []string
}

// NewPasswords makes the provider; logins are the configured names by contact centre.
func NewPasswords(check PasswordChecker, logins map[string][]string) *Passwords {
	p := &Passwords{check: check, logins: logins}
	for id := range logins {
		p.centers = append(p.centers, id)
	}
	slices.Sort(p.centers)
	return p
}

// Scheme implements Provider.
func (p *Passwords) Scheme() string { return "Basic" }

// Challenge implements Provider.
func (p *Passwords) Challenge() string { return `Basic realm="connect", charset="UTF-8"` }

// Identify implements Provider. The name is that of the configuration.
func (p *Passwords) Identify(ctx context.Context, contactCenter, credential string) (names []string, reply string, err error) {
	raw, err := base64.StdEncoding.DecodeString(credential)
	if err != nil {
		return nil, "", auth.ErrInvalid
	}
	name, password, _ := strings.Cut(string(raw), ":")
	centers := p.centers
	if contactCenter != "" {
		centers = []string{contactCenter}
	}
	asked := false
	for _, id := range centers {
		login, ok := findLogin(slices.Values(p.logins[id]), name)
		if !ok {
			continue
		}
		asked = true
		if _, err := p.check.Password(ctx, AccountID(id, login), password); !errors.Is(err, auth.ErrInvalid) {
			return []string{login}, "", err
		}
	}
	if !asked {
		// So that an unknown user costs as much as a wrong password.
		if _, err := p.check.Password(ctx, "", password); err != nil && !errors.Is(err, auth.ErrInvalid) {
			return nil, "", err
		}
	}
	return nil, "", auth.ErrInvalid
}
