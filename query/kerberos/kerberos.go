// Package kerberos knows a domain's users by their tickets: HTTP Negotiate with Kerberos 5 (RFC 4559, RFC 4178, RFC 4121), without
// NTLM. A keytab is all it needs of the domain; no domain controller is asked.
package kerberos

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"floorwalker/query/auth"
)

// MaxSkew is how far the clocks of a client and of this server may lie apart, as everywhere in Kerberos.
const MaxSkew = 5 * time.Minute

// Center is what is configured of a contact centre.
type Center struct {
	ContactCenter string
	Keytab        *keytab.Keytab
	// Principal is whose key in the keytab opens tickets, such as HTTP/host; empty: the one that the ticket names.
	Principal string
	// Realms are the domains' Windows names by realm: CORP.EXAMPLE.COM → CORP. Users of other realms are nobody here.
	Realms map[string]string
}

// Negotiator judges tickets. Its methods may be called from any goroutine; it is a provider of identities for Clarity's token
// service.
type Negotiator struct {
	centers map[string]*Center
	replays *replays
	log     *slog.Logger
}

// New makes a negotiator; log takes why a ticket is refused, without anything of the ticket.
func New(centers []Center, log *slog.Logger) (*Negotiator, error) {
	n := &Negotiator{centers: map[string]*Center{}, replays: newReplays(time.Now), log: log}
	for i := range centers {
		c := centers[i]
		if c.Keytab == nil || len(c.Realms) == 0 {
			return nil, fmt.Errorf("kerberos: contact centre %q: a keytab and at least one realm are needed", c.ContactCenter)
		}
		if n.centers[c.ContactCenter] != nil {
			return nil, fmt.Errorf("kerberos: contact centre %q is there twice", c.ContactCenter)
		}
		n.centers[c.ContactCenter] = &c
	}
	return n, nil
}

// Scheme is the word of Authorization that the negotiator reads.
func (n *Negotiator) Scheme() string { return "Negotiate" }

// Challenge asks a client for a ticket.
func (n *Negotiator) Challenge() string { return "Negotiate" }

// Identify opens a ticket. The names are domain\name, the domain being the realm's Windows name, and name@realm. reply proves this
// server to the client. An empty contact centre means any: the ticket is only to be judged. Errors wrap auth.ErrInvalid; their texts may be
// shown to the client.
func (n *Negotiator) Identify(_ context.Context, contactCenter, credential string) (names []string, reply string, err error) {
	names, reply, err = n.identify(contactCenter, credential)
	if err != nil {
		n.log.Warn("kerberos ticket refused", "contact_center", contactCenter, "reason", err)
	}
	return names, reply, err
}

func (n *Negotiator) identify(contactCenter, credential string) (names []string, reply string, err error) {
	raw, err := base64.StdEncoding.DecodeString(credential)
	if err != nil {
		return nil, "", invalid("not base64")
	}
	err = invalid("the contact centre has no domain")
	for id, c := range n.centers {
		if contactCenter != "" && contactCenter != id {
			continue
		}
		if names, reply, err = n.open(c, raw); err == nil {
			return names, reply, nil
		}
	}
	return nil, "", err
}

func invalid(reason string) error { return fmt.Errorf("%w: %s", auth.ErrInvalid, reason) }

// open judges a token with a contact centre's key.
func (n *Negotiator) open(c *Center, raw []byte) (names []string, reply string, err error) {
	defer func() {
		// What comes here is anybody's bytes, and the library below indexes into some of them unasked.
		if r := recover(); r != nil {
			names, reply, err = nil, "", invalid("malformed")
		}
	}()
	t, err := readToken(raw)
	if err != nil {
		return nil, "", err
	}
	if err := c.verify(&t.request); err != nil {
		return nil, "", err
	}
	// Of the ticket and not of the authenticator, which the client has written: its realm is anybody's word.
	part := &t.request.Ticket.DecryptedEncPart
	if names, err = c.names(part.CName, part.CRealm); err != nil {
		return nil, "", err
	}
	if n.replays.seen(t.request.EncryptedAuthenticator.Cipher) {
		return nil, "", invalid("this ticket has been shown before (replay)")
	}
	if reply, err = t.answer(); err != nil {
		return nil, "", invalid("malformed")
	}
	return names, reply, nil
}

func (c *Center) verify(request *messages.APReq) error {
	var principal *types.PrincipalName
	if c.Principal != "" {
		p, _ := types.ParseSPNString(c.Principal)
		principal = &p
	}
	// Tickets that are bound to addresses are refused: behind a proxy the address is not the client's.
	ok, err := request.Verify(c.Keytab, MaxSkew, types.HostAddress{}, principal)
	if err != nil {
		return invalid(reasonOf(err))
	}
	if !ok {
		return invalid("the ticket is not valid")
	}
	return nil
}

// reasonOf words what operators meet most.
func reasonOf(err error) string {
	var k messages.KRBError
	if !errors.As(err, &k) {
		return "no key of the keytab opens the ticket"
	}
	switch k.ErrorCode {
	case errorcode.KRB_AP_ERR_SKEW:
		return fmt.Sprintf("the clocks of client and server differ by more than %s", MaxSkew)
	case errorcode.KRB_AP_ERR_TKT_NYV:
		return "the ticket is not valid yet; do the clocks of domain and server differ?"
	case errorcode.KRB_AP_ERR_TKT_EXPIRED:
		return "the ticket has expired"
	case errorcode.KRB_AP_ERR_NOKEY:
		return "the keytab has no key for the ticket's service, version and encryption type"
	case errorcode.KRB_AP_ERR_BADADDR:
		return "the ticket is bound to an address"
	}
	return "the ticket is not valid"
}

// names are those of a principal of one of the contact centre's realms.
func (c *Center) names(name types.PrincipalName, realm string) ([]string, error) {
	domain, known := c.Realms[realm]
	if !known {
		return nil, invalid("the ticket's realm is none of the contact centre's")
	}
	// Users have one component; host/name is a machine, and a name with a separator could pass for one of another domain.
	if len(name.NameString) != 1 || name.NameString[0] == "" || strings.ContainsAny(name.NameString[0], `\/@`) {
		return nil, invalid("the ticket is not a user's")
	}
	return []string{domain + `\` + name.NameString[0], name.NameString[0] + "@" + realm}, nil
}

// Domain is the Windows name that a realm has where nothing else is configured: its first label.
func Domain(realm string) string {
	first, _, _ := strings.Cut(realm, ".")
	return first
}
