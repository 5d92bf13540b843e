package config

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

const minTokenBytes = 16

// secret reads what a file or an environment variable holds, without the line end that editors add.
func secret(file, env string) (string, error) {
	if file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		if s := strings.TrimRight(string(data), "\r\n"); s != "" {
			return s, nil
		}
		return "", fmt.Errorf("file %q is empty", file)
	}
	s, ok := os.LookupEnv(env)
	if !ok || s == "" {
		return "", fmt.Errorf("environment variable %q is not set", env)
	}
	return s, nil
}

// optionalSecret is secret, and "" where neither is named.
func optionalSecret(file, env string) (string, error) {
	if file == "" && env == "" {
		return "", nil
	}
	return secret(file, env)
}

// Password returns the password that authenticates to Kafka, "" where none is configured.
func (s SASL) Password() (string, error) { return optionalSecret(s.PasswordFile, s.PasswordEnv) }

// Password returns ClickHouse's password, "" where none is configured.
func (c ClickHouse) Password() (string, error) { return optionalSecret(c.PasswordFile, c.PasswordEnv) }

// SigningKey returns the key that signs Clarity's tokens, "" where none is configured.
func (c Clarity) SigningKey() (string, error) {
	return optionalSecret(c.SigningKeyFile, c.SigningKeyEnv)
}

// PreviousSigningKey returns the key that signed Clarity's tokens before, "" where none is configured.
func (c Clarity) PreviousSigningKey() (string, error) {
	return optionalSecret(c.PreviousSigningKeyFile, c.PreviousSigningKeyEnv)
}

// SigningKey returns the key that signs Vonage's tokens, "" where none is configured.
func (v Vonage) SigningKey() (string, error) {
	return optionalSecret(v.SigningKeyFile, v.SigningKeyEnv)
}

// Sum returns the SHA-256 of the token.
func (t Token) Sum() ([32]byte, error) { return sum(t.TokenSHA256, t.TokenFile, t.TokenEnv) }

// Sum returns the SHA-256 of the token.
func (t SurfaceToken) Sum() ([32]byte, error) { return sum(t.TokenSHA256, t.TokenFile, t.TokenEnv) }

// Sum returns the SHA-256 of the secret.
func (c VonageClient) Sum() ([32]byte, error) { return sum(c.SecretSHA256, c.SecretFile, c.SecretEnv) }

func sum(sha, file, env string) (out [32]byte, err error) {
	if sha == "" {
		s, err := secret(file, env)
		if err != nil {
			return out, err
		}
		if len(s) < minTokenBytes {
			return out, fmt.Errorf("%d bytes are too short for a secret; at least %d are needed", len(s), minTokenBytes)
		}
		return sha256.Sum256([]byte(s)), nil
	}
	b, err := hex.DecodeString(sha)
	if err != nil || len(b) != len(out) {
		return out, errors.New("not a SHA-256 in hex (64 digits)")
	}
	copy(out[:], b)
	return out, nil
}

// NewToken returns a random token of 256 bits, safe in URLs and headers.
func NewToken() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// TokenSum returns a token as token_sha256 wants it.
func TokenSum(token string) string {
	s := sha256.Sum256([]byte(token))
	return hex.EncodeToString(s[:])
}

// checkHash refuses what is not Argon2id, what is too weak to keep, and what would cost too much to verify.
func checkHash(hash string) error {
	const want = "not an Argon2id hash ($argon2id$v=19$m=…,t=…,p=…$salt$hash, as `floorwalker hash-password` prints it)"
	p := strings.Split(hash, "$")
	if len(p) != 6 || p[0] != "" || p[1] != "argon2id" || p[2] != "v=19" {
		return errors.New(want)
	}
	var cost [3]int
	params := strings.Split(p[3], ",")
	if len(params) != len(cost) {
		return errors.New(want)
	}
	for i, name := range []string{"m=", "t=", "p="} {
		n, err := strconv.Atoi(strings.TrimPrefix(params[i], name))
		if err != nil || !strings.HasPrefix(params[i], name) || n < 1 {
			return errors.New(want)
		}
		cost[i] = n
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(p[4])
	key, err2 := base64.RawStdEncoding.DecodeString(p[5])
	if err1 != nil || err2 != nil || len(salt) < 8 || len(key) < 16 || len(key) > 64 {
		return errors.New(want)
	}
	if cost[0] > 1<<20 || cost[1] > 16 || cost[2] > 16 {
		return fmt.Errorf("Argon2id with m=%d,t=%d,p=%d costs too much to verify; at most m=1048576,t=16,p=16", cost[0], cost[1], cost[2])
	}
	if !strong(cost[0], cost[1]) {
		return fmt.Errorf("Argon2id with m=%d,t=%d is too weak; at least m=19456,t=2", cost[0], cost[1])
	}
	return nil
}

// strong holds OWASP's equivalent settings: less memory for more passes.
func strong(memoryKiB, passes int) bool {
	for _, min := range [][2]int{{47104, 1}, {19456, 2}, {12288, 3}, {9216, 4}, {7168, 5}} {
		if memoryKiB >= min[0] && passes >= min[1] {
			return true
		}
	}
	return false
}
