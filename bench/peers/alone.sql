-- ClickHouse alone: raw events as they come, and a materialized view that picks what the job needs while they are inserted.
CREATE TABLE raw (
    contactcenter LowCardinality(String),
    subject       String,
    time          DateTime64(3, 'UTC'),
    type          LowCardinality(String),
    source        LowCardinality(String),
    id            String,
    data          String CODEC(ZSTD(1))
) ENGINE = MergeTree ORDER BY (contactcenter, subject, time);

CREATE TABLE steps (
    center      LowCardinality(String),
    interaction String,
    time        DateTime64(3, 'UTC'),
    type        LowCardinality(String),
    agent       String,
    queue       LowCardinality(String),
    word        LowCardinality(String)
) ENGINE = MergeTree ORDER BY (center, interaction, time);

CREATE MATERIALIZED VIEW to_steps TO steps AS
SELECT contactcenter AS center, subject AS interaction, time, substring(type, 16) AS type, if(d.from_agent_id != '', d.from_agent_id, d.agent_id) AS agent,
    if(d.to_queue_id != '', d.to_queue_id, d.queue_id) AS queue, multiIf(d.role != '', d.role, d.reason != '', d.reason, d.direction) AS word
FROM (
    SELECT contactcenter, subject, time, type,
        JSONExtract(data, 'Tuple(agent_id String, from_agent_id String, queue_id String, to_queue_id String, role String, reason String, direction String)') AS d
    FROM raw
    WHERE type IN ('cc.interaction.created', 'cc.interaction.queued', 'cc.interaction.connected', 'cc.interaction.held', 'cc.interaction.resumed',
        'cc.interaction.parked', 'cc.interaction.unparked', 'cc.interaction.transferred', 'cc.interaction.left', 'cc.interaction.wrap_started',
        'cc.interaction.ended')
);
