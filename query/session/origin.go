package session

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"floorwalker/query/problem"
)

// safe methods change nothing (RFC 9110, section 9.2.1).
func safe(method string) bool {
	return method == fiber.MethodGet || method == fiber.MethodHead
}

// ours reports whether a page of this server made the request, as the browser says it: Sec-Fetch-Site, which browsers send over TLS and to
// this machine, else Origin. With neither it is ours only where named is false: browsers name the origin at whatever changes something and
// at WebSockets, and at an EventSource of another origin, but not at one of ours.
func ours(c *fiber.Ctx, named bool) bool {
	if site := c.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	origin := c.Get(fiber.HeaderOrigin)
	if origin == "" {
		return !named
	}
	return strings.EqualFold(origin, c.BaseURL())
}

func crossSite() error {
	return problem.New(fiber.StatusForbidden, "cross_site", "a session may be used by this server's own pages only; other clients send an Authorization header")
}
