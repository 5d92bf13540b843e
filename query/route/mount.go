package route

import (
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// sort puts literal segments before parameters, because the server takes the first route that fits.
func (r *Registry) sort() {
	slices.SortStableFunc(r.operations, func(a, b *Operation) int { return strings.Compare(literalFirst(a.Path), literalFirst(b.Path)) })
}

// literalFirst is what paths are ordered by: a parameter comes after every literal segment.
func literalFirst(path string) string { return strings.ReplaceAll(shape(path), "{}", "\U0010FFFF") }

// Mount adds every operation to the root of an app. admitted is called after Admit, with who calls; an error ends the request.
func (r *Registry) Mount(app fiber.Router, admitted func(c *fiber.Ctx, call *Call) error) {
	type mounted struct {
		path string
		op   *Operation
	}
	var all []mounted
	for _, op := range r.operations {
		all = append(all, mounted{op.Path, op})
		for _, path := range op.Aliases {
			all = append(all, mounted{path, op})
		}
	}
	slices.SortStableFunc(all, func(a, b mounted) int { return strings.Compare(literalFirst(a.path), literalFirst(b.path)) })
	for _, m := range all {
		handler := m.op.handler(admitted)
		if m.op.Method == fiber.MethodGet {
			app.Get(fiberPath(m.path), handler) // answers HEAD too
			continue
		}
		app.Add(m.op.Method, fiberPath(m.path), handler)
	}
}

func (op *Operation) handler(admitted func(c *fiber.Ctx, call *Call) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		call := CallOf(c)
		call.Operation = op
		if op.Admit != nil {
			principal, err := op.Admit(c)
			call.Principal = principal
			if err != nil {
				return err
			}
		}
		if admitted != nil {
			if err := admitted(c, call); err != nil {
				return err
			}
		}
		q, err := op.check(c)
		if err != nil {
			return err
		}
		call.Query = q
		return op.Handler(c)
	}
}

// fiberPath is an OpenAPI path as fiber writes it: :name for {name}, its own signs escaped.
func fiberPath(path string) string {
	var out strings.Builder
	for i := 0; i < len(path); i++ {
		switch b := path[i]; b {
		case '{':
			out.WriteByte(':')
		case '}':
		case ':', '+', '*', '?', '(', ')', '<', '>':
			out.WriteByte('\\')
			out.WriteByte(b)
		default:
			out.WriteByte(b)
		}
	}
	return out.String()
}
