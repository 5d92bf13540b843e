package metric

import "floorwalker/schema"

// visitMetrics count the stays of interactions in queues; those that agents have too say what they mean there.
func visitMetrics() []Metric {
	return []Metric{
		countMetric(schema.CountOffered, true, true, "queue: first visits that began; agent: offers in the role agent"),
		countMetric(schema.CountAnswered, true, true, "queue: first visits that ended because an agent connected in the role agent or transfer; "+
			"agent: connected in the role agent, own dials excepted"),
		countMetric(schema.CountAbandoned, true, false, "first visits that ended with abandoned, waiting or ringing at an agent"),
		countMetric(schema.CountBreakout, true, false, "first visits that ended with breakout"),
		countMetric(schema.CountOverflowed, true, false, "first visits that ended unanswered because the interaction was queued or transferred elsewhere"),
		countMetric(schema.CountEndedOther, true, false, "first visits that ended with another reason: failed, after_hours, completed"),
		countMetric(schema.CountExpired, true, false, "first visits whose interaction never ended"),
		countMetric(schema.CountTransferredIn, true, true, "queue: visits that began by transfer; agent: connected in the role transfer"),
		countMetric(schema.CountRequeued, true, false, "visits that began by re-queueing"),
		countMetric(schema.CountAgainAnswered, true, false, "visits begun by transfer or re-queueing that ended by an answer"),
		countMetric(schema.CountAgainAbandoned, true, false, "visits begun by transfer or re-queueing that ended by an abandon"),
		countMetric(schema.CountTransferredOut, true, true, "queue: transferred events of interactions answered through this queue; agent: transferred by this agent"),
	}
}
