-- Every table that holds rows which a replay writes again is a ReplacingMergeTree: its ORDER BY is the row's key, its version
-- is epoch·2⁴⁸ + offset, and partitions are made of key columns only, so that two versions of a row always meet.
--
-- A text/template: create, replacing, merge and distributed make the plain tables, or those of a cluster.

{{create "events"}} (
    contact_center  LowCardinality(String),
    epoch           UInt16,
    topic           LowCardinality(String),
    partition       UInt32,
    offset          UInt64,
    record_time     DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    time            DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    type            LowCardinality(String),
    subject         String CODEC(ZSTD(1)),
    source          LowCardinality(String),
    id              String CODEC(ZSTD(1)),
    sequence        Nullable(Int64),
    data            String CODEC(ZSTD(1)),
    version         UInt64,
    processed_at    DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    INDEX by_subject subject TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX by_time time TYPE minmax GRANULARITY 1,
    INDEX by_offset offset TYPE minmax GRANULARITY 1
) ENGINE = {{replacing "events" "version"}}
ORDER BY (contact_center, epoch, topic, partition, offset);
{{distributed "events" "contact_center"}}

{{create "annotations"}} (
    contact_center  LowCardinality(String),
    interaction     String CODEC(ZSTD(1)),
    time            DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    source          LowCardinality(String),
    id              String CODEC(ZSTD(1)),
    type            LowCardinality(String),
    sequence        Nullable(Int64),
    offset          UInt64,
    data            String CODEC(ZSTD(1)),
    version         UInt64,
    processed_at    DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1))
) ENGINE = {{replacing "annotations" "version"}}
PARTITION BY toYYYYMM(time)
ORDER BY (contact_center, interaction, time, source, id)
{{byMonth}};
{{distributed "annotations" "contact_center"}}

{{create "agent_intervals"}} (
    contact_center  LowCardinality(String),
    kind            LowCardinality(String),               -- status, presence, workload
    agent           String CODEC(ZSTD(1)),
    start           DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    n               UInt16,
    end             Nullable(DateTime64(3, 'UTC')),        -- null while it goes on
    status          LowCardinality(String),               -- empty for workload
    live            UInt16,
    semi_live       UInt16,
    non_live        UInt16,
    reason_id       LowCardinality(String),
    reason_name     LowCardinality(String),
    description     String CODEC(ZSTD(1)),
    suspended       Bool,
    continued       Bool,                                  -- same status as the piece before: counted once
    deleted         Bool,
    version         UInt64,
    processed_at    DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1))
) ENGINE = {{replacing "agent_intervals" "version"}}
PARTITION BY toYYYYMM(start)
ORDER BY (contact_center, kind, agent, start, n)
{{byMonth}};
{{distributed "agent_intervals" "contact_center"}}

{{create "queue_visits"}} (
    contact_center  LowCardinality(String),
    interaction     String CODEC(ZSTD(1)),
    start           DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    n               UInt16,
    queue           LowCardinality(String),
    campaign        LowCardinality(String),
    channel         LowCardinality(String),
    direction       LowCardinality(String),
    kind            LowCardinality(String),               -- first, transfer, requeue
    end             Nullable(DateTime64(3, 'UTC')),        -- null while it waits
    outcome         LowCardinality(String),               -- empty while it waits
    agent           String CODEC(ZSTD(1)),
    priority        Int64,
    deleted         Bool,
    version         UInt64,
    processed_at    DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    INDEX by_interaction interaction TYPE bloom_filter(0.01) GRANULARITY 4
) ENGINE = {{replacing "queue_visits" "version"}}
PARTITION BY toYYYYMM(start)
ORDER BY (contact_center, start, interaction, n)
{{byMonth}};
{{distributed "queue_visits" "contact_center"}}

{{create "interaction_parts"}} (
    contact_center   LowCardinality(String),
    interaction      String CODEC(ZSTD(1)),
    agent            String CODEC(ZSTD(1)),
    start            DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    n                UInt16,
    queue            LowCardinality(String),
    campaign         LowCardinality(String),
    channel          LowCardinality(String),
    direction        LowCardinality(String),
    kind             LowCardinality(String),
    role             LowCardinality(String),
    initiating_agent String CODEC(ZSTD(1)),
    offered          Nullable(DateTime64(3, 'UTC')),
    connected        Nullable(DateTime64(3, 'UTC')),
    ended            Nullable(DateTime64(3, 'UTC')),
    wrap_started     Nullable(DateTime64(3, 'UTC')),
    finished         Nullable(DateTime64(3, 'UTC')),
    ring_ms          Int64,
    talk_ms          Int64,
    hold_ms          Int64,
    parked_ms        Int64,
    wrap_ms          Int64,
    declined         LowCardinality(String),
    declined_at      Nullable(DateTime64(3, 'UTC')),
    failed           LowCardinality(String),
    messages_sent    UInt32,
    first_message    Nullable(DateTime64(3, 'UTC')),
    primary          Bool,
    primary_since    Nullable(DateTime64(3, 'UTC')),
    segments_state   Array(LowCardinality(String)),
    segments_since   Array(DateTime64(3, 'UTC')),
    segments_until   Array(DateTime64(3, 'UTC')),          -- the year 2299 while it goes on
    segments_role    Array(LowCardinality(String)),
    segments_reason  Array(LowCardinality(String)),
    deleted          Bool,
    version          UInt64,
    processed_at     DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    INDEX by_interaction interaction TYPE bloom_filter(0.01) GRANULARITY 4
) ENGINE = {{replacing "interaction_parts" "version"}}
PARTITION BY toYYYYMM(start)
ORDER BY (contact_center, start, interaction, agent, n)
{{byMonth}};
{{distributed "interaction_parts" "contact_center"}}

{{create "interactions"}} (
    contact_center  LowCardinality(String),
    id              String CODEC(ZSTD(1)),
    start           DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    n               UInt16,
    number          Int64,
    channel         LowCardinality(String),
    direction       LowCardinality(String),
    kind            LowCardinality(String),
    call_id         String CODEC(ZSTD(1)),
    chat_id         String CODEC(ZSTD(1)),
    campaign        LowCardinality(String),
    queue           LowCardinality(String),
    first_queue     LowCardinality(String),
    call_flow       LowCardinality(String),
    priority        Int64,
    skills          Array(LowCardinality(String)),
    state           LowCardinality(String),
    state_since     DateTime64(3, 'UTC'),
    queued          Nullable(DateTime64(3, 'UTC')),
    connected       Nullable(DateTime64(3, 'UTC')),
    ended           Nullable(DateTime64(3, 'UTC')),
    end_reason      LowCardinality(String),
    ended_by        LowCardinality(String),
    end_cause       LowCardinality(String),
    primary_agent   String CODEC(ZSTD(1)),
    first_agent     String CODEC(ZSTD(1)),
    customer        String CODEC(ZSTD(1)),                 -- JSON object as it came, or empty
    screen_pop_url  String CODEC(ZSTD(1)),
    gruu            String CODEC(ZSTD(1)),
    can_record      Bool,
    deleted         Bool,
    version         UInt64,
    processed_at    DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    INDEX by_id id TYPE bloom_filter(0.01) GRANULARITY 4
) ENGINE = {{replacing "interactions" "version"}}
PARTITION BY toYYYYMM(start)
ORDER BY (contact_center, start, id, n)
{{byMonth}};
{{distributed "interactions" "contact_center"}}

-- Windows of queues have an empty agent, windows of agents name one; each kind lies together, since queries read one of them.
-- Histograms are sparse maps that sumMap adds up: _log by
-- logarithmic bucket (1 % of the value), _seconds by 2·⌊ms/1000⌋ + (1 if a fraction is left).
{{- range $table := .WindowTables}}
{{create $table}} (
    contact_center   LowCardinality(String),
    start            DateTime('UTC') CODEC(Delta, ZSTD(1)),
    agent            String CODEC(ZSTD(1)),
    of_agent         Bool MATERIALIZED agent != '',
    queue            LowCardinality(String),
    campaign         LowCardinality(String),
    channel          LowCardinality(String),
    direction        LowCardinality(String),
    offered          UInt32 CODEC(T64, ZSTD(1)),
    answered         UInt32 CODEC(T64, ZSTD(1)),
    transferred_out  UInt32 CODEC(T64, ZSTD(1)),
    transferred_in   UInt32 CODEC(T64, ZSTD(1)),
    abandoned        UInt32 CODEC(T64, ZSTD(1)),
    breakout         UInt32 CODEC(T64, ZSTD(1)),
    overflowed       UInt32 CODEC(T64, ZSTD(1)),
    ended_other      UInt32 CODEC(T64, ZSTD(1)),
    expired          UInt32 CODEC(T64, ZSTD(1)),
    requeued         UInt32 CODEC(T64, ZSTD(1)),
    again_answered   UInt32 CODEC(T64, ZSTD(1)),
    again_abandoned  UInt32 CODEC(T64, ZSTD(1)),
    rona             UInt32 CODEC(T64, ZSTD(1)),
    declined         UInt32 CODEC(T64, ZSTD(1)),
    direct_inbound   UInt32 CODEC(T64, ZSTD(1)),
    direct_outbound  UInt32 CODEC(T64, ZSTD(1)),
    consulted        UInt32 CODEC(T64, ZSTD(1)),
    conferenced      UInt32 CODEC(T64, ZSTD(1)),
    messages_sent    UInt32 CODEC(T64, ZSTD(1)),
{{- range $.Measures}}
    {{.}}_count UInt32 CODEC(T64, ZSTD(1)), {{.}}_sum Int64 CODEC(T64, ZSTD(1)), {{.}}_max Int64 CODEC(T64, ZSTD(1)), {{.}}_log Map(UInt16, UInt32) CODEC(ZSTD(1)),
{{- end}}
    wait_seconds         Map(UInt16, UInt32) CODEC(ZSTD(1)),
    abandon_wait_seconds Map(UInt16, UInt32) CODEC(ZSTD(1)),
    version          UInt64,
    processed_at     DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1))
) ENGINE = {{replacing $table "version"}}
PARTITION BY toYYYYMM(start)
ORDER BY (contact_center, of_agent, start, agent, queue, campaign, channel, direction)
{{byMonth}};
{{distributed $table "contact_center"}}
{{end}}
{{create "directory"}} (
    contact_center  LowCardinality(String),
    kind            LowCardinality(String),
    id              String,
    time            DateTime64(3, 'UTC'),
    data            String CODEC(ZSTD(1)),
    deleted         Bool,
    version         UInt64,
    processed_at    DateTime64(3, 'UTC')
) ENGINE = {{replacing "directory" "version"}}
ORDER BY (contact_center, kind, id);
{{distributed "directory" "contact_center"}}

{{create "dead_letters"}} (
    epoch           UInt16,
    topic           LowCardinality(String),
    partition       UInt32,
    offset          UInt64,
    record_time     DateTime64(3, 'UTC'),
    code            LowCardinality(String),
    error           String,
    key             String,
    value           String CODEC(ZSTD(1)),
    headers         Array(Tuple(String, String)),
    version         UInt64,
    processed_at    DateTime64(3, 'UTC')
) ENGINE = {{replacing "dead_letters" "version"}}
ORDER BY (epoch, topic, partition, offset);
{{distributed "dead_letters" "topic, partition"}}

-- An appended log of what has been flushed. Rows with an empty contact_center speak of the whole partition and are written even
-- while nothing comes; rows with one carry the newest event time of a contact centre that the flush touched.
{{create "progress"}} (
    contact_center  LowCardinality(String),
    topic           LowCardinality(String),
    partition       UInt32,
    epoch           UInt16,
    offset          UInt64,                                -- the next one to apply
    newest_event    DateTime64(3, 'UTC'),
    complete_until  DateTime64(3, 'UTC'),
    caught_up       Bool,
    worker          String,
    written_at      DateTime64(3, 'UTC')
) ENGINE = {{merge "progress"}}
ORDER BY (contact_center, topic, partition, epoch, offset, written_at);
{{distributed "progress" "topic, partition"}}

{{create "checkpoints"}} (
    topic           LowCardinality(String),
    partition       UInt32,
    epoch           UInt16,
    offset          UInt64,                                -- the next one to apply after restoring
    chunk           UInt32,
    chunks          UInt32,
    engine          UInt32,                                -- the engine's number
    partitions      UInt32,                                -- of the topic when it was written
    log             UInt16,                                -- the first epoch whose offsets are of the same log
    written_at      DateTime64(3, 'UTC'),
    data            String CODEC(NONE)                     -- compressed and checksummed by its writer
) ENGINE = {{replacing "checkpoints" "written_at"}}
ORDER BY (topic, partition, epoch, offset, chunk);
{{distributed "checkpoints" "topic, partition"}}

-- Why a page was sent, and when it was over: one row per rule and what it watches, from the moment on that it fires.
{{create "alerts"}} (
    contact_center  LowCardinality(String),
    rule            LowCardinality(String),
    target          String CODEC(ZSTD(1)),                 -- what it watches: a queue, an agent, empty for the whole centre
    start           DateTime64(3, 'UTC'),
    end             Nullable(DateTime64(3, 'UTC')),        -- null while it goes on
    severity        LowCardinality(String),
    value           Float64,
    threshold       Float64,
    data            String CODEC(ZSTD(1)),                 -- JSON object
    acknowledged_at Nullable(DateTime64(3, 'UTC')),
    acknowledged_by String,
    deleted         Bool,
    version         UInt64,
    processed_at    DateTime64(3, 'UTC')
) ENGINE = {{replacing "alerts" "version"}}
PARTITION BY toYYYYMM(start)
ORDER BY (contact_center, rule, target, start)
{{byMonth}};
{{distributed "alerts" "contact_center"}}

-- What `backfill` has computed anew. A row without finished_at is one that runs or was broken off.
{{create "backfills"}} (
    topic           LowCardinality(String),
    partition       UInt32,
    epoch           UInt16,
    offset          UInt64,                                -- its version: the worker's flushed offset at its start + 1
    contact_center  LowCardinality(String),                -- empty: all of the partition
    range_from      DateTime64(3, 'UTC'),
    range_until     DateTime64(3, 'UTC'),
    started_at      DateTime64(3, 'UTC'),
    finished_at     Nullable(DateTime64(3, 'UTC')),
    facts           UInt64,
    windows         UInt64,
    written_at      DateTime64(3, 'UTC')
) ENGINE = {{replacing "backfills" "written_at"}}
ORDER BY (topic, partition, epoch, offset, contact_center, range_from, range_until);
{{distributed "backfills" "topic, partition"}}
