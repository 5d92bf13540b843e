package peers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"

	"floorwalker/ingest"
	"floorwalker/schema"
)

// feedBytes is the size of an INSERT, some 100,000 records.
const feedBytes = 32 << 20

// runFeeder is the plain consumer that ClickHouse alone needs: it hands the records' values on as they are, one to a line, in large
// INSERTs. It knows no offsets and so reads all again after a restart; Kafka's own table engine is not in the embedded library.
func (t task) runFeeder(ctx context.Context, m *marks) error {
	client, err := t.client()
	if err != nil {
		return err
	}
	defer client.Close()
	partitions, err := client.Partitions(ctx, t.Topic)
	if err != nil {
		return err
	}
	reading, stop := context.WithCancel(ctx)
	defer stop()
	f := &feeder{task: t, marks: m, stop: stop}
	var readers sync.WaitGroup
	for _, p := range partitions {
		readers.Go(func() { f.fail(f.read(reading, p)) })
	}
	readers.Wait()
	if f.err == nil {
		f.err = ctx.Err()
	}
	if f.err != nil {
		return f.err
	}
	m.say("done")
	return nil
}

// feeder gathers the lines of all partitions, since few large INSERTs are what ClickHouse likes best.
type feeder struct {
	task
	marks *marks
	stop  func()

	mu    sync.Mutex
	lines bytes.Buffer
	fed   int // records in lines and in ClickHouse
	err   error
}

func (f *feeder) fail(err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = errors.Join(f.err, err)
	f.stop()
}

func (f *feeder) read(ctx context.Context, p *ingest.Partition) error {
	return p.Read(ctx, 0, func(batch []schema.Record, _ int64) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		for i := range batch {
			f.lines.Write(batch[i].Value)
			f.lines.WriteByte('\n')
		}
		f.marks.consumed(len(batch))
		f.fed += len(batch)
		all := f.fed >= f.Records
		if f.lines.Len() < feedBytes && !all {
			return nil
		}
		if err := f.insert(context.WithoutCancel(ctx)); err != nil {
			return err
		}
		if all {
			f.stop()
		}
		return nil
	})
}

// insertRaw reads the events' envelopes into columns and keeps their payloads as text.
const insertRaw = "INSERT INTO raw SETTINGS async_insert = 0, input_format_skip_unknown_fields = 1, input_format_json_read_objects_as_strings = 1, " +
	"date_time_input_format = 'best_effort', max_insert_block_size = 1000000, min_insert_block_size_rows = 1000000 FORMAT JSONEachRow"

func (f *feeder) insert(ctx context.Context) error {
	if f.lines.Len() == 0 {
		return nil
	}
	u := url.URL{Scheme: "http", Host: f.HTTP, RawQuery: url.Values{"database": {f.Database}, "query": {insertRaw}}.Encode()}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(f.lines.Bytes()))
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("insert raw: %w", err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 4096))
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", res.StatusCode, text)
	}
	if err != nil {
		return fmt.Errorf("insert raw: %w", err)
	}
	f.lines.Reset()
	return nil
}
