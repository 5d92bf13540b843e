package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/VictoriaMetrics/metrics"
	"github.com/spf13/cobra"

	"floorwalker/cmd/floorwalker/config"
	"floorwalker/ingest"
	"floorwalker/query/deadletters"
	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
)

const (
	deadLettersAtOnce = 50
	mostDeadLetters   = 1000
)

func newDeadLetters() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dead-letters",
		Short: "Look at the records that could not be read, and send them again",
		Long: "Workers keep what is no event, with the reason, in ClickHouse and in the topic of dead letters; nothing else of it is read. Here it is\n" +
			"listed, shown and, once it is repaired or has become valid, sent again through the same door as POST …/events.",
		Example: "  floorwalker dead-letters list --config floorwalker.yaml --code malformed_time --from now-2h\n" +
			"  floorwalker dead-letters show --config floorwalker.yaml 0/3/1284\n" +
			"  floorwalker dead-letters retry --config floorwalker.yaml 0/3/1284 --file repaired.json",
		// Else another word would be help and exit code 0.
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newDeadLettersList(), newDeadLettersShow(), newDeadLettersRetry())
	return cmd
}

// morgue is where dead letters lie.
type morgue struct {
	cfg    config.Config
	reader *deadletters.Reader
	close  func() error
}

func openMorgue(ctx context.Context, at *operation) (*morgue, error) {
	cfg, err := at.load()
	if err != nil {
		return nil, err
	}
	options, err := clickHouseConfig(cfg.ClickHouse)
	if err != nil {
		return nil, err
	}
	conn, err := clickhouse.Connect(options)
	if err != nil {
		return nil, err
	}
	if err := conn.Ping(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("clickhouse %v: %w", options.Addresses, err), conn.Close())
	}
	return &morgue{cfg: cfg, reader: deadletters.New(conn), close: conn.Close}, nil
}

func (m *morgue) one(ctx context.Context, id string) (deadletters.Letter, error) {
	parsed, err := deadletters.ParseID(id)
	if err != nil {
		return deadletters.Letter{}, err
	}
	return m.reader.One(ctx, m.cfg.Kafka.Topics.Events, parsed)
}

// letterJSON is a dead letter as --json shows it. Value is there as text where it is UTF-8, else as base64.
type letterJSON struct {
	ID            string            `json:"id"`
	Topic         string            `json:"topic"`
	Partition     int               `json:"partition"`
	Offset        int64             `json:"offset"`
	RecordTime    string            `json:"record_time"`
	StoredAt      string            `json:"stored_at"`
	Code          string            `json:"code"`
	Error         string            `json:"error"`
	ContactCenter string            `json:"contact_center"`
	Type          string            `json:"type"`
	Subject       string            `json:"subject"`
	RetryOf       string            `json:"retry_of,omitempty"`
	Key           *string           `json:"key,omitempty"`
	Headers       map[string]string `json:"headers,omitempty"`
	Value         *string           `json:"value,omitempty"`
	ValueBase64   []byte            `json:"value_base64,omitempty"`
	Stored        []string          `json:"stored,omitempty"`
}

func asJSON(l *deadletters.Letter, whole bool) letterJSON {
	out := letterJSON{ID: l.ID.String(), Topic: l.Topic, Partition: l.Partition, Offset: l.Offset, RecordTime: schema.FormatTime(l.RecordTime),
		StoredAt: schema.FormatTime(l.StoredAt), Code: l.Code, Error: l.Error, ContactCenter: l.ContactCenter, Type: l.Type, Subject: l.Subject,
		RetryOf: header(l, ingest.HeaderRetryOf)}
	if !whole {
		return out
	}
	key := strings.ToValidUTF8(string(l.Key), "\uFFFD")
	out.Key, out.Headers = &key, map[string]string{}
	for _, h := range l.Headers {
		out.Headers[h.Key] = strings.ToValidUTF8(string(h.Value), "\uFFFD")
	}
	if utf8.Valid(l.Value) {
		value := string(l.Value)
		out.Value = &value
	} else {
		out.ValueBase64 = l.Value
	}
	return out
}

func header(l *deadletters.Letter, key string) string {
	for _, h := range l.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

type deadLettersList struct {
	operation
	contactCenter, kind string
	codes               []string
	partition, limit    int
	from, to, cursor    string
	asJSON              bool
}

func newDeadLettersList() *cobra.Command {
	var o deadLettersList
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List dead letters, the newest first",
		Long: "Lists dead letters by the time of their records, the newest first. Contact centre, type and subject are as far as they could be read.\n" +
			"Where there are more than --limit the last line says how to go on.",
		Example: "  floorwalker dead-letters list --data ./data\n" +
			"  floorwalker dead-letters list --config floorwalker.yaml --contact-center 6 --type cc.agent.status --from now-1h\n" +
			"  floorwalker dead-letters list --config floorwalker.yaml --code time_ahead --json | jq -r '.data[].id'",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), cmd.OutOrStdout()) },
	}
	o.operation.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.contactCenter, "contact-center", "", "of this contact centre only, as the event or else its key says")
	f.StringSliceVar(&o.codes, "code", nil, "with one of these codes only, such as malformed_json,unknown_type")
	f.StringVar(&o.kind, "type", "", "of this type only, such as cc.agent.status")
	f.IntVar(&o.partition, "partition", -1, "of this partition only")
	f.StringVar(&o.from, "from", "", "records from this moment on: RFC 3339, or now-2h")
	f.StringVar(&o.to, "to", "", "records before this moment")
	f.IntVar(&o.limit, "limit", deadLettersAtOnce, fmt.Sprintf("how many at most, 1 to %d", mostDeadLetters))
	f.StringVar(&o.cursor, "cursor", "", "go on where an earlier page ended")
	f.BoolVar(&o.asJSON, "json", false, "as JSON: data, and next_cursor where there are more")
	return cmd
}

func (o *deadLettersList) filter(topic string, now time.Time) (deadletters.Filter, error) {
	f := deadletters.Filter{Topic: topic, ContactCenter: o.contactCenter, Codes: o.codes, Type: o.kind, Limit: o.limit}
	if o.limit < 1 || o.limit > mostDeadLetters {
		return f, fmt.Errorf("--limit %d: 1 to %d are allowed", o.limit, mostDeadLetters)
	}
	if o.partition >= 0 {
		f.Partition = &o.partition
	}
	var err error
	if f.From, err = moment("--from", o.from, now); err != nil {
		return f, err
	}
	if f.To, err = moment("--to", o.to, now); err != nil {
		return f, err
	}
	if f.After, err = deadletters.ParseCursor(o.cursor); err != nil {
		return f, fmt.Errorf("--cursor: %w", err)
	}
	return f, nil
}

// moment reads RFC 3339, or now-DURATION; empty is 0.
func moment(name, s string, now time.Time) (int64, error) {
	if s == "" {
		return 0, nil
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t.UnixMilli(), nil
	}
	if ago, ok := strings.CutPrefix(s, "now"); ok {
		if ago == "" {
			return now.UnixMilli(), nil
		}
		if d, err := time.ParseDuration(ago); err == nil && d < 0 {
			return now.Add(d).UnixMilli(), nil
		}
	}
	return 0, fmt.Errorf("%s %q is no moment: RFC 3339, such as 2026-11-21T09:00:00Z, or now-2h are", name, s)
}

func (o *deadLettersList) run(ctx context.Context, out io.Writer) error {
	f, err := o.filter("", time.Now())
	if err != nil {
		return err
	}
	m, err := openMorgue(ctx, &o.operation)
	if err != nil {
		return err
	}
	defer m.close()
	f.Topic = m.cfg.Kafka.Topics.Events
	letters, next, err := m.reader.List(ctx, f)
	if err != nil {
		return err
	}
	if o.asJSON {
		page := struct {
			Data []letterJSON `json:"data"`
			Next string       `json:"next_cursor,omitempty"`
		}{[]letterJSON{}, next.String()}
		for i := range letters {
			page.Data = append(page.Data, asJSON(&letters[i], false))
		}
		return printJSON(out, page)
	}
	if len(letters) == 0 {
		_, err := fmt.Fprintln(out, "no dead letters")
		return err
	}
	if err := printLetters(out, letters); err != nil {
		return err
	}
	if c := next.String(); c != "" {
		_, err = fmt.Fprintf(out, "more with --cursor %s\n", c)
	}
	return err
}

// shownError is how much of a reason a line of the list shows.
const shownError = 70

func printLetters(out io.Writer, letters []deadletters.Letter) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tRECORD TIME\tCONTACT CENTER\tTYPE\tSUBJECT\tREASON")
	for i := range letters {
		l := &letters[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", l.ID, schema.FormatTime(l.RecordTime), plain(l.ContactCenter, 40), plain(l.Type, 40),
			plain(l.Subject, 40), plain(l.Error, shownError))
	}
	return w.Flush()
}

// plain makes a producer's text fit for one cell of a terminal's table.
func plain(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	if s == "" {
		return "-"
	}
	return s
}

func newDeadLettersShow() *cobra.Command {
	var at operation
	var whole, event bool
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show a dead letter whole",
		Long: "Shows the record as it came, and why it is no event. With --event only the event, as one JSON object in CloudEvents' structured mode,\n" +
			"also where it came in binary mode: to be repaired and sent again.",
		Example: "  floorwalker dead-letters show --data ./data 0/3/1284\n" +
			"  floorwalker dead-letters show --config floorwalker.yaml 0/3/1284 --event > repaired.json",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := openMorgue(cmd.Context(), &at)
			if err != nil {
				return err
			}
			defer m.close()
			l, err := m.one(cmd.Context(), args[0])
			switch {
			case err != nil:
				return err
			case event:
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s\n", eventOf(&l))
				return err
			}
			shown := asJSON(&l, true)
			if shown.Stored, err = m.stored(cmd.Context(), &l); err != nil {
				return err
			}
			if whole {
				return printJSON(cmd.OutOrStdout(), shown)
			}
			return printLetter(cmd.OutOrStdout(), &l, &shown)
		},
	}
	at.flags(cmd)
	cmd.Flags().BoolVar(&whole, "json", false, "as JSON")
	cmd.Flags().BoolVar(&event, "event", false, "only the event, in structured mode")
	cmd.MarkFlagsMutuallyExclusive("json", "event")
	return cmd
}

// stored is where events of the letter's source and id lie that were written since.
func (m *morgue) stored(ctx context.Context, l *deadletters.Letter) ([]string, error) {
	var e struct{ ID, Source string }
	if json.Unmarshal(eventOf(l), &e) != nil || e.ID == "" || e.Source == "" || l.ContactCenter == "" {
		return nil, nil // nothing to look for
	}
	places, err := m.reader.Stored(ctx, l.ContactCenter, e.Source, e.ID, l.RecordTime)
	var out []string
	for _, p := range places {
		out = append(out, fmt.Sprintf("%s/%d/%d", p.Topic, p.Partition, p.Offset))
	}
	return out, err
}

func printLetter(out io.Writer, l *deadletters.Letter, s *letterJSON) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, plain(value, 4096))
		}
	}
	line("id", s.ID)
	line("code", s.Code)
	line("error", s.Error)
	line("topic", s.Topic)
	line("partition", fmt.Sprint(s.Partition))
	line("offset", fmt.Sprint(s.Offset))
	line("record time", s.RecordTime)
	line("stored at", s.StoredAt)
	line("contact center", s.ContactCenter)
	line("type", s.Type)
	line("subject", s.Subject)
	line("retry of", s.RetryOf)
	line("since stored as", strings.Join(s.Stored, ", "))
	line("key", *s.Key)
	for _, h := range l.Headers {
		line("header "+plain(h.Key, 128), string(h.Value))
	}
	encoding := "text"
	if s.Value == nil {
		encoding = "base64"
	}
	line("value", fmt.Sprintf("%d bytes, as %s:", len(l.Value), encoding))
	if err := w.Flush(); err != nil {
		return err
	}
	value := string(l.Value)
	if s.Value == nil {
		quoted, err := json.Marshal(l.Value)
		if err != nil {
			return err
		}
		value = strings.Trim(string(quoted), `"`)
	}
	_, err := fmt.Fprintln(out, value)
	return err
}

// eventOf is the event that the letter should have been: the value of a structured record as it is, of a binary one put together from
// its headers. Where data is no JSON it goes in as a string, so that nothing is lost on the way to whoever repairs it.
func eventOf(l *deadletters.Letter) []byte {
	if !schema.BinaryMode(l.Headers) {
		return l.Value
	}
	var b bytes.Buffer
	b.WriteByte('{')
	text := func(s string) []byte {
		quoted, _ := json.Marshal(s) // a string can always be written
		return quoted
	}
	for _, h := range l.Headers {
		if name, ok := strings.CutPrefix(h.Key, "ce_"); ok && name != "data" {
			fmt.Fprintf(&b, "%s:%s,", text(name), text(string(h.Value)))
		}
	}
	data := l.Value
	if !json.Valid(data) {
		data = text(string(data))
	}
	fmt.Fprintf(&b, `"data":%s}`, data)
	return b.Bytes()
}

type deadLettersRetry struct {
	operation
	file   string
	edit   bool
	asJSON bool
}

func newDeadLettersRetry() *cobra.Command {
	var o deadLettersRetry
	cmd := &cobra.Command{
		Use:   "retry ID...",
		Short: "Send dead letters again, repaired or as they were",
		Long: "Sends the event of a dead letter through the same door as POST …/events: it is judged by the same rules, written where its contact\n" +
			"centre's events go and acknowledged by all in-sync replicas; then the place where it lies is printed. Without --file and --edit it\n" +
			"is sent as it was, for letters that have become valid: a time that lay ahead, a type that this release knows.\n\n" +
			"The record carries the header " + ingest.HeaderRetryOf + " (topic/partition/offset of the letter); the event itself stays as it is given.\n" +
			"Keep source, id and time where they are right: sent twice, it counts once. What comes later than the horizon is history's only, and\n" +
			"counts after `floorwalker backfill`. Exit code 1 if one of them is refused.",
		Example: "  floorwalker dead-letters retry --data ./data 0/3/1284\n" +
			"  floorwalker dead-letters retry --config floorwalker.yaml 0/3/1284 --edit\n" +
			"  floorwalker dead-letters show --config floorwalker.yaml 0/3/1284 --event | sed s/brake/break/ |\n" +
			"    floorwalker dead-letters retry --config floorwalker.yaml 0/3/1284 --file -",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	o.operation.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.file, "file", "", "the repaired event, one JSON object in structured mode; - is standard input")
	f.BoolVar(&o.edit, "edit", false, "repair it in $EDITOR")
	f.BoolVar(&o.asJSON, "json", false, "one JSON object per line")
	cmd.MarkFlagsMutuallyExclusive("file", "edit")
	return cmd
}

func (o *deadLettersRetry) run(cmd *cobra.Command, ids []string) error {
	if len(ids) > 1 && (o.file != "" || o.edit) {
		return fmt.Errorf("%d letters with one repair: --file and --edit take one", len(ids))
	}
	ctx := cmd.Context()
	m, err := openMorgue(ctx, &o.operation)
	if err != nil {
		return err
	}
	defer m.close()
	options, err := kafkaConfig(m.cfg.Kafka)
	if err != nil {
		return err
	}
	client, err := ingest.NewClient(options, metrics.NewSet(), slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer client.Close()
	producer := client.Producer()
	defer producer.Close()
	door := producer.Collector(m.cfg.Kafka.FutureLimit, 0)
	refused := 0
	for _, id := range ids {
		l, err := m.one(ctx, id)
		if err != nil {
			return err
		}
		value, err := o.repaired(cmd, &l)
		if err != nil {
			return err
		}
		at, err := door.Retry(ctx, value, ingest.Position{Topic: l.Topic, Partition: l.Partition, Offset: l.Offset}, time.Now())
		var violation *schema.Violation
		if err != nil && !errors.As(err, &violation) {
			return fmt.Errorf("dead letter %s was not sent: %w", id, err)
		}
		if violation != nil {
			refused++
		}
		if err := o.report(cmd.OutOrStdout(), id, at, violation); err != nil {
			return err
		}
	}
	if refused > 0 {
		return fmt.Errorf("%d of %d dead letters are refused as they are", refused, len(ids))
	}
	return nil
}

func (o *deadLettersRetry) report(out io.Writer, id string, at ingest.Position, v *schema.Violation) (err error) {
	switch {
	case o.asJSON && v != nil:
		return json.NewEncoder(out).Encode(map[string]any{"id": id, "code": v.Code, "error": v.Error()})
	case o.asJSON:
		return json.NewEncoder(out).Encode(map[string]any{"id": id, "topic": at.Topic, "partition": at.Partition, "offset": at.Offset})
	case v != nil:
		_, err = fmt.Fprintf(out, "%s refused: %s\n", id, plain(v.Error(), 1024))
	default:
		_, err = fmt.Fprintf(out, "%s sent: %s, partition %d, offset %d\n", id, at.Topic, at.Partition, at.Offset)
	}
	return err
}

// repaired is the event to send.
func (o *deadLettersRetry) repaired(cmd *cobra.Command, l *deadletters.Letter) ([]byte, error) {
	switch {
	case o.file == "-":
		data, err := io.ReadAll(cmd.InOrStdin())
		return bytes.TrimSpace(data), err
	case o.file != "":
		data, err := os.ReadFile(o.file)
		return bytes.TrimSpace(data), err
	case o.edit:
		return edited(cmd, eventOf(l))
	}
	return eventOf(l), nil
}

// edited gives the text to the user's editor.
func edited(cmd *cobra.Command, text []byte) ([]byte, error) {
	editor := strings.Fields(os.Getenv("EDITOR"))
	if len(editor) == 0 {
		return nil, errors.New("--edit needs the environment variable EDITOR")
	}
	f, err := os.CreateTemp("", "dead-letter-*.json")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	var pretty bytes.Buffer
	if json.Indent(&pretty, text, "", "  ") == nil {
		text = pretty.Bytes()
	}
	if _, err := f.Write(append(text, '\n')); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	run := exec.CommandContext(cmd.Context(), editor[0], append(editor[1:], f.Name())...)
	run.Stdin, run.Stdout, run.Stderr = cmd.InOrStdin(), os.Stderr, os.Stderr
	if err := run.Run(); err != nil {
		return nil, fmt.Errorf("editor %v: %w", editor, err)
	}
	data, err := os.ReadFile(f.Name())
	return bytes.TrimSpace(data), err
}
