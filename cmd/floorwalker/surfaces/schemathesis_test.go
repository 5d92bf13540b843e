package surfaces_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/internal/schemathesis"
)

// A tester that knows nothing of the surfaces but the OpenAPI document, and has their credentials, gets no answer that the document does
// not describe, and no failure. What vendors' clients may send beside the parameters is ignored, so nothing is said of what is refused.
func TestSurfaces_AnswerAsTheDocumentSays(t *testing.T) {
	if os.Getenv("FLOORWALKER_LONG") == "" {
		t.Skip("takes minutes: FLOORWALKER_LONG=1")
	}
	modules, err := schemathesis.Fetch(t.Context())
	if errors.Is(err, schemathesis.ErrMissing) && os.Getenv("CI") == "" {
		t.Skip("needs Python 3 with venv:", err)
	}
	require.NoError(t, err)
	w := newWorld(t, "2026-11-21T12:00:00Z", pushing, func(s *setup) { s.history, s.alerts = newPast(t), newAlertTopic() })
	w.agent("a", "Ann", "")
	w.agent("admin", "Admin", `{"number":1,"role":"admin","sip":"sip:admin"}`)
	w.event("-1h", "agent.status", "a", `{"status":"available"}`)
	// Clarity's specification has 500 for a session that does not exist: the tester asks for one that does.
	w.event("-5m", "interaction.created", "77", `{"channel":"chat","direction":"inbound","customer":{"id":"c"}}`)
	w.event("-5m", "interaction.connected", "77", `{"agent_id":"a"}`)
	w.settle()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- w.app.Serve(listener) }()
	defer func() { require.NoError(t, errors.Join(w.app.Shutdown(t.Context()), <-served)) }()
	dir := t.TempDir()
	settings := fmt.Sprintf("[parameters]\n\"path.account_sid\" = %q\n\"path.ccId\" = \"6\"\n\"path.sessionId\" = \"77\"\n\"query.auth_token\" = %q\n\"query.start\" = \"2026-11-21T11:00:00Z\"\n", exotelSID, convosoToken)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "schemathesis.toml"), []byte(settings), 0o600))
	for tag, headers := range map[string][]string{
		"ameyo":          {"Authorization: " + basic(ameyoUser, ameyoPassword)},
		"convoso":        nil,
		"exotel":         {"Authorization: Bearer " + exotelToken},
		"vonage":         {"Authorization: Bearer " + w.vonageToken(), "Accept: application/vnd.newvoicemedia.v3+json"},
		"vonage tokens":  nil,
		"clarity":        {"Authorization: Bearer " + w.clarityToken("admin")},
		"clarity tokens": {"Authorization: " + basic("admin", ameyoPassword)},
	} {
		args := []string{"http://" + listener.Addr().String() + "/openapi.json", "--include-tag", tag, "--phases", "coverage,fuzzing", "--max-examples", "40", "--seed", "1", "--warnings", "off",
			"--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance"}
		for _, h := range headers {
			args = append(args, "-H", h)
		}
		out, err := schemathesis.Run(t.Context(), modules, dir, args...)
		require.NoError(t, err, out)
		require.NotContains(t, out, " 0 generated", "it tested something of %s", tag)
	}
}
