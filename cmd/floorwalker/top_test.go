package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// emptyFloor answers every list with nothing, to whom the token is of.
func emptyFloor(t *testing.T, token string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, `{"data":[],"metadata":{"total":0,"as_of":"2026-11-21T12:00:00.000Z"}}`)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestTop_Once_OneDocument(t *testing.T) {
	t.Setenv(tokenVariable, "")
	url := emptyFloor(t, "of-the-file")
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("of-the-file\n"), 0o600))
	out, err := call(t, "", "top", "--url", url, "--token-file", file, "--contact-center", "6", "--once", "--format=json")
	require.NoError(t, err, out)
	var document map[string]any
	require.NoError(t, json.Unmarshal([]byte(out), &document))
	require.Equal(t, "6", document["contact_center"])
	require.Equal(t, true, document["stale"])
	out, err = call(t, "", "top", "--url", url, "--token-file", file, "--contact-center", "6", "--once")
	require.NoError(t, err)
	require.Contains(t, out, "ALL 0 QUEUES")
	require.NotContains(t, out, "\x1b", "no colour where no terminal is")

	t.Setenv(tokenVariable, "of-the-file")
	_, err = call(t, "", "top", "--url", url, "--contact-center", "6", "--once")
	require.NoError(t, err, "the environment says it too")
}

func TestTop_Refusals(t *testing.T) {
	t.Setenv(tokenVariable, "")
	none := t.TempDir()
	url := emptyFloor(t, "right")
	for _, c := range []struct {
		token, want string
		args        []string
	}{
		{"", "no demo", []string{"--data", none}},
		{"", "no token", []string{"--url", url, "--contact-center", "6"}},
		{"right", "no terminal", []string{"--url", url, "--contact-center", "6"}},
		{"right", "--contact-center", []string{"--url", url, "--once"}},
		{"wrong", "401", []string{"--url", url, "--contact-center", "6", "--once"}},
		{"right", "text or json", []string{"--url", url, "--contact-center", "6", "--once", "--format=xml"}},
		{"right", "one of longest", []string{"--url", url, "--contact-center", "6", "--once", "--sort=size"}},
		{"right", "allowed: logged_out", []string{"--url", url, "--contact-center", "6", "--once", "--longer-than=asleep=1m"}},
		{"right", "such as 90s", []string{"--url", url, "--contact-center", "6", "--once", "--longer-than=break=long"}},
	} {
		t.Setenv(tokenVariable, c.token)
		_, err := call(t, "", append([]string{"top"}, c.args...)...)
		require.ErrorContains(t, err, c.want)
	}
}

// Arguments can be read by everybody on the machine: none takes a token.
func TestTop_NoFlagTakesAToken(t *testing.T) {
	flags := newTop().Flags()
	require.Nil(t, flags.Lookup("token"))
	require.NotNil(t, flags.Lookup("token-file"))
}
