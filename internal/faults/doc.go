// Package faults breaks a running Floorwalker in every way that its promises name (docs/reliability.md) and compares what is left
// with one undisturbed pass: the program itself, a real Apache Kafka and a real ClickHouse, with proxies in between that see which
// step the program is at. It holds nothing but tests.
package faults
