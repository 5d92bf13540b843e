-- The job's answer from the steps, by window functions: no view can do it while inserting, because an interaction's events come in
-- many INSERTs. An unpark by somebody else than the one who parked is not told from a connect's absence: it begins nothing here.
WITH
    toDateTime64(0, 3, 'UTC') AS never,
    -- What begins and ends visits, without a `queued` for the queue in which the interaction waits already.
    moves AS (
        SELECT center, interaction, time, type, queue, word FROM (
            SELECT *, lagInFrame(type) OVER w AS before, lagInFrame(queue) OVER w AS queue_before
            FROM steps
            WHERE type IN ('queued', 'transferred', 'ended') OR type = 'connected' AND word IN ('', 'agent', 'transfer')
            WINDOW w AS (PARTITION BY center, interaction ORDER BY time ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
        ) WHERE NOT (type = 'queued' AND before = 'queued' AND queue_before = queue)
    ),
    visits AS (
        SELECT center, queue, time, next, next_time, next_word FROM (
            SELECT *, leadInFrame(type) OVER all AS next, leadInFrame(time) OVER all AS next_time, leadInFrame(word) OVER all AS next_word,
                countIf(type = 'queued') OVER (PARTITION BY center, interaction, queue ORDER BY time ROWS UNBOUNDED PRECEDING) AS nth,
                -- Since the `queued` before, a transfer to this queue.
                argMaxIf((type, queue), time, type IN ('queued', 'transferred') AND queue != '')
                    OVER (PARTITION BY center, interaction ORDER BY time ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS led
            FROM moves
            WINDOW all AS (PARTITION BY center, interaction ORDER BY time ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
        ) WHERE type = 'queued' AND nth = 1 AND NOT (led.1 = 'transferred' AND led.2 = queue)
    ),
    -- Each event with what its interaction knows by then.
    known AS (
        SELECT *,
            argMaxIf(queue, time, type = 'queued') OVER past AS last_queue,
            argMaxIf(agent, time, type = 'created' AND word != 'inbound') OVER past AS dialer,
            maxIf(time, type = 'ended') OVER (PARTITION BY center, interaction) AS ended
        FROM steps
        WINDOW past AS (PARTITION BY center, interaction ORDER BY time ROWS UNBOUNDED PRECEDING)
    ),
    -- Each agent's events, numbered by conversation.
    parts AS (
        SELECT *,
            countIf(type = 'connected') OVER (PARTITION BY center, interaction, agent ORDER BY time ROWS UNBOUNDED PRECEDING) AS part,
            leadInFrame(time, 1, ended) OVER (PARTITION BY center, interaction, agent ORDER BY time ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS until
        FROM known
        WHERE type IN ('connected', 'held', 'resumed', 'parked', 'unparked', 'transferred', 'left', 'wrap_started')
    ),
    conversations AS (
        SELECT center, agent, argMin(last_queue, time) AS queue, argMin(word, time) AS role,
            groupArray((time, until, type IN ('connected', 'resumed', 'unparked'))) AS stretches,
            -- It ends with the agent's leaving, the interaction, or the agent's next conversation in it; 1970: it goes on.
            arrayMin(arrayFilter(t -> t > never, [minIf(time, type IN ('transferred', 'left', 'wrap_started')), any(ended), argMax(until, time)])) AS over
        FROM parts
        WHERE part > 0
        GROUP BY center, interaction, agent, part
        HAVING over > never AND role NOT IN ('silent_join', 'whisper_join')
    ),
    talks AS (
        SELECT center, agent, queue, over, arraySum(s -> if(s.3 AND s.1 < over, dateDiff('millisecond', s.1, least(s.2, over)), 0), stretches) AS talk
        FROM conversations
    )
SELECT center, agent, name, toInt64(toUnixTimestamp(minute)) * 1000, toInt64(sum(offered)), toInt64(sum(answered)), toInt64(sum(abandoned)),
    toInt64(sum(wait)), toInt64(max(wait)), toInt64(sum(talk)), toInt64(max(talk))
FROM (
    SELECT center, false AS agent, toString(queue) AS name, toStartOfMinute(time) AS minute, 1 AS offered, 0 AS answered, 0 AS abandoned, 0 AS wait, 0 AS talk FROM visits
    UNION ALL
    SELECT center, false, toString(queue), toStartOfMinute(next_time), 0, 1, 0, dateDiff('millisecond', time, next_time), 0 FROM visits WHERE next = 'connected'
    UNION ALL
    SELECT center, false, toString(queue), toStartOfMinute(next_time), 0, 0, 1, 0, 0 FROM visits WHERE next = 'ended' AND next_word = 'abandoned'
    UNION ALL
    SELECT center, true, agent, toStartOfMinute(time), 0, 1, 0, 0, 0 FROM parts WHERE type = 'connected' AND word IN ('', 'agent') AND NOT (agent = dialer AND part = 1)
    UNION ALL
    SELECT center, true, agent, toStartOfMinute(over), 0, 0, 0, 0, talk FROM talks
    UNION ALL
    SELECT center, false, toString(queue), toStartOfMinute(over), 0, 0, 0, 0, talk FROM talks WHERE queue != ''
)
GROUP BY center, agent, name, minute
