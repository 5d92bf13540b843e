package native

import (
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fastjson"

	"floorwalker/query/auth"
	"floorwalker/query/command"
	"floorwalker/query/floor"
	"floorwalker/query/list"
	"floorwalker/query/problem"
	"floorwalker/query/route"
	"floorwalker/schema"
)

// maxDescription bounds the description of a presence, in bytes.
const maxDescription = 1024

func (a *API) commandOperations() []route.Operation {
	agent := a.agentTable.Schema().Named("Agent")
	answer := []route.Response{route.JSON(200, "the agent as it then is", agent)}
	presence := route.JSONParameters(
		route.InQuery("status", "what the agent is to be present as", route.OneOf(presenceNames()...)).Must(),
		route.InQuery("reason_id", "a reason code of that status (id or number)", route.String().Length(1, 128)),
		route.InQuery("description", "free text", route.String().Length(0, maxDescription)))
	suspended := route.JSONParameters(route.InQuery("suspended", "whether the agent gets nothing more to do", route.Boolean()).Must())
	return []route.Operation{
		a.operation(auth.ChangePresence, route.Operation{Method: fiber.MethodPut, Path: "/agents/{id}/presence", ID: "putAgentPresence",
			Summary: "Set an agent's presence", Parameters: []route.Parameter{idInPath()}, Bodies: []route.Body{presence}, Responses: answer, Audit: "presence.set"}, a.putPresence),
		a.operation(auth.ChangePresence, route.Operation{Method: fiber.MethodPut, Path: "/agents/{id}/suspended", ID: "putAgentSuspended",
			Summary: "Suspend an agent, or take that back", Parameters: []route.Parameter{idInPath()}, Bodies: []route.Body{suspended}, Responses: answer, Audit: "agent.suspend"}, a.putSuspended),
	}
}

func (a *API) putPresence(r *request) error {
	id, err := a.knownAgent(r)
	if err != nil {
		return err
	}
	p := command.Presence{ReasonID: r.q.One("reason_id")}
	p.Status, _ = schema.ParseStatus(r.q.One("status"))
	p.Description, _ = r.q.Text("description")
	if err := r.q.Err(); err != nil {
		return err
	}
	if err := a.Commands.SetPresence(r.UserContext(), r.contactCenter, id, p); err != nil {
		return err
	}
	return a.sendAgent(r, id)
}

func (a *API) putSuspended(r *request) error {
	id, err := a.knownAgent(r)
	if err != nil {
		return err
	}
	suspended, _ := r.q.Bool("suspended")
	if err := r.q.Err(); err != nil {
		return err
	}
	if err := a.Commands.SetSuspended(r.UserContext(), r.contactCenter, id, suspended); err != nil {
		return err
	}
	return a.sendAgent(r, id)
}

// knownAgent is the id of the agent that the path names by id or number.
func (a *API) knownAgent(r *request) (string, error) {
	id, err := segment(r.Ctx, "id")
	if err != nil {
		return "", err
	}
	agent, ok := a.Source.View(r.contactCenter).Agent(id)
	if !ok {
		return "", problem.NotFound("agent", id)
	}
	return agent.ID, nil
}

func (a *API) sendAgent(r *request, id string) error {
	v := a.Source.View(r.contactCenter)
	agent, ok := v.Agent(id)
	if !ok {
		return problem.NotFound("agent", id)
	}
	row := agentRow{floor.Pick(agent), a.agentState(v, true, r.mask(a))}
	return list.One(r.Ctx, func(e *list.Encoder) { a.agentTable.Row(e, row) })
}

func (a *API) directoryWrites(kind route.Parameter, entity *route.Schema) []route.Operation {
	id := route.InPath("id", "the entity's id", route.ID())
	body := route.Body{ContentType: fiber.MIMEApplicationJSON, Raw: true, Schema: route.Map(route.Anything()).Says("the whole entity; what it does not say is no longer said")}
	return []route.Operation{
		a.operation(auth.WriteDirectory, route.Operation{Method: fiber.MethodPut, Path: "/directory/{kind}/{id}", ID: "putDirectoryEntity",
			Summary: "Write an entity, whole", Parameters: []route.Parameter{kind, id}, Bodies: []route.Body{body},
			Responses: []route.Response{route.JSON(200, "the entity as it then is", entity)}, Audit: "directory.put"}, a.putDirectory),
		a.operation(auth.WriteDirectory, route.Operation{Method: fiber.MethodDelete, Path: "/directory/{kind}/{id}", ID: "deleteDirectoryEntity",
			Summary: "Take an entity away", Parameters: []route.Parameter{kind, id}, Responses: []route.Response{route.Text(204, "it is gone", "")}, Audit: "directory.delete"}, a.deleteDirectory),
	}
}

func (a *API) putDirectory(r *request) error {
	kind, err := r.kind()
	if err != nil {
		return err
	}
	id, err := segment(r.Ctx, "id")
	if err != nil {
		return err
	}
	data, err := entityBody(r.Body(), kind, id)
	if err != nil {
		return err
	}
	if err := a.Commands.PutEntity(r.UserContext(), r.contactCenter, kind, id, data); err != nil {
		return err
	}
	v := a.Source.View(r.contactCenter)
	raw, ok := v.Directory.Raw(kind, id)
	if !ok {
		return problem.NotFound(kind, id) // taken away again in between
	}
	row := &entityRow{id: id, kind: kind, raw: raw, v: v}
	return list.One(r.Ctx, func(e *list.Encoder) { directoryTable(kind).Row(e, row) })
}

func (a *API) deleteDirectory(r *request) error {
	kind, err := r.kind()
	if err != nil {
		return err
	}
	id, err := segment(r.Ctx, "id")
	if err != nil {
		return err
	}
	if _, ok := a.Source.View(r.contactCenter).Directory.Raw(kind, id); !ok {
		return problem.NotFound(kind, id)
	}
	if err := a.Commands.DeleteEntity(r.UserContext(), r.contactCenter, kind, id); err != nil {
		return err
	}
	return r.SendStatus(fiber.StatusNoContent)
}

// entityBody is the payload of an entity. What GET shows may be written back: nulls say nothing, and the id must be the path's.
func entityBody(body []byte, kind, id string) ([]byte, error) {
	var parser fastjson.Parser
	v, err := parser.ParseBytes(body)
	if err != nil || v.Type() != fastjson.TypeObject {
		return nil, problem.New(fiber.StatusBadRequest, "bad_body", "the body is not a JSON object")
	}
	allowed := append([]string{"id", "number"}, directoryFields[kind]...)
	object := v.GetObject()
	var names []string
	object.Visit(func(name []byte, _ *fastjson.Value) { names = append(names, string(name)) })
	for i, name := range names {
		switch {
		case !slices.Contains(allowed, name):
			return nil, problem.UnknownParameter(name, allowed)
		case slices.Contains(names[:i], name):
			return nil, problem.Parameter(name, problem.Shown(name)+" is given twice")
		case object.Get(name).Type() == fastjson.TypeNull:
			object.Del(name)
		}
	}
	if said := object.Get("id"); said != nil {
		if text, err := said.StringBytes(); err != nil || string(text) != id {
			return nil, problem.Parameter("id", "the body's id is not that of the path, "+problem.Shown(id))
		}
		object.Del("id")
	}
	return []byte(strings.ToValidUTF8(string(v.MarshalTo(nil)), "\uFFFD")), nil
}
