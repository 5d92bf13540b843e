package route

import (
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"floorwalker/query/problem"
)

// check reads the request's parameters and body and holds them to the declaration.
func (op *Operation) check(c *fiber.Ctx) (*Query, error) {
	for _, p := range op.Parameters {
		if p.In != inPath {
			continue
		}
		if err := p.checkPath(c); err != nil {
			return nil, err
		}
	}
	q := ParseQuery(string(c.Request().URI().QueryString()))
	declared := op.inQuery()
	body, err := op.body(c)
	if err != nil {
		return nil, err
	}
	if body != nil {
		if err := q.Err(); err != nil {
			return nil, err
		}
		q, declared, err = op.readBody(c, body, q, declared)
		if err != nil {
			return nil, err
		}
	}
	if err := q.Err(); err != nil {
		return nil, err
	}
	return q, q.hold(declared, op.Surface.Strict)
}

func (op *Operation) inQuery() []Parameter {
	out := make([]Parameter, 0, len(op.Parameters))
	for _, p := range op.Parameters {
		if p.In == inQuery {
			out = append(out, p)
		}
	}
	return out
}

func (p Parameter) checkPath(c *fiber.Ctx) error {
	v, ok := PathValue(c, p.Name)
	if !ok {
		return problem.New(fiber.StatusNotFound, "route_not_found", "the path is not valid percent-encoded UTF-8")
	}
	if !p.unchecked && !p.Schema.FitsText(v) {
		return problem.BadValue(p.Name, v, p.Schema.Allowed())
	}
	return nil
}
func missing(p Parameter) error {
	return problem.Parameter(p.Name, p.Name+" is missing; allowed: "+p.Schema.Allowed())
}

// body finds the declaration of what the request carries, nil where it carries nothing that is read.
func (op *Operation) body(c *fiber.Ctx) (*Body, error) {
	if len(op.Bodies) == 0 || op.NoBodyToo && len(c.Body()) == 0 {
		return nil, nil
	}
	media, _, _ := strings.Cut(c.Get(fiber.HeaderContentType), ";")
	media = strings.ToLower(strings.TrimSpace(media))
	allowed := make([]string, len(op.Bodies))
	for i := range op.Bodies {
		if op.Bodies[i].ContentType == media {
			return &op.Bodies[i], nil
		}
		allowed[i] = op.Bodies[i].ContentType
	}
	return nil, problem.New(fiber.StatusUnsupportedMediaType, "unsupported_media_type",
		"content type \""+problem.Shown(media)+"\"; allowed: "+strings.Join(allowed, ", "))
}

// readBody returns the parameters that the handler shall see and their declarations. A JSON object of parameters takes the place
// of the query string on a strict surface, so that none is overlooked; else the body's come over the query string's.
func (op *Operation) readBody(c *fiber.Ctx, body *Body, q *Query, declared []Parameter) (*Query, []Parameter, error) {
	switch {
	case body.Raw:
		return q, declared, nil
	case body.Parameters == nil:
		return q, declared, checkBody(c.Body(), body.Schema)
	}
	if op.Surface.Strict {
		if err := q.hold(declared, true); err != nil {
			return nil, nil, err
		}
	}
	var given *Query
	if body.ContentType == fiber.MIMEApplicationForm {
		given = ParseQuery(string(c.Body()))
	} else {
		given = ParseBody(c.Body())
	}
	if err := given.Err(); err != nil {
		return nil, nil, err
	}
	for name, v := range q.values {
		if _, ok := given.values[name]; !ok {
			given.values[name] = v
		}
	}
	return given, append(slices.Clone(declared), body.Parameters...), nil
}

func checkBody(body []byte, s *Schema) error {
	v, err := decodeJSON(body)
	if err != nil {
		return problem.New(fiber.StatusBadRequest, "bad_body", "the body is not one JSON value")
	}
	m := s.Check(v)
	switch {
	case m == nil:
		return nil
	case m.Unknown:
		return problem.UnknownParameter(m.Path, strings.Split(m.Allowed, ", "))
	case m.Missing:
		return problem.Parameter(m.Path, problem.Shown(m.Path)+" is missing; allowed: "+m.Allowed)
	case m.Path == "":
		return problem.New(fiber.StatusBadRequest, "bad_body", "the body is "+problem.Shown(m.Value)+"; allowed: "+m.Allowed)
	}
	return problem.BadValue(m.Path, m.Value, m.Allowed)
}

// hold finds the first parameter that is not as declared, by name.
func (q *Query) hold(declared []Parameter, strict bool) error {
	byName := make(map[string]*Parameter, len(declared))
	names := make([]string, 0, len(declared))
	for i := range declared {
		if _, twice := byName[declared[i].Name]; !twice {
			names = append(names, declared[i].Name)
		}
		byName[declared[i].Name] = &declared[i]
	}
	for _, name := range sortedKeys(q.values) {
		p := byName[name]
		if p == nil {
			if strict {
				return unknown(name, q.values[name], names)
			}
			continue
		}
		if err := p.hold(q.values[name], strict); err != nil {
			return err
		}
	}
	for _, p := range declared {
		if p.Required && !q.Has(p.Name) && !p.unchecked {
			return missing(p)
		}
	}
	return nil
}

func unknown(name string, v value, names []string) error {
	if v.bad != "" && v.texts == nil {
		return problem.Parameter(name, v.bad)
	}
	return problem.UnknownParameter(name, names)
}

func (p *Parameter) hold(v value, strict bool) error {
	switch {
	case v.bad != "":
		return problem.Parameter(p.Name, v.bad)
	case p.unchecked:
		return nil
	case v.json != nil:
		return p.holdJSON(v)
	case strict && len(v.texts) > 1 && !p.repeated:
		return problem.Parameter(p.Name, p.Name+" is given twice; several values are separated by commas")
	}
	items := v.texts
	switch {
	case !p.list:
		items = items[:1]
	case p.comma:
		items = v.items()
	}
	for i, item := range items {
		if item == "" && p.emptyIsMissing(strict) {
			continue
		}
		if item == "" || !p.Schema.FitsText(item) {
			return problem.BadValue(p.Name, item, p.Schema.Allowed())
		}
		if p.unique && slices.Contains(items[:i], item) {
			return problem.Parameter(p.Name, p.Name+" names "+problem.Shown(item)+" twice")
		}
	}
	return nil
}

// emptyIsMissing reports whether name= in a query string is as good as nothing: vendors' clients write what they leave out like that.
func (p *Parameter) emptyIsMissing(strict bool) bool {
	return p.In == inQuery && !strict && !p.Required && !p.list && !p.unchecked
}

// holdJSON holds the value of a JSON body to the schema, with its own type: "5" is no number there.
func (p *Parameter) holdJSON(v value) error {
	s := p.Schema
	if p.list {
		s = Array(s)
	}
	if m := s.Check(v.json); m != nil {
		return problem.BadValue(strings.TrimPrefix(p.Name+m.Path, "."), m.Value, m.Allowed)
	}
	for i, item := range v.texts {
		if p.unique && slices.Contains(v.texts[:i], item) {
			return problem.Parameter(p.Name, p.Name+" names "+problem.Shown(item)+" twice")
		}
	}
	return nil
}
