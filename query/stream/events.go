package stream

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"floorwalker/query/hub"
)

// retryMs is what clients are told to wait before they connect again.
const retryMs = 2000

// begin says what the answer is. Proxies must neither keep nor gather it.
func begin(c *fiber.Ctx) {
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set("X-Accel-Buffering", "no")
}

// events takes the connection over from the server, which neither notices that a client is gone nor that it takes nothing in.
func (e *Endpoint) events(c *fiber.Ctx, session *hub.Session) error {
	begin(c)
	ctx := c.Context()
	chunked := c.Request().Header.IsHTTP11()
	if chunked {
		ctx.Response.Header.SetContentLength(-1)
	} else {
		ctx.Response.Header.SetContentLength(-2)
	}
	ctx.HijackSetNoResponse(true)
	var conn net.Conn
	run := adopt(session, func() {
		w := &eventWriter{conn: conn, chunked: chunked, timeout: e.WriteTimeout}
		e.send(w, ctx.Response.Header.Header(), session)
	})
	ctx.Hijack(func(c net.Conn) { conn = c; run() })
	return nil
}

// eventWriter writes events into the body of an answer.
type eventWriter struct {
	conn    net.Conn
	chunked bool
	timeout time.Duration
}

// buffers hold what is being written: a connection that is silent needs none.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

func (w *eventWriter) write(raw []byte) error {
	return write(w.conn, w.timeout, raw, w.conn.Write)
}

// event writes one event. Its data has no line breaks: JSON escapes them.
func (w *eventWriter) event(name, id string, data []byte) error {
	memory := buffers.Get().(*[]byte)
	defer buffers.Put(memory)
	out := (*memory)[:0]
	n := len("event: \nid: \ndata: \n\n") + len(name) + len(id) + len(data)
	if id == "" {
		n -= len("id: \n")
	}
	if w.chunked {
		out = append(strconv.AppendInt(out, int64(n), 16), "\r\n"...)
	}
	out = append(append(append(out, "event: "...), name...), '\n')
	if id != "" {
		out = append(append(append(out, "id: "...), id...), '\n')
	}
	out = append(append(append(out, "data: "...), data...), "\n\n"...)
	if w.chunked {
		out = append(out, "\r\n"...)
	}
	*memory = out
	return w.write(out)
}

// send writes until the session ends.
func (e *Endpoint) send(w *eventWriter, head []byte, session *hub.Session) {
	var reader sync.WaitGroup
	reader.Go(func() { listen(w.conn, session) })
	err := w.write(head)
	if err == nil {
		err = w.retry()
	}
	for err == nil {
		err = e.next(w, session)
	}
	var ended *hub.EndedError
	if !errors.As(err, &ended) {
		session.End(why(err))
	} else if ended.Reason != hub.ClientGone {
		w.timeout = min(w.timeout, farewell)
		w.end(ended.Reason)
	}
	_ = w.conn.SetReadDeadline(time.Unix(1, 0)) // the reader shall end; a connection that is broken has ended it
	reader.Wait()
}

// farewell is how long the last words may take.
const farewell = time.Second

// listen notices that the client is gone: it has nothing to say.
func listen(conn net.Conn, session *hub.Session) {
	var one [1]byte
	for {
		if _, err := conn.Read(one[:]); err != nil {
			session.End(hub.ClientGone)
			return
		}
	}
}

func (w *eventWriter) retry() error {
	line := "retry: " + strconv.Itoa(retryMs) + "\n\n"
	if w.chunked {
		line = strconv.FormatInt(int64(len(line)), 16) + "\r\n" + line + "\r\n"
	}
	return w.write([]byte(line))
}

// next writes one event: a message, or a sign of life.
func (e *Endpoint) next(w *eventWriter, session *hub.Session) error {
	ctx, cancel := context.WithTimeout(context.Background(), e.Heartbeat)
	m, err := session.Next(ctx)
	cancel()
	if errors.Is(err, context.DeadlineExceeded) {
		return w.event("heartbeat", "", heartbeat(session))
	}
	if err != nil {
		return err
	}
	memory := buffers.Get().(*[]byte)
	defer buffers.Put(memory)
	*memory = m.JSON(*memory)
	name := m.Topic
	if m.Problem != nil {
		name = "problem"
	}
	return w.event(name, eventID(session.Cursors()), *memory)
}

// end says why nothing more comes, and ends the body.
func (w *eventWriter) end(reason hub.Reason) {
	if w.event("end", "", endMessage(reason)) == nil && w.chunked {
		_ = w.write([]byte("0\r\n\r\n")) // the client may be gone
	}
}

func endMessage(reason hub.Reason) []byte {
	raw, _ := json.Marshal(struct {
		Type   string     `json:"type"`
		Reason hub.Reason `json:"reason"`
	}{"end", reason}) // of texts: never fails
	return raw
}
