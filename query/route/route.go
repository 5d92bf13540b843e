// Package route is one declaration per operation of every API surface. From the same declarations come the routes of the
// server, the checking of requests, the OpenAPI 3.1 document and the page that tries it, so that none of them can differ.
//
// A surface is one *Surface (what its operations have in common: name, security schemes, whether unknown parameters are refused,
// how it says errors) and a list of Operations:
//
//	surface := &route.Surface{Tag: "exotel", Description: "…", Prefixes: []string{"/v2/accounts/"},
//		Schemes: map[string]route.Scheme{"exotelToken": route.BearerScheme("…")},
//		Fail:    func(c *fiber.Ctx, p *problem.Problem) error { … the vendor's own error form, from p.Status, p.Code, p.Parameter … }}
//	operations := []route.Operation{{
//		Surface: surface, Method: "GET", Path: "/v2/accounts/{account_sid}/agents/presence", ID: "exotelListPresence", Summary: "…",
//		Security: []string{"exotelToken"},
//		Parameters: []route.Parameter{
//			route.InPath("account_sid", "the account", route.String()),
//			route.InQuery("status", "only agents in this status", route.OneOf("available", "busy")),
//			route.InQuery("user-ids", "only these", route.String()).Comma().Repeated(), // a,b and user-ids=a&user-ids=b
//			route.InQuery("limit", "rows of a page", route.Integer(1, 100).Default(20)),
//		},
//		Responses: []route.Response{route.JSON(200, "the agents", route.Of[listAnswer]()), …},
//		Admit:     s.admit,   // who calls; an error ends the request
//		Handler:   s.list,    // called after the checks; reads its parameters with route.CallOf(c).Query
//	}}
//
// A request goes through Admit (authentication and rights; nothing of the request has been checked, so a refusal tells a stranger
// nothing), the rate limit of the principal that Admit returned, the checks of the declared parameters and body, and Handler. An
// error of any of these is a *problem.Problem (or becomes one) and is answered by the surface's Fail, by default as
// application/problem+json. Fail also gets unknown paths below the surface's Prefixes, 405, 413, 429 and failures, never the cause.
//
// Handlers set whatever headers and status they like; of a Bare surface, the frame adds no X-headers of its own. Whole answers are
// tagged and compressed by the frame; a body stream that a handler sets itself reaches the caller as it is made, untouched
// (compress.Stream sets one that is compressed while it flows).
package route

import (
	"fmt"
	"strings"

	"github.com/gofiber/fiber/v2"

	"floorwalker/query/problem"
)

// Surface is what the operations of one API have in common.
type Surface struct {
	Tag         string // its name in the document; unique
	Description string
	Schemes     map[string]Scheme // security schemes by name; a name means the same on all surfaces
	// Strict refuses unknown parameters, body fields, parameters given twice and empty ones; else unknown ones are ignored, of a
	// parameter given twice the first counts, and an empty one is as good as none.
	Strict bool
	// Prefixes are where the surface answers for paths and methods that do not exist; the longest that fits wins.
	Prefixes []string
	// Fail answers a request that went wrong in the surface's own form; nil answers application/problem+json. p must not be changed.
	Fail func(c *fiber.Ctx, p *problem.Problem) error
	// Bare leaves out X-Request-Id and the other headers that the vendor's answers do not have.
	Bare bool
	// Failures are the responses that every operation of the surface may give; operations need not repeat them.
	Failures []Response
}

// Operation is one method on one path.
type Operation struct {
	Surface     *Surface
	Method      string   // GET also answers HEAD
	Path        string   // OpenAPI form: /api/v1/contact-centers/{cc}/agents
	Aliases     []string // more paths that it answers on, with the same parameters or some of them; not in the document
	ID          string   // unique among all surfaces; lowerCamelCase
	Summary     string   // one line
	Description string   // optional, Markdown
	Security    []string
	Parameters  []Parameter
	Bodies      []Body
	NoBodyToo   bool // a request without a body is valid although Bodies are declared
	Responses   []Response
	// Admit finds out who calls and whether they may. The principal's id is unique among all surfaces ("" for nobody); it goes to
	// the access log and the rate limit. nil admits everybody, without a limit.
	Admit   func(c *fiber.Ctx) (principal string, err error)
	Handler fiber.Handler
	// Audit is the action that the audit log keeps of each call, such as presence.set; "" keeps none. Of auditlog.SignIn, only one in
	// a while is kept.
	Audit string
}

// Places of parameters, as OpenAPI names them.
const (
	inPath  = "path"
	inQuery = "query"
)

// Parameter of a path, query string, form or JSON body. Headers are not declared: Security, Responses and Bodies say them.
type Parameter struct {
	Name        string
	In          string
	Description string
	Required    bool
	Schema      *Schema // of one item where the parameter is a list
	list        bool
	comma       bool
	repeated    bool
	unique      bool
	unchecked   bool
}

// InPath declares a segment of the path; it is required.
func InPath(name, description string, s *Schema) Parameter {
	return Parameter{Name: name, In: inPath, Description: description, Required: true, Schema: s}
}

// InQuery declares a parameter of the query string, or of a form or JSON body.
func InQuery(name, description string, s *Schema) Parameter {
	return Parameter{Name: name, In: inQuery, Description: description, Schema: s}
}

// Must makes the parameter required.
func (p Parameter) Must() Parameter { p.Required = true; return p }

// Comma makes it a list, separated by commas; in a JSON body an array.
func (p Parameter) Comma() Parameter { p.list, p.comma = true, true; return p }

// Repeated makes it a list, given several times; with Comma both forms are understood.
func (p Parameter) Repeated() Parameter { p.list, p.repeated = true, true; return p }

// Unique refuses a list that names an item twice.
func (p Parameter) Unique() Parameter { p.unique = true; return p }

// Unchecked leaves the checking to the handler: where a wrong value has an answer of its own.
func (p Parameter) Unchecked() Parameter { p.unchecked = true; return p }

// IsList reports whether the parameter takes several items.
func (p Parameter) IsList() bool { return p.list }

// Body is one content type that a request may carry.
type Body struct {
	ContentType string
	// Parameters are read into the call's Query, from a JSON object or a form, and checked as those of a query string.
	Parameters []Parameter
	// Schema of a JSON body, which the frame checks; the handler decodes it from c.Body().
	Schema *Schema
	// Raw leaves all checking to the handler; Schema is then for the document only.
	Raw bool
}

// JSONBody is a JSON body that the frame checks against the schema.
func JSONBody(s *Schema) Body { return Body{ContentType: fiber.MIMEApplicationJSON, Schema: s} }

// JSONParameters is a JSON object of parameters.
func JSONParameters(p ...Parameter) Body {
	return Body{ContentType: fiber.MIMEApplicationJSON, Parameters: p}
}

// FormParameters is a form (application/x-www-form-urlencoded) of parameters.
func FormParameters(p ...Parameter) Body {
	return Body{ContentType: fiber.MIMEApplicationForm, Parameters: p}
}

// Response is what a status means; Contents are its content types, none for an empty body.
type Response struct {
	Status      int
	Description string
	Contents    []Content
	Headers     []string // named in the document, all strings
}

// Content is one content type of a response; a nil schema says nothing about it.
type Content struct {
	Type   string
	Schema *Schema
}

// JSON is a response of application/json.
func JSON(status int, description string, s *Schema) Response {
	return Response{Status: status, Description: description, Contents: []Content{{fiber.MIMEApplicationJSON, s}}}
}

// Text is a response of another content type without a schema, or of none where contentType is empty.
func Text(status int, description, contentType string) Response {
	r := Response{Status: status, Description: description}
	if contentType != "" {
		r.Contents = []Content{{contentType, String()}}
	}
	return r
}

// Also adds a content type to a response.
func (r Response) Also(contentType string, s *Schema) Response {
	r.Contents = append(r.Contents[:len(r.Contents):len(r.Contents)], Content{contentType, s})
	return r
}

// Problems are responses of application/problem+json.
func Problems(statuses ...int) []Response {
	out := make([]Response, len(statuses))
	for i, s := range statuses {
		out[i] = Response{Status: s, Description: problem.New(s, "", "").Title, Contents: []Content{{problem.MediaType, problemSchema}}}
	}
	return out
}

// Scheme is a security scheme as OpenAPI writes it.
type Scheme map[string]any

// BearerScheme is Authorization: Bearer.
func BearerScheme(description string) Scheme {
	return Scheme{"type": "http", "scheme": "bearer", "description": description}
}

// BasicScheme is Authorization: Basic.
func BasicScheme(description string) Scheme {
	return Scheme{"type": "http", "scheme": "basic", "description": description}
}

// KeyScheme is a key in the query string or a header, such as auth_token.
func KeyScheme(in, name, description string) Scheme {
	return Scheme{"type": "apiKey", "in": in, "name": name, "description": description}
}

// problemSchema is RFC 9457 as problem.Problem says it.
var problemSchema = Of[problem.Problem]().Named("Problem")

// Registry holds all operations of a server.
type Registry struct {
	operations []*Operation // literal segments before parameters
	surfaces   []*Surface
}

// NewRegistry checks the declarations: ids and methods on paths are unique, parameters of paths declared, schemes known.
func NewRegistry(operations ...Operation) (*Registry, error) {
	r := &Registry{}
	ids, routes, tags := map[string]bool{}, map[string]bool{}, map[string]*Surface{}
	for i := range operations {
		op := operations[i]
		if err := op.validate(); err != nil {
			return nil, fmt.Errorf("operation %q (%s %s): %w", op.ID, op.Method, op.Path, err)
		}
		key := op.Method + " " + shape(op.Path)
		if ids[op.ID] || routes[key] {
			return nil, fmt.Errorf("operation %q (%s %s): the id or the path is declared twice", op.ID, op.Method, op.Path)
		}
		ids[op.ID], routes[key] = true, true
		if known := tags[op.Surface.Tag]; known == nil {
			tags[op.Surface.Tag] = op.Surface
			r.surfaces = append(r.surfaces, op.Surface)
		} else if known != op.Surface {
			return nil, fmt.Errorf("operation %q: two surfaces are called %q", op.ID, op.Surface.Tag)
		}
		r.operations = append(r.operations, &op)
	}
	r.sort()
	return r, nil
}

// Operations are all declared ones.
func (r *Registry) Operations() []*Operation { return r.operations }

func (op *Operation) validate() error {
	switch {
	case op.Surface == nil || op.Surface.Tag == "":
		return fmt.Errorf("no surface with a tag")
	case op.ID == "" || op.Summary == "" || op.Handler == nil || len(op.Responses) == 0:
		return fmt.Errorf("id, summary, handler and responses are needed")
	case !strings.HasPrefix(op.Path, "/"):
		return fmt.Errorf("the path must begin with /")
	case !strings.Contains(" GET POST PUT PATCH DELETE ", " "+op.Method+" "):
		return fmt.Errorf("method %q; allowed: GET, POST, PUT, PATCH, DELETE", op.Method)
	}
	for _, name := range op.Security {
		if op.Surface.Schemes[name] == nil {
			return fmt.Errorf("security scheme %q is not one of the surface's", name)
		}
	}
	declared := map[string]bool{}
	for _, p := range op.Parameters {
		if p.Schema == nil || p.Name == "" || declared[p.In+p.Name] {
			return fmt.Errorf("parameter %q has no schema or is declared twice", p.Name)
		}
		declared[p.In+p.Name] = true
	}
	for _, name := range segments(op.Path) {
		if !declared[inPath+name] {
			return fmt.Errorf("the path's {%s} is not declared", name)
		}
		delete(declared, inPath+name)
	}
	for key := range declared {
		if strings.HasPrefix(key, inPath) {
			return fmt.Errorf("the path has no {%s}", key[len(inPath):])
		}
	}
	return nil
}

// segments are the names in braces.
func segments(path string) []string {
	var names []string
	for rest := path; ; {
		_, after, ok := strings.Cut(rest, "{")
		if !ok {
			return names
		}
		name, after, _ := strings.Cut(after, "}")
		names, rest = append(names, name), after
	}
}

// shape is the path without the names of its parameters.
func shape(path string) string {
	for _, name := range segments(path) {
		path = strings.Replace(path, "{"+name+"}", "{}", 1)
	}
	return path
}

// SurfaceOf is who answers for a path that no operation has; nil where nobody does.
func (r *Registry) SurfaceOf(path string) *Surface {
	var found *Surface
	longest := -1
	for _, s := range r.surfaces {
		for _, prefix := range s.Prefixes {
			if strings.HasPrefix(path, prefix) && len(prefix) > longest {
				found, longest = s, len(prefix)
			}
		}
	}
	return found
}
