// Package schema is Floorwalker's vocabulary: the events that producers write (the event contract), the facts and windows
// that are computed from them, the rows of the live view, and the metric catalogue. It imports nothing else of ours.
//
// Times are integer milliseconds since the Unix epoch, UTC; durations are integer milliseconds. A point in time that does
// not exist (an interaction that no agent has taken yet) is NoTime; the end of what is still going on is Open.
package schema

import "math"

const (
	// NoTime marks a moment that has not come or never was.
	NoTime int64 = math.MinInt64
	// Open is the end of an interval, visit, part or interaction that is still going on.
	Open int64 = math.MaxInt64
)
