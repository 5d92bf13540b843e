package audit

import (
	"context"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"floorwalker/schema"
)

// names are the moments from which on what an interaction counts goes by the channel and direction of its created event, of those
// where it lies more than a minute after the interaction began. What was counted before stays under voice and inbound, while rows
// take what it says from the beginning.
type names map[string][]naming

// naming is one interaction of an id, which may be used again.
type naming struct{ start, named int64 }

// at is the channel and direction under which an interaction counts at t; begin is when the fact itself began.
func (n names) at(interaction string, begin, t int64, channel schema.Channel, direction schema.Direction) (schema.Channel, schema.Direction) {
	for _, x := range n[interaction] { // newest first
		if x.start > begin {
			continue
		}
		if t < x.named-minuteMs {
			return schema.ChannelVoice, schema.Inbound
		}
		break
	}
	return channel, direction
}

// namedLate finds them: first the ids whose created comes after something that begins an interaction, then what those are in detail.
func (c *center) namedLate(ctx context.Context) (names, error) {
	rows, err := c.Conn.Query(ctx, `SELECT i.id, toUnixTimestamp64Milli(i.start) AS began, toUnixTimestamp64Milli(min(e.time)) FROM
			(SELECT subject, time FROM events WHERE contact_center = {cc:String} AND type = 'cc.interaction.created'
				AND time >= fromUnixTimestamp64Milli({after:Int64}, 'UTC') AND time < fromUnixTimestamp64Milli({until:Int64}, 'UTC')
				AND subject IN (SELECT subject FROM events WHERE contact_center = {cc:String}
						AND type IN ('cc.interaction.created', 'cc.interaction.queued', 'cc.interaction.offered', 'cc.interaction.connected')
						AND time >= fromUnixTimestamp64Milli({after:Int64}, 'UTC') AND time < fromUnixTimestamp64Milli({until:Int64}, 'UTC')
					GROUP BY subject HAVING maxIf(time, type = 'cc.interaction.created') > min(time) + toIntervalMillisecond({margin:Int64}))) AS e
			INNER JOIN (SELECT id, start, ifNull(ended, fromUnixTimestamp64Milli({until:Int64}, 'UTC')) AS over FROM interactions FINAL
				WHERE contact_center = {cc:String} AND NOT deleted AND start >= fromUnixTimestamp64Milli({after:Int64}, 'UTC')) AS i ON i.id = e.subject
			WHERE e.time >= i.start AND e.time <= i.over + toIntervalMillisecond({margin:Int64})
		GROUP BY i.id, i.start HAVING min(e.time) > i.start + toIntervalMillisecond({margin:Int64}) ORDER BY began DESC
		SETTINGS max_bytes_before_external_group_by = 536870912, join_algorithm = 'grace_hash'`,
		ch.Named("cc", c.id), ch.Named("after", max(0, c.from-factsBefore)), ch.Named("until", c.until), ch.Named("margin", int64(minuteMs)))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := names{}
	for rows.Next() {
		var id string
		var x naming
		if err := rows.Scan(&id, &x.start, &x.named); err != nil {
			return nil, err
		}
		out[id] = append(out[id], x)
	}
	return out, rows.Err()
}
