package clarity

import (
	"iter"
	"strings"
)

// findLogin is the login that a Windows user name means: the same text; else the same in any case; else the same without the
// "domain\" that only one of them has. Two logins that fit equally well are none (specification, Mapping a Windows Identity).
func findLogin(logins iter.Seq[string], user string) (string, bool) {
	const none = 3
	best, found, several := none, "", false
	for login := range logins {
		fit := fits(login, user)
		switch {
		case fit < best:
			best, found, several = fit, login, false
		case fit == best && login != found:
			several = true
		}
	}
	return found, best < none && !several
}

func fits(login, user string) int {
	if login == "" || user == "" {
		return 3
	}
	if login == user {
		return 0
	}
	if strings.EqualFold(login, user) {
		return 1
	}
	domain, name := splitLogin(login)
	other, as := splitLogin(user)
	if (domain == "") != (other == "") && name != "" && strings.EqualFold(name, as) {
		return 2
	}
	return 3
}

func splitLogin(s string) (domain, name string) {
	if domain, name, ok := strings.Cut(s, `\`); ok {
		return domain, name
	}
	return "", s
}
