package exotel

import (
	"github.com/gofiber/fiber/v2"

	"floorwalker/query/list"
	"floorwalker/query/problem"
	"floorwalker/query/route"
)

// Numbers of errors that this vendor has published for its contact centre API.
const (
	codeAuthentication = 1010
	codeAgentNotFound  = 10731
	codeInternal       = 1100
)

// fail answers in this vendor's form. What is wrong with a request is 400, whatever finer status the server has for it: clients
// know those of the specification's table.
func fail(c *fiber.Ctx, p *problem.Problem) error {
	status, code := p.Status, p.Status
	switch {
	case p.Code == "agent_not_found":
		code = codeAgentNotFound
	case status == fiber.StatusUnauthorized, status == fiber.StatusForbidden:
		status, code = fiber.StatusUnauthorized, codeAuthentication
		c.Set(fiber.HeaderWWWAuthenticate, `Bearer realm="exotel", Basic realm="exotel", charset="UTF-8"`)
	case status == fiber.StatusTooManyRequests:
		return tooMany(c, p)
	case status >= fiber.StatusInternalServerError:
		code = codeInternal
	case status != fiber.StatusNotFound && status != fiber.StatusMethodNotAllowed:
		status, code = fiber.StatusBadRequest, fiber.StatusBadRequest
	}
	e := begin(c, status)
	e.Name("error_data")
	e.Object()
	e.Name("code")
	e.Int(int64(code))
	e.Name("message")
	e.String(problem.New(status, "", "").Title)
	e.Name("description")
	e.String(p.Detail)
	e.End()
	e.Name("data")
	e.Null()
	e.End()
	e.End()
	return send(c, status, e)
}

// tooMany is the body of the vendor's page on rate limits.
func tooMany(c *fiber.Ctx, p *problem.Problem) error {
	var e list.Encoder
	e.Object()
	e.Name("RestException")
	e.Object()
	e.Name("Status")
	e.Int(int64(p.Status))
	e.Name("Message")
	e.String(p.Detail)
	e.Name("Code")
	e.String("RATE_LIMIT_EXCEEDED")
	e.End()
	e.End()
	return send(c, p.Status, &e)
}

// begin opens the envelope up to what follows code and status in its response.
func begin(c *fiber.Ctx, status int) *list.Encoder {
	e := &list.Encoder{B: make([]byte, 0, 8<<10)}
	e.Object()
	e.Name("request_id")
	e.String(route.CallOf(c).RequestID)
	e.Name("method")
	e.String(c.Method())
	e.Name("http_code")
	e.Int(int64(status))
	e.Name("response")
	e.Object()
	e.Name("code")
	e.Int(int64(status))
	e.Name("status")
	if status < fiber.StatusBadRequest {
		e.String("success")
	} else {
		e.String("failure")
	}
	return e
}

func send(c *fiber.Ctx, status int, e *list.Encoder) error {
	c.Response().ResetBody()
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Status(status).Send(e.B)
}
