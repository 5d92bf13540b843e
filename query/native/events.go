package native

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"floorwalker/query/problem"
)

// collectTimeout bounds the wait for Kafka's acknowledgement.
const collectTimeout = 30 * time.Second

var eventMediaTypes = []string{"application/cloudevents+json", "application/cloudevents-batch+json", "application/x-ndjson"}

// postEvents hands a body of events to the collector and tells what became of each.
func (a *API) postEvents(r *request) error {
	r.q.Only()
	if err := r.q.Err(); err != nil {
		return err
	}
	if a.Collector == nil {
		return problem.Unavailable("collector_unavailable", "this server does not take events", 0)
	}
	contentType := utils.CopyString(r.Get(fiber.HeaderContentType))
	media, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	media = strings.TrimSpace(media)
	if media != eventMediaTypes[0] && media != eventMediaTypes[1] && media != eventMediaTypes[2] {
		return problem.New(fiber.StatusUnsupportedMediaType, "unsupported_media_type",
			"content type \""+problem.Shown(media)+"\"; allowed: "+strings.Join(eventMediaTypes, ", "))
	}
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
