package config

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/stretchr/testify/require"
)

// keytabFile has a key of one principal.
func keytabFile(t *testing.T, principal string) string {
	t.Helper()
	kt := keytab.New()
	require.NoError(t, kt.AddEntry(principal, "CORP.TEST", "password", time.Unix(1, 0), 1, etypeID.AES256_CTS_HMAC_SHA1_96))
	raw, err := kt.Marshal()
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "keytab")
	require.NoError(t, os.WriteFile(file, raw, 0o600))
	return file
}

func TestParse_KerberosFaults(t *testing.T) {
	good := keytabFile(t, "HTTP/floorwalker")
	raw, err := os.ReadFile(good)
	require.NoError(t, err)
	write := func(name string, data []byte, mode os.FileMode) string {
		file := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(file, data, mode))
		require.NoError(t, os.Chmod(file, mode))
		return file
	}
	section := func(text string) string {
		return "contact_centers:\n- id: a\n  surfaces:\n    clarity:\n      kerberos:\n        " + text
	}
	realms := "\n        realms: [{name: CORP.TEST, domain: CORP}]"
	const at = "contact_centers[0].surfaces.clarity.kerberos"
	for name, c := range map[string]struct{ yaml, want, says string }{
		"unreadable":        {"keytab_file: /no/such" + realms, "6 " + at + ".keytab_file", "/no/such"},
		"empty":             {"keytab_file: " + write("k", nil, 0o600) + realms, "6 " + at + ".keytab_file", "not a keytab"},
		"without a key":     {"keytab_file: " + write("k", raw[:2], 0o600) + realms, "6 " + at + ".keytab_file", "not a keytab"},
		"cut":               {"keytab_file: " + write("k", raw[:len(raw)-9], 0o600) + realms, "6 " + at + ".keytab_file", "not a keytab"},
		"anything else":     {"keytab_file: " + write("k", []byte("\x05\x02\x00\x00\x00\x05hello"), 0o600) + realms, "6 " + at + ".keytab_file", "not a keytab"},
		"anybody's":         {"keytab_file: " + write("k", raw, 0o666) + realms, "6 " + at + ".keytab_file", "0666"},
		"another principal": {"keytab_file: " + good + "\n        principal: HTTP/x" + realms, "6 " + at + ".keytab_file", "HTTP/x"},
		"with realm":        {"keytab_file: " + good + "\n        principal: HTTP/floorwalker@CORP.TEST" + realms, "7 " + at + ".principal", "names a realm"},
		"no realm":          {"keytab_file: " + good, "6 " + at + ".realms", "at least one"},
		"no keytab":         {"realms: [{name: CORP.TEST}]", "6 " + at + ".keytab_file", "empty"},
		"no name":           {"keytab_file: " + good + "\n        realms: [{domain: CORP}]", "7 " + at + ".realms[0].name", "CORP.EXAMPLE.COM"},
		"a login as domain": {"keytab_file: " + good + "\n        realms: [{name: C, domain: 'C\\a'}]", "7 " + at + ".realms[0].domain", "such as CORP"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(section(c.yaml)))
			require.Error(t, err)
			require.Contains(t, faultsOf(t, err), c.want, "%v", err)
			require.Contains(t, err.Error(), c.says)
			require.NotContains(t, err.Error(), string(raw[40:60]), "bytes of a key")
		})
	}
	_, err = Parse([]byte(section("keytab_file: " + good + "\n        principal: HTTP/floorwalker" + realms)))
	require.NoError(t, err)
}
