package clarity

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFindLogin_WithAndWithoutDomain(t *testing.T) {
	for _, c := range []struct {
		logins []string
		user   string
		want   string // empty: nobody
	}{
		{[]string{"ann"}, "ann", "ann"},
		{[]string{"ann"}, `corp\ann`, "ann"},
		{[]string{`corp\ann`}, "ann", `corp\ann`},
		{[]string{`corp\ann`}, `corp\ann`, `corp\ann`},
		{[]string{`corp\ann`}, `CORP\Ann`, `corp\ann`},
		{[]string{`corp\ann`}, `other\ann`, ""},
		{[]string{`corp\ann`, `other\ann`}, "ann", ""},
		{[]string{`corp\ann`, `other\ann`, "ann"}, "ann", "ann"},
		{[]string{`corp\ann`, "ann"}, `corp\ann`, `corp\ann`},
		{[]string{"Ann", "ann"}, "ann", "ann"},
		{[]string{"Ann", "aNn"}, "ann", ""},
		{[]string{"ann"}, "bob", ""},
		{[]string{"ann"}, "", ""},
		{[]string{""}, "", ""},
		{[]string{`corp\`}, `corp\`, `corp\`},
		{[]string{`corp\`}, ``, ``},
		{[]string{"ann@corp"}, "ann", ""},
		{nil, "ann", ""},
	} {
		got, ok := findLogin(slices.Values(c.logins), c.user)
		require.Equal(t, c.want != "", ok, "%q of %q", c.user, c.logins)
		if ok {
			require.Equal(t, c.want, got, "%q of %q", c.user, c.logins)
		}
	}
}
