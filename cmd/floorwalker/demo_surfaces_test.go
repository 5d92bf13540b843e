package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// Scripts that were set up for a demo go on working: what it once told them stays.
func TestDemoSurfaces_CredentialsAreKeptAndValid(t *testing.T) {
	dir := t.TempDir()
	first, err := loadCredentials(dir)
	require.NoError(t, err)
	again, err := loadCredentials(dir)
	require.NoError(t, err)
	require.Equal(t, first.Surfaces, again.Surfaces)

	o := demoOptions{data: dir, listen: "127.0.0.1:0"}
	o.simulate.contactCenter = "6"
	cfg, err := o.config(again, "127.0.0.1:1", "127.0.0.1:2")
	require.NoError(t, err)
	require.Equal(t, "6", cfg.ContactCenters[0].Surfaces.Exotel.AccountSID)

	text, err := json.Marshal(again.demoFile("http://x", "6", "k", "c"))
	require.NoError(t, err)
	var file struct {
		Surfaces map[string]map[string]string `json:"surfaces"`
	}
	require.NoError(t, json.Unmarshal(text, &file))
	for vendor, names := range map[string][]string{"ameyo": {"user", "password"}, "convoso": {"auth_token"},
		"exotel": {"account_sid", "api_key", "api_token", "access_token"}, "vonage": {"client_id", "client_secret"}} {
		require.Len(t, file.Surfaces[vendor], len(names))
		for _, name := range names {
			require.NotEmpty(t, file.Surfaces[vendor][name], vendor+" "+name)
		}
	}
	require.Equal(t, "6", file.Surfaces["exotel"]["account_sid"])
}
