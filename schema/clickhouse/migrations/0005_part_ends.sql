-- Which parts reach into a range that they began before: of the granules of years only those are read in which some part had not ended
-- by then.
{{alter "interaction_parts"}} ADD INDEX IF NOT EXISTS by_ended ended TYPE minmax GRANULARITY 1, ADD INDEX IF NOT EXISTS by_finished finished TYPE minmax GRANULARITY 1;
{{alter "interaction_parts"}} MATERIALIZE INDEX by_ended, MATERIALIZE INDEX by_finished;
