package refold

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"floorwalker/aggregate/history"
	"floorwalker/schema/clickhouse"
)

// Opener connects to a database of the server that holds history, which it creates where it is missing.
type Opener func(ctx context.Context, database string) (driver.Conn, error)

// Scratch is a database with the tables of history that exists for as long as somebody computes in it.
type Scratch struct {
	Conn driver.Conn
	Name string
	main history.Conn
}

// abandoned is after how long a scratch database belongs to nobody any more: its process was killed.
const abandoned = 48 * time.Hour

// NewScratch makes one beside the database; main is a connection to it. Close drops it. Those that killed processes left behind
// are dropped too.
func NewScratch(ctx context.Context, open Opener, main history.Conn, database string, now time.Time) (*Scratch, error) {
	prefix := database + "_scratch_"
	if err := dropAbandoned(ctx, main, prefix, now); err != nil {
		return nil, err
	}
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	name := prefix + strconv.FormatInt(now.Unix(), 10) + "_" + hex.EncodeToString(random[:])
	conn, err := open(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("make the scratch database %s (the user needs the right to create and to drop databases): %w", name, err)
	}
	s := &Scratch{Conn: conn, Name: name, main: main}
	if _, err := clickhouse.Migrate(ctx, conn, clickhouse.Options{}); err != nil {
		return nil, errors.Join(fmt.Errorf("scratch database %s: %w", name, err), s.Close())
	}
	return s, nil
}

// Close drops the database.
func (s *Scratch) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return errors.Join(s.Conn.Close(), drop(ctx, s.main, s.Name))
}

func drop(ctx context.Context, conn history.Conn, name string) error {
	if err := conn.Exec(ctx, "DROP DATABASE IF EXISTS {name:Identifier} SYNC", ch.Named("name", name)); err != nil {
		return fmt.Errorf("drop the scratch database %s: %w", name, err)
	}
	return nil
}

func dropAbandoned(ctx context.Context, conn history.Conn, prefix string, now time.Time) error {
	rows, err := conn.Query(ctx, "SELECT name FROM system.databases WHERE startsWith(name, {prefix:String})", ch.Named("prefix", prefix))
	if err != nil {
		return fmt.Errorf("list scratch databases: %w", err)
	}
	defer rows.Close()
	var old []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return fmt.Errorf("list scratch databases: %w", err)
		}
		made, _, _ := strings.Cut(strings.TrimPrefix(name, prefix), "_")
		if at, err := strconv.ParseInt(made, 10, 64); err == nil && now.Sub(time.Unix(at, 0)) > abandoned {
			old = append(old, name)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("list scratch databases: %w", err)
	}
	for _, name := range old {
		if err := drop(ctx, conn, name); err != nil {
			return err
		}
	}
	return nil
}
