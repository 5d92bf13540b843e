package schema

// The payload fields of interaction events (events.md, section Interaction events) by what they may tell of a customer. What is in neither
// list is the customer's own: the customer, links that may carry a number, and fields that the contract does not know.

// PlainFields tell of no customer: ids, words of closed lists, numbers, and what prompts and extra items are called.
func PlainFields() []string {
	return []string{"active", "agent_id", "allowed", "by", "call_flow_id", "call_id", "campaign_id", "can_record", "cause", "channel", "chat_id", "direction",
		"disposition_id", "duration_ms", "from_agent", "from_agent_id", "id", "initiating_agent_id", "kind", "mode", "name", "node", "number", "priority",
		"queue_id", "reason", "role", "searchable", "skills", "sub_disposition_id", "to_agent_id", "to_queue_id"}
}

// TextFields are what somebody wrote or said, and between whom: any of it may name a customer.
func TextFields() []string { return []string{"from", "note", "result", "text", "to", "value"} }
