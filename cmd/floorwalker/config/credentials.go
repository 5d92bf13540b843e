package config

import (
	"fmt"
	"sort"
	"strings"
	"time"
)

// NativeRoles are the roles of principals of the native API.
func NativeRoles() []string { return []string{"reader", "supervisor", "producer", "admin"} }

// credentials looks for what two contact centres would share: the credential alone must tell which one is meant.
type credentials struct {
	*faults
	owner map[string]string // surface and credential → where it was first seen
}

func newCredentials(f *faults) *credentials {
	return &credentials{faults: f, owner: map[string]string{}}
}

func (c *credentials) check(cfg *Config) {
	for i, t := range cfg.Tokens {
		c.token("native", fmt.Sprintf("tokens[%d]", i), t, NativeRoles())
	}
	ids := map[string]int{}
	for i := range cfg.ContactCenters {
		cc, at := &cfg.ContactCenters[i], fmt.Sprintf("contact_centers[%d]", i)
		c.entityID(at+".id", cc.ID)
		if cc.ID == "*" {
			c.add(at+".id", `"*" means every contact centre; choose another id`)
		}
		if first, ok := ids[cc.ID]; ok {
			c.add(at+".id", "%q is also contact_centers[%d].id", cc.ID, first)
		} else {
			ids[cc.ID] = i
		}
		c.center(at, cc)
	}
}

func (c *credentials) center(at string, cc *ContactCenter) {
	for i, u := range cc.Users {
		p := fmt.Sprintf("%s.users[%d]", at, i)
		c.login("native user", p, Login{u.Name, u.PasswordHash})
		c.oneOf(p+".role", u.Role, NativeRoles()...)
	}
	for i, t := range cc.Tokens {
		c.token("native", fmt.Sprintf("%s.tokens[%d]", at, i), t, NativeRoles())
	}
	s := &cc.Surfaces
	for i, u := range s.Ameyo.Users {
		c.login("ameyo user", fmt.Sprintf("%s.surfaces.ameyo.users[%d]", at, i), u)
	}
	for i, t := range s.Convoso.AuthTokens {
		c.surfaceToken("convoso", fmt.Sprintf("%s.surfaces.convoso.auth_tokens[%d]", at, i), t)
	}
	for i, t := range s.Exotel.Tokens {
		c.token("exotel", fmt.Sprintf("%s.surfaces.exotel.tokens[%d]", at, i), t, []string{"reader", "supervisor"})
	}
	if n := s.Exotel.RequestsPerMinute; n < 0 || n > maxRequestsPerMinute {
		c.add(at+".surfaces.exotel.requests_per_minute", "%d; 1 to %d are allowed, 0 means the default", n, maxRequestsPerMinute)
	}
	if s.Exotel.AccountSID != "" {
		c.entityID(at+".surfaces.exotel.account_sid", s.Exotel.AccountSID)
		c.own("exotel account", s.Exotel.AccountSID, at+".surfaces.exotel.account_sid")
	}
	c.vonage(at+".surfaces.vonage", &s.Vonage)
	c.clarity(at+".surfaces.clarity", &s.Clarity)
}

// maxRequestsPerMinute is more than one process can answer.
const maxRequestsPerMinute = 10_000_000

func (c *credentials) vonage(at string, v *Vonage) {
	for i, client := range v.Clients {
		p := fmt.Sprintf("%s.clients[%d]", at, i)
		if client.ClientID == "" {
			c.add(p+".client_id", "empty; an id is needed")
		} else {
			c.own("vonage client", client.ClientID, p+".client_id")
		}
		if c.oneRef(p, map[string]string{"secret_sha256": client.SecretSHA256, "secret_file": client.SecretFile,
			"secret_env": client.SecretEnv}, true) {
			c.readSum(p+".secret", client.SecretSHA256, client.SecretFile, client.SecretEnv)
		}
	}
	c.signingKey(at, "signing_key", v.SigningKeyFile, v.SigningKeyEnv)
	c.lifetime(at+".token_lifetime", v.TokenLifetime)
}

func (c *credentials) clarity(at string, v *Clarity) {
	for i, id := range v.ClientIDs {
		p := fmt.Sprintf("%s.client_ids[%d]", at, i)
		if id == "" {
			c.add(p, "empty; an id is needed")
			continue
		}
		c.own("clarity client", id, p)
	}
	for i, u := range v.Users {
		// The same login may exist in two contact centres: the client id tells which one is meant.
		c.login("clarity user of "+at, fmt.Sprintf("%s.users[%d]", at, i), u)
	}
	c.signingKey(at, "signing_key", v.SigningKeyFile, v.SigningKeyEnv)
	c.signingKey(at, "previous_signing_key", v.PreviousSigningKeyFile, v.PreviousSigningKeyEnv)
	c.lifetime(at+".token_lifetime", v.TokenLifetime)
	c.kerberos(at+".kerberos", &v.Kerberos)
}

func (c *credentials) signingKey(at, name, file, env string) {
	if !c.oneRef(at, map[string]string{name + "_file": file, name + "_env": env}, false) {
		return
	}
	p := at + "." + name + refSuffix("", file)
	key, err := optionalSecret(file, env)
	switch {
	case err != nil:
		c.add(p, "%v", err)
	case len(key) < 32:
		c.add(p, "%d bytes are too short for a signing key; at least 32 are needed", len(key))
	}
	c.private(p, file)
}

func (c *credentials) lifetime(at string, d time.Duration) {
	if d != 0 {
		c.lasting(at, d, time.Minute, 24*time.Hour)
	}
}

func (c *credentials) login(what, at string, u Login) {
	if u.Name == "" {
		c.add(at+".name", "empty; a name is needed")
	} else {
		c.own(what, u.Name, at+".name")
	}
	if err := checkHash(u.PasswordHash); err != nil {
		c.add(at+".password_hash", "%v", err)
	}
}

func (c *credentials) token(surface, at string, t Token, roles []string) {
	c.oneOf(at+".role", t.Role, roles...)
	c.surfaceToken(surface, at, SurfaceToken{t.Name, t.TokenSHA256, t.TokenFile, t.TokenEnv})
}

func (c *credentials) surfaceToken(surface, at string, t SurfaceToken) {
	if t.Name == "" {
		c.add(at+".name", "empty; a name is needed (it appears in logs instead of the token)")
	} else {
		list := at[:strings.LastIndexByte(at, '[')]
		c.own("name in "+list, t.Name, at+".name")
	}
	if !c.oneRef(at, map[string]string{"token_sha256": t.TokenSHA256, "token_file": t.TokenFile, "token_env": t.TokenEnv}, true) {
		return
	}
	if s, ok := c.readSum(at+".token", t.TokenSHA256, t.TokenFile, t.TokenEnv); ok {
		c.own(surface+" token", string(s[:]), at+".token"+refSuffix(t.TokenSHA256, t.TokenFile))
	}
}

func (c *credentials) readSum(at, sha, file, env string) ([32]byte, bool) {
	s, err := sum(sha, file, env)
	p := at + refSuffix(sha, file)
	if err != nil {
		c.add(p, "%v", err)
		return s, false
	}
	c.private(p, file)
	return s, true
}

// own notes where a credential is used. The fault names the places and never the credential, which may be a secret.
func (c *credentials) own(what, credential, at string) {
	key := what + "\x00" + credential
	if first, ok := c.owner[key]; ok {
		c.add(at, "the same %s as %s; each is to be used once", what, first)
		return
	}
	c.owner[key] = at
}

func sortedKeys(m map[string]string) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}
