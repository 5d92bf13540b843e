package surfaces_test

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"floorwalker/cmd/floorwalker/config"
	"floorwalker/internal/kdctest"
)

// serve answers on a port of the loopback and returns it.
func (w *world) serve() int {
	w.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(w.t, err)
	done := make(chan error, 1)
	go func() { done <- w.app.Serve(listener) }()
	w.t.Cleanup(func() {
		require.NoError(w.t, w.app.Fiber().Shutdown())
		require.NoError(w.t, <-done)
	})
	return listener.Addr().(*net.TCPAddr).Port
}

type curl struct {
	t   *testing.T
	url string
	env []string
}

// answer posts for a token and returns the last answer's status and body, and everything that was sent and received.
func (c curl) answer(arguments ...string) (status int, body, talk string) {
	c.t.Helper()
	cmd := exec.Command("curl", append([]string{"-sv", "--noproxy", "*", "--max-time", "20", "-w", "\n%{http_code}", "-d", "grant_type=urn:connect.auth:windows",
		"-d", "client_id=" + clarityClient, c.url}, arguments...)...)
	cmd.Env = c.env
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	require.NoError(c.t, cmd.Run(), log.String())
	text, code := out.String(), ""
	at := strings.LastIndexByte(text, '\n')
	text, code = text[:at], text[at+1:]
	status, err := strconv.Atoi(code)
	require.NoError(c.t, err)
	if at := strings.LastIndexByte(text, '}'); at >= 0 {
		text = text[strings.LastIndexByte(text[:at], '{') : at+1]
	}
	return status, text, log.String()
}

// A real domain, a real client: what the specification calls integrated Windows authentication.
func TestClarity_DomainUser_TicketForToken(t *testing.T) {
	kdc := kdctest.Start(t, "CORP.TEST")
	for _, user := range []string{"lead", "pmiller", "una", "stranger"} {
		kdc.AddUser(user, "password-"+user)
	}
	keytab := kdc.Keytab("HTTP/localhost")
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	w := supervised(t, "2016-09-02T20:00:00Z", func(s *setup) {
		s.centers[0].Surfaces.Clarity.Kerberos = config.Kerberos{KeytabFile: keytab, Realms: []config.Realm{{Name: "CORP.TEST"}}}
	})
	w.agent("upn", "Una", `{"number":77,"login":"una@corp.test"}`)
	port := strconv.Itoa(w.serve())
	as := func(user string) curl {
		return curl{t, "http://localhost:" + port + "/webauth/token", kdc.SignIn(user, "password-"+user)}
	}
	for user, agent := range map[string]string{"lead": "101", "pmiller": "15", "una": "77"} {
		status, body, talk := as(user).answer("--negotiate", "-u", ":")
		require.Equal(t, 200, status, talk)
		var answer struct {
			Token string `json:"access_token"`
		}
		require.NoError(t, json.Unmarshal([]byte(body), &answer), body)
		claims := jwt.MapClaims{}
		_, _, err := jwt.NewParser().ParseUnverified(answer.Token, claims)
		require.NoError(t, err)
		require.Equal(t, agent, claims["connect_agent_id"], user)
		require.Equal(t, 200, w.do("GET", "/webapi/api/v2/profile", "", "Authorization", "Bearer "+answer.Token).StatusCode)

		// Who has listened shows the same ticket.
		_, shown, found := strings.Cut(talk, "> Authorization: ")
		require.True(t, found, talk)
		shown, _, _ = strings.Cut(shown, "\r\n")
		again := w.clarityLogin(clarityClient, "Authorization", strings.TrimSpace(strings.SplitN(shown, "\n", 2)[0]))
		require.Equal(t, 401, again.StatusCode)
		require.Contains(t, again.body, "replay")
		require.Equal(t, []string{"Negotiate", `Basic realm="connect", charset="UTF-8"`}, again.Header.Values("WWW-Authenticate"))
	}
	status, body, talk := as("stranger").answer("--negotiate", "-u", ":")
	require.Equal(t, 401, status, talk)
	require.Contains(t, body, "no agent")

	c := as("lead")
	status, _, talk = c.answer()
	require.Equal(t, 401, status)
	require.Contains(t, talk, "< Www-Authenticate: Negotiate\r\n")
	status, body, _ = c.answer("-H", "Authorization: Negotiate TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAKAGFKAAAADw==")
	require.Equal(t, 401, status)
	require.Contains(t, body, "NTLM is not taken")
	status, _, talk = c.answer("-u", "lead:"+ameyoPassword)
	require.Equal(t, 200, status, "a password is still good: %s", talk)
	require.Equal(t, http.StatusUnauthorized, w.clarityLogin(other+clarityClient, "Authorization", "Negotiate AAAA").StatusCode)
}
