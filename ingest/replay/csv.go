package replay

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"floorwalker/schema"
)

// table reads CSV rows with the line on which each begins.
type table struct {
	csv    *csv.Reader
	in     *retained
	before int // lines in front of what csv reads
	header []string
	// oneLine: no cell holds a line's end; one that does has a quote too many.
	oneLine bool
}

// retained keeps what was read since the end of the last row: of a row whose quote is never closed only the first line is lost.
type retained struct {
	io.Reader
	kept  []byte
	from  int64 // offset of kept
	lines int   // in front of kept
}

var errRowTooLong = fmt.Errorf("longer than %d bytes; is a quote not closed?", maxLine)

func (r *retained) Read(b []byte) (int, error) {
	if len(r.kept) > maxLine {
		return 0, errRowTooLong
	}
	n, err := r.Reader.Read(b)
	r.kept = append(r.kept, b[:n]...)
	return n, err
}

func (r *retained) drop(n int) {
	r.lines += bytes.Count(r.kept[:n], []byte("\n"))
	r.kept, r.from = r.kept[n:], r.from+int64(n)
}

var byteOrderMark = []byte("\ufeff")

func newTable(r io.Reader) (*table, error) {
	buffered := bufio.NewReader(r)
	// In front of the first cell, which may be quoted.
	if head, _ := buffered.Peek(len(byteOrderMark)); bytes.Equal(head, byteOrderMark) {
		_, _ = buffered.Discard(len(byteOrderMark)) // has just been seen
	}
	t := &table{}
	t.begin(&retained{Reader: buffered})
	head, err := t.csv.Read()
	if err == io.EOF {
		return nil, errors.New("line 1: no header")
	}
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	t.header = slices.Clone(head)
	for i, name := range t.header {
		t.header[i] = strings.TrimSpace(name)
		if t.header[i] == "" {
			return nil, fmt.Errorf("line 1: column %d has no name", i+1)
		}
		if slices.Contains(t.header[:i], t.header[i]) {
			return nil, fmt.Errorf("line 1: column %q stands twice", t.header[i])
		}
	}
	return t, nil
}

func (t *table) begin(in *retained) {
	t.in, t.before, t.csv = in, in.lines, csv.NewReader(in)
	t.csv.FieldsPerRecord = -1
	t.csv.ReuseRecord = true
}

// next returns a row with exactly as many fields as the header, valid until the next call.
func (t *table) next() ([]string, int, error) {
	t.in.drop(int(t.csv.InputOffset() - t.in.from))
	row, err := t.csv.Read()
	if err == io.EOF {
		return nil, 0, err
	}
	var parse *csv.ParseError
	switch {
	case errors.As(err, &parse):
		line := t.before + parse.StartLine
		if parse.Line > parse.StartLine {
			t.goOnBehind(line)
		}
		return nil, 0, &LineError{line, parse.Err}
	case errors.Is(err, errRowTooLong):
		line := t.in.lines + 1
		t.goOnBehind(line)
		return nil, 0, &LineError{line, errRowTooLong}
	case err != nil:
		return nil, 0, err
	}
	line, _ := t.csv.FieldPos(0)
	line += t.before
	several := t.in.lines+bytes.Count(t.in.kept[:t.csv.InputOffset()-t.in.from], []byte("\n")) > line
	if several && t.oneLine {
		t.goOnBehind(line)
		return nil, line, &LineError{line, errors.New("a quote is not closed")}
	}
	if len(row) != len(t.header) {
		if several {
			t.goOnBehind(line)
		}
		return nil, line, &LineError{line, fmt.Errorf("%d fields; the header names %d", len(row), len(t.header))}
	}
	return row, line, nil
}

// goOnBehind reads on with the line after this one.
func (t *table) goOnBehind(line int) {
	for t.in.lines < line {
		end := bytes.IndexByte(t.in.kept, '\n')
		if end < 0 {
			break
		}
		t.in.drop(end + 1)
	}
	t.begin(&retained{Reader: io.MultiReader(bytes.NewReader(t.in.kept), t.in.Reader), lines: t.in.lines})
}

// Columns of a CSV file that are attributes of the envelope; every other column is a field of data.
var attributeColumns = []string{"id", "source", "type", "subject", "time", "contactcenter", "sequence", "data"}

// Fields of data that are not texts. A column of another name that holds a JSON object or list is taken as such.
var (
	numberColumns = []string{"number", "priority", "duration_ms", "service_level_seconds", "short_abandon_seconds", "hold_timer_seconds",
		"threshold", "clear_threshold", "for_seconds", "seconds", "template_revision", "console_template_revision", "voice", "video", "chat",
		"message", "email", "task"}
	flagColumns = []string{"suspended", "can_record", "from_agent", "active", "allowed", "searchable", "open", "proxy_direct_calls",
		"hide_recording", "silent_join", "whisper_join", "record", "suspend_self", "federated", "hide_record_button", "manual"}
	listColumns = []string{"queue_ids", "campaign_ids", "skills", "team_ids", "group_ids", "business_unit_ids", "hidden_queue_ids", "channels",
		"modalities", "attendant_uris"}
)

type csvReader struct {
	table    *table
	envelope Envelope
	name     string
	dec      schema.Decoder
	buf      []byte
}

// CSV reads one event per row. The header names the columns: type, subject and time (RFC 3339) are needed; id (default: file
// and line), source (default: /replay/<file>), contactcenter and sequence may be; data may hold the whole payload as JSON; every
// other column is a field of data, with dots for fields of objects (reason.id, capacity.chat). An empty cell says nothing. Lists
// (queue_ids, skills, …) are separated by semicolons; numbers and true or false are known by the field's name.
func CSV(r io.Reader, file string, e Envelope) (Reader, error) {
	t, err := newTable(r)
	if err != nil {
		return nil, err
	}
	for _, need := range []string{"type", "subject", "time"} {
		if !slices.Contains(t.header, need) {
			return nil, fmt.Errorf("line 1: column %q is missing; attributes are %s, every other column is a field of data", need, strings.Join(attributeColumns, ", "))
		}
	}
	if e.ContactCenter == "" && !slices.Contains(t.header, "contactcenter") {
		return nil, errors.New(`line 1: column "contactcenter" is missing and no contact centre is given`)
	}
	return &csvReader{table: t, envelope: e, name: file}, nil
}

func (c *csvReader) Read() (schema.Event, error) {
	row, line, err := c.table.next()
	if err != nil {
		return schema.Event{}, err
	}
	doc, err := c.document(row, line)
	if err != nil {
		return schema.Event{}, &LineError{line, err}
	}
	if c.buf, err = json.Marshal(doc); err != nil {
		return schema.Event{}, &LineError{line, err}
	}
	var ev schema.Event
	if err := decode(&c.dec, c.buf, &ev); err != nil {
		return schema.Event{}, &LineError{line, err}
	}
	return *ev.Clone(), nil
}

// document makes a row what it would be as NDJSON; the decoder then judges it by the contract.
func (c *csvReader) document(row []string, line int) (map[string]any, error) {
	doc := map[string]any{"specversion": "1.0", "id": fmt.Sprintf("%s:%d", c.name, line), "source": "/replay/" + c.name}
	data := map[string]any{}
	for i, name := range c.table.header {
		cell := strings.TrimSpace(row[i])
		switch {
		case !utf8.ValidString(cell):
			// Marshalling would replace the bytes, and make one id of two.
			return nil, fmt.Errorf("%s: %q is not UTF-8", name, cell)
		case cell == "":
		case name == "data":
			if err := decodeJSON(cell, &data); err != nil {
				return nil, fmt.Errorf("data: %w; a JSON object is needed", err)
			}
		case slices.Contains(attributeColumns, name):
			doc[name] = cell
		default:
			if err := place(data, name, cell); err != nil {
				return nil, err
			}
		}
	}
	if c.envelope.ContactCenter != "" {
		doc["contactcenter"] = c.envelope.ContactCenter
	}
	if c.envelope.Source != "" {
		doc["source"] = c.envelope.Source
	}
	doc["data"] = data
	return doc, nil
}

// place puts a cell at its dotted name.
func place(data map[string]any, name, cell string) error {
	path := strings.Split(name, ".")
	for _, part := range path[:len(path)-1] {
		inner, ok := data[part].(map[string]any)
		if !ok {
			inner = map[string]any{}
			data[part] = inner
		}
		data = inner
	}
	last := path[len(path)-1]
	v, err := value(last, cell)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	data[last] = v
	return nil
}

func value(field, cell string) (any, error) {
	switch {
	case slices.Contains(numberColumns, field) && cell[0] != '{':
		// A channel's name is a number in capacity and may be a text elsewhere: an agent's email is its address.
		if n, err := strconv.ParseInt(cell, 10, 64); err == nil {
			return n, nil
		} else if field == "email" || field == "message" || field == "chat" || field == "task" {
			return cell, nil
		}
		return nil, fmt.Errorf("%q is not a whole number", cell)
	case slices.Contains(flagColumns, field):
		b, err := strconv.ParseBool(cell)
		if err != nil {
			return nil, fmt.Errorf("%q is not true or false", cell)
		}
		return b, nil
	case cell[0] == '{' || cell[0] == '[':
		var v any
		err := decodeJSON(cell, &v)
		return v, err
	case slices.Contains(listColumns, field):
		parts := strings.Split(cell, ";")
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		return parts, nil
	}
	return cell, nil
}

func decodeJSON(text string, into any) error {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("more than one value")
	}
	return nil
}
