package clarity

import (
	"encoding/json"
	"strings"

	"github.com/gofiber/fiber/v2"

	"floorwalker/query/problem"
)

// Properties of sessions and statuses in the order of their ids, from 1.
var (
	sessionProperties = []string{"sessionType", "queueId", "agentId", "customerName", "isRecording", "canBeRecorded", "isSilentJoined", "isWhisperJoined",
		"sessionStatus", "queuedMs", "activeMs", "canBeSilentJoined", "canBeWhisperJoined"}
	statusProperties = []string{"agentStatus", "reasonCodeName", "utcStartTime", "utcEndTime", "isSuspended"}
)

// properties are what an answer shows; nil sets show everything.
type properties struct {
	metrics, sessions, status      bool // which of the three structures
	metricSet, sessionSet, statSet map[string]bool
	modalities                     [numModalities]bool
	breakdowns, history            bool
	moments                        bool // of times that run, when they began: pushed rows must not change by the mere passing of time
}

// Structures of an answer, as the suffixes of paths name them.
const (
	partMetrics  = "metrics"
	partSessions = "sessions"
	partStatus   = "status"
)

// properties reads what the request asks to be shown.
func (c *call) properties(part string) (properties, error) {
	var fields map[string]json.RawMessage
	if c.Method() == fiber.MethodPost {
		var err error
		if fields, _, err = c.object(); err != nil {
			return properties{}, err
		}
	}
	return readProperties(part, c.args, fields)
}

// readProperties reads what is to be shown: a suffix of the path names one structure, a body's fields, by name in lower case, the
// properties of those that they name, and nothing means everything.
func readProperties(part string, a args, fields map[string]json.RawMessage) (p properties, err error) {
	if p.modalities, err = a.modalities(); err != nil {
		return p, err
	}
	if p.breakdowns, err = a.flag("includeBreakdowns", false); err != nil {
		return p, err
	}
	if p.history, err = a.flag("includeStatusHistory", false); err != nil {
		return p, err
	}
	if err := p.readSets(fields); err != nil {
		return p, err
	}
	named := p.metricSet != nil || p.sessionSet != nil || p.statSet != nil
	shows := func(name string, set map[string]bool) bool {
		return (part == "" || part == name) && (!named || set != nil)
	}
	p.metrics, p.sessions, p.status = shows(partMetrics, p.metricSet), shows(partSessions, p.sessionSet), shows(partStatus, p.statSet)
	return p, nil
}

func (p *properties) readSets(fields map[string]json.RawMessage) error {
	for _, list := range []struct {
		to    *map[string]bool
		names []string
		ids   []string
	}{{&p.metricSet, []string{"metricProperties", "metricPropertyType"}, nil}, {&p.sessionSet, []string{"sessionProperties", "sessionPropertyType"}, sessionProperties},
		{&p.statSet, []string{"statusProperties", "statusPropertyType"}, statusProperties}} {
		for _, name := range list.names {
			raw, ok := fields[strings.ToLower(name)]
			if !ok {
				continue
			}
			set, err := readSet(name, raw, list.ids)
			if err != nil {
				return err
			}
			*list.to = set
		}
	}
	return nil
}

// readSet reads names in any case, or ids where there are some. Names that this API does not have mean nothing: the vendor has more.
func readSet(name string, raw json.RawMessage, ids []string) (map[string]bool, error) {
	var items []any
	if json.Unmarshal(raw, &items) != nil {
		return nil, problem.Parameter(name, name+" must be a list of names or ids")
	}
	set := map[string]bool{}
	for _, item := range items {
		switch v := item.(type) {
		case string:
			set[strings.ToLower(v)] = true
		case float64:
			if n := int(v); float64(n) == v && n >= 1 && n <= len(ids) {
				set[strings.ToLower(ids[n-1])] = true
			}
		default:
			return nil, problem.Parameter(name, name+" must be a list of names or ids")
		}
	}
	return set, nil
}

func has(set map[string]bool, name string) bool { return set == nil || set[strings.ToLower(name)] }
