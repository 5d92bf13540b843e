package audit

import (
	"context"
	"fmt"

	ch "github.com/ClickHouse/clickhouse-go/v2"
)

// visitsBefore is how long before a moment a visit may have begun that still waits at it: as long as an interaction without an event
// lives at most.
const visitsBefore = 31 * dayMs

// queueRange is what windows say of a queue's first visits in a range, and facts of those that waited at its ends.
type queueRange struct {
	offered, left          int64
	waitingThen, waitedNow int64
}

// visits checks the range rule (metrics.md, rule 8) for each queue and day, and for what is left of a day at both ends: waiting at the
// start and offered are as many as left in any way and waiting at the end. What happened is taken from windows, who waits from facts.
func (c *center) visits(ctx context.Context) error {
	from, until := up(c.from, quarterMs), down(c.until, quarterMs)
	if c.from == 0 {
		var err error
		if from, err = c.firstVisit(ctx); err != nil {
			return err
		}
	}
	for from < until {
		next := min(down(from, dayMs)+dayMs, until)
		if err := c.visitsBetween(ctx, from, next); err != nil {
			return err
		}
		from = next
	}
	return nil
}

// firstVisit is the quarter in which the first visit began, or the end of what is judged.
func (c *center) firstVisit(ctx context.Context) (int64, error) {
	var first int64
	err := c.Conn.QueryRow(ctx, `SELECT if(count() = 0, {until:Int64}, toUnixTimestamp64Milli(min(start))) FROM queue_visits
		WHERE contact_center = {cc:String}`, ch.Named("until", c.until), ch.Named("cc", c.id)).Scan(&first)
	return down(first, quarterMs), err
}

func (c *center) visitsBetween(ctx context.Context, from, until int64) error {
	queues := map[string]*queueRange{}
	of := func(queue string) *queueRange {
		q := queues[queue]
		if q == nil {
			q = &queueRange{}
			queues[queue] = q
		}
		return q
	}
	rows, err := c.Conn.Query(ctx, `SELECT queue, toInt64(sum(offered)), toInt64(sum(answered + abandoned + breakout + overflowed + ended_other + expired))
		FROM windows_15m FINAL WHERE contact_center = {cc:String} AND agent = ''
			AND start >= toDateTime(intDiv({from:Int64}, 1000), 'UTC') AND start < toDateTime(intDiv({until:Int64}, 1000), 'UTC')
		GROUP BY queue`, ch.Named("cc", c.id), ch.Named("from", from), ch.Named("until", until))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var queue string
		var offered, left int64
		if err := rows.Scan(&queue, &offered, &left); err != nil {
			return err
		}
		q := of(queue)
		q.offered, q.left = offered, left
	}
	if err := rows.Err(); err != nil {
		return err
	}
	waiting, err := c.Conn.Query(ctx, `SELECT queue, toInt64(countIf(began < {from:Int64} AND ended >= {from:Int64})), toInt64(countIf(began < {until:Int64} AND ended >= {until:Int64})) FROM (
			SELECT queue, toUnixTimestamp64Milli(start) AS began, ifNull(toUnixTimestamp64Milli(end), {open:Int64}) AS ended
			FROM queue_visits FINAL WHERE contact_center = {cc:String} AND kind = 'first' AND NOT deleted
				AND start >= fromUnixTimestamp64Milli({after:Int64}, 'UTC') AND start < fromUnixTimestamp64Milli({until:Int64}, 'UTC')
				AND ended >= {from:Int64})
		GROUP BY queue SETTINGS do_not_merge_across_partitions_select_final = 1`,
		ch.Named("open", int64(1)<<62), ch.Named("cc", c.id), ch.Named("after", max(0, from-visitsBefore)), ch.Named("from", from), ch.Named("until", until))
	if err != nil {
		return err
	}
	defer waiting.Close()
	for waiting.Next() {
		var queue string
		var then, now int64
		if err := waiting.Scan(&queue, &then, &now); err != nil {
			return err
		}
		q := of(queue)
		q.waitingThen, q.waitedNow = then, now
	}
	if err := waiting.Err(); err != nil {
		return err
	}
	for _, queue := range sorted(queues) {
		c.report.Checked[CheckVisits]++
		q := queues[queue]
		if q.waitingThen+q.offered == q.left+q.waitedNow {
			continue
		}
		c.differs(CheckVisits, "windows_15m", fmt.Sprintf("queue %s from %s to %s", queue, moment(from), moment(until)),
			fmt.Sprintf("%d waiting + %d offered, but %d left + %d waiting", q.waitingThen, q.offered, q.left, q.waitedNow),
			c.explains(from, until))
	}
	return nil
}
