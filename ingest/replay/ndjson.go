package replay

import (
	"bufio"
	"bytes"
	"fmt"
	"io"

	"floorwalker/schema"
)

// maxLine bounds a line; an event may have schema.DefaultMaxBytes.
const maxLine = schema.DefaultMaxBytes + 1<<16

// lines reads lines of any length and remembers their numbers; one that is too long is stepped over.
type lines struct {
	r *bufio.Reader
	n int
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReaderSize(r, 1<<16)} }

// next returns a line without its end, valid until the next call.
func (l *lines) next() ([]byte, error) {
	l.n++
	var long []byte
	for {
		part, err := l.r.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			if len(long) <= maxLine {
				long = append(long, part...)
			}
			continue
		}
		if err != nil && (err != io.EOF || len(part)+len(long) == 0) {
			return nil, err
		}
		if long != nil {
			part = append(long, part...)
		}
		if len(part) > maxLine {
			return nil, &LineError{l.n, fmt.Errorf("longer than %d bytes", maxLine)}
		}
		return bytes.TrimRight(part, "\r\n"), nil
	}
}

type ndjson struct {
	lines    *lines
	envelope Envelope
	dec      schema.Decoder
}

// NDJSON reads one CloudEvent in structured mode per line; empty lines are stepped over.
func NDJSON(r io.Reader, e Envelope) Reader {
	return &ndjson{lines: newLines(r), envelope: e}
}

func (n *ndjson) Read() (schema.Event, error) {
	for {
		line, err := n.lines.next()
		if err != nil {
			return schema.Event{}, err
		}
		if n.lines.n == 1 {
			line = bytes.TrimPrefix(line, byteOrderMark)
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var ev schema.Event
		if err := decode(&n.dec, line, &ev); err != nil {
			return schema.Event{}, &LineError{n.lines.n, err}
		}
		out := *ev.Clone()
		n.envelope.apply(&out)
		return out, nil
	}
}
