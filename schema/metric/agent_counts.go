package metric

import "floorwalker/schema"

// agentCountMetrics count what single agents do.
func agentCountMetrics() []Metric {
	return []Metric{
		countMetric(schema.CountRona, false, true, "offers in the role agent that were not answered (no_answer)"),
		countMetric(schema.CountDeclined, false, true, "offers declined for another reason than no_answer"),
		countMetric(schema.CountDirectInbound, false, true, "connected interactions of the kind direct_inbound"),
		countMetric(schema.CountDirectOutbound, false, true, "connected interactions of the kind direct_outbound"),
		countMetric(schema.CountConsulted, false, true, "connected in the role consult"),
		countMetric(schema.CountConferenced, false, true, "connected in the role invite or barge_in"),
		countMetric(schema.CountMessagesSent, false, true, "messages sent by agents, on chat and message channels"),
	}
}
