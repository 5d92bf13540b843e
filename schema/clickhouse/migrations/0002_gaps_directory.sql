-- Offsets without a record. A row with an empty contact_center speaks of the range: with raw events and dead letters it makes every
-- offset accounted for. Only a lost range has further rows, one for each contact centre that had been seen before it.
{{create "offset_gaps"}} (
    epoch           UInt16,
    topic           LowCardinality(String),
    partition       UInt32,
    from_offset     UInt64,
    until_offset    UInt64,                                -- the first one after it
    reason          LowCardinality(String),                -- absent: never held a record for readers; before_start: gone when reading began; lost
    contact_center  LowCardinality(String),
    ended_at        Nullable(DateTime64(3, 'UTC')),        -- lost: its newest event before, where all that was open has been ended
    resumed_at      Nullable(DateTime64(3, 'UTC')),        -- lost: facts and windows that begin earlier are not written any more
    version         UInt64,
    processed_at    DateTime64(3, 'UTC')
) ENGINE = {{replacing "offset_gaps" "version"}}
ORDER BY (epoch, topic, partition, contact_center, from_offset);
{{distributed "offset_gaps" "topic, partition"}}

-- The directory keeps each record, so that it can be asked how it was at some time: a row's key is where it comes from.
{{alter "directory"}} ADD COLUMN IF NOT EXISTS topic LowCardinality(String), ADD COLUMN IF NOT EXISTS partition UInt32,
    ADD COLUMN IF NOT EXISTS offset UInt64, MODIFY ORDER BY (contact_center, kind, id, topic, partition, offset);
{{alterDistributed "directory" "ADD COLUMN IF NOT EXISTS topic LowCardinality(String), ADD COLUMN IF NOT EXISTS partition UInt32, ADD COLUMN IF NOT EXISTS offset UInt64"}}
