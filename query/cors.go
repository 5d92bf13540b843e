package query

import (
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
)

// exposed are the headers that a page's script may read besides the usual ones.
var exposed = strings.Join([]string{fiber.HeaderETag, fiber.HeaderXRequestID, headerRateLimit, headerRateLimitPolicy, fiber.HeaderRetryAfter}, ", ")

// nativePrefix begins the paths that take a session's cookie, which is for pages of this server's own origin alone.
const nativePrefix = "/api/"

// cors lets pages of the listed origins read answers. done is true where the request was a preflight, which is answered.
func (a *App) cors(c *fiber.Ctx) (done bool) {
	if len(a.config.Origins) == 0 {
		return false
	}
	c.Vary(fiber.HeaderOrigin)
	origin := utils.CopyString(c.Get(fiber.HeaderOrigin))
	if origin == "" || !slices.Contains(a.config.Origins, origin) {
		return false
	}
	c.Set(fiber.HeaderAccessControlAllowOrigin, origin)
	if !strings.HasPrefix(c.Path(), nativePrefix) {
		c.Set(fiber.HeaderAccessControlAllowCredentials, "true") // SignalR's clients ask for it; no vendor's API takes a cookie
	}
	if c.Method() != fiber.MethodOptions || c.Get(fiber.HeaderAccessControlRequestMethod) == "" {
		c.Set(fiber.HeaderAccessControlExposeHeaders, exposed)
		return false
	}
	c.Vary(fiber.HeaderAccessControlRequestMethod, fiber.HeaderAccessControlRequestHeaders)
	c.Set(fiber.HeaderAccessControlAllowMethods, "GET, HEAD, POST, PUT, PATCH, DELETE")
	if headers := c.Get(fiber.HeaderAccessControlRequestHeaders); headers != "" {
		c.Set(fiber.HeaderAccessControlAllowHeaders, utils.CopyString(headers))
	}
	c.Set(fiber.HeaderAccessControlMaxAge, "600")
	c.Status(fiber.StatusNoContent)
	return true
}
