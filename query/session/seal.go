package session

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	"floorwalker/query/auth"
)

// id of a session.
type id [16]byte

// ticket is what a cookie says.
type ticket struct {
	id      id        // random
	issued  time.Time // of the sign-in, in whole seconds, as all that follows
	seen    time.Time // of the request that the cookie was last renewed with
	mark    auth.Mark // of the account's credentials at the sign-in
	account string    // the principal's id
}

// purpose keeps the key of cookies apart from whatever else may be made of the same secret, and names the form of a ticket.
const purpose = "floorwalker session cookie 1"

// fixed is the length of a ticket without the account.
const fixed = len(id{}) + 8 + 8 + len(auth.Mark{})

// seal makes cookies out of tickets that nobody else can read or make.
type seal struct{ aead cipher.AEAD }

func newSeal(secret []byte) (*seal, error) {
	if len(secret) < MinKey {
		return nil, fmt.Errorf("sessions: a key of %d bytes is too short; at least %d are needed", len(secret), MinKey)
	}
	key, err := hkdf.Key(sha256.New, secret, nil, purpose, 32)
	if err != nil {
		return nil, fmt.Errorf("sessions: deriving the key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("sessions: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("sessions: %w", err)
	}
	return &seal{aead}, nil
}

func (s *seal) close(t ticket) string {
	plain := make([]byte, 0, fixed+len(t.account))
	plain = append(plain, t.id[:]...)
	plain = binary.BigEndian.AppendUint64(plain, uint64(t.issued.Unix()))
	plain = binary.BigEndian.AppendUint64(plain, uint64(t.seen.Unix()))
	plain = append(plain, t.mark[:]...)
	plain = append(plain, t.account...)
	nonce := make([]byte, s.aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails, says crypto/rand
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nonce, nonce, plain, []byte(purpose)))
}

// open is false for whatever close has not made with the same key.
func (s *seal) open(text string) (t ticket, ok bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) < s.aead.NonceSize() {
		return t, false
	}
	nonce, sealed := raw[:s.aead.NonceSize()], raw[s.aead.NonceSize():]
	plain, err := s.aead.Open(nil, nonce, sealed, []byte(purpose))
	if err != nil || len(plain) < fixed {
		return t, false
	}
	rest := plain[copy(t.id[:], plain):]
	t.issued = time.Unix(int64(binary.BigEndian.Uint64(rest)), 0)
	t.seen = time.Unix(int64(binary.BigEndian.Uint64(rest[8:])), 0)
	rest = rest[16:]
	t.account = string(rest[copy(t.mark[:], rest):])
	return t, true
}
