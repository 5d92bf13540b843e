// Package wallboard serves the web application at / (docs/wallboard.md). It is built from web/ into dist/, which is embedded, so that
// neither the binary nor whoever builds it needs Node.js. The application finds its pages by the address's fragment: there is one page.
package wallboard

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"floorwalker/query/problem"
	"floorwalker/query/route"
)

//go:embed all:dist
var dist embed.FS

const (
	page   = "index.html"
	assets = "assets/" // files here have a hash of their content in their names
)

// Wallboard is a surface of the server.
type Wallboard struct {
	surface *route.Surface
	files   map[string]file // by path below dist
}

type file struct {
	mediaType string
	content   []byte
}

// New reads what is embedded.
func New() (*Wallboard, error) { return from(dist) }

func from(all fs.FS) (*Wallboard, error) {
	w := &Wallboard{files: map[string]file{}, surface: &route.Surface{Tag: "wallboard", Description: "The floor in a browser. No credential is needed for its files; it signs in by itself.",
		Failures: route.Problems(400, 404, 431, 500)}}
	err := fs.WalkDir(all, "dist", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(all, name)
		if err != nil {
			return err
		}
		mediaType, ok := mediaTypes[path.Ext(name)]
		if !ok {
			return fmt.Errorf("%s: nobody knows of what media type it is", name)
		}
		w.files[strings.TrimPrefix(name, "dist/")] = file{mediaType, content}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("wallboard: %w", err)
	}
	if _, ok := w.files[page]; !ok {
		return nil, fmt.Errorf("wallboard: %s is missing; npm run build in query/wallboard/web makes it", page)
	}
	return w, nil
}

// mediaTypes by extension: those of the system's tables differ from machine to machine.
var mediaTypes = map[string]string{
	".html": fiber.MIMETextHTMLCharsetUTF8, ".js": fiber.MIMETextJavaScriptCharsetUTF8, ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".png": "image/png",
	".ico": "image/vnd.microsoft.icon", ".woff2": "font/woff2", ".webmanifest": "application/manifest+json", ".txt": fiber.MIMETextPlainCharsetUTF8,
}

// Operations are the page, what lies beside it, and the assets.
func (w *Wallboard) Operations() []route.Operation {
	out := []route.Operation{w.get("/", "getWallboard", "The floor in a browser", w.named(page), w.files[page].mediaType)}
	var types []string
	for _, name := range slices.Sorted(maps.Keys(w.files)) {
		switch f := w.files[name]; {
		case name == page:
		case strings.HasPrefix(name, assets):
			types = append(types, f.mediaType)
		default:
			out = append(out, w.get("/"+name, "getWallboard"+camel(name), "A file of the wallboard", w.named(name), f.mediaType))
		}
	}
	asset := w.get("/"+assets+"{file}", "getWallboardAsset", "A script, style or picture of the wallboard, under a name that changes with its content", w.asset, types...)
	asset.Parameters = []route.Parameter{route.InPath("file", "the name", route.String().Length(1, 128))}
	return append(out, asset)
}

func (w *Wallboard) get(at, id, summary string, h fiber.Handler, types ...string) route.Operation {
	found := route.Response{Status: fiber.StatusOK, Description: "the file"}
	for _, t := range types {
		media, _, _ := strings.Cut(t, ";")
		if !slices.ContainsFunc(found.Contents, func(c route.Content) bool { return c.Type == media }) {
			found.Contents = append(found.Contents, route.Content{Type: media})
		}
	}
	return route.Operation{Surface: w.surface, Method: fiber.MethodGet, Path: at, ID: id, Summary: summary, Handler: h,
		Responses: []route.Response{found, {Status: fiber.StatusNotModified, Description: "what If-None-Match names is still so"}}}
}

// camel makes a part of an operation's id out of a file's name.
func camel(name string) string {
	var out strings.Builder
	for part := range strings.FieldsFuncSeq(name, func(r rune) bool { return r == '.' || r == '-' || r == '_' }) {
		out.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return out.String()
}

// policy lets the application have what comes from this server, and nothing else: neither inline scripts nor styles, nor frames around it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// permissions of the browser that the application does without.
const permissions = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=()"

func (w *Wallboard) send(c *fiber.Ctx, name, caching string) error {
	f, ok := w.files[name]
	if !ok {
		return problem.New(fiber.StatusNotFound, "route_not_found", "the wallboard has no such file")
	}
	c.Set(fiber.HeaderContentType, f.mediaType)
	c.Set(fiber.HeaderCacheControl, caching)
	c.Set(fiber.HeaderContentSecurityPolicy, policy)
	c.Set(fiber.HeaderPermissionsPolicy, permissions)
	c.Set("Cross-Origin-Opener-Policy", "same-origin")
	c.Set("Cross-Origin-Resource-Policy", "same-origin")
	return c.Send(f.content)
}

// named sends a file that keeps its name when it changes: browsers ask each time whether it has.
func (w *Wallboard) named(name string) fiber.Handler {
	return func(c *fiber.Ctx) error { return w.send(c, name, "no-cache") }
}

func (w *Wallboard) asset(c *fiber.Ctx) error {
	name, _ := route.PathValue(c, "file") // the frame has checked it
	return w.send(c, assets+name, "public, max-age=31536000, immutable")
}
