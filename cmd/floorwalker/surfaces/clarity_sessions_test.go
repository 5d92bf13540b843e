package surfaces_test

import (
	"cmp"
	"context"
	"slices"

	"floorwalker/query/history"
	"floorwalker/schema"
)

// pastSessions is a history of interactions in memory, as ClickHouse would answer.
type pastSessions struct {
	*past
	rows []*schema.LiveInteraction
}

func (p *pastSessions) Interaction(_ context.Context, _, id string) (*schema.LiveInteraction, bool, error) {
	for _, row := range p.rows {
		if row.ID == id {
			return row, true, nil
		}
	}
	return nil, false, nil
}

func (p *pastSessions) Annotations(context.Context, string, history.InteractionKey) ([]schema.Annotation, error) {
	return nil, nil
}

func (p *pastSessions) InteractionKeys(_ context.Context, f history.InteractionFilter, sort []history.InteractionOrder, offset, limit int) (out []history.InteractionKey, _ error) {
	rows := slices.Clone(p.rows)
	slices.SortStableFunc(rows, func(a, b *schema.LiveInteraction) int {
		if len(sort) > 0 && sort[0].Desc {
			return cmp.Compare(b.Start, a.Start)
		}
		return cmp.Compare(a.Start, b.Start)
	})
	for _, row := range rows {
		if row.Start >= f.From && row.Start < f.To && len(out) < limit && offset == 0 {
			out = append(out, history.InteractionKey{ID: row.ID, Start: row.Start, Ended: row.Ended})
		}
	}
	return out, nil
}

func (p *pastSessions) Interactions(_ context.Context, _ string, keys []history.InteractionKey) (out []*schema.LiveInteraction, _ error) {
	for _, key := range keys {
		for _, row := range p.rows {
			if row.ID == key.ID {
				out = append(out, row)
			}
		}
	}
	return out, nil
}
