package signalr

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"

	"github.com/google/uuid"
)

// A connection token is the connection's id, a keyed hash of whose it is, and a MAC of both; base64url.
const (
	tokenOwner = 16
	tokenMAC   = 32
	tokenBytes = 16 + tokenOwner + tokenMAC
)

var tokenCoding = base64.RawURLEncoding.Strict()

// protect makes the token of a connection.
func protect(key []byte, id uuid.UUID, principal string) string {
	raw := append(append(make([]byte, 0, tokenBytes), id[:]...), owner(key, principal)...)
	return tokenCoding.EncodeToString(append(raw, mac(key, "token", raw)...))
}

// unprotect reads a token. ok is false where the server did not make it, ours where it is not this principal's.
func unprotect(key []byte, token, principal string) (id uuid.UUID, ours, ok bool) {
	raw := make([]byte, tokenBytes)
	if len(token) != tokenCoding.EncodedLen(tokenBytes) {
		return id, false, false
	}
	if n, err := tokenCoding.Decode(raw, []byte(token)); err != nil || n != tokenBytes {
		return id, false, false
	}
	signed, sum := raw[:tokenBytes-tokenMAC], raw[tokenBytes-tokenMAC:]
	if !hmac.Equal(sum, mac(key, "token", signed)) {
		return id, false, false
	}
	copy(id[:], signed)
	return id, hmac.Equal(signed[16:], owner(key, principal)), true
}

func owner(key []byte, principal string) []byte {
	return mac(key, "owner", []byte(principal))[:tokenOwner]
}

// mac is keyed per purpose, so that one kind of value cannot be passed off as another.
func mac(key []byte, purpose string, of []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(purpose))
	h.Write([]byte{0})
	h.Write(of)
	return h.Sum(nil)
}
