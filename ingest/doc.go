// Package ingest is everything that touches Kafka: reading partitions, owning them in a consumer group, writing records, the
// topics' settings, dead letters, and the part of the HTTP collector that does not know HTTP (spec/events.md, design "Life of
// an event").
//
// Connections, SASL, requests, groups and producing are kafka-go's. Only the records of a fetch are taken apart here
// (recordset.go): kafka-go's Batch allocates key, value and headers of each record, hands out transaction markers and aborted
// records as if they were messages, and panics at the empty batches that compaction leaves behind.
package ingest
