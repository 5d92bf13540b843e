package native

import (
	"context"
	"errors"

	"floorwalker/query/history"
	"floorwalker/query/problem"
	"floorwalker/schema"
	"floorwalker/schema/metric"
)

// History answers what is past; *history.Reader does. Errors are *history.QueryError and *metric.KeyError for what the caller got
// wrong.
type History interface {
	Metrics(ctx context.Context, q history.Query) (history.Result, error)
	Progress(ctx context.Context, contactCenter string) (history.Progress, error)
	InteractionPage(ctx context.Context, f history.InteractionFilter, sort []history.InteractionOrder, offset, limit int) (keys []history.InteractionKey, total int, err error)
	StreamInteractionKeys(ctx context.Context, f history.InteractionFilter, sort []history.InteractionOrder) (history.KeyStream, error)
	Interactions(ctx context.Context, contactCenter string, keys []history.InteractionKey) ([]*schema.LiveInteraction, error)
	Interaction(ctx context.Context, contactCenter, id string) (row *schema.LiveInteraction, found bool, err error)
	Annotations(ctx context.Context, contactCenter string, of history.InteractionKey) ([]schema.Annotation, error)
	Alerts(ctx context.Context, f history.AlertFilter, most int) ([]schema.Alert, error)
	Timeline(ctx context.Context, contactCenter, agent string, from, to int64) (history.Timeline, error)
}

func noHistory() error {
	return problem.Unavailable("history_unavailable", "this server is not connected to the history", 0)
}

// historyProblem tells the caller's mistakes from failures. What ClickHouse said stays in the log.
func historyProblem(err error) error {
	var key *metric.KeyError
	var query *history.QueryError
	var known *problem.Problem
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &key):
		return problem.Parameter("metrics", (&metric.KeyError{Key: problem.Shown(key.Key), Reason: key.Reason}).Error())
	case errors.As(err, &query):
		return problem.Parameter(query.Parameter, problem.Shown(query.Detail))
	case errors.Is(err, context.DeadlineExceeded):
		return problem.Unavailable("history_timeout", "the history did not answer in time; ask for less", 5).Because(err)
	}
	return problem.Unavailable("history_unavailable", "the history cannot be read at the moment", 5).Because(err)
}

// asOf is the moment up to which an answer of history counts: now for a contact centre of which nothing was ever flushed.
func (a *API) asOf(ms int64) int64 {
	if ms == schema.NoTime {
		return a.Now().UnixMilli()
	}
	return ms
}
