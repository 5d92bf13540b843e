package alert

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func verify(header string, body, secret []byte, now time.Time) error {
	stamp, signature, found := strings.Cut(strings.TrimPrefix(header, "t="), ",v1=")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if !found || err != nil {
		return errors.New("malformed signature")
	}
	if age := now.Sub(time.Unix(seconds, 0)); age.Abs() > 5*time.Minute {
		return errors.New("too old: perhaps somebody repeats it")
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(stamp + "."))
	mac.Write(body)
	if !hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(signature)) {
		return errors.New("not Floorwalker's, or changed on its way")
	}
	return nil
}

// What the documentation shows to those who are posted to is this very function, and it accepts the post that is shown there, and no other.
func TestDocumentation_SampleIsVerifiedByTheCodeShown(t *testing.T) {
	page, err := os.ReadFile("../../docs/alerts.md")
	require.NoError(t, err)
	source, err := os.ReadFile("verify_test.go")
	require.NoError(t, err)
	shown := regexp.MustCompile("(?s)```go\n(func verify.*?\n}\n)```").FindSubmatch(page)
	require.NotNil(t, shown, "docs/alerts.md shows no func verify")
	require.Contains(t, string(source), "\n"+string(shown[1]))

	post := regexp.MustCompile("(?s)```http\nPOST .*?\n\n(\\{.*?\\})\n```").FindSubmatch(page)
	require.NotNil(t, post, "docs/alerts.md shows no post")
	header := regexp.MustCompile(SignatureHeader + ": (\\S+)").FindSubmatch(post[0])
	key := regexp.MustCompile("secret `([^`]+)`").FindSubmatch(page)
	require.NotNil(t, header)
	require.NotNil(t, key)
	at, err := strconv.ParseInt(string(regexp.MustCompile(`t=(\d+)`).FindSubmatch(header[1])[1]), 10, 64)
	require.NoError(t, err)
	now := time.Unix(at, 0)
	require.NoError(t, verify(string(header[1]), post[1], key[1], now))
	require.Equal(t, string(header[1]), Sign(key[1], now, post[1]))
	require.Error(t, verify(string(header[1]), append([]byte(nil), append(post[1], ' ')...), key[1], now))
	require.Error(t, verify(string(header[1]), post[1], []byte(secret), now))
	require.Error(t, verify(string(header[1]), post[1], key[1], now.Add(6*time.Minute)))
}
