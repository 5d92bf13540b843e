package peers

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"floorwalker/bench/load"
)

// saying is one event of an interaction as the oracle reads it: with the standard library's JSON, and nothing of the codec's.
type saying struct {
	typ     string
	time    int64
	Agent   string `json:"agent_id"`
	From    string `json:"from_agent_id"`
	Queue   string `json:"queue_id"`
	ToQueue string `json:"to_queue_id"`
	Role    string `json:"role"`
	Reason  string `json:"reason"`

	Direction string `json:"direction"`
}

// Oracle does the job the plain way: it has all events at hand, and goes through each interaction's own once per question.
func Oracle(records []load.Record) (Cells, error) {
	type id struct{ center, interaction string }
	courses := map[id][]saying{}
	for i := range records {
		r := &records[i]
		if !r.Type.OfInteraction() || r.Type.Annotation() {
			continue
		}
		s := saying{typ: r.Type.String(), time: r.Time}
		if err := json.Unmarshal(r.Data, &s); err != nil {
			return nil, fmt.Errorf("oracle: %s of %s: %w", s.typ, r.Subject, err)
		}
		of := id{r.Center, r.Subject}
		courses[of] = append(courses[of], s)
	}
	cells := Cells{}
	for of, course := range courses {
		slices.SortStableFunc(course, func(a, b saying) int { return cmp.Compare(a.time, b.time) })
		countVisits(cells, of.center, course)
		countAnswers(cells, of.center, course)
		countTalks(cells, of.center, course)
	}
	return cells, nil
}

func queueKey(center, queue string, t int64) Key {
	return Key{Center: center, Name: queue, Minute: t - t%minuteMs}
}

func agentKey(center, agent string, t int64) Key {
	return Key{Center: center, Agent: true, Name: agent, Minute: t - t%minuteMs}
}

// serves says whether a connect answers a visit.
func serves(role string) bool { return role == "" || role == "agent" || role == "transfer" }

func countVisits(cells Cells, center string, course []saying) {
	for i, s := range course {
		if s.typ != "cc.interaction.queued" || queueAfter(course[:i]) == s.Queue {
			continue // not the beginning of a visit
		}
		if !first(course[:i], s.Queue) {
			continue
		}
		cells.add(queueKey(center, s.Queue, s.time), Cell{Offered: 1})
		for n := i + 1; n < len(course); n++ {
			if queueAfter(course[:n+1]) == s.Queue {
				continue // it still waits
			}
			end := course[n]
			at := queueKey(center, s.Queue, end.time)
			switch {
			case end.typ == "cc.interaction.connected":
				cells.add(at, Cell{Answered: 1, WaitSum: end.time - s.time, WaitMax: end.time - s.time})
			case end.typ == "cc.interaction.ended" && end.Reason == "abandoned":
				cells.add(at, Cell{Abandoned: 1})
			}
			break
		}
	}
}

// queueAfter is the queue in which the interaction waits after these events, or empty.
func queueAfter(course []saying) string {
	for i := len(course) - 1; i >= 0; i-- {
		s := course[i]
		switch s.typ {
		case "cc.interaction.queued":
			return s.Queue
		case "cc.interaction.ended":
			return ""
		case "cc.interaction.connected":
			if serves(s.Role) {
				return ""
			}
		case "cc.interaction.transferred":
			if s.ToQueue == "" {
				return ""
			}
			if was := queueAfter(course[:i]); was == s.ToQueue {
				return was
			}
			return ""
		}
	}
	return ""
}

// first says whether a visit of the queue that begins after these events is a first one.
func first(course []saying, queue string) bool {
	for _, s := range course {
		if s.typ == "cc.interaction.queued" && s.Queue == queue {
			return false
		}
	}
	for i := len(course) - 1; i >= 0; i-- {
		if s := course[i]; s.typ == "cc.interaction.queued" {
			return true
		} else if s.typ == "cc.interaction.transferred" && s.ToQueue != "" {
			return s.ToQueue != queue
		}
	}
	return true
}

func countAnswers(cells Cells, center string, course []saying) {
	dialer := ""
	for _, s := range course {
		if s.typ == "cc.interaction.created" && s.Direction != "inbound" {
			dialer = s.Agent
		}
		if s.typ != "cc.interaction.connected" {
			continue
		}
		if dialer == s.Agent {
			dialer = "" // the dial itself
		} else if s.Role == "" || s.Role == "agent" {
			cells.add(agentKey(center, s.Agent, s.time), Cell{Answered: 1})
		}
	}
}

func countTalks(cells Cells, center string, course []saying) {
	lastQueue := ""
	for i, s := range course {
		if s.typ == "cc.interaction.queued" {
			lastQueue = s.Queue
		}
		if s.typ != "cc.interaction.connected" || s.Role == "silent_join" || s.Role == "whisper_join" {
			continue
		}
		end, talk, ended := conversation(course[i:])
		if !ended {
			continue
		}
		cells.add(agentKey(center, s.Agent, end), Cell{TalkSum: talk, TalkMax: talk})
		if lastQueue != "" {
			cells.add(queueKey(center, lastQueue, end), Cell{TalkSum: talk, TalkMax: talk})
		}
	}
}

// conversation follows one agent from the connect that these events begin with to the end of the conversation.
func conversation(course []saying) (end, talk int64, ended bool) {
	agent, talking, since := course[0].Agent, true, course[0].time
	for _, s := range course[1:] {
		if s.typ != "cc.interaction.ended" && s.Agent != agent && s.From != agent {
			continue
		}
		over := false
		switch s.typ {
		case "cc.interaction.held", "cc.interaction.parked":
			if talking {
				talk += s.time - since
			}
			talking = false
		case "cc.interaction.resumed", "cc.interaction.unparked":
			if !talking {
				talking, since = true, s.time
			}
		case "cc.interaction.ended", "cc.interaction.left", "cc.interaction.transferred", "cc.interaction.wrap_started", "cc.interaction.connected":
			over = true
		}
		if !over {
			continue
		}
		if talking {
			talk += s.time - since
		}
		return s.time, talk, true
	}
	return 0, 0, false
}
