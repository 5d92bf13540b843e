// Package compress sends answers in the coding that the caller understands best (RFC 9110, section 12.5.3): zstd, br or gzip at
// cheap levels. Small answers, and those of which the handler chose the coding, stay as they are.
package compress

import (
	"bytes"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/gofiber/fiber/v2"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Smallest is the size in bytes below which compressing costs more than it saves: one packet of a network.
const Smallest = 1400

// Levels: a page of 50 agents takes well under a millisecond in each.
const (
	gzipLevel   = gzip.BestSpeed
	brotliLevel = 1
)

// writer is what all codings have in common.
type writer interface {
	io.WriteCloser
	Flush() error
	Reset(w io.Writer)
}

// coding is one content coding with writers that are used again.
type coding struct {
	name string
	pool *sync.Pool
}

func newCoding(name string, make func() any) *coding {
	return &coding{name, &sync.Pool{New: make}}
}

// The codings in order of preference: what costs least comes first.
var codings = []*coding{
	newCoding("zstd", func() any {
		// One goroutine and a small window keep many answers at a time cheap; the options are valid, so there is no error.
		w, _ := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(128<<10), zstd.WithLowerEncoderMem(true))
		return w
	}),
	newCoding("br", func() any { return brotli.NewWriterLevel(nil, brotliLevel) }),
	newCoding("gzip", func() any { w, _ := gzip.NewWriterLevel(nil, gzipLevel); return w }),
}

// choose finds the best coding that Accept-Encoding allows, nil for none.
func choose(accept string) *coding {
	if accept == "" {
		return nil
	}
	weights := map[string]float64{}
	for part := range strings.SplitSeq(accept, ",") {
		name, parameters, _ := strings.Cut(part, ";")
		weight := 1.0
		if q, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(parameters)), "q="); ok {
			weight, _ = strconv.ParseFloat(q, 64)
		}
		weights[strings.ToLower(strings.TrimSpace(name))] = weight
	}
	var best *coding
	weight := 0.0
	for _, c := range codings {
		w, ok := weights[c.name]
		if !ok {
			w = weights["*"]
		}
		if w > weight {
			best, weight = c, w
		}
	}
	return best
}

// Body compresses a finished answer that the handler has set as a whole; streams are left to Stream.
func Body(c *fiber.Ctx) {
	r := c.Response()
	if r.IsBodyStream() || !worth(c) {
		return
	}
	body := r.Body()
	if len(body) < Smallest || c.Method() == fiber.MethodHead {
		return
	}
	c.Vary(fiber.HeaderAcceptEncoding)
	chosen := choose(c.Get(fiber.HeaderAcceptEncoding))
	if chosen == nil {
		return
	}
	out := bytes.NewBuffer(make([]byte, 0, len(body)/4+64))
	w := chosen.pool.Get().(writer)
	defer chosen.pool.Put(w)
	w.Reset(out)
	if _, err := w.Write(body); err != nil || w.Close() != nil || out.Len() >= len(body) {
		return
	}
	r.Header.Set(fiber.HeaderContentEncoding, chosen.name)
	r.SetBodyRaw(out.Bytes())
}

// worth reports whether the answer's content is of a kind that compresses, in no coding yet.
func worth(c *fiber.Ctx) bool {
	h := &c.Response().Header
	if len(h.Peek(fiber.HeaderContentEncoding)) > 0 {
		return false
	}
	media, _, _ := strings.Cut(string(h.ContentType()), ";")
	switch media {
	case "application/json", "application/problem+json", "application/x-ndjson", "application/xml", "application/javascript":
		return true
	}
	return strings.HasPrefix(media, "text/") && media != "text/event-stream"
}

// Stream sends what a reader gives, compressed where the caller understands it, and passes on at once what each Read gave. An error
// of the reader cuts the connection; the reader is closed in any case. The content type must have been set.
func Stream(c *fiber.Ctx, body io.ReadCloser) {
	if !worth(c) {
		c.Context().SetBodyStream(body, -1)
		return
	}
	c.Vary(fiber.HeaderAcceptEncoding)
	chosen := choose(c.Get(fiber.HeaderAcceptEncoding))
	if chosen == nil {
		c.Context().SetBodyStream(body, -1)
		return
	}
	c.Set(fiber.HeaderContentEncoding, chosen.name)
	s := &stream{body: body, coding: chosen, w: chosen.pool.Get().(writer), chunk: make([]byte, 16<<10)}
	s.w.Reset(&s.out)
	c.Context().SetBodyStream(s, -1)
}

// stream compresses what it reads.
type stream struct {
	body   io.ReadCloser
	coding *coding
	w      writer
	out    bytes.Buffer
	chunk  []byte
	err    error
}

func (s *stream) Read(p []byte) (int, error) {
	for s.out.Len() == 0 {
		if s.err != nil {
			return 0, s.err
		}
		s.fill()
	}
	return s.out.Read(p)
}

func (s *stream) fill() {
	n, err := s.body.Read(s.chunk)
	if n > 0 {
		if _, s.err = s.w.Write(s.chunk[:n]); s.err != nil {
			return
		}
	}
	switch {
	case err == io.EOF:
		if s.err = s.w.Close(); s.err == nil {
			s.err = io.EOF
		}
	case err != nil:
		s.err = err
	case n > 0:
		s.err = s.w.Flush()
	}
}

func (s *stream) Close() error {
	if s.w != nil {
		s.coding.pool.Put(s.w)
		s.w = nil
	}
	return s.body.Close()
}
