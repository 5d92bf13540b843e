package list

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"
)

// encoders are those that no answer is being written with.
var encoders = sync.Pool{New: func() any { return &Encoder{} }}

// Metadata of a list. Write appends fields of the list's own, Name and value each.
type Metadata struct {
	AsOf     int64
	Snapshot string // empty where the list has none
	Tag      string // stands for the state in the entity tag of streams, which are not read twice
	Write    func(e *Encoder)
}

// TagMoment has the entity tag know the moment: of rows that are selected by their age there may be others in a state that is the same.
func (m *Metadata) TagMoment() { m.Tag += strconv.FormatInt(m.AsOf, 10) }

// Answer arranges, cuts and writes rows in the page's form. It keeps rows until a stream has been sent.
func Answer[T any](c *fiber.Ctx, t *Table[T], rows []T, p Page, m Metadata) error {
	collected := t.Collect(p)
	for _, row := range rows {
		collected.Add(row)
	}
	return collected.Answer(c, m)
}

// Answer writes the rows in the page's form.
func (c *Collector[T]) Answer(to *fiber.Ctx, m Metadata) error {
	if c.page.Format != JSON {
		return Stream(to, c.table, Rows(c.All()), c.page, m)
	}
	rows, total := c.Page()
	return AnswerPage(to, c.table, rows, total, c.page, m)
}

// AnswerPage writes rows that have been arranged and cut already, of total that there are, as JSON.
func AnswerPage[T any](c *fiber.Ctx, t *Table[T], page []T, total int, p Page, m Metadata) error {
	columns, err := t.pick(p.Fields)
	if err != nil {
		return err
	}
	e := encoders.Get().(*Encoder)
	defer encoders.Put(e)
	e.reset()
	e.Object()
	e.Name("data")
	writeRows(e, columns, page)
	if Unchanged(c, e.Tag()) {
		return nil
	}
	e.Name("metadata")
	e.Object()
	e.Name("total")
	e.Int(int64(total))
	e.Name("count")
	e.Int(int64(len(page)))
	e.Name("offset")
	e.Int(int64(p.Offset))
	e.Name("limit")
	e.Int(int64(p.Limit))
	e.Name("as_of")
	e.Time(m.AsOf)
	if m.Snapshot != "" {
		e.Name("snapshot")
		e.String(m.Snapshot)
	}
	if m.Write != nil {
		m.Write(e)
	}
	e.End()
	e.End()
	return sendJSON(c, e.B)
}

// One writes a single entity as an object of its own.
func One(c *fiber.Ctx, write func(e *Encoder)) error {
	e := encoders.Get().(*Encoder)
	defer encoders.Put(e)
	e.reset()
	write(e)
	if Unchanged(c, e.Tag()) {
		return nil
	}
	return sendJSON(c, e.B)
}

// Row writes all columns of one row as an object.
func (t *Table[T]) Row(e *Encoder, row T) { writeRow(e, t.Columns, row) }

func writeRows[T any](e *Encoder, columns []Column[T], rows []T) {
	e.Array()
	for _, row := range rows {
		writeRow(e, columns, row)
	}
	e.EndArray()
}

func writeRow[T any](e *Encoder, columns []Column[T], row T) {
	e.Object()
	for i := range columns {
		e.Name(columns[i].Name)
		columns[i].Write(e, row)
	}
	e.End()
}

func sendJSON(c *fiber.Ctx, body []byte) error {
	c.Set(fiber.HeaderContentType, "application/json")
	c.Response().SetBody(body)
	return nil
}

// Unchanged sets the entity tag of an answer, a hash of its content, and answers 304 where the caller has it already. Tags are weak: answers with the same
// tag differ in ages.
func Unchanged(c *fiber.Ctx, hash uint64) bool {
	var raw [8]byte
	binary.BigEndian.PutUint64(raw[:], hash)
	tag := `W/"` + base64.RawURLEncoding.EncodeToString(raw[:]) + `"`
	c.Set(fiber.HeaderETag, tag)
	if len(c.Response().Header.Peek(fiber.HeaderCacheControl)) == 0 {
		c.Set(fiber.HeaderCacheControl, "private, no-cache")
	}
	c.Vary(fiber.HeaderAccept, fiber.HeaderAuthorization)
	if method := c.Method(); method != fiber.MethodGet && method != fiber.MethodHead {
		return false
	}
	if !matches(c.Get(fiber.HeaderIfNoneMatch), tag) {
		return false
	}
	c.Status(http.StatusNotModified)
	return true
}

func matches(header, tag string) bool {
	want := strings.TrimPrefix(tag, "W/")
	for item := range strings.SplitSeq(header, ",") {
		item = strings.TrimSpace(item)
		if item == "*" || strings.TrimPrefix(item, "W/") == want {
			return true
		}
	}
	return false
}

// cellText is a JSON value as a cell: texts without quotation marks, null as nothing, objects and arrays as JSON.
func cellText(value []byte) string {
	if string(value) == "null" {
		return ""
	}
	if value[0] != '"' {
		return string(value)
	}
	var s string
	if err := json.Unmarshal(value, &s); err != nil {
		return string(value)
	}
	return s
}

// appendCell quotes as RFC 4180 says.
func appendCell(line []byte, column int, s string) []byte {
	if column > 0 {
		line = append(line, ',')
	}
	if !strings.ContainsAny(s, ",\"\r\n") {
		return append(line, s...)
	}
	line = append(line, '"')
	line = append(line, strings.ReplaceAll(s, `"`, `""`)...)
	return append(line, '"')
}
