package main

import (
	"context"
	"errors"
	"time"

	"floorwalker/ingest"
	"floorwalker/query/native"
	"floorwalker/query/problem"
)

// collector lets the native API write events through the ingest package.
type collector struct{ *ingest.Collector }

func (c collector) Accept(ctx context.Context, contactCenter, contentType string, body []byte) (int, []native.Rejected, error) {
	result, err := c.Collector.Accept(ctx, contactCenter, contentType, body, time.Now())
	switch {
	case errors.Is(err, ingest.ErrMediaType):
		return 0, nil, problem.New(415, "unsupported_media_type", err.Error())
	case errors.Is(err, ingest.ErrMalformedBody):
		return 0, nil, problem.New(400, "malformed_body", err.Error())
	case err != nil:
		return 0, nil, err
	}
	rejected := make([]native.Rejected, len(result.Rejected))
	for i, r := range result.Rejected {
		rejected[i] = native.Rejected{Index: r.Index, ID: r.ID, Code: r.Code, Detail: r.Detail}
	}
	return result.Accepted, rejected, nil
}
