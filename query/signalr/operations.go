package signalr

import (
	"fmt"
	"net/http"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"floorwalker/query/problem"
	"floorwalker/query/route"
)

var (
	errNotRunning = problem.Unavailable("not_running", "push is not running", 5)
	errFull       = problem.Unavailable("too_many_connections", "the server has as many connections as it takes", 30)
)

func tooMany(format string, a ...any) error { return problem.TooMany(fmt.Sprintf(format, a...), 30) }

const principalKey = "floorwalker.signalr.principal"

func principalOf(c *fiber.Ctx) Principal {
	who, _ := c.Locals(principalKey).(Principal)
	return who
}

// admit finds out who calls. Browsers cannot set headers of WebSockets and event streams, so the token may be in the query.
func (s *Server) admit(c *fiber.Ctx) (string, error) {
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	if token := c.Query("access_token"); token != "" && c.Get(fiber.HeaderAuthorization) == "" {
		c.Request().Header.Set(fiber.HeaderAuthorization, "Bearer "+utils.CopyString(token))
	}
	who, err := s.config.Authenticate(c)
	if err != nil {
		return "", err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if !s.running {
		return who.ID, errNotRunning
	}
	c.Locals(principalKey, who)
	return who.ID, nil
}

// reply is a whole answer.
func reply(c *fiber.Ctx, json []byte) error {
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSONCharsetUTF8)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Send(json)
}

// Operations mount the hub.
func (s *Server) Operations() []route.Operation {
	scheme := s.config.Name + "Token"
	surface := &route.Surface{Tag: s.config.Name, Schemes: map[string]route.Scheme{scheme: route.BearerScheme("as at the API beside it; or in the query, access_token")},
		Description: "Push by SignalR, the hub " + s.config.HubName + ". Use a SignalR client: these operations are what it says, not what people write.",
		Failures:    route.Problems(400, 401, 403, 404, 409, 413, 429, 431, 500, 503)}
	add := func(method, path, id, summary string, h fiber.Handler, parameters []route.Parameter, responses ...route.Response) route.Operation {
		return route.Operation{Surface: surface, Method: method, Path: path, ID: s.config.Name + id, Summary: summary, Security: []string{scheme},
			Parameters: parameters, Responses: responses, Admit: s.admit, Handler: h}
	}
	var out []route.Operation
	if path := s.config.Paths.Classic; path != "" {
		out = append(out, s.classicOperations(path, add)...)
	}
	if path := s.config.Paths.Core; path != "" {
		out = append(out, s.coreOperations(path, add)...)
	}
	return out
}

type adder func(method, path, id, summary string, h fiber.Handler, parameters []route.Parameter, responses ...route.Response) route.Operation

func parameters(pairs ...string) []route.Parameter {
	var out []route.Parameter
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, route.InQuery(pairs[i], pairs[i+1], route.String()).Unchecked())
	}
	return append(out, route.InQuery("access_token", "the credential, where there is no Authorization header", route.String()).Unchecked())
}

func (s *Server) classicOperations(base string, add adder) []route.Operation {
	ok := route.JSON(200, "JSON of ASP.NET SignalR 2.x", route.Map(route.Anything()))
	stream := ok.Also("text/event-stream", route.String())
	upgraded := route.Text(101, "a WebSocket", "")
	first := parameters("clientProtocol", "the protocol's version", "connectionData", "the hubs, JSON")
	later := parameters("transport", "webSockets, serverSentEvents or longPolling", "connectionToken", "from negotiating", "clientProtocol", "the protocol's version",
		"connectionData", "the hubs, JSON", "messageId", "the cursor of the last message received", "groupsToken", "ignored")
	return []route.Operation{
		add(http.MethodGet, base+"/negotiate", "Negotiate", "Begin a connection (ASP.NET SignalR 2.x)", s.classicNegotiate, first, ok),
		add(http.MethodGet, base+"/connect", "Connect", "Connect a transport", s.classicConnect, later, stream, upgraded),
		add(http.MethodPost, base+"/connect", "ConnectPoll", "Connect by long polling", s.classicConnect, later, ok),
		add(http.MethodGet, base+"/start", "Start", "Open the connection", s.classicStart, later, ok),
		add(http.MethodGet, base+"/reconnect", "Reconnect", "Come back on a transport", s.classicReconnect, later, stream, upgraded),
		add(http.MethodPost, base+"/reconnect", "ReconnectPoll", "Come back by long polling", s.classicReconnect, later, ok),
		add(http.MethodGet, base+"/poll", "Poll", "Wait for messages", s.classicPoll, later, ok),
		add(http.MethodPost, base+"/poll", "PollByPost", "Wait for messages", s.classicPoll, later, ok),
		add(http.MethodPost, base+"/send", "Send", "Call a method of the hub; the form's data holds the call", s.classicSend, later, ok),
		add(http.MethodPost, base+"/abort", "Abort", "End the connection", s.classicAbort, later, route.Text(200, "it has ended", fiber.MIMETextPlain)),
		add(http.MethodGet, base+"/ping", "Ping", "Keep a session with the web server alive", s.classicPing, parameters(), ok),
	}
}

func (s *Server) coreOperations(base string, add adder) []route.Operation {
	id := parameters("id", "the connection's token, from negotiating")
	text := route.Text(200, "messages, each ended by U+001E", fiber.MIMETextPlain)
	return []route.Operation{
		add(http.MethodPost, base+"/negotiate", "CoreNegotiate", "Begin a connection (ASP.NET Core SignalR)", s.coreNegotiate,
			parameters("negotiateVersion", "0 or 1"), route.JSON(200, "how to connect", route.Map(route.Anything()))),
		add(http.MethodGet, base, "CoreConnect", "Connect a transport, or wait for messages", s.coreConnect, id,
			text.Also("text/event-stream", route.String()), route.Text(101, "a WebSocket", ""), route.Text(204, "nothing more will come", "")),
		add(http.MethodPost, base, "CoreSend", "Send messages", s.coreSend, id, text),
		add(http.MethodDelete, base, "CoreClose", "End the connection", s.coreDelete, id, route.Text(202, "it has ended", "")),
	}
}
