package surfaces_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/internal/nodeclients"
)

// npm's signalr beside the Web API: connect, subscribe, set a status by the API, be told of it.
func TestClarityPush_RealClient(t *testing.T) {
	if testing.Short() {
		t.Skip("the real SignalR client takes seconds; it runs without -short")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	modules, err := nodeclients.Fetch(ctx, "../../../query/signalr/testdata/clients")
	if errors.Is(err, nodeclients.ErrMissing) && os.Getenv("CI") == "" {
		t.Skipf("the real SignalR client needs Node.js: %v", err)
	}
	require.NoError(t, err)
	w, address := pushedFloor(t)
	type scenario struct {
		Transport string `json:"transport"`
		Agent     int    `json:"agent"`
	}
	input, err := json.Marshal(map[string]any{"url": "http://" + address, "token": w.clarityToken("lead"),
		"scenarios": []scenario{{"webSockets", 41}, {"serverSentEvents", 5}, {"longPolling", 15}}})
	require.NoError(t, err)
	out, err := nodeclients.Run(ctx, modules, "testdata/clients/dashboard.js", input)
	require.NoError(t, err, "%s", w.log)
	sample := func(key, name string, id int, before string) string {
		message := func(reset bool, item string) string {
			return fmt.Sprintf(`{"subscriptionId": "…", "asOf": "…", "reset": %t, "more": false, "removed": [], "items": [{"key": %q, "type": "agent", "id": %d, %s}]}`, reset, key, id, item)
		}
		return fmt.Sprintf(`{"subscriptionId": "…", "deleted": 204, "state": %s, "change": %s}`,
			message(true, fmt.Sprintf(`"name": %q, "currentStatus": {"agentStatus": %q%s}`, name, before, map[bool]string{true: `, "isSuspended": false`}[before != "unknown"])),
			message(false, `"currentStatus": {"agentStatus": "beRightBack", "…": 0}`))
	}
	requireSample(t, "["+sample("rob", "Rob T.", 41, "available")+","+sample("ann", "Ann", 5, "unknown")+","+sample("peter", "Peter Miller", 15, "unknown")+"]", string(out))
}
