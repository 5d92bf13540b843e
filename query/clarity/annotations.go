package clarity

import (
	"github.com/valyala/fastjson"

	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// annotation is one parsed payload. Payloads were judged when the events were decoded; what cannot be read all the same is left out.
type annotation struct {
	*schema.Annotation
	data *fastjson.Value
}

func (a annotation) text(name string) string { return string(a.data.GetStringBytes(name)) }

func readAnnotations(all []schema.Annotation, of schema.EventType) (out []annotation) {
	for i := range all {
		if all[i].Type != of {
			continue
		}
		if data, err := fastjson.ParseBytes(all[i].Data); err == nil {
			out = append(out, annotation{&all[i], data})
		}
	}
	return out
}

type imMessage struct {
	TimeStamp string `json:"timeStamp"`
	To        string `json:"to"`
	From      string `json:"from"`
	Message   string `json:"message"`
	FromAgent bool   `json:"fromAgent"`
	Type      string `json:"type"`
	ID        int    `json:"id"`

	at int64
}

// messages are those of the session, oldest first; their ids count from 1.
func (s session) messages() (out []imMessage) {
	for i, a := range readAnnotations(s.Annotations, schema.InteractionMessage) {
		out = append(out, imMessage{stamp(a.Time), a.text("to"), a.text("from"), a.text("text"), a.data.GetBool("from_agent"), "imMessage", i + 1, a.Time})
	}
	return out
}

type imPrompt struct {
	PromptName  string `json:"promptName"`
	PromptValue string `json:"promptValue"`
	Type        string `json:"type"`
	ID          int    `json:"id"`
}

func (s session) prompts() (out []imPrompt) {
	for i, a := range readAnnotations(s.Annotations, schema.InteractionPrompt) {
		out = append(out, imPrompt{a.text("name"), a.text("value"), "imPrompt", i + 1})
	}
	return out
}

type ivrData struct {
	CallFlowName string         `json:"callFlowName"`
	IvrNodes     *list[ivrNode] `json:"ivrNodes"`
	Type         string         `json:"type"`
	ID           int            `json:"id"`
}

type ivrNode struct {
	NodeName       string `json:"nodeName"`
	SelectedResult string `json:"selectedResult,omitempty"`
	NodeNote       string `json:"nodeNote"`
	Duration       int64  `json:"duration"` // ms
	Type           string `json:"type"`
	ID             int    `json:"id"`
}

// ivr are the nodes that the session went through, by call flow in order of the first node.
func (s session) ivr() (out []ivrData) {
	flows := map[string]int{}
	var nodes [][]ivrNode
	for i, a := range readAnnotations(s.Annotations, schema.InteractionIVR) {
		flow := a.text("call_flow_id")
		if flow == "" {
			flow = s.CallFlow
		}
		n, known := flows[flow]
		if !known {
			n = len(out)
			flows[flow] = n
			name := ""
			if flow != "" {
				name = s.v.Directory.Name(directory.KindCallFlow, flow)
			}
			out, nodes = append(out, ivrData{CallFlowName: name, Type: "ivrData", ID: n + 1}), append(nodes, nil)
		}
		nodes[n] = append(nodes[n], ivrNode{a.text("node"), a.text("result"), a.text("note"), a.data.GetInt64("duration_ms"), "ivrNode", i + 1})
	}
	for n := range out {
		out[n].IvrNodes = listOf(nodes[n])
	}
	return out
}

type extraItem struct {
	ExtraItemID  int64  `json:"extraItemId"`
	Key          string `json:"key"`
	Value        string `json:"value"`
	Type         string `json:"type"`
	ID           int    `json:"id"`
	IsSearchable bool   `json:"isSearchable"`
}

// noExtraItem is the extraItemId of an item that the directory does not have.
const noExtraItem = int64(-1)

func (c *call) extraItems(s session) (out []extraItem) {
	for i := range s.ExtraItems {
		item := &s.ExtraItems[i]
		row := extraItem{noExtraItem, item.Name, item.Value, "extraItem", i + 1, item.Searchable}
		if n := c.number(directory.KindExtraItem, item.ID); n != nil && c.v.Directory.ExtraItems[item.ID] != nil {
			row.ExtraItemID = *n
		}
		if known := c.v.Directory.ExtraItems[item.ID]; known != nil {
			row.IsSearchable = row.IsSearchable || known.Searchable
			if row.Key == "" {
				row.Key = known.Name
			}
		}
		out = append(out, row)
	}
	return out
}

type sessionMessage struct {
	Type      string `json:"type"`
	ID        int    `json:"id"`
	SessionID string `json:"sessionId"`
	AgentID   string `json:"agentId,omitempty"`
	TypeID    string `json:"sessionMessageTypeId"`
	Published string `json:"published"`
}
