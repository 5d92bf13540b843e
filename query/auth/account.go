package auth

import (
	"crypto/sha256"
	"encoding/hex"
)

// Mark tells an account's credentials from those that it had before, and nothing of them.
type Mark [8]byte

// known is a configured account without its credentials.
type known struct {
	principal Principal
	mark      Mark
}

// Account is the principal of a configured account, with the mark of its credentials; false where no account has the id.
func (a *Authenticator) Account(id string) (Principal, Mark, bool) {
	k, ok := a.accounts[id]
	return k.principal, k.mark, ok
}

// markOf is of all credentials, whose checks have been made.
func markOf(account Account) (m Mark) {
	h := sha256.New()
	for _, token := range account.Tokens {
		sum := sha256.Sum256([]byte(token))
		h.Write(sum[:])
	}
	for _, text := range account.TokenSHA256 {
		sum, _ := hex.DecodeString(text) // add has looked
		h.Write(sum)
	}
	h.Write([]byte(account.PasswordHash))
	copy(m[:], h.Sum(nil))
	return m
}
