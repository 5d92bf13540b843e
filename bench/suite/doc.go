// Package suite measures Floorwalker as a whole on this machine and writes down what came out: throughput, growth, freshness, push, answers,
// recovery, and the peers of package peers. Each figure is one of CPU time, or a latency from the moment at which something was due, or
// a ratio to another one of the same run.
//
// Run measures and gives Lines, one for each single measurement, in the order in which they were made. Everything that is written for
// readers is made from the lines alone: Write makes docs/benchmarks.md, docs/capacity.md and their plots.
package suite
