package session

import (
	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// Names of the cookie. Browsers take the first one over TLS only, for exactly this host and all of its paths, so that no other page of the
// domain can put one of its own in its place.
const (
	SecureName = "__Host-floorwalker"
	PlainName  = "floorwalker"
)

// nameOf is the cookie's name on the way that the request has come, as far as trusted proxies say it.
func nameOf(c *fiber.Ctx) string {
	if c.Secure() {
		return SecureName
	}
	return PlainName
}

// give sets the cookie. It has no time of its own: it ends with the browser, and what it says decides before that.
func (s *Sessions) give(c *fiber.Ctx, t ticket) { set(c, s.seal.close(t), false) }

// take has the browser forget the cookie.
func take(c *fiber.Ctx) { set(c, "", true) }

func set(c *fiber.Ctx, value string, gone bool) {
	cookie := &fiber.Cookie{Name: nameOf(c), Value: value, Path: "/", HTTPOnly: true, SameSite: fiber.CookieSameSiteStrictMode, Secure: c.Secure(), SessionOnly: !gone}
	if gone {
		cookie.Expires = fasthttp.CookieExpireDelete
	}
	c.Cookie(cookie)
}
