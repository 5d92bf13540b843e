package auth

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// hash is an Argon2id hash in PHC form: $argon2id$v=19$m=KiB,t=passes,p=lanes$salt$sum, both in unpadded base64.
type hash struct {
	memory  uint32 // KiB
	time    uint32
	threads uint8
	salt    []byte
	sum     []byte
}

func (h hash) cost() uint64 { return uint64(h.memory) * uint64(h.time) }

// HashPassword makes the hash to be written into the configuration, at 19 MiB, two passes, one lane (OWASP's minimum).
func HashPassword(password string) (string, error) {
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("making a salt: %w", err)
	}
	h := hash{memory: 19 << 10, time: 2, threads: 1, salt: salt, sum: make([]byte, 32)}
	h.sum = derive(password, h)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.time, h.threads,
		b64.EncodeToString(h.salt), b64.EncodeToString(h.sum)), nil
}

func derive(password string, h hash) []byte {
	return argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.threads, uint32(len(h.sum)))
}

// weakest pairs that OWASP's password storage sheet counts as equivalent: memory in MiB, passes.
var weakest = [][2]uint32{{46, 1}, {19, 2}, {12, 3}, {9, 4}, {7, 5}}

func parseHash(s string) (hash, error) {
	fields := strings.Split(s, "$")
	if len(fields) != 6 || fields[0] != "" || fields[1] != "argon2id" {
		return hash{}, errors.New("not of the form $argon2id$v=19$m=…,t=…,p=…$salt$sum")
	}
	if fields[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return hash{}, fmt.Errorf("version %q; allowed: v=%d", fields[2], argon2.Version)
	}
	var h hash
	if _, err := fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.threads); err != nil {
		return hash{}, fmt.Errorf("parameters %q: %w", fields[3], err)
	}
	var err error
	if h.salt, err = base64.RawStdEncoding.DecodeString(fields[4]); err != nil || len(h.salt) < 8 {
		return hash{}, errors.New("the salt is not at least 8 bytes of unpadded base64")
	}
	if h.sum, err = base64.RawStdEncoding.DecodeString(fields[5]); err != nil || len(h.sum) < 16 {
		return hash{}, errors.New("the sum is not at least 16 bytes of unpadded base64")
	}
	return h, h.check()
}

func (h hash) check() error {
	if h.threads < 1 || h.memory > 1<<20 || h.time > 64 {
		return fmt.Errorf("m=%d,t=%d,p=%d: allowed are at most 1 GiB, 64 passes, and at least 1 lane", h.memory, h.time, h.threads)
	}
	for _, w := range weakest {
		if h.memory >= w[0]<<10 && h.time >= w[1] {
			return nil
		}
	}
	return fmt.Errorf("m=%d,t=%d is too weak; at least m=19456,t=2 or an equivalent", h.memory, h.time)
}
