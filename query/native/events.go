package native

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"floorwalker/query/auth"
	"floorwalker/query/problem"
	"floorwalker/query/route"
)

// collectTimeout bounds the wait for Kafka's acknowledgement.
const collectTimeout = 30 * time.Second

var eventMediaTypes = []string{"application/cloudevents+json", "application/cloudevents-batch+json", "application/x-ndjson"}

func (a *API) eventOperations() []route.Operation {
	answer := route.Object(route.F("accepted", route.Int()), route.F("rejected", route.Array(route.Of[Rejected]())))
	op := route.Operation{Method: fiber.MethodPost, Path: "/events", ID: "postEvents", Summary: "Write events",
		Description: "One event, a batch or lines. Answered after Kafka has acknowledged from all in-sync replicas; sending the same again does no harm.",
		Responses:   []route.Response{route.JSON(202, "what became of each event", answer)}}
	// What is no event is not refused as a whole: the answer tells what is wrong with it.
	for i, s := range []*route.Schema{route.Anything(), route.Array(route.Anything()), route.String()} {
		op.Bodies = append(op.Bodies, route.Body{ContentType: eventMediaTypes[i], Schema: s, Raw: true})
	}
	return []route.Operation{a.operation(auth.WriteEvents, op, a.postEvents)}
}

// postEvents hands a body of events to the collector and tells what became of each.
func (a *API) postEvents(r *request) error {
	if a.Collector == nil {
		return problem.Unavailable("collector_unavailable", "this server does not take events", 0)
	}
	contentType := utils.CopyString(r.Get(fiber.HeaderContentType))
	ctx, cancel := context.WithTimeout(r.UserContext(), collectTimeout)
	defer cancel()
	// A producer that gives up waiting may still hold the body, which the server uses again after this call.
	body := bytes.Clone(r.Body())
	accepted, rejected, err := a.Collector.Accept(ctx, r.contactCenter, contentType, body)
	if err != nil {
		var known *problem.Problem
		if errors.As(err, &known) {
			return known
		}
		return problem.Unavailable("kafka_unavailable", "Kafka did not acknowledge the events; sending all of them again does no harm", 1).Because(err)
	}
	if rejected == nil {
		rejected = []Rejected{}
	}
	out, err := json.Marshal(struct {
		Accepted int        `json:"accepted"`
		Rejected []Rejected `json:"rejected"`
	}{accepted, rejected})
	if err != nil {
		return problem.Internal(err)
	}
	r.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return r.Status(fiber.StatusAccepted).Send(out)
}
