// Package peers runs one job on Apache Flink, on Kafka Streams, on ClickHouse alone and on Floorwalker: the same records of the same
// real Kafka, in alternating runs, each in a process of its own, and compares every result with one oracle before its speed counts.
//
// # The job: queue minutes
//
// Per contact centre, queue and minute of event time: offered, answered, abandoned, the sum and the maximum of the waits, the sum and
// the maximum of the talks. Per contact centre, agent and minute: answered, the sum and the maximum of the talks. The keys mean what
// the metric definitions say (docs/metrics.md), and in particular:
//
//   - offered: a first visit of a queue begins. A `queued` for the queue in which the interaction waits changes nothing; it begins no
//     first visit where a `transferred` to that queue led to it, or where the interaction was in that queue before.
//   - answered (queue): an agent connects in the role agent or transfer while the interaction waits on a first visit; wait is from that
//     visit's `queued` to the connect. Any other connect in these roles ends the visit all the same.
//   - abandoned: the interaction ends with the reason abandoned while it waits on a first visit.
//   - answered (agent): connected in the role agent, but for the agent whom the `created` of an outbound or internal interaction names.
//   - talk: what an agent's conversation was connected for in all, held and parked time left out, at the moment when it ends: `left`,
//     `ended`, `transferred`, `wrap_started`, unparked by somebody else, or connected anew in another role. It belongs to the queue that the
//     interaction was in last when the agent connected (no queue: only the agent's talk counts). Conversations in the roles silent_join and
//     whisper_join count nowhere.
//   - An addition belongs to the minute of the event that decides it.
//
// It is defined on what a well-behaved producer sends, in the order of each interaction's events. All but Floorwalker's whole worker
// trust that: they do not drop duplicates, put late events in their place, take back what a late event undoes, judge what does not fit
// the state, validate events, expire what never ends, or keep the events.
package peers
