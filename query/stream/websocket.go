package stream

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"floorwalker/query/hub"
	"floorwalker/query/list"
	"floorwalker/query/problem"
	"floorwalker/query/route"
	"floorwalker/schema"
)

// maxRequest bounds what a client may send at a time.
const maxRequest = 64 << 10

// upgrade answers with a WebSocket.
func (e *Endpoint) upgrade(c *fiber.Ctx, session *hub.Session, by Subscriber) error {
	upgrader := websocket.FastHTTPUpgrader{ReadBufferSize: 1 << 10, WriteBufferSize: 1 << 10, WriteBufferPool: &sync.Pool{},
		CheckOrigin: func(*fasthttp.RequestCtx) bool { return true }} // allows has looked
	var conn *websocket.Conn
	run := adopt(session, func() {
		s := &socket{endpoint: e, conn: conn, session: session, by: by}
		s.run()
	})
	if err := upgrader.Upgrade(c.Context(), func(c *websocket.Conn) { conn = c; run() }); err != nil {
		session.Close()
		c.Response().Reset()
		return problem.New(fiber.StatusBadRequest, "bad_handshake", "this is no WebSocket handshake of version 13")
	}
	return nil
}

// socket is one client's WebSocket.
type socket struct {
	endpoint *Endpoint
	conn     *websocket.Conn
	session  *hub.Session
	by       Subscriber

	writing sync.Mutex // replies come from the reader
	pinged  time.Time

	patience sync.Mutex // of the deadline for reading
	ended    bool
}

// run sends until the session ends.
func (s *socket) run() {
	var reader sync.WaitGroup
	reader.Go(s.read)
	s.pinged = time.Now()
	var err error
	for err == nil {
		err = s.next()
	}
	var ended *hub.EndedError
	if !errors.As(err, &ended) {
		s.session.End(why(err))
		ended = &hub.EndedError{Reason: why(err)}
	}
	until := time.Now()
	if code, ok := closeCodes[ended.Reason]; ok {
		until = until.Add(farewell)
		_ = s.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, string(ended.Reason)), until) // the client may be gone
	}
	s.readUntil(until)
	reader.Wait()
}

// alive gives the client time until its next sign of life.
func (s *socket) alive() error {
	s.patience.Lock()
	defer s.patience.Unlock()
	if s.ended {
		return nil
	}
	return s.conn.SetReadDeadline(time.Now().Add(4 * s.endpoint.Heartbeat))
}

// readUntil ends the reader when the client has closed its side, too: closing the connection on what it still sends would take from it what
// it has not read yet.
func (s *socket) readUntil(at time.Time) {
	s.patience.Lock()
	defer s.patience.Unlock()
	s.ended = true
	_ = s.conn.SetReadDeadline(at) // of a connection that is broken, where the reader has ended
}

// closeCodes of reasons that the client is told (RFC 6455, section 7.4.1).
var closeCodes = map[hub.Reason]int{
	hub.ShuttingDown:      websocket.CloseGoingAway,
	hub.SlowReader:        websocket.ClosePolicyViolation,
	hub.CredentialExpired: websocket.ClosePolicyViolation,
	hub.ProtocolError:     websocket.CloseUnsupportedData,
}

// next sends a message, or a sign of life.
func (s *socket) next() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.endpoint.Heartbeat)
	m, err := s.session.Next(ctx)
	cancel()
	silent := errors.Is(err, context.DeadlineExceeded)
	if err != nil && !silent {
		return err
	}
	if err := s.ping(); err != nil {
		return err
	}
	if silent {
		return s.write(heartbeat(s.session))
	}
	memory := buffers.Get().(*[]byte)
	defer buffers.Put(memory)
	*memory = m.JSON(*memory)
	return s.write(*memory)
}

// ping asks from time to time whether the client is there: one that has nothing to say answers.
func (s *socket) ping() error {
	now := time.Now()
	if now.Sub(s.pinged) < s.endpoint.Heartbeat {
		return nil
	}
	s.pinged = now
	return s.conn.WriteControl(websocket.PingMessage, nil, now.Add(s.endpoint.WriteTimeout))
}

func (s *socket) write(raw []byte) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.put(raw)
}

// put sends one text message, in as many frames as there are pieces.
func (s *socket) put(raw []byte) error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.endpoint.WriteTimeout)); err != nil {
		return err
	}
	w, err := s.conn.NextWriter(websocket.TextMessage)
	if err != nil {
		return err
	}
	if err := write(s.conn, s.endpoint.WriteTimeout, raw, w.Write); err != nil {
		return err
	}
	return w.Close()
}

// heartbeat is the moment up to which the client has everything.
func heartbeat(session *hub.Session) []byte {
	var e list.Encoder
	e.Object()
	e.Name("type")
	e.String("heartbeat")
	e.Name("as_of")
	at := session.AsOf()
	if at == 0 {
		at = schema.NoTime
	}
	e.Time(at)
	e.End()
	return e.B
}

// request is what a client sends.
type request struct {
	Type       string          `json:"type"`
	ID         string          `json:"id"`
	Topic      string          `json:"topic"`
	Query      json.RawMessage `json:"query"`
	IntervalMs *int64          `json:"interval_ms"`
	Cursor     string          `json:"cursor"`
}

// reply is what it is told.
type reply struct {
	Type    string           `json:"type"`
	ID      string           `json:"id,omitempty"`
	Problem *problem.Problem `json:"problem,omitempty"`
}

// read answers requests until the client is gone, silent for too long, or not understood.
func (s *socket) read() {
	s.conn.SetReadLimit(maxRequest)
	s.conn.SetPongHandler(func(string) error { return s.alive() })
	for s.alive() == nil {
		kind, raw, err := s.conn.ReadMessage()
		if err != nil {
			s.session.End(unread(err))
			return
		}
		if kind != websocket.TextMessage {
			s.session.End(hub.ProtocolError)
			return
		}
		if err := s.answer(raw); err != nil {
			s.session.End(why(err))
			return
		}
	}
}

// unread is what a failure to read says of the client.
func unread(err error) hub.Reason {
	if errors.Is(err, websocket.ErrReadLimit) {
		return hub.ProtocolError
	}
	return hub.ClientGone
}

func (s *socket) answer(raw []byte) error {
	r, err := requestOf(raw)
	if err == nil {
		switch r.Type {
		case "ping":
			return s.reply(reply{Type: "pong", ID: r.ID})
		case "subscribe":
			return s.subscribe(r)
		case "unsubscribe":
			if s.session.Unsubscribe(r.ID) {
				return s.reply(reply{Type: "unsubscribed", ID: r.ID})
			}
			err = problem.NotFound("subscription", r.ID)
		default:
			err = problem.BadValue("type", r.Type, "subscribe, unsubscribe, ping")
		}
	}
	return s.reply(reply{Type: "error", ID: r.ID, Problem: problem.Of(err)})
}

// requestFields are what a client may send; others are refused.
var requestFields = []string{"type", "id", "topic", "query", "interval_ms", "cursor"}

func requestOf(raw []byte) (request, error) {
	var fields map[string]json.RawMessage
	var r request
	if json.Unmarshal(raw, &fields) != nil || json.Unmarshal(raw, &r) != nil {
		return r, problem.New(fiber.StatusBadRequest, "bad_message", "the message is not one JSON object with fields of the right types")
	}
	for name := range fields {
		if !slices.Contains(requestFields, name) {
			return r, problem.UnknownParameter(name, requestFields)
		}
	}
	if r.Type != "ping" && (r.ID == "" || len(r.ID) > 128) {
		return r, problem.BadValue("id", r.ID, "a name of 1 to 128 bytes")
	}
	return r, nil
}

// subscribe answers before the first message can come.
func (s *socket) subscribe(r request) error {
	out := reply{Type: "subscribed", ID: r.ID}
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.add(r); err != nil {
		out = reply{Type: "error", ID: r.ID, Problem: problem.Of(err)}
	}
	raw, err := json.Marshal(out)
	if err != nil {
		return err
	}
	return s.put(raw)
}

func (s *socket) add(r request) error {
	t := s.endpoint.topics[r.Topic]
	if t == nil {
		return problem.BadValue("topic", r.Topic, strings.Join(s.endpoint.names(), ", "))
	}
	q := route.ParseQuery("")
	if len(r.Query) > 0 && string(r.Query) != "null" {
		q = route.ParseBody(r.Query)
	}
	feed, err := s.endpoint.feed(t, q, s.by.View())
	if err != nil {
		return err
	}
	to := hub.Subscription{ID: r.ID, Topic: r.Topic, Feed: feed, Cursor: r.Cursor}
	if r.IntervalMs != nil {
		if *r.IntervalMs < hub.ShortestInterval.Milliseconds() || *r.IntervalMs > hub.LongestInterval.Milliseconds() {
			return problem.BadValue("interval_ms", strconv.FormatInt(*r.IntervalMs, 10), interval().Allowed())
		}
		to.Interval = time.Duration(*r.IntervalMs) * time.Millisecond
	}
	return s.session.Subscribe(to)
}

func (s *socket) reply(r reply) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return s.write(raw)
}
