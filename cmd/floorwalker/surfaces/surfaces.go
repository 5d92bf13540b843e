// Package surfaces makes the vendors' APIs of what is configured: whose credentials lead to which contact centre.
package surfaces

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"floorwalker/cmd/floorwalker/config"
	"floorwalker/query"
	"floorwalker/query/ameyo"
	"floorwalker/query/auth"
	"floorwalker/query/clarity"
	"floorwalker/query/convoso"
	"floorwalker/query/exotel"
	"floorwalker/query/floor"
	"floorwalker/query/kerberos"
	"floorwalker/query/mask"
	"floorwalker/query/vonage"
)

// Deps are what all surfaces share.
type Deps struct {
	Source    *floor.Source
	History   vonage.History   // nil: the past is not served
	Presences exotel.Presences // nil: presences cannot be set
	Clarity   Clarity
	Log       *slog.Logger // takes what clients log; nil: slog's default one
	Now       func() time.Time
	Masks     map[auth.Role]*mask.Mask // what roles are not to see of customers
}

// Clarity is what that surface needs beside; nil fields are not served.
type Clarity struct {
	History   clarity.History
	Commands  clarity.Commands
	Providers []clarity.Provider // of identities, asked before the configured users
	URL       string             // scheme://host of this server; empty: as each request names it
	Push      clarity.Push       // a surface that pushes has a method Run
}

// New makes all surfaces; those without credentials are there too and answer nobody.
func New(centers []config.ContactCenter, d Deps) ([]query.Surface, error) {
	if d.Log == nil {
		d.Log = slog.Default()
	}
	var out []query.Surface
	for _, of := range []struct {
		vendor string
		make   func([]config.ContactCenter, Deps) (query.Surface, error)
	}{{"ameyo", newAmeyo}, {"convoso", newConvoso}, {"exotel", newExotel}, {"vonage", newVonage}, {"clarity", newClarity}} {
		s, err := of.make(centers, d)
		if err != nil {
			return nil, fmt.Errorf("surface %s: %w", of.vendor, err)
		}
		out = append(out, s)
	}
	return out, nil
}

func newAmeyo(centers []config.ContactCenter, d Deps) (query.Surface, error) {
	var accounts []auth.Account
	for _, cc := range centers {
		for _, u := range cc.Surfaces.Ameyo.Users {
			accounts = append(accounts, auth.Account{ID: u.Name, ContactCenter: cc.ID, Role: auth.Reader, PasswordHash: u.PasswordHash})
		}
	}
	authenticator, err := auth.New(accounts, auth.Options{Now: d.Now})
	if err != nil {
		return nil, err
	}
	return ameyo.New(d.Source, authenticator, d.Masks)
}

func newConvoso(centers []config.ContactCenter, d Deps) (query.Surface, error) {
	var accounts []auth.Account
	for _, cc := range centers {
		for _, t := range cc.Surfaces.Convoso.AuthTokens {
			account, err := tokenAccount("convoso/"+cc.ID+"/"+t.Name, cc.ID, auth.Reader, t.Sum)
			if err != nil {
				return nil, err
			}
			accounts = append(accounts, account)
		}
	}
	authenticator, err := auth.New(accounts, auth.Options{Now: d.Now})
	if err != nil {
		return nil, err
	}
	return convoso.New(d.Source, authenticator)
}

func newExotel(centers []config.ContactCenter, d Deps) (query.Surface, error) {
	var accounts []auth.Account
	settings := map[string]exotel.Account{}
	for _, cc := range centers {
		e := cc.Surfaces.Exotel
		settings[cc.ID] = exotel.Account{SID: e.AccountSID, RequestsPerMinute: e.RequestsPerMinute}
		for _, t := range e.Tokens {
			account, err := tokenAccount(exotel.AccountID(cc.ID, t.Name), cc.ID, auth.Role(t.Role), t.Sum)
			if err != nil {
				return nil, err
			}
			accounts = append(accounts, account)
		}
	}
	authenticator, err := auth.New(accounts, auth.Options{Now: d.Now})
	if err != nil {
		return nil, err
	}
	return exotel.New(exotel.Deps{Source: d.Source, Authenticator: authenticator, Accounts: settings, Presences: d.Presences, Masks: d.Masks, Now: d.Now})
}

func tokenAccount(id, contactCenter string, role auth.Role, sum func() ([32]byte, error)) (auth.Account, error) {
	s, err := sum()
	if err != nil {
		return auth.Account{}, fmt.Errorf("token %q: %w", id, err)
	}
	return auth.Account{ID: id, ContactCenter: contactCenter, Role: role, TokenSHA256: []string{hex.EncodeToString(s[:])}}, nil
}

func newVonage(centers []config.ContactCenter, d Deps) (query.Surface, error) {
	var clients []vonage.Client
	for _, cc := range centers {
		v := cc.Surfaces.Vonage
		key, err := signingKey(v)
		if err != nil {
			return nil, fmt.Errorf("contact centre %q: signing key: %w", cc.ID, err)
		}
		for _, c := range v.Clients {
			sum, err := c.Sum()
			if err != nil {
				return nil, fmt.Errorf("client %q: %w", c.ClientID, err)
			}
			clients = append(clients, vonage.Client{ID: c.ClientID, ContactCenter: cc.ID, SecretSHA256: sum, Key: key, TokenLifetime: v.TokenLifetime})
		}
	}
	return vonage.New(vonage.Deps{Source: d.Source, History: d.History, Clients: clients, Now: d.Now})
}

func newClarity(centers []config.ContactCenter, d Deps) (query.Surface, error) {
	var accounts []auth.Account
	var configured []clarity.Center
	logins := map[string][]string{}
	for _, cc := range centers {
		c := cc.Surfaces.Clarity
		for _, u := range c.Users {
			accounts = append(accounts, auth.Account{ID: clarity.AccountID(cc.ID, u.Name), ContactCenter: cc.ID, Role: auth.Reader, PasswordHash: u.PasswordHash})
			logins[cc.ID] = append(logins[cc.ID], u.Name)
		}
		keys, err := clarityKeys(c)
		if err != nil {
			return nil, fmt.Errorf("contact centre %q: signing key: %w", cc.ID, err)
		}
		configured = append(configured, clarity.Center{ContactCenter: cc.ID, ClientIDs: c.ClientIDs, Keys: keys, TokenLifetime: c.TokenLifetime})
	}
	domains, err := newKerberos(centers, d.Log)
	if err != nil {
		return nil, err
	}
	authenticator, err := auth.New(accounts, auth.Options{Now: d.Now})
	if err != nil {
		return nil, err
	}
	providers := append(slices.Clone(d.Clarity.Providers), domains...)
	providers = append(providers, clarity.NewPasswords(authenticator, logins))
	return clarity.New(clarity.Deps{Source: d.Source, History: d.Clarity.History, Commands: d.Clarity.Commands, Centers: configured, Providers: providers,
		URL: d.Clarity.URL, Push: d.Clarity.Push, Masks: d.Masks, Log: d.Log, Now: d.Now})
}

// newKerberos knows the users of the configured domains; there is none of it where no domain is.
func newKerberos(centers []config.ContactCenter, log *slog.Logger) ([]clarity.Provider, error) {
	var domains []kerberos.Center
	for _, cc := range centers {
		k := cc.Surfaces.Clarity.Kerberos
		keys, err := k.Keytab()
		if err != nil {
			return nil, fmt.Errorf("contact centre %q: keytab: %w", cc.ID, err)
		}
		if keys == nil {
			continue
		}
		realms := map[string]string{}
		for _, r := range k.Realms {
			realms[r.Name] = cmp.Or(r.Domain, kerberos.Domain(r.Name))
		}
		domains = append(domains, kerberos.Center{ContactCenter: cc.ID, Keytab: keys, Principal: k.Principal, Realms: realms})
	}
	if len(domains) == 0 {
		return nil, nil
	}
	negotiator, err := kerberos.New(domains, log)
	return []clarity.Provider{negotiator}, err
}

// clarityKeys are the key that signs, and the one before it where that is configured.
func clarityKeys(c config.Clarity) ([][]byte, error) {
	key, err := signingKey(c)
	if err != nil {
		return nil, err
	}
	previous, err := c.PreviousSigningKey()
	if err != nil || previous == "" {
		return [][]byte{key}, err
	}
	return [][]byte{key, []byte(previous)}, nil
}

// signingKey is the configured one, else one that lives as long as this process.
func signingKey(v interface{ SigningKey() (string, error) }) ([]byte, error) {
	text, err := v.SigningKey()
	if err != nil || text != "" {
		return []byte(text), err
	}
	key := make([]byte, 32)
	_, err = rand.Read(key)
	return key, err
}
