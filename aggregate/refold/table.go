package refold

import (
	"fmt"
	"strconv"
	"strings"

	"floorwalker/schema"
)

// Table is one table of history: what a row is known by, and what it says.
type Table struct {
	Name    string
	Windows int      // minutes of a window, 0 for facts
	key     []string // after the contact centre, in the table's order
	says    []string // everything else but version and processed_at
	ended   string   // SQL: the moment from which the row stays as it is, in ms
	alive   string   // SQL: neither deleted nor emptied
}

const never = "9223372036854775807"

func ms(column string) string { return "toUnixTimestamp64Milli(" + column + ")" }

// endOf is a nullable moment in ms, never where it is null.
func endOf(column string) string {
	return "ifNull(" + ms(column) + ", " + never + ")"
}

// Facts are the tables of single facts.
func Facts() []*Table {
	const alive = "NOT deleted"
	return []*Table{
		{Name: "agent_intervals", key: []string{"kind", "agent", "start", "n"}, ended: endOf("end"), alive: alive,
			says: split("end status live semi_live non_live reason_id reason_name description suspended continued")},
		{Name: "queue_visits", key: []string{"start", "interaction", "n"}, ended: endOf("end"), alive: alive,
			says: split("queue campaign channel direction kind end outcome agent priority")},
		{Name: "interaction_parts", key: []string{"start", "interaction", "agent", "n"}, ended: endOf("finished"), alive: alive,
			says: split("queue campaign channel direction kind role initiating_agent offered connected ended wrap_started finished ring_ms " +
				"talk_ms hold_ms parked_ms wrap_ms declined declined_at failed messages_sent first_message primary primary_since " +
				"segments_state segments_since segments_until segments_role segments_reason")},
		{Name: "interactions", key: []string{"start", "id", "n"}, alive: alive,
			ended: "if(state = 'ended', " + ms("state_since") + ", " + never + ")",
			says: split("number channel direction kind call_id chat_id campaign queue first_queue call_flow priority skills state state_since " +
				"queued connected ended end_reason ended_by end_cause primary_agent first_agent customer screen_pop_url gruu can_record")},
	}
}

// Windows are the tables of windows.
func Windows() []*Table {
	var says, counted []string
	for c := range schema.NumCounts {
		says, counted = append(says, c.String()), append(counted, c.String())
	}
	for m := range schema.NumMeasures {
		for _, part := range []string{"_count", "_sum", "_max", "_log"} {
			says = append(says, m.String()+part)
		}
		counted = append(counted, m.String()+"_count")
		if m.CountsSeconds() {
			says = append(says, m.String()+"_seconds")
		}
	}
	var out []*Table
	for _, minutes := range []int{schema.WindowMinute, schema.WindowQuarter} {
		out = append(out, &Table{Name: fmt.Sprintf("windows_%dm", minutes), Windows: minutes, says: says,
			key:   []string{"start", "agent", "queue", "campaign", "channel", "direction"},
			ended: fmt.Sprintf("toInt64(toUnixTimestamp(start)) * 1000 + %d", minutes*60_000), alive: strings.Join(counted, " + ") + " > 0"})
	}
	return out
}

// Tables are facts and windows.
func Tables() []*Table { return append(Facts(), Windows()...) }

func split(s string) []string { return strings.Fields(s) }

// shift makes every moment a positive number of 15 digits, so that texts sort as moments do.
const shift = 100_000_000_000_000

// separator stands between the texts of a key: less than any character of an id.
const separator = "\x00"

func (t *Table) start() string {
	if t.Windows > 0 {
		return "toInt64(toUnixTimestamp(start)) * 1000"
	}
	return ms("start")
}

// text is a key's column in a form that sorts as the column does.
func (t *Table) text(column string) string {
	switch column {
	case "start":
		return "toString(" + t.start() + " + " + strconv.Itoa(shift) + ")"
	case "n":
		return "leftPad(toString(n), 5, '0')"
	}
	return "toString(" + column + ")"
}

// keyText is the SQL of a row's key within its contact centre.
func (t *Table) keyText() string {
	texts := make([]string, len(t.key))
	for k, column := range t.key {
		texts[k] = t.text(column)
	}
	return "concat(" + strings.Join(texts, ", char(0), ") + ")"
}

// values is the SQL of what a row says, as texts.
func (t *Table) values() string {
	texts := make([]string, len(t.says))
	for k, column := range t.says {
		texts[k] = "ifNull(toString(`" + column + "`), '')"
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

// moment is the SQL of a parameter in ms as the table's start has it.
func (t *Table) moment(parameter string) string {
	if t.Windows > 0 {
		return "toDateTime(intDiv({" + parameter + ":Int64}, 1000), 'UTC')"
	}
	return "fromUnixTimestamp64Milli({" + parameter + ":Int64}, 'UTC')"
}

// Row is a row of a table, without what it says.
type Row struct {
	Key     string // within the contact centre; sorts as the table does
	Hash    uint64 // of the key
	Start   int64
	Ended   int64 // math.MaxInt64 while it may change
	Version uint64
	says    uint64
	alive   bool
}

// Entity is what a row is about, for people: columns of the key with their values.
func (t *Table) Entity(r *Row) string {
	texts := strings.Split(r.Key, separator)
	out := make([]string, 0, len(texts))
	for k, column := range t.key {
		v := texts[k]
		switch column {
		case "start":
			v = schema.FormatTime(r.Start)
		case "n":
			if v = strings.TrimLeft(v, "0"); v == "" {
				continue
			}
		}
		if v != "" {
			out = append(out, column+" "+v)
		}
	}
	return strings.Join(out, ", ")
}
