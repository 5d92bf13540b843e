package list

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// Metadata of a list. Write appends fields of the list's own, Name and value each.
type Metadata struct {
	AsOf     int64
	Snapshot string // empty where the list has none
	Tag      string // stands for the state in the entity tag of streams, which are not read twice
	Write    func(e *Encoder)
}

// Answer arranges, cuts and writes rows in the page's form. It keeps rows until a stream has been sent.
func Answer[T any](c *fiber.Ctx, t *Table[T], rows []T, p Page, m Metadata) error {
	columns, err := t.pick(p.Fields)
	if err != nil {
		return err
	}
	t.Arrange(rows, p)
	if p.Format != JSON {
		return stream(c, columns, rows, p, m)
	}
	page := Cut(rows, p)
	tag := Encoder{Ageless: true}
	writeRows(&tag, columns, page)
	if unchanged(c, tag.B) {
		return nil
	}
	e := Encoder{B: make([]byte, 0, len(tag.B)+len(tag.B)/8+512)}
	e.Object()
	e.Name("data")
	writeRows(&e, columns, page)
	e.Name("metadata")
	e.Object()
	e.Name("total")
	e.Int(int64(len(rows)))
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
		m.Write(&e)
	}
	e.End()
	e.End()
	return sendJSON(c, e.B)
}

// One writes a single entity as an object of its own; write is called twice, for the entity tag and for the answer.
func One(c *fiber.Ctx, write func(e *Encoder)) error {
	tag := Encoder{Ageless: true}
	write(&tag)
	if unchanged(c, tag.B) {
		return nil
	}
	e := Encoder{B: make([]byte, 0, len(tag.B)+256)}
	write(&e)
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
	return c.Send(body)
}

// unchanged sets the entity tag of data and answers 304 where the caller has it already. Tags are weak: answers with the same
// tag differ in ages.
func unchanged(c *fiber.Ctx, data []byte) bool {
	sum := sha256.Sum256(data)
	tag := `W/"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
	c.Set(fiber.HeaderETag, tag)
	c.Set(fiber.HeaderCacheControl, "private, no-cache")
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

// stream sends the whole list line by line, so that memory does not grow with it.
func stream[T any](c *fiber.Ctx, columns []Column[T], rows []T, p Page, m Metadata) error {
	if unchanged(c, []byte(string(p.Format)+"\x00"+string(c.Request().URI().QueryString())+"\x00"+m.Tag)) {
		return nil
	}
	if p.Format == CSV {
		c.Set(fiber.HeaderContentType, "text/csv; charset=utf-8")
	} else {
		c.Set(fiber.HeaderContentType, "application/x-ndjson")
	}
	if c.Method() == fiber.MethodHead {
		return nil
	}
	format := p.Format
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		// fasthttp runs this in a goroutine of its own, where a panic would end the process.
		defer func() {
			if r := recover(); r != nil {
				slog.Error("panic while streaming a list", "panic", r)
			}
		}()
		if format == CSV {
			writeCSV(w, columns, rows)
			return
		}
		var e Encoder
		for _, row := range rows {
			e.B = e.B[:0]
			writeRow(&e, columns, row)
			e.B = append(e.B, '\n')
			if _, err := w.Write(e.B); err != nil {
				return
			}
		}
	})
	return nil
}

func writeCSV[T any](w *bufio.Writer, columns []Column[T], rows []T) {
	var line []byte
	for i := range columns {
		line = appendCell(line, i, columns[i].Name)
	}
	if _, err := w.Write(append(line, "\r\n"...)); err != nil {
		return
	}
	var e Encoder
	for _, row := range rows {
		line = line[:0]
		for i := range columns {
			e.B = e.B[:0]
			columns[i].Write(&e, row)
			line = appendCell(line, i, cellText(e.B))
		}
		if _, err := w.Write(append(line, "\r\n"...)); err != nil {
			return
		}
	}
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
