-- An alert is one row, whatever became of it: its id is part of the key, start is when it was triggered, end when it was cleared, and the
-- version the number of its transition among its rule's. target stays empty: a rule watches one figure.
{{alter "alerts"}} ADD COLUMN IF NOT EXISTS id String, ADD COLUMN IF NOT EXISTS rule_name String, ADD COLUMN IF NOT EXISTS metric LowCardinality(String),
    ADD COLUMN IF NOT EXISTS scope String, ADD COLUMN IF NOT EXISTS window LowCardinality(String),
    ADD COLUMN IF NOT EXISTS comparison LowCardinality(String), ADD COLUMN IF NOT EXISTS clear_threshold Nullable(Float64),
    ADD COLUMN IF NOT EXISTS for_seconds UInt32, ADD COLUMN IF NOT EXISTS webhook String, ADD COLUMN IF NOT EXISTS state LowCardinality(String),
    ADD COLUMN IF NOT EXISTS since Nullable(DateTime64(3, 'UTC')), ADD COLUMN IF NOT EXISTS active_at Nullable(DateTime64(3, 'UTC')),
    ADD COLUMN IF NOT EXISTS reason LowCardinality(String), MODIFY ORDER BY (contact_center, rule, target, start, id);
{{alterDistributed "alerts" "ADD COLUMN IF NOT EXISTS id String, ADD COLUMN IF NOT EXISTS rule_name String, ADD COLUMN IF NOT EXISTS metric LowCardinality(String), ADD COLUMN IF NOT EXISTS scope String, ADD COLUMN IF NOT EXISTS window LowCardinality(String), ADD COLUMN IF NOT EXISTS comparison LowCardinality(String), ADD COLUMN IF NOT EXISTS clear_threshold Nullable(Float64), ADD COLUMN IF NOT EXISTS for_seconds UInt32, ADD COLUMN IF NOT EXISTS webhook String, ADD COLUMN IF NOT EXISTS state LowCardinality(String), ADD COLUMN IF NOT EXISTS since Nullable(DateTime64(3, 'UTC')), ADD COLUMN IF NOT EXISTS active_at Nullable(DateTime64(3, 'UTC')), ADD COLUMN IF NOT EXISTS reason LowCardinality(String)"}}
