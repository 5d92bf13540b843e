package config

import (
	"fmt"
	"net/url"
	"strings"

	"floorwalker/query/jwks"
	"floorwalker/query/mask"
)

// Identity is a provider whose signed tokens (JWT) the native API takes.
type Identity struct {
	Issuer   string            `yaml:"issuer"`    // what a token's `iss` must say, letter for letter
	Audience string            `yaml:"audience"`  // which its `aud` must name
	JWKSURL  string            `yaml:"jwks_url"`  // where the keys are: https, or http of this machine; or `jwks_file`
	JWKSFile string            `yaml:"jwks_file"` // a file of that kind
	Claims   IdentityClaims    `yaml:"claims"`
	Roles    map[string]string `yaml:"roles"` // by value of the role claim: `reader`, `supervisor`, `producer`, `admin`
}

// IdentityClaims name the claims; dots lead into objects.
type IdentityClaims struct {
	ContactCenter string `yaml:"contact_center"` // the claim that says whose a token is; unless said `contact_center`
	Role          string `yaml:"role"`           // the claim that says what it may do; unless said `role`
}

// Masking hides customers from a role.
type Masking struct {
	Role string   `yaml:"role"` // the role
	Show []string `yaml:"show"` // what is shown to it all the same
}

func (q *Query) validateIdentity(f *faults) {
	seen := map[string]int{}
	for n, i := range q.Identity {
		at := fmt.Sprintf("query.identity[%d]", n)
		u, err := url.Parse(i.Issuer)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.Fragment != "" || u.RawQuery != "" {
			f.add(at+".issuer", "%q is not a URL such as https://login.example.com/realms/centre", i.Issuer)
		} else if first, ok := seen[i.Issuer]; ok {
			f.add(at+".issuer", "%q is also query.identity[%d].issuer", i.Issuer, first)
		}
		seen[i.Issuer] = n
		if i.Audience == "" {
			f.add(at+".audience", "empty; what aud must name is needed, or tokens for other services would do")
		}
		f.oneRef(at, map[string]string{"jwks_url": i.JWKSURL, "jwks_file": i.JWKSFile}, true)
		if i.JWKSURL != "" {
			if err := jwks.CheckURL(i.JWKSURL); err != nil {
				f.add(at+".jwks_url", "%v", err)
			}
		}
		f.readable(at+".jwks_file", i.JWKSFile)
		f.private(at+".jwks_file", i.JWKSFile)
		if len(i.Roles) == 0 {
			f.add(at+".roles", "empty; a role for at least one value of the role claim is needed")
		}
		for _, value := range sortedKeys(i.Roles) {
			f.oneOf(at+".roles."+value, i.Roles[value], NativeRoles()...)
		}
	}
}

func (q *Query) validateMasking(f *faults) {
	seen := map[string]int{}
	for n, m := range q.Masking {
		at := fmt.Sprintf("query.masking[%d]", n)
		f.oneOf(at+".role", m.Role, NativeRoles()...)
		if first, ok := seen[m.Role]; ok {
			f.add(at+".role", "%q is also query.masking[%d].role", m.Role, first)
		}
		seen[m.Role] = n
		if _, err := mask.New(m.Show); err != nil {
			f.add(at+".show", "%v", strings.TrimPrefix(err.Error(), "mask: "))
		}
	}
}
