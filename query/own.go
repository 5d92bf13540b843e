package query

import (
	_ "embed"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"floorwalker/internal/build"
	"floorwalker/query/route"
)

// info heads the OpenAPI document.
var info = route.Info{
	Title: "Floorwalker",
	Description: "Every operation of this server. The operations of vendors' surfaces are compatible with those vendors' APIs; " +
		"what is ours and not the vendor's is said at each.",
	Version: build.Version(),
}

// docsPage reads /openapi.json, lists the operations and sends requests. It needs nothing from elsewhere.
//
//go:embed docs.html
var docsPage []byte

// docsPolicy lets the page run its own script and ask this server, nothing else.
const docsPolicy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; " +
	"form-action 'none'; frame-ancestors 'none'"

// ownOperations are those of the server itself; nobody needs a credential for them.
func (a *App) ownOperations(metrics bool) []route.Operation {
	surface := &route.Surface{Tag: "operation", Description: "The server itself: health, readiness, metrics and this document. No credential is needed.",
		Failures: route.Problems(400, 431, 500)}
	get := func(path, id, summary string, h fiber.Handler, responses ...route.Response) route.Operation {
		return route.Operation{Surface: surface, Method: http.MethodGet, Path: path, ID: id, Summary: summary, Responses: responses, Handler: h}
	}
	notModified := route.Response{Status: 304, Description: "what If-None-Match names is still so"}
	ready := route.Of[readiness]()
	whether := get("/readyz", "getReadiness", "How far every part has come", a.readyz, route.Text(200, "every part is ready", fiber.MIMETextPlain).Also("application/json", ready),
		route.Text(503, "a part is not ready", fiber.MIMETextPlain).Also("application/json", ready))
	whether.Parameters = []route.Parameter{route.InQuery("for",
		"requests: whether requests may be sent here, which goes on while Kafka or ClickHouse is away; without it, whether every part is ready",
		route.OneOf(forRequests))}
	out := []route.Operation{
		get("/healthz", "getHealth", "Whether the process lives", healthz, route.Text(200, "it does", fiber.MIMETextPlain)),
		whether,
		get("/openapi.json", "getOpenAPI", "Every operation of every surface, as OpenAPI 3.1", a.openAPI,
			route.JSON(200, "the document", route.Map(route.Anything())), notModified),
		get("/docs", "getDocs", "A page to read the document and to try it", a.docs, route.Text(200, "the page", fiber.MIMETextHTML), notModified),
	}
	if metrics {
		out = append(out, get("/metrics", "getServerMetrics", "The server's own metrics, as Prometheus reads them", a.prometheus, route.Text(200, "the metrics", fiber.MIMETextPlain)))
	}
	return out
}

func (a *App) openAPI(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(a.document)
}

func (a *App) docs(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	c.Set(fiber.HeaderContentSecurityPolicy, docsPolicy)
	return c.Send(docsPage)
}
