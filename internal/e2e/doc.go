// Package e2e holds the end-to-end tests: they build the program once, run it as a process and look at it from outside only, over
// HTTP, Kafka and ClickHouse.
//
// The tests need what the demo needs, and Java and Maven for Apache Kafka. They are skipped with -short. With FLOORWALKER_RACE=1
// the program is built with the race detector; FLOORWALKER_LONG=1 adds longer runs.
package e2e
