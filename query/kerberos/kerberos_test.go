package kerberos

import (
	"bytes"
	"context"
	"encoding/base64"
	"log/slog"
	"math/rand"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/asn1tools"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/iana/flags"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/spnego"
	"github.com/jcmturner/gokrb5/v8/types"
	"github.com/stretchr/testify/require"

	"floorwalker/query/auth"
)

const service = "HTTP/floorwalker.corp.test"

func keys(t testing.TB, principal, password string) *keytab.Keytab {
	kt := keytab.New()
	require.NoError(t, kt.AddEntry(principal, "CORP.TEST", password, time.Unix(1, 0), 1, etypeID.AES256_CTS_HMAC_SHA1_96))
	return kt
}

// sent is a token as a client makes it, with the key of its session.
type sent struct {
	user, realm        string
	authenticatorRealm string // empty: the realm
	service            string
	keys               *keytab.Keytab
	begin, end         time.Duration // of the ticket, after now
	clock              time.Duration // of the client, after now
	mutual, bare       bool
	mechs              []asn1.ObjectIdentifier
	change             func(*messages.APReq)
	key                types.EncryptionKey
	authenticator      types.Authenticator
}

func client(kt *keytab.Keytab) *sent {
	return &sent{user: "anna", realm: "CORP.TEST", service: service, keys: kt, begin: -time.Minute, end: time.Hour,
		mechs: []asn1.ObjectIdentifier{gssapi.OIDKRB5.OID()}}
}

func (s *sent) token(t testing.TB) string {
	t.Helper()
	name := types.NewPrincipalName(nametype.KRB_NT_PRINCIPAL, s.user)
	server := types.NewPrincipalName(nametype.KRB_NT_SRV_INST, s.service)
	now := time.Now().UTC()
	ticket, key, err := messages.NewTicket(name, s.realm, server, "CORP.TEST", types.NewKrbFlags(), s.keys, etypeID.AES256_CTS_HMAC_SHA1_96, 1,
		now.Add(s.begin), now.Add(s.begin), now.Add(s.end), now.Add(s.end))
	require.NoError(t, err)
	realm := s.authenticatorRealm
	if realm == "" {
		realm = s.realm
	}
	a, err := types.NewAuthenticator(realm, name)
	require.NoError(t, err)
	a.CTime = a.CTime.Add(s.clock)
	s.key, s.authenticator = key, a
	request, err := messages.NewAPReq(ticket, key, a)
	require.NoError(t, err)
	if s.mutual {
		types.SetFlag(&request.APOptions, flags.APOptionMutualRequired)
	}
	if s.change != nil {
		s.change(&request)
	}
	body, err := request.Marshal()
	require.NoError(t, err)
	oid, err := asn1.Marshal(gssapi.OIDKRB5.OID())
	require.NoError(t, err)
	raw := asn1tools.AddASNAppTag(append(append(oid, 1, 0), body...), 0)
	if !s.bare {
		wrapped := spnego.SPNEGOToken{Init: true, NegTokenInit: spnego.NegTokenInit{MechTypes: s.mechs, MechTokenBytes: raw}}
		raw, err = wrapped.Marshal()
		require.NoError(t, err)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

func negotiator(t testing.TB, kt *keytab.Keytab, principal string) (*Negotiator, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	n, err := New([]Center{{ContactCenter: "6", Keytab: kt, Principal: principal, Realms: map[string]string{"CORP.TEST": "CORP"}},
		{ContactCenter: "7", Keytab: kt, Principal: principal, Realms: map[string]string{"OTHER.TEST": "OTHER"}}}, slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	return n, &log
}

func TestIdentify_TicketOfAUser_WindowsName(t *testing.T) {
	kt := keys(t, service, "secret")
	n, _ := negotiator(t, kt, "")
	user, reply, err := n.Identify(context.Background(), "6", client(kt).token(t))
	require.NoError(t, err)
	require.Equal(t, []string{`CORP\anna`, "anna@CORP.TEST"}, user)
	require.Equal(t, "oRQwEqADCgEAoQsGCSqGSIb3EgECAg==", reply, "accept-completed, of Kerberos")

	user, _, err = n.Identify(context.Background(), "", client(kt).token(t))
	require.NoError(t, err, "only to be judged")
	require.Equal(t, []string{`CORP\anna`, "anna@CORP.TEST"}, user)

	old := client(kt)
	old.mechs = []asn1.ObjectIdentifier{gssapi.OIDMSLegacyKRB5.OID(), gssapi.OIDKRB5.OID()}
	_, _, err = n.Identify(context.Background(), "6", old.token(t))
	require.NoError(t, err, "as Windows names Kerberos")
	bare := client(kt)
	bare.bare = true
	_, _, err = n.Identify(context.Background(), "6", bare.token(t))
	require.NoError(t, err, "without SPNEGO around it")
}

func TestIdentify_WhatIsRefused(t *testing.T) {
	kt := keys(t, service, "secret")
	for name, c := range map[string]struct {
		center string
		change func(*sent)
		says   string
	}{
		"another contact centre's realm": {"7", func(*sent) {}, "realm"},
		"no domain here":                 {"8", func(*sent) {}, "no domain"},
		// The authenticator is the client's own word; believed, it would make any user one of any realm.
		"realm of the client's own saying": {"7", func(s *sent) { s.authenticatorRealm = "OTHER.TEST" }, "realm"},
		"another service's key":            {"6", func(s *sent) { s.keys = keys(t, service, "other") }, "no key of the keytab opens"},
		"a service that is not there":      {"6", func(s *sent) { s.service = "HTTP/x"; s.keys = keys(t, "HTTP/x", "secret") }, "no key"},
		"client's clock behind":            {"6", func(s *sent) { s.clock = -MaxSkew - time.Minute }, "clocks of client and server differ by more than 5m0s"},
		"client's clock ahead":             {"6", func(s *sent) { s.clock = MaxSkew + time.Minute }, "clocks"},
		"ticket of tomorrow":               {"6", func(s *sent) { s.begin, s.end = 24*time.Hour, 25*time.Hour }, "not valid yet"},
		"ticket of yesterday":              {"6", func(s *sent) { s.begin, s.end = -25*time.Hour, -24*time.Hour }, "expired"},
		"a machine":                        {"6", func(s *sent) { s.user = "HTTP/host" }, "not a user's"},
		"a name with a domain in it":       {"6", func(s *sent) { s.user = `OTHER\anna` }, "not a user's"},
		"no name of the service":           {"6", func(s *sent) { s.change = func(r *messages.APReq) { r.Ticket.SName.NameString = nil } }, ""},
		"no options":                       {"6", func(s *sent) { s.change = func(r *messages.APReq) { r.APOptions = asn1.BitString{} } }, "malformed"},
		"no mechanism":                     {"6", func(s *sent) { s.mechs = nil }, "Kerberos"},
		"NTLM first": {"6", func(s *sent) {
			s.mechs = []asn1.ObjectIdentifier{{1, 3, 6, 1, 4, 1, 311, 2, 2, 10}, gssapi.OIDKRB5.OID()}
		}, "Kerberos first"},
	} {
		t.Run(name, func(t *testing.T) {
			n, log := negotiator(t, kt, "")
			s := client(kt)
			c.change(s)
			token := s.token(t)
			user, reply, err := n.Identify(context.Background(), c.center, token)
			require.ErrorIs(t, err, auth.ErrInvalid)
			require.ErrorContains(t, err, c.says)
			require.Empty(t, user)
			require.Empty(t, reply)
			require.Contains(t, log.String(), "refused")
			require.NotContains(t, log.String(), token[:40])
		})
	}
	n, _ := negotiator(t, kt, "")
	for _, credential := range []string{"", "!", "AAAA", base64.StdEncoding.EncodeToString([]byte("NTLMSSP\x00\x01\x00\x00\x00")), "oQcwBaADCgEC", "YAA=", "YIIB"} {
		_, _, err := n.Identify(context.Background(), "6", credential)
		require.ErrorIs(t, err, auth.ErrInvalid, credential)
	}
	_, _, err := n.Identify(context.Background(), "6", base64.StdEncoding.EncodeToString([]byte("NTLMSSP\x00\x01\x00\x00\x00")))
	require.ErrorContains(t, err, "NTLM is not taken")
}

// Where the domain has mapped the service to a user, that user's key opens the tickets, whatever service they name.
func TestIdentify_Principal_ItsKeyOpens(t *testing.T) {
	kt := keys(t, "floorwalker-svc", "secret")
	n, _ := negotiator(t, kt, "floorwalker-svc")
	s := client(kt)
	s.service = "floorwalker-svc"
	s.change = func(r *messages.APReq) { r.Ticket.SName = types.NewPrincipalName(nametype.KRB_NT_SRV_INST, service) }
	user, _, err := n.Identify(context.Background(), "6", s.token(t))
	require.NoError(t, err)
	require.Equal(t, []string{`CORP\anna`, "anna@CORP.TEST"}, user)

	none, _ := negotiator(t, kt, "")
	_, _, err = none.Identify(context.Background(), "6", s.token(t))
	require.ErrorIs(t, err, auth.ErrInvalid)
}

func TestIdentify_Again_Refused(t *testing.T) {
	kt := keys(t, "floorwalker-svc", "secret")
	n, _ := negotiator(t, kt, "floorwalker-svc")
	s := client(kt)
	s.service = "floorwalker-svc"
	ahead := client(kt)
	ahead.service, ahead.clock = "floorwalker-svc", MaxSkew-time.Minute
	now := time.Now()
	n.replays.now = func() time.Time { return now }
	var other string
	s.change = func(r *messages.APReq) {
		// The same in the name of another service, which nothing in the token protects.
		changed := *r
		changed.Ticket.SName = types.NewPrincipalName(nametype.KRB_NT_SRV_INST, "HTTP/other")
		body, err := changed.Marshal()
		require.NoError(t, err)
		oid, err := asn1.Marshal(gssapi.OIDKRB5.OID())
		require.NoError(t, err)
		other = base64.StdEncoding.EncodeToString(asn1tools.AddASNAppTag(append(append(oid, 1, 0), body...), 0))
	}
	token, early := s.token(t), ahead.token(t)

	var accepted atomic.Int32
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if _, _, err := n.Identify(context.Background(), "6", token); err == nil {
				accepted.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, accepted.Load(), "at the same time")
	for _, again := range []string{token, other} {
		_, _, err := n.Identify(context.Background(), "6", again)
		require.ErrorContains(t, err, "replay")
	}
	_, _, err := n.Identify(context.Background(), "6", early)
	require.NoError(t, err)
	now = now.Add(2*MaxSkew - time.Second)
	_, _, err = n.Identify(context.Background(), "6", early)
	require.ErrorContains(t, err, "replay", "a clock that goes ahead is believed for longer")
	_, _, err = n.Identify(context.Background(), "6", client(keys(t, service, "x")).token(t))
	require.Error(t, err)
}

func TestReplays_Bounded(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	r := newReplays(func() time.Time { return now })
	require.False(t, r.seen([]byte("a")))
	for range 5 {
		now = now.Add(believed - time.Millisecond)
		require.False(t, r.seen([]byte(now.String())))
		require.LessOrEqual(t, len(r.young)+len(r.old), 4)
	}
	now = now.Add(100 * believed)
	require.False(t, r.seen([]byte("b")))
	require.Empty(t, r.old)
}

// A client that asks for it can tell that the server could open its ticket.
func TestIdentify_MutualAuthentication_Proof(t *testing.T) {
	kt := keys(t, service, "secret")
	n, _ := negotiator(t, kt, "")
	s := client(kt)
	s.mutual = true
	_, reply, err := n.Identify(context.Background(), "6", s.token(t))
	require.NoError(t, err)
	raw, err := base64.StdEncoding.DecodeString(reply)
	require.NoError(t, err)
	var outer spnego.SPNEGOToken
	require.NoError(t, outer.Unmarshal(raw))
	require.True(t, outer.Resp)
	require.Equal(t, spnego.NegStateAcceptCompleted, outer.NegTokenResp.State())
	var inner spnego.KRB5Token
	require.NoError(t, inner.Unmarshal(outer.NegTokenResp.ResponseToken))
	require.True(t, inner.IsAPRep())
	opened, err := crypto.DecryptEncPart(inner.APRep.EncPart, s.key, keyusage.AP_REP_ENCPART)
	require.NoError(t, err)
	var part messages.EncAPRepPart
	require.NoError(t, part.Unmarshal(opened))
	require.True(t, part.CTime.Equal(s.authenticator.CTime.Truncate(time.Second)))
	require.Equal(t, s.authenticator.Cusec, part.Cusec)
}

// Whatever bytes come, the answer is a wrong credential.
func TestIdentify_AnyBytes_NeverPanics(t *testing.T) {
	kt := keys(t, service, "secret")
	n, _ := negotiator(t, kt, "")
	good, err := base64.StdEncoding.DecodeString(client(kt).token(t))
	require.NoError(t, err)
	r := rand.New(rand.NewSource(1))
	for range 3000 {
		b := bytes.Clone(good)
		for range 1 + r.Intn(4) {
			b[r.Intn(min(len(b), 200))] = byte(r.Intn(256))
		}
		b = b[:r.Intn(len(b)+1)]
		if _, _, err := n.Identify(context.Background(), "6", base64.StdEncoding.EncodeToString(b)); err != nil {
			require.ErrorIs(t, err, auth.ErrInvalid)
		}
	}
}
