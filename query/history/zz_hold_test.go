package history

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

func TestHold(t *testing.T) {
	if os.Getenv("HOLD") == "" {
		t.Skip()
	}
	f := newFloor(t)
	zone, _ := time.LoadLocation("Europe/Berlin")
	end := time.Date(2026, 3, 20, 0, 0, 0, 0, zone)
	began := time.Now()
	f.fillWindows(end.AddDate(0, 0, -benchDays), end)
	os.WriteFile("/tmp/napi/out", []byte(fmt.Sprintf("filled %s\n", time.Since(began))), 0o644)
	for range 3000 {
		time.Sleep(500 * time.Millisecond)
		raw, err := os.ReadFile("/tmp/napi/sql")
		if err != nil {
			continue
		}
		os.Remove("/tmp/napi/sql")
		var out strings.Builder
		for _, q := range strings.Split(string(raw), ";;") {
			q = strings.TrimSpace(q)
			if q == "" {
				continue
			}
			if q == "quit" {
				return
			}
			var best, all time.Duration
			var n int
			var first string
			for i := range 3 {
				at := time.Now()
				rows, err := f.conn.Query(context.Background(), q)
				if err != nil {
					first = err.Error()
					break
				}
				n = 0
				for rows.Next() {
					n++
					if n == 1 && i == 0 && len(rows.Columns()) == 1 {
						var s string
						if rows.Scan(&s) == nil { first = s }
					}
				}
				if rows.Err() != nil { first = rows.Err().Error() }
				d := time.Since(at)
				if i == 0 || d < best {
					best = d
				}
				all += d
			}
			fmt.Fprintf(&out, "%s ... best %s avg %s rows %d %s\n", strings.ReplaceAll(q[:min(len(q), 150)], "\n", " "), best, all/3, n, first)
		}
		os.WriteFile("/tmp/napi/out", []byte(out.String()), 0o644)
	}
}
