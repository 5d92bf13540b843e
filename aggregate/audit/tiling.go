package audit

import (
	"context"
	"fmt"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"floorwalker/schema"
)

// span is a stretch of an agent's time.
type span struct{ from, until int64 }

// spans reads one kind of intervals, agent by agent. Only one agent's lie in memory.
type spans struct {
	driver.Rows
	agent  string
	status string
	next   span
	end    bool
	err    error
}

func (c *center) spans(ctx context.Context, kind string) (*spans, error) {
	rows, err := c.Conn.Query(ctx, `SELECT agent, status, toUnixTimestamp64Milli(start), ifNull(toUnixTimestamp64Milli(end), {open:Int64})
		FROM agent_intervals FINAL WHERE contact_center = {cc:String} AND kind = {kind:String} AND NOT deleted
			AND start < fromUnixTimestamp64Milli({until:Int64}, 'UTC')
			AND (isNull(end) OR end > fromUnixTimestamp64Milli({from:Int64}, 'UTC'))
		ORDER BY contact_center, kind, agent, start, n
		SETTINGS do_not_merge_across_partitions_select_final = 1, max_bytes_before_external_sort = 536870912`,
		ch.Named("open", int64(schema.Open)), ch.Named("cc", c.id), ch.Named("kind", kind), ch.Named("from", c.from), ch.Named("until", c.until))
	if err != nil {
		return nil, err
	}
	s := &spans{Rows: rows}
	s.read()
	return s, s.err
}

func (s *spans) read() {
	if s.end = !s.Next(); s.end {
		s.err = s.Err()
		return
	}
	if s.err = s.Scan(&s.agent, &s.status, &s.next.from, &s.next.until); s.err != nil {
		s.end = true
	}
}

// of gives the agent's spans in order.
func (s *spans) of(agent string, each func(span, string)) {
	for !s.end && s.agent == agent {
		each(s.next, s.status)
		s.read()
	}
}

// tiling checks that presence covers each agent's time without gap or overlap, and that effective status and workload do the same
// with the logged-in part of it.
func (c *center) tiling(ctx context.Context) error {
	kinds := []string{schema.IntervalPresence.String(), schema.IntervalStatus.String(), schema.IntervalWorkload.String()}
	var all []*spans
	defer func() {
		for _, s := range all {
			_ = s.Close()
		}
	}()
	for _, kind := range kinds {
		s, err := c.spans(ctx, kind)
		if err != nil {
			return err
		}
		all = append(all, s)
	}
	for {
		agent, more := "", false
		for _, s := range all {
			if !s.end && (!more || s.agent < agent) {
				agent, more = s.agent, true
			}
		}
		if !more {
			break
		}
		c.report.Checked[CheckTiling]++
		var in coverage
		c.presence(agent, all[0], &in)
		for k, s := range all[1:] {
			var out coverage
			c.covered(agent, kinds[k+1], s, &out)
			c.same(agent, kinds[k+1], &in, &out)
		}
	}
	for _, s := range all {
		if s.err != nil {
			return s.err
		}
	}
	return nil
}

// coverage is stretches without the seams between them.
type coverage []span

func (v *coverage) add(s span) {
	if n := len(*v); n > 0 && (*v)[n-1].until == s.from {
		(*v)[n-1].until = s.until
		return
	}
	*v = append(*v, s)
}

func (c *center) clip(s span) (span, bool) {
	s.from, s.until = max(s.from, c.from), min(s.until, c.until)
	return s, s.from < s.until
}

func (c *center) tile(agent, what string) {
	c.differs(CheckTiling, "agent_intervals", "agent "+agent, what, "")
}

// presence collects when the agent was logged in, and checks that presence has neither gap nor overlap.
func (c *center) presence(agent string, s *spans, in *coverage) {
	last := int64(-1)
	s.of(agent, func(raw span, status string) {
		if raw.until <= raw.from {
			c.tile(agent, fmt.Sprintf("presence from %s ends at %s", moment(raw.from), moment(raw.until)))
			return
		}
		x, ok := c.clip(raw)
		if !ok {
			return
		}
		if last >= 0 && x.from != last {
			c.tile(agent, fmt.Sprintf("presence %s until %s, the next begins at %s", verb(x.from < last), moment(last), moment(x.from)))
		}
		last = max(last, x.until)
		if status != schema.LoggedOut.String() {
			in.add(x)
		}
	})
}

func verb(twice bool) string {
	if twice {
		return "overlaps: one lasts"
	}
	return "has a gap: one lasts"
}

// covered collects what intervals of a kind cover, and checks that they do not overlap.
func (c *center) covered(agent, kind string, s *spans, out *coverage) {
	last := int64(-1)
	s.of(agent, func(raw span, _ string) {
		x, ok := c.clip(raw)
		switch {
		case raw.until <= raw.from:
			c.tile(agent, fmt.Sprintf("%s from %s ends at %s", kind, moment(raw.from), moment(raw.until)))
		case ok && x.from < last:
			c.tile(agent, fmt.Sprintf("%s overlaps: one lasts until %s, the next begins at %s", kind, moment(last), moment(x.from)))
			if x.from = last; x.from < x.until {
				out.add(x)
			}
		case ok:
			out.add(x)
		}
		if ok {
			last = max(last, x.until)
		}
	})
}

// same checks that intervals cover the logged-in time and nothing else, and names the first place where they do not.
func (c *center) same(agent, kind string, in, out *coverage) {
	for k := 0; k < max(len(*in), len(*out)); k++ {
		switch {
		case k >= len(*out) || k < len(*in) && (*in)[k].from < (*out)[k].from:
			until := (*in)[k].until
			if k < len(*out) {
				until = min(until, (*out)[k].from)
			}
			c.tile(agent, fmt.Sprintf("logged in from %s to %s without an interval of %s", moment((*in)[k].from), moment(until), kind))
			return
		case k >= len(*in) || (*out)[k].from < (*in)[k].from:
			c.tile(agent, fmt.Sprintf("%s from %s on while logged out", kind, moment((*out)[k].from)))
			return
		case (*out)[k].until < (*in)[k].until:
			until := (*in)[k].until
			if k+1 < len(*out) {
				until = min(until, (*out)[k+1].from)
			}
			c.tile(agent, fmt.Sprintf("logged in from %s to %s without an interval of %s", moment((*out)[k].until), moment(until), kind))
			return
		case (*out)[k].until > (*in)[k].until:
			c.tile(agent, fmt.Sprintf("%s from %s on while logged out", kind, moment((*in)[k].until)))
			return
		}
	}
}
