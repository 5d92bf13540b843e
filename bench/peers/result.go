package peers

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/VictoriaMetrics/metrics"

	"floorwalker/ingest"
	"floorwalker/schema"
	sink "floorwalker/schema/clickhouse"
)

//go:embed alone.sql
var aloneTables string

//go:embed alone_answer.sql
var aloneAnswer string

// workerAnswer reads the job's result from the worker's windows, which are by more dimensions.
const workerAnswer = `SELECT contact_center, of_agent, if(of_agent, agent, toString(queue)) AS name, toInt64(toUnixTimestamp(start)) * 1000,
	toInt64(sum(if(of_agent, 0, offered))), toInt64(sum(answered)), toInt64(sum(abandoned)),
	toInt64(sum(wait_sum)), toInt64(max(wait_max)), toInt64(sum(talk_sum)), toInt64(max(talk_max))
	FROM windows_1m FINAL WHERE name != '' GROUP BY contact_center, of_agent, name, start`

func createAlone(ctx context.Context, conn driver.Conn) error {
	for statement := range strings.SplitSeq(aloneTables, ";\n") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("create tables: %w", err)
		}
	}
	return nil
}

func (s *stage) readTables(ctx context.Context, p peer, database string) (Cells, error) {
	conn, err := sink.Connect(sink.Config{Addresses: []string{s.server.Addr()}, Database: database})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return readCells(ctx, conn, map[string]string{floorwalkerWorker: workerAnswer, floorwalkerFold: selectFolded, clickhouseAlone: aloneAnswer}[p.name])
}

// readCells runs a query whose rows are cells.
func readCells(ctx context.Context, conn driver.Conn, query string) (Cells, error) {
	rows, err := conn.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	cells := Cells{}
	for rows.Next() {
		var k Key
		var c Cell
		if err := rows.Scan(&k.Center, &k.Agent, &k.Name, &k.Minute, &c.Offered, &c.Answered, &c.Abandoned, &c.WaitSum, &c.WaitMax, &c.TalkSum, &c.TalkMax); err != nil {
			return nil, err
		}
		if c != (Cell{}) {
			cells[k] = c
		}
	}
	return cells, rows.Err()
}

var errAllRead = errors.New("all has been read")

// readTopic reads what is committed of a results' topic; of several records of a cell the last one holds.
func readTopic(ctx context.Context, broker, topic string) (Cells, error) {
	list, done, err := resultsOf(ctx, broker, topic)
	if err != nil {
		return nil, err
	}
	defer done()
	cells := Cells{}
	for _, p := range list {
		err := p.Read(ctx, 0, func(batch []schema.Record, _ int64) error {
			if len(batch) == 0 {
				return errAllRead
			}
			for i := range batch {
				k, c, err := parseCell(batch[i].Key, batch[i].Value)
				if err != nil {
					return err
				}
				cells[k] = c
			}
			return nil
		})
		if !errors.Is(err, errAllRead) {
			return nil, err
		}
	}
	return cells, nil
}

// eachResult hands on what is committed of a results' topic as it comes, until ctx ends or handle fails. Handle is called from several
// goroutines.
func eachResult(ctx context.Context, broker, topic string, handle func([]schema.Record) error) error {
	list, done, err := resultsOf(ctx, broker, topic)
	if err != nil {
		return err
	}
	defer done()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, len(list))
	for _, p := range list {
		go func() { ended <- p.Read(ctx, 0, func(batch []schema.Record, _ int64) error { return handle(batch) }) }()
	}
	for range list {
		if one := <-ended; err == nil {
			err = one
			stop()
		}
	}
	return err
}

func resultsOf(ctx context.Context, broker, topic string) (list []*ingest.Partition, done func(), err error) {
	options := ingest.DefaultConfig()
	options.Brokers, options.Topics.Events = []string{broker}, topic
	client, err := ingest.NewClient(options, metrics.NewSet(), slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, nil, err
	}
	if list, err = client.Partitions(ctx, topic); err != nil {
		client.Close()
		return nil, nil, err
	}
	return list, client.Close, nil
}
