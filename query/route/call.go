package route

import (
	"net/url"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
)

// Call is what the frame knows of one request.
type Call struct {
	RequestID string
	Operation *Operation // nil before routing and of paths that no operation has
	Principal string     // empty where nobody was recognised
	// For the audit log: what handlers know and the frame does not.
	ContactCenter string
	Audit         string // the action, in place of the operation's
	AuditDetail   string // never a secret, never what was written
	Tried         string // whose credential was wrong, where it is known
	Refused       string // why the credential was refused
	Query         *Query // the parameters of query string, form or JSON body, checked; set before Handler
}

const callKey = "floorwalker.call"

// CallOf is the call of a request, never nil.
func CallOf(c *fiber.Ctx) *Call {
	if call, ok := c.Locals(callKey).(*Call); ok {
		return call
	}
	call := &Call{}
	c.Locals(callKey, call)
	return call
}

// PathValue is a segment of the path, decoded and copied: what fiber returns is used again after the request. ok is false where
// it is not valid percent-encoded UTF-8.
func PathValue(c *fiber.Ctx, name string) (value string, ok bool) {
	s, err := url.PathUnescape(utils.CopyString(c.Params(name)))
	return s, err == nil && utf8.ValidString(s)
}
