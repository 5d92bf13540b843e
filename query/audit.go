package query

import (
	"cmp"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"floorwalker/query/auditlog"
	"floorwalker/query/problem"
	"floorwalker/query/route"
)

// auditAdmitted notes that a credential is in use.
func (a *App) auditAdmitted(c *fiber.Ctx, call *route.Call) {
	if a.deps.Audit == nil || call.Principal == "" {
		return
	}
	a.deps.Audit.RecordSeldom(a.entry(c, call, auditlog.SignIn, auditlog.OK))
}

// auditStranger notes a credential that was refused. Whoever shows none has not tried: browsers and Kerberos' clients begin so.
func (a *App) auditStranger(c *fiber.Ctx, call *route.Call, p *problem.Problem) {
	if a.deps.Audit == nil || p.Status != fiber.StatusUnauthorized || call.Operation == nil || call.Operation.Audit == auditlog.SignIn || !showsCredential(c) {
		return
	}
	e := a.entry(c, call, auditlog.SignIn, auditlog.Refused)
	e.Principal, e.Detail = call.Tried, call.Refused
	a.deps.Audit.RecordSeldom(e)
}

func showsCredential(c *fiber.Ctx) bool {
	return c.Get(fiber.HeaderAuthorization) != "" || c.FormValue("access_token") != "" || c.FormValue("auth_token") != ""
}

// auditCall notes a call of an operation that sets something, or takes personal data out.
func (a *App) auditCall(c *fiber.Ctx, status int) {
	call := route.CallOf(c)
	if a.deps.Audit == nil || call.Operation == nil {
		return
	}
	action := cmp.Or(call.Audit, call.Operation.Audit)
	if action == "" || action != auditlog.SignIn && call.Principal == "" {
		return // whoever is nobody was noted as a stranger
	}
	e := a.entry(c, call, action, outcomeOf(status))
	if action == auditlog.SignIn {
		e.Principal = cmp.Or(e.Principal, call.Tried)
		a.deps.Audit.RecordSeldom(e)
		return
	}
	a.deps.Audit.Record(e)
}

func outcomeOf(status int) string {
	switch {
	case status >= 500:
		return auditlog.Failed
	case status >= 400:
		return auditlog.Refused
	}
	return auditlog.OK
}

func (a *App) entry(c *fiber.Ctx, call *route.Call, action, outcome string) auditlog.Entry {
	path := utils.CopyString(c.Path())
	if len(path) > maxLoggedPath {
		path = path[:maxLoggedPath]
	}
	return auditlog.Entry{Time: a.deps.Now(), Action: action, Outcome: outcome, ContactCenter: call.ContactCenter, Principal: call.Principal,
		Target: c.Method() + " " + strings.ToValidUTF8(path, "\uFFFD"), Detail: call.AuditDetail, Address: a.addressOf(c), RequestID: call.RequestID}
}
