package dashboards

import (
	"fmt"
	"maps"
	"slices"
)

func sorted(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// visits are the queues' windows that the choices at the top leave, with each queue's name and threshold: rows of windows are the newest
// versions (FINAL), and what the directory says is its newest record.
const visits = `FROM windows_15m AS w FINAL
	GLOBAL ANY LEFT JOIN (` + queues + `) AS q ON w.queue = q.id
	WHERE w.contact_center = ${contact_center:singlequote} AND NOT w.of_agent AND w.queue != '' AND $__timeFilter(w.start)
	AND $__conditionalAll(w.queue IN (${queue:singlequote}), $queue)`

const queues = `SELECT id, ifNull(JSONExtract(argMax(data, offset), 'name', 'Nullable(String)'), id) AS name,
	ifNull(JSONExtract(argMax(data, offset), 'service_level_seconds', 'Nullable(UInt32)'), 20) AS level
	FROM directory WHERE contact_center = ${contact_center:singlequote} AND kind = 'queue' GROUP BY id`

const agents = `SELECT id, ifNull(JSONExtract(argMax(data, offset), 'name', 'Nullable(String)'), id) AS name
	FROM directory WHERE contact_center = ${contact_center:singlequote} AND kind = 'agent' GROUP BY id`

// A queue without a record of its own has its id for a name and the threshold of the event contract.
const (
	queueName = `if(q.name = '', w.queue, q.name)`
	level     = `if(q.id = '', 20, q.level)`
	// inLevel counts the waits of up to the threshold: the key of a whole second is twice its number.
	inLevel = `sum(arraySum((k, n) -> if(k <= 2 * ` + level + `, n, 0), mapKeys(w.wait_seconds), mapValues(w.wait_seconds)))`
	// serviceLevel is answered_over_all.
	serviceLevel = inLevel + ` / nullIf(sum(w.answered) + sum(w.abandoned), 0)`
	// bucketMs turns a bucket of the logarithmic histograms into the duration that stands for it.
	bucketMs = `if(%s = 0, 0, 2 * pow(1.01 / 0.99, %[1]s - 1) / (1.01 / 0.99 + 1))`
)

// stretches are the agents' pieces of effective status, in ms, clipped to the range. Pieces that have ended never cross midnight (UTC); one
// that is still open may be older, and is not found where it began more than a day before the range.
const stretches = `SELECT agent, toString(status) AS status, suspended,
	toUnixTimestamp64Milli(greatest(start, toDateTime64($__fromTime, 3, 'UTC'))) AS since,
	toUnixTimestamp64Milli(least(ifNull(end, now64(3, 'UTC')), now64(3, 'UTC'), toDateTime64($__toTime, 3, 'UTC'))) AS until
	FROM agent_intervals FINAL
	WHERE contact_center = ${contact_center:singlequote} AND kind = 'status' AND NOT deleted
	AND start >= toStartOfDay(toDateTime($__fromTime, 'UTC')) - INTERVAL 1 DAY AND start < $__toTime AND until > since
	AND $__conditionalAll(agent IN (${agent:singlequote}), $agent)`

// Floor is what supervisors and planners look at: history, as ClickHouse has it.
func Floor() Dashboard {
	return Dashboard{
		UID: "floorwalker-floor", Title: "The floor", Source: ClickHouse, From: "now-12h", Refresh: "30s",
		Help: "A contact centre's volume, service level, waits and agents, from ClickHouse. The same figures as the API's metrics of the past.",
		Variables: []Variable{
			{Name: "contact_center", Label: "Contact centre", Query: `SELECT DISTINCT contact_center FROM windows_15m WHERE $__timeFilter(start) ORDER BY 1`},
			{Name: "queue", Label: "Queue", Multi: true, Query: `SELECT DISTINCT queue FROM windows_15m
				WHERE contact_center = ${contact_center:singlequote} AND NOT of_agent AND queue != '' AND $__timeFilter(start) ORDER BY 1`},
			{Name: "agent", Label: "Agent", Multi: true, Query: `SELECT DISTINCT agent FROM windows_15m
				WHERE contact_center = ${contact_center:singlequote} AND of_agent AND $__timeFilter(start) ORDER BY 1`},
		},
		Rows: []Row{
			{Title: "The range", Panels: []Panel{
				{Title: "The range as a whole", Kind: "stat", Width: 24, Units: map[string]string{"Service level": "percentunit", "Abandoned": "percentunit",
					"Speed of answer": "ms", "Longest wait": "ms", "Handle time": "ms"},
					Help: "Service level: answered within the queue's threshold, of all that were answered or abandoned. A quarter of an hour that has not ended counts as far as it has come.",
					Queries: []Query{{SQL: `
						SELECT sum(w.offered) AS "Offered", sum(w.answered) AS "Answered", sum(w.abandoned) / nullIf(sum(w.offered), 0) AS "Abandoned",
						` + serviceLevel + ` AS "Service level",
						sum(w.wait_sum) / nullIf(sum(w.wait_count), 0) AS "Speed of answer", greatest(max(w.wait_max), max(w.abandon_wait_max)) AS "Longest wait",
						sum(w.handle_sum) / nullIf(sum(w.handle_count), 0) AS "Handle time"
						` + visits}}},
			}},
			{Title: "Queues", Panels: []Panel{
				{Title: "Volume", Kind: "timeseries", Width: 12, Unit: "short", Interval: "15m", Queries: []Query{{SQL: `
					SELECT $__timeInterval(w.start) AS time, sum(w.offered) AS "offered", sum(w.answered) AS "answered", sum(w.abandoned) AS "abandoned",
					sum(w.overflowed) AS "overflowed"
					` + visits + `
					GROUP BY time ORDER BY time`}}},
				{Title: "Service level by queue", Kind: "timeseries", Width: 12, Unit: "percentunit", Interval: "15m", Queries: []Query{{SQL: `
					SELECT $__timeInterval(w.start) AS time, ` + queueName + ` AS queue_name, ` + serviceLevel + ` AS "level"
					` + visits + `
					GROUP BY time, queue_name ORDER BY time`}}},
				{Title: "Waits until answered", Kind: "timeseries", Width: 12, Unit: "ms", Interval: "15m", Help: "Within 1 % of the exact percentile.",
					Queries: []Query{{SQL: `
					SELECT time, ` + percentile(1) + ` AS "p50", ` + percentile(2) + ` AS "p90", ` + percentile(3) + ` AS "p95"
					FROM (
					SELECT $__timeInterval(start) AS time, quantilesExactWeighted(0.5, 0.9, 0.95)(bucket, times) AS k
					FROM (SELECT w.start AS start, w.wait_log AS log ` + visits + `) ARRAY JOIN mapKeys(log) AS bucket, mapValues(log) AS times
					GROUP BY time)
					ORDER BY time`}}},
				{Title: "Handle time by queue", Kind: "timeseries", Width: 12, Unit: "ms", Interval: "15m", Queries: []Query{{SQL: `
					SELECT $__timeInterval(w.start) AS time, ` + queueName + ` AS queue_name, sum(w.handle_sum) / nullIf(sum(w.handle_count), 0) AS "mean"
					` + visits + `
					GROUP BY time, queue_name ORDER BY time`}}},
				{Title: "Queue by queue", Kind: "table", Width: 24, Unit: "short", Units: map[string]string{"Service level": "percentunit", "Abandoned": "percentunit",
					"Speed of answer": "ms", "Wait, p90": "ms", "Longest wait": "ms", "Handle time": "ms"}, Queries: []Query{{SQL: `
					SELECT "Queue", "Offered", "Answered", "Abandoned", "Service level", "Speed of answer", ` + percentile(1) + ` AS "Wait, p90", "Longest wait", "Handle time"
					FROM (
					SELECT ` + queueName + ` AS "Queue", sum(w.offered) AS "Offered", sum(w.answered) AS "Answered",
					sum(w.abandoned) / nullIf(sum(w.offered), 0) AS "Abandoned", ` + serviceLevel + ` AS "Service level",
					sum(w.wait_sum) / nullIf(sum(w.wait_count), 0) AS "Speed of answer",
					sumMap(w.wait_log) AS log,
					[arrayFirst((bucket, seen) -> seen >= 0.9 * sum(w.wait_count), mapKeys(log), arrayCumSum(mapValues(log)))] AS k,
					greatest(max(w.wait_max), max(w.abandon_wait_max)) AS "Longest wait", sum(w.handle_sum) / nullIf(sum(w.handle_count), 0) AS "Handle time"
					` + visits + `
					GROUP BY "Queue")
					ORDER BY "Offered" DESC`}}},
			}},
			{Title: "Agents", Panels: []Panel{
				{Title: "Agents by status", Kind: "timeseries", Width: 16, Unit: "short", Interval: "1m", Stacked: true,
					Help: "How many agents were in each status, on average over each interval.", Queries: []Query{{SQL: `
					WITH toUInt64($__interval_s) * 1000 AS step, toUnixTimestamp($__fromTime) * 1000 AS earliest,
					least(toUnixTimestamp64Milli(now64(3, 'UTC')), toUnixTimestamp($__toTime) * 1000) AS latest
					SELECT toDateTime(intDiv(slot * step, 1000), 'UTC') AS time, status,
					sum(least(until, toInt64((slot + 1) * step)) - greatest(since, toInt64(slot * step)))
					/ greatest(least(toInt64((slot + 1) * step), toInt64(latest)) - greatest(toInt64(slot * step), toInt64(earliest)), 1) AS "agents"
					FROM (` + stretches + `)
					ARRAY JOIN range(intDiv(toUInt64(since), step), intDiv(toUInt64(until - 1), step) + 1) AS slot
					GROUP BY time, slot, status ORDER BY time`}}},
				{Title: "Time in status", Kind: "piechart", Width: 8, Unit: "ms", Queries: []Query{{SQL: `
					SELECT status, sum(until - since) AS "time" FROM (` + stretches + `) GROUP BY status ORDER BY "time" DESC`}}},
				{Title: "Agent by agent", Kind: "table", Width: 24, Unit: "ms", Units: map[string]string{"Agent": "string", "Occupancy": "percentunit", "Answered": "short"},
					Queries: []Query{{SQL: `
					SELECT if(d.name = '', t.agent, d.name) AS "Agent", t.logged_in AS "Logged in", t.available AS "Available", t.occupied AS "Occupied", t.away AS "Away",
					t.occupied / nullIf(t.occupied + t.available, 0) AS "Occupancy", c.answered AS "Answered", c.talk AS "Talk time", c.handle AS "Handle time"
					FROM (
					SELECT agent, sum(until - since) AS logged_in, sumIf(until - since, status = 'available' AND NOT suspended) AS available,
					sumIf(until - since, status IN ('on_call', 'in_chat', 'conference', 'ringing', 'dialing', 'wrap')) AS occupied,
					sumIf(until - since, status IN ('busy', 'away', 'break', 'lunch', 'meeting', 'training', 'off_phone', 'be_right_back', 'off_work')) AS away
					FROM (` + stretches + `) GROUP BY agent) AS t
					GLOBAL ANY LEFT JOIN (
					SELECT agent, sum(answered) AS answered, sum(talk_sum) / nullIf(sum(talk_count), 0) AS talk, sum(handle_sum) / nullIf(sum(handle_count), 0) AS handle
					FROM windows_15m FINAL WHERE contact_center = ${contact_center:singlequote} AND of_agent AND $__timeFilter(start) GROUP BY agent) AS c ON t.agent = c.agent
					GLOBAL ANY LEFT JOIN (` + agents + `) AS d ON t.agent = d.id
					ORDER BY "Logged in" DESC`}}},
			}},
		},
	}
}

// percentile is the i-th of the buckets in k, in ms.
func percentile(i int) string { return fmt.Sprintf(bucketMs, fmt.Sprintf("toFloat64(k[%d])", i)) }
