package native

import (
	"context"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"floorwalker/query/floor"
	"floorwalker/query/history"
	"floorwalker/query/list"
	"floorwalker/query/mask"
	"floorwalker/query/problem"
	"floorwalker/schema"
)

const (
	// exportTimeout bounds how long one export of the past may take, slow clients included.
	exportTimeout = time.Hour
	// maxExports bounds the exports at a time: each holds a connection to ClickHouse and needs another now and then.
	maxExports = 3
	// exportChunk is how many interactions an export reads whole at a time.
	exportChunk = 500
)

// pastList is one call of the list of interactions with from and to.
type pastList struct {
	page   list.Page
	view   *floor.View
	filter history.InteractionFilter
	order  []history.InteractionOrder
	now    int64
	mask   *mask.Mask
	asked  string // from and to as they were written: now-1h stays the same question
}

// listPastInteractions answers from history alone: created within [from, to), in order of creation unless sort says otherwise.
func (a *API) listPastInteractions(r *request) error {
	if a.History == nil {
		return noHistory()
	}
	l, err := a.readPastList(r)
	if err != nil {
		return err
	}
	auditExport(r, "interactions.export", l.page, l.mask)
	if l.page.Format != list.JSON {
		return a.streamPast(r, l)
	}
	ctx, cancel := context.WithTimeout(r.UserContext(), a.Limits.Timeout)
	defer cancel()
	found, err := a.findPast(ctx, r, l)
	if err != nil {
		return historyProblem(err)
	}
	rows, err := a.History.Interactions(ctx, r.contactCenter, found.keys)
	if err != nil {
		return historyProblem(err)
	}
	m := list.Metadata{AsOf: found.asOf, Snapshot: found.snapshot, Write: l.writeRange}
	return list.AnswerPage(r.Ctx, a.interactions, pastRows(rows, l.view.Past(found.asOf), l.mask), found.total, l.page, m)
}

func (a *API) readPastList(r *request) (*pastList, error) {
	l := &pastList{page: list.ReadPage(r.q, r.Get("Accept")), view: a.Source.View(r.contactCenter), now: a.Now().UnixMilli(), mask: r.mask(a)}
	l.asked = strconv.Quote(r.q.One("from")) + strconv.Quote(r.q.One("to"))
	f := readInteractionFilter(r.q)
	from, hasFrom := r.q.Time("from", l.now)
	to, hasTo := r.q.Time("to", l.now)
	if !hasFrom {
		r.q.Fail(problem.Parameter("from", "to goes with from"))
	}
	if !hasTo {
		to = l.now + 1
	}
	if err := r.q.Err(); err != nil {
		return nil, err
	}
	if err := a.interactions.Check(l.page); err != nil {
		return nil, err
	}
	if err := unhidden(l.mask, r.q, l.page.Sort); err != nil {
		return nil, err
	}
	if err := a.Limits.checkRange(from, to); err != nil {
		return nil, err
	}
	f.v = l.view
	l.filter = f.past(from, to)
	for _, k := range l.page.Sort {
		l.order = append(l.order, history.InteractionOrder{Field: k.Field, Desc: k.Desc})
	}
	return l, nil
}

// past is the filter as history reads it. Numbers that interactions without one show find live ones only.
func (f *interactionFilter) past(from, to int64) history.InteractionFilter {
	all := func(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
	f.resolveEntities()
	out := history.InteractionFilter{ContactCenter: f.v.ContactCenter, From: from, To: to, IDs: all(f.id), CallIDs: all(f.callID), ChatIDs: all(f.chatID),
		Channels: all(f.channel), Directions: all(f.direction), States: all(f.state), Agents: all(f.agent), Queues: all(f.queue), Campaigns: all(f.campaign),
		CustomerIDs: all(f.customer), CustomerPhones: all(f.customerPhone), WaitingLongerMs: f.longerMs, Waiting: f.hasLonger}
	for _, id := range out.IDs {
		if n, err := strconv.ParseInt(id, 10, 64); err == nil && n > 0 && strconv.FormatInt(n, 10) == id {
			out.Numbers = append(out.Numbers, n)
		}
	}
	return out
}

func (l *pastList) writeRange(e *list.Encoder) {
	e.Name("from")
	e.Time(l.filter.From)
	e.Name("to")
	e.Time(l.filter.To)
}

func pastRows(rows []*schema.LiveInteraction, v *floor.View, m *mask.Mask) []interactionRow {
	out := make([]interactionRow, len(rows))
	for i, row := range rows {
		out[i] = interactionRow{shown(m, floor.NewInteraction(row)), v}
	}
	return out
}

// foundPast is a page of keys, and what is known of the whole list.
type foundPast struct {
	keys     []history.InteractionKey
	total    int
	asOf     int64
	snapshot string
}

// findPast finds a page: in the list that the snapshot pins, else in a new one, which is pinned unless it is too long.
func (a *API) findPast(ctx context.Context, r *request, l *pastList) (foundPast, error) {
	if l.page.Snapshot != "" {
		p, err := a.pins.find(r.contactCenter, l.page.Snapshot, l.question(), l.now)
		if err != nil {
			return foundPast{}, err
		}
		l.filter.From, l.filter.To = p.from, p.to
		return foundPast{cut(p.keys, l.page), len(p.keys), p.asOf, l.page.Snapshot}, nil
	}
	at, err := a.History.Progress(ctx, r.contactCenter)
	if err != nil {
		return foundPast{}, err
	}
	out := foundPast{asOf: a.asOf(at.AsOf)}
	l.filter.AsOf = out.asOf
	keys, total, err := a.History.InteractionPage(ctx, l.filter, l.order, 0, maxPinned+1)
	if err != nil {
		return foundPast{}, err
	}
	out.total = total
	if len(keys) <= maxPinned {
		out.keys = cut(keys, l.page)
		out.snapshot, err = a.pins.keep(r.contactCenter, l.question(), keys, out.asOf, l.filter.From, l.filter.To, l.now)
		return out, err
	}
	if end := l.page.Offset + l.page.Limit; end <= len(keys) {
		out.keys = cut(keys, l.page)
		return out, nil
	}
	out.keys, out.total, err = a.History.InteractionPage(ctx, l.filter, l.order, l.page.Offset, l.page.Limit)
	return out, err
}

func cut(keys []history.InteractionKey, p list.Page) []history.InteractionKey {
	return list.Cut(keys, p)
}

// question is what a pinned list is the answer to.
func (l *pastList) question() string {
	f := l.filter
	f.AsOf = 0
	var b strings.Builder
	b.WriteString(l.asked)
	for _, set := range [][]string{f.IDs, f.CallIDs, f.ChatIDs, f.Channels, f.Directions, f.States, f.Agents, f.Queues, f.Campaigns, f.CustomerIDs, f.CustomerPhones} {
		for _, s := range set {
			b.WriteString(strconv.Quote(s))
		}
		b.WriteByte(';')
	}
	for _, o := range l.order {
		b.WriteString(o.Field + ":" + strconv.FormatBool(o.Desc) + ",")
	}
	if f.Waiting {
		b.WriteString(strconv.FormatInt(f.WaitingLongerMs, 10))
	}
	return b.String()
}

// streamPast sends the whole list, chunk by chunk.
func (a *API) streamPast(r *request, l *pastList) error {
	if !a.exports.TryAcquire(1) {
		return problem.Unavailable("busy", "as many exports are running as may at a time; try again", 5)
	}
	ctx, cancel := context.WithTimeout(context.Background(), exportTimeout)
	s := &pastStream{a: a, contactCenter: r.contactCenter, ctx: ctx, cancel: cancel, mask: l.mask}
	if err := s.begin(l); err != nil {
		_ = s.Close() // nothing has been read that could be lost
		return historyProblem(err)
	}
	if err := list.Stream(r.Ctx, a.interactions, s, l.page, list.Metadata{AsOf: s.view.AsOf, Tag: r.tag(strconv.FormatInt(s.view.AsOf, 10))}); err != nil {
		return historyProblem(err)
	}
	return nil
}

// pastStream reads interactions while they are sent.
type pastStream struct {
	a             *API
	contactCenter string
	ctx           context.Context
	cancel        context.CancelFunc
	view          *floor.View
	keys          history.KeyStream
	ended         bool
	rows          []interactionRow
	mask          *mask.Mask
}

// pinnedKeys are those of a snapshot.
type pinnedKeys struct{ keys []history.InteractionKey }

func (p *pinnedKeys) Next() (key history.InteractionKey, err error) {
	if len(p.keys) == 0 {
		return key, io.EOF
	}
	key, p.keys = p.keys[0], p.keys[1:]
	return key, nil
}

func (p *pinnedKeys) Close() error { return nil }

func (s *pastStream) begin(l *pastList) error {
	if l.page.Snapshot != "" {
		p, err := s.a.pins.find(s.contactCenter, l.page.Snapshot, l.question(), l.now)
		if err != nil {
			return err
		}
		s.keys, s.view = &pinnedKeys{p.keys}, l.view.Past(p.asOf)
		return nil
	}
	at, err := s.a.History.Progress(s.ctx, s.contactCenter)
	if err != nil {
		return err
	}
	l.filter.AsOf = s.a.asOf(at.AsOf)
	s.view = l.view.Past(l.filter.AsOf)
	s.keys, err = s.a.History.StreamInteractionKeys(s.ctx, l.filter, l.order)
	return err
}

func (s *pastStream) Next() (row interactionRow, err error) {
	for len(s.rows) == 0 {
		if s.ended {
			return row, io.EOF
		}
		if err := s.read(); err != nil {
			return row, err
		}
	}
	row, s.rows = s.rows[0], s.rows[1:]
	return row, nil
}

func (s *pastStream) read() error {
	keys := make([]history.InteractionKey, 0, exportChunk)
	for len(keys) < exportChunk && !s.ended {
		key, err := s.keys.Next()
		switch {
		case err == io.EOF:
			s.ended = true
		case err != nil:
			return err
		default:
			keys = append(keys, key)
		}
	}
	rows, err := s.a.History.Interactions(s.ctx, s.contactCenter, keys)
	s.rows = pastRows(rows, s.view, s.mask)
	return err
}

func (s *pastStream) Close() (err error) {
	defer s.a.exports.Release(1)
	defer s.cancel()
	if s.keys != nil {
		err = s.keys.Close()
	}
	return err
}
