package metric

// Crew is what the estimated wait of a queue depends on (metrics, section Estimated wait).
type Crew struct {
	Waiting     uint64
	Available   int     // assigned agents in status available, not suspended
	LoggedIn    int     // assigned agents that are logged in and not suspended
	Effective   float64 // of these, an agent assigned to k queues counting 1/k
	HandleCount uint64  // handles of the queue that finished in the last 60 minutes
	HandleSumMs int64
}

const (
	estimateMinHandles = 5
	estimateHandleMs   = 180_000.0
)

// EstimatedWait tells in ms how long one more would wait; false where no assigned agent could take it.
func EstimatedWait(c Crew) (float64, bool) {
	if c.LoggedIn == 0 || c.Effective <= 0 {
		return 0, false
	}
	if c.Available > 0 && c.Waiting == 0 {
		return 0, true
	}
	handle := estimateHandleMs
	if c.HandleCount >= estimateMinHandles {
		handle = float64(c.HandleSumMs) / float64(c.HandleCount)
	}
	return handle * float64(c.Waiting+1) / c.Effective, true
}
