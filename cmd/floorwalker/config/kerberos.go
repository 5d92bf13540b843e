package config

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/jcmturner/gokrb5/v8/keytab"
)

// Keytab reads the keytab, which must have a key of the principal where one is configured; nil where no file is.
func (k Kerberos) Keytab() (*keytab.Keytab, error) {
	if k.KeytabFile == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(k.KeytabFile)
	if err != nil {
		return nil, err
	}
	kt, err := readKeytab(raw)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", k.KeytabFile, err)
	}
	if k.Principal == "" {
		return kt, nil
	}
	for _, e := range kt.Entries {
		if strings.Join(e.Principal.Components, "/") == k.Principal {
			return kt, nil
		}
	}
	return nil, fmt.Errorf("%q has no key of %q", k.KeytabFile, k.Principal)
}

// readKeytab never repeats the library's errors, which show the bytes that it could not read, keys among them.
func readKeytab(raw []byte) (kt *keytab.Keytab, err error) {
	kt = keytab.New()
	defer func() {
		if r := recover(); r != nil {
			kt, err = nil, errors.New("not a keytab")
		}
	}()
	if kt.Unmarshal(raw) != nil {
		return nil, errors.New("not a keytab")
	}
	if len(kt.Entries) == 0 {
		return nil, errors.New("a keytab without a key")
	}
	return kt, nil
}

func (c *credentials) kerberos(at string, k *Kerberos) {
	if k.KeytabFile == "" {
		if k.Principal != "" || len(k.Realms) > 0 {
			c.add(at+".keytab_file", "empty beside other Kerberos settings; name the keytab or leave them out")
		}
		return
	}
	if _, err := k.Keytab(); err != nil {
		c.add(at+".keytab_file", "%v", err)
	}
	c.private(at+".keytab_file", k.KeytabFile)
	if strings.Contains(k.Principal, "@") {
		c.add(at+".principal", "%q names a realm; without it, such as HTTP/floorwalker.example.com", k.Principal)
	}
	if len(k.Realms) == 0 {
		c.add(at+".realms", "empty; at least one is needed, or nobody can sign in")
	}
	for i, r := range k.Realms {
		p := fmt.Sprintf("%s.realms[%d]", at, i)
		switch {
		case r.Name == "" || strings.ContainsAny(r.Name, "@\\/ "):
			c.add(p+".name", "%q is not a realm, such as CORP.EXAMPLE.COM", r.Name)
		default:
			// The same user must not be somebody in two contact centres.
			c.own("clarity realm", r.Name, p+".name")
		}
		if strings.ContainsAny(r.Domain, "@\\/ ") {
			c.add(p+".domain", "%q is not a domain's Windows name, such as CORP", r.Domain)
		}
	}
}
