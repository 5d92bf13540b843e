package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/internal/browser"
	"floorwalker/internal/proxy"
)

// scenarios are what a supervisor does, in a real Chromium.
const scenarios = "testdata/wallboard/scenarios.cjs"

// The wallboard in a real browser, on a whole Floorwalker: what is seen, what is refused, and that everybody can use it.
func TestWallboard_InARealBrowser(t *testing.T) {
	requireEngine(t)
	b := requireBrowser(t)
	f := startDemo(t, t.TempDir(), "--no-simulator")
	zone := busyZone(time.Now()) // far from midnight: what is of the last hour is of today
	f.beginWallboardDay(zone)
	way, err := proxy.New()
	require.NoError(t, err)
	defer way.Close()
	way.To(strings.TrimPrefix(f.URL, "http://"))
	stage := httptest.NewServer(f.stage(way))
	defer stage.Close()
	runScenarios(t, b, scenarios, map[string]any{"url": "http://" + way.Addr(), "stage": stage.URL, "users": f.Users, "tokens": f.Tokens,
		"contact_center": f.ContactCenter, "zone": zone})
}

// Pictures for the documentation, of the floor that the demo invents.
func TestWallboard_Screenshots(t *testing.T) {
	dir := os.Getenv("FLOORWALKER_SCREENSHOTS")
	if dir == "" {
		t.Skip("makes pictures: FLOORWALKER_SCREENSHOTS=DIR")
	}
	requireEngine(t)
	b := requireBrowser(t)
	dir, err := filepath.Abs(dir)
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(dir, 0o755))
	f := startDemo(t, t.TempDir(), "--agents", "250", "--time-zone", busyZone(time.Now()))
	runScenarios(t, b, "testdata/wallboard/screenshots.cjs", map[string]any{"url": f.URL, "users": f.Users, "dir": dir})
}

// busyZone is a zone where it is about eleven in the morning, when most agents are at work.
func busyZone(now time.Time) string {
	zones := []string{"Pacific/Auckland", "Asia/Tokyo", "Asia/Kolkata", "Asia/Dubai", "Europe/Berlin", "Europe/London", "America/Sao_Paulo", "America/New_York",
		"America/Los_Angeles", "Pacific/Honolulu"}
	best, least := zones[0], 24.0
	for _, name := range zones {
		zone, err := time.LoadLocation(name)
		if err != nil {
			continue
		}
		local := now.In(zone)
		if off := math.Abs(float64(local.Hour()) + float64(local.Minute())/60 - 11); off < least {
			best, least = name, off
		}
	}
	return best
}

// requireBrowser skips the test where Chromium or Node.js is missing, except in CI, which installs them.
func requireBrowser(t *testing.T) *browser.Browser {
	t.Helper()
	b, err := browser.Fetch(t.Context(), filepath.Join(root, "internal", "browser"))
	if errors.Is(err, browser.ErrMissing) && os.Getenv("CI") == "" {
		t.Skip("needs Chromium and Node.js:", err)
	}
	require.NoError(t, err)
	return b
}

// runScenarios makes a test of each scenario of a script.
func runScenarios(t *testing.T, b *browser.Browser, script string, argument map[string]any) {
	t.Helper()
	if only := os.Getenv("FLOORWALKER_SCENARIO"); only != "" {
		argument["only"] = []string{only}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	results, err := b.Run(ctx, script, argument)
	require.NoError(t, err)
	require.NotEmpty(t, results)
	for _, r := range results {
		t.Run(r.Name, func(t *testing.T) {
			t.Logf("%d ms %v", r.TookMs, r.Notes)
			require.Empty(t, r.Error)
		})
	}
}

// stage lets a script change what the wallboard shows: events that happen now, and the connection lost and found again.
func (f *floor) stage(way *proxy.Proxy) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /say", func(w http.ResponseWriter, r *http.Request) {
		var said []struct {
			Type, Subject string
			Data          map[string]any
		}
		if err := json.NewDecoder(r.Body).Decode(&said); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		var lines []byte
		for _, s := range said {
			lines = append(append(lines, goodEvent(f.ContactCenter, s.Type, s.Subject, time.Now(), s.Data).json()...), '\n')
		}
		a, err := f.try(http.MethodPost, "admin", of(f.ContactCenter, "events"), lines, "application/x-ndjson")
		if err != nil || a.status != http.StatusAccepted {
			http.Error(w, fmt.Sprint(err, a.status, string(a.body)), http.StatusBadGateway)
		}
	})
	mux.HandleFunc("POST /lose", func(http.ResponseWriter, *http.Request) { way.Set(proxy.Refuse) })
	mux.HandleFunc("POST /return", func(http.ResponseWriter, *http.Request) { way.Set(proxy.Pass) })
	return mux
}

// beginWallboardDay gives the floor what its pages show: two queues, two teams, sixty agents, calls of the last hour, and two that wait.
func (f *floor) beginWallboardDay(zone string) {
	f.t.Helper()
	now := time.Now()
	var day []event
	entity := func(kind, id string, data map[string]any) {
		day = append(day, goodEvent(f.ContactCenter, "cc.directory."+kind, id, now, data))
	}
	entity("contact_center", f.ContactCenter, map[string]any{"name": "Harbour", "time_zone": zone})
	entity("business_unit", "bu", map[string]any{"name": "Unit"})
	entity("team", "north", map[string]any{"name": "North", "business_unit_id": "bu", "queue_ids": []string{"sales"}})
	entity("team", "south", map[string]any{"name": "South", "business_unit_id": "bu", "queue_ids": []string{"support"}})
	entity("queue", "sales", map[string]any{"name": "Sales", "team_ids": []string{}, "service_level_seconds": 30})
	entity("queue", "support", map[string]any{"name": "Support", "team_ids": []string{}})
	entity("reason_code", "7", map[string]any{"name": "Coffee", "status": "break"})
	names := []string{"Ada", "Ben", "Cleo", "Dora", "Emil", "Fay"}
	for n := range 60 {
		team := []string{"north", "south"}[n%2]
		entity("agent", fmt.Sprintf("a%02d", n), map[string]any{"name": fmt.Sprintf("%s %02d", names[n%len(names)], n), "login": fmt.Sprintf("l%02d", n),
			"email": "x@example.com", "team_id": team, "skills": []string{}, "queue_ids": []string{}, "campaign_ids": []string{}, "role": "agent", "number": n + 1})
	}
	f.post(day...)
	f.settle()
	f.post(wallboardEvents(f.ContactCenter, now)...)
	f.settle()
}

func wallboardEvents(contactCenter string, now time.Time) (day []event) {
	say := func(ago time.Duration, kind, subject string, data map[string]any) {
		day = append(day, goodEvent(contactCenter, "cc."+kind, subject, now.Add(-ago), data))
	}
	for n := range 60 {
		id, began := fmt.Sprintf("a%02d", n), 50*time.Minute-time.Duration(n)*time.Second
		say(began, "agent.login", id, map[string]any{"session_id": "s" + id})
		switch {
		case n < 10:
			say(began-time.Minute, "agent.status", id, map[string]any{"status": "break", "reason": map[string]any{"id": "7"}})
		default:
			say(began-time.Minute, "agent.status", id, map[string]any{"status": "available"})
		}
	}
	for n := range 8 {
		id, at := fmt.Sprintf("c%d", n), 40*time.Minute-time.Duration(n)*4*time.Minute
		agent := fmt.Sprintf("a%02d", 20+n)
		say(at, "interaction.created", id, map[string]any{"channel": "voice", "direction": "inbound", "customer": map[string]any{"id": "k", "name": "Zoe " + id, "phone": "+15550100"}})
		say(at-time.Second, "interaction.ivr", id, map[string]any{"node": "menu", "result": "1", "duration_ms": 900})
		say(at-2*time.Second, "interaction.queued", id, map[string]any{"queue_id": "sales"})
		say(at-8*time.Second, "interaction.offered", id, map[string]any{"agent_id": agent})
		say(at-12*time.Second, "interaction.connected", id, map[string]any{"agent_id": agent})
		say(at-60*time.Second, "interaction.held", id, map[string]any{"agent_id": agent})
		say(at-70*time.Second, "interaction.resumed", id, map[string]any{"agent_id": agent})
		say(at-80*time.Second, "interaction.note", id, map[string]any{"note": "calls again", "agent_id": agent})
		if n < 6 {
			say(at-120*time.Second, "interaction.ended", id, map[string]any{"reason": "completed"})
		}
	}
	for n := range 2 {
		id := fmt.Sprintf("w%d", n)
		say(90*time.Second, "interaction.created", id, map[string]any{"channel": "voice", "direction": "inbound"})
		say(89*time.Second, "interaction.queued", id, map[string]any{"queue_id": "sales"})
	}
	return day
}
