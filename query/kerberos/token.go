package kerberos

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/asn1tools"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/iana"
	"github.com/jcmturner/gokrb5/v8/iana/asnAppTag"
	"github.com/jcmturner/gokrb5/v8/iana/flags"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/iana/msgtype"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/spnego"
	"github.com/jcmturner/gokrb5/v8/types"
)

// token is what a client says in Negotiate: a request to be known by a ticket.
type token struct {
	request messages.APReq
	mech    asn1.ObjectIdentifier // as SPNEGO names Kerberos; nil for a Kerberos token without SPNEGO around it
}

// ntlm begins the tokens of clients that are in no domain, or see none of ours.
const ntlm = "NTLMSSP\x00"

func readToken(raw []byte) (*token, error) {
	if len(raw) >= len(ntlm) && string(raw[:len(ntlm)]) == ntlm {
		return nil, invalid("NTLM is not taken, only Kerberos; is the client in the domain, and this server's name a service there?")
	}
	var t token
	inner := raw
	var s spnego.SPNEGOToken
	if err := s.Unmarshal(raw); err == nil {
		switch {
		case s.Init && len(s.NegTokenInit.MechTypes) > 0:
			// Only the first mechanism has its token here.
			t.mech, inner = s.NegTokenInit.MechTypes[0], s.NegTokenInit.MechTokenBytes
		case s.Resp:
			t.mech, inner = s.NegTokenResp.SupportedMech, s.NegTokenResp.ResponseToken
		}
		if !t.mech.Equal(gssapi.OIDKRB5.OID()) && !t.mech.Equal(gssapi.OIDMSLegacyKRB5.OID()) {
			return nil, invalid("the client does not offer Kerberos first")
		}
	}
	var k spnego.KRB5Token
	if err := k.Unmarshal(inner); err != nil || !k.IsAPReq() {
		return nil, invalid("not a Kerberos token")
	}
	if len(k.APReq.Ticket.SName.NameString) == 0 {
		return nil, invalid("malformed")
	}
	t.request = k.APReq
	return &t, nil
}

// answer is what WWW-Authenticate says with a success: that this server could open the ticket, where the client wants to know.
func (t *token) answer() (string, error) {
	var proof []byte
	if types.IsFlagSet(&t.request.APOptions, flags.APOptionMutualRequired) {
		var err error
		if proof, err = t.proof(); err != nil {
			return "", err
		}
	}
	if t.mech == nil {
		return base64.StdEncoding.EncodeToString(proof), nil
	}
	r := spnego.NegTokenResp{NegState: asn1.Enumerated(spnego.NegStateAcceptCompleted), SupportedMech: t.mech, ResponseToken: proof}
	out, err := r.Marshal()
	return base64.StdEncoding.EncodeToString(out), err
}

// proof is a KRB_AP_REP (RFC 4120, section 5.5.2) in the frame of RFC 4121, section 4.1; the library reads these and does not
// write them.
func (t *token) proof() ([]byte, error) {
	said, key := &t.request.Authenticator, t.request.Ticket.DecryptedEncPart.Key
	part, err := asn1.Marshal(messages.EncAPRepPart{CTime: said.CTime, Cusec: said.Cusec, SequenceNumber: said.SeqNumber})
	if err != nil {
		return nil, fmt.Errorf("kerberos: encoding a reply: %w", err)
	}
	sealed, err := crypto.GetEncryptedData(asn1tools.AddASNAppTag(part, asnAppTag.EncAPRepPart), key, keyusage.AP_REP_ENCPART, 0)
	if err != nil {
		return nil, fmt.Errorf("kerberos: sealing a reply: %w", err)
	}
	body, err := asn1.Marshal(messages.APRep{PVNO: iana.PVNO, MsgType: msgtype.KRB_AP_REP, EncPart: sealed})
	if err != nil {
		return nil, fmt.Errorf("kerberos: encoding a reply: %w", err)
	}
	oid, err := asn1.Marshal(gssapi.OIDKRB5.OID())
	if err != nil {
		return nil, fmt.Errorf("kerberos: encoding a reply: %w", err)
	}
	const tokenAPRep = 0x0200
	out := binary.BigEndian.AppendUint16(oid, tokenAPRep)
	return asn1tools.AddASNAppTag(append(out, asn1tools.AddASNAppTag(body, asnAppTag.APREP)...), 0), nil
}
