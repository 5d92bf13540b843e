package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"floorwalker/internal/program"
)

// demo is what demo.json must hold.
type demo struct {
	URL           string            `json:"url"`
	Tokens        map[string]string `json:"tokens"`
	Users         map[string]string `json:"users"`
	ContactCenter string            `json:"contact_center"`
	Surfaces      map[string]any    `json:"surfaces"`
	Kafka         string            `json:"kafka"`
	ClickHouse    string            `json:"clickhouse"`
}

// floor is a Floorwalker as a client sees it.
type floor struct {
	demo
	t       *testing.T
	process *program.Process
}

// answer of an HTTP request.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// do makes a request; a token is that of a role, or of nobody where the role is empty.
func (f *floor) do(method, role, path string, body []byte, contentType string) answer {
	f.t.Helper()
	a, err := f.try(method, role, path, body, contentType)
	require.NoError(f.t, err)
	return a
}

func (f *floor) try(method, role, path string, body []byte, contentType string) (answer, error) {
	ctx, cancel := context.WithTimeout(f.t.Context(), 40*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, f.URL+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Accept", "application/json")
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if role != "" {
		req.Header.Set("Authorization", "Bearer "+f.Tokens[role])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, out}, err
}

// of is the path of a contact centre's resource.
func of(contactCenter, resource string) string {
	return "/api/v1/contact-centers/" + url.PathEscape(contactCenter) + "/" + resource
}

// read decodes a resource of the floor's contact centre, which must be there.
func (f *floor) read(resource string, query url.Values, into any) {
	f.t.Helper()
	a := f.do(http.MethodGet, "reader", of(f.ContactCenter, resource)+"?"+query.Encode(), nil, "")
	require.Equal(f.t, http.StatusOK, a.status, "%s?%s: %s", resource, query.Encode(), a.body)
	require.NoError(f.t, json.Unmarshal(a.body, into))
}

// metadata of a list.
type metadata struct {
	Total int       `json:"total"`
	Count int       `json:"count"`
	AsOf  time.Time `json:"as_of"`
}

// row of a metrics answer.
type row struct {
	Group    map[string]string `json:"group"`
	Interval struct {
		From time.Time `json:"from"`
		To   time.Time `json:"to"`
	} `json:"interval"`
	Values map[string]any `json:"values"`
}

// metrics reads all pages of a metrics query.
func (f *floor) metrics(query url.Values) (rows []row, first metadata) {
	f.t.Helper()
	for {
		var page struct {
			Data     []row    `json:"data"`
			Metadata metadata `json:"metadata"`
		}
		query.Set("limit", "1000")
		query.Set("offset", fmt.Sprint(len(rows)))
		f.read("metrics", query, &page)
		if len(rows) == 0 {
			first = page.Metadata
		}
		rows = append(rows, page.Data...)
		if len(page.Data) == 0 || len(rows) >= page.Metadata.Total {
			require.Equal(f.t, page.Metadata.Total, len(rows))
			return rows, first
		}
	}
}

// readiness is what /readyz says in JSON.
type readiness struct {
	Ready bool `json:"ready"`
	Parts []struct {
		Name   string `json:"name"`
		Ready  bool   `json:"ready"`
		Detail string `json:"detail"`
	} `json:"parts"`
	Partitions []struct {
		Partition int    `json:"partition"`
		Applied   int64  `json:"applied"`
		End       int64  `json:"end"`
		CaughtUp  bool   `json:"caught_up"`
		History   *int64 `json:"history"`
	} `json:"partitions"`
}

func (f *floor) readiness() (r readiness, err error) {
	a, err := f.try(http.MethodGet, "", "/readyz", nil, "")
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(a.body, &r)
}

func (f *floor) awaitReady() {
	f.t.Helper()
	program.Eventually(f.t, readyWithin, "readiness", func() string {
		require.True(f.t, f.process.Running(), "floorwalker ended:\n%s", f.process.Tail())
		r, err := f.readiness()
		if err != nil {
			return err.Error()
		}
		if !r.Ready {
			return fmt.Sprintf("%+v", r)
		}
		return ""
	})
}

const eventsTopic = "cc.events"

// ends asks Kafka for the next offset of each partition of the events.
func (f *floor) ends() map[int]int64 {
	f.t.Helper()
	client := f.kafka()
	meta, err := client.Metadata(f.t.Context(), &kafka.MetadataRequest{Topics: []string{eventsTopic}})
	require.NoError(f.t, err)
	require.Len(f.t, meta.Topics, 1)
	require.NoError(f.t, meta.Topics[0].Error)
	var ask []kafka.OffsetRequest
	for _, p := range meta.Topics[0].Partitions {
		ask = append(ask, kafka.LastOffsetOf(p.ID))
	}
	resp, err := client.ListOffsets(f.t.Context(), &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{eventsTopic: ask}})
	require.NoError(f.t, err)
	out := map[int]int64{}
	for _, p := range resp.Topics[eventsTopic] {
		require.NoError(f.t, p.Error)
		out[p.Partition] = p.LastOffset
	}
	return out
}

func (f *floor) readinessNow() readiness {
	f.t.Helper()
	r, err := f.readiness()
	require.NoError(f.t, err)
	return r
}

// kafka is a client of the broker with connections of its own.
func (f *floor) kafka() *kafka.Client {
	transport := &kafka.Transport{MetadataTTL: time.Second}
	f.t.Cleanup(transport.CloseIdleConnections)
	return &kafka.Client{Addr: kafka.TCP(f.Kafka), Timeout: 20 * time.Second, Transport: transport}
}

// settle waits until both the live view and the history hold everything that Kafka has.
func (f *floor) settle() {
	f.t.Helper()
	ends := f.ends()
	program.Eventually(f.t, readyWithin, "everything that Kafka has in live view and history", func() string {
		r, err := f.readiness()
		if err != nil {
			return err.Error()
		}
		return behind(r, ends)
	})
}

// behind says what of the ends has not been reached, empty if nothing.
func behind(r readiness, ends map[int]int64) string {
	reached := 0
	for _, p := range r.Partitions {
		end := ends[p.Partition]
		held := end == 0 || p.History != nil && *p.History >= end // of an empty partition history need not have heard
		if p.Applied >= end && held {
			reached++
		}
	}
	if reached == len(ends) && len(ends) == len(r.Partitions) {
		return ""
	}
	shown, _ := json.Marshal(r) // plain data
	return fmt.Sprintf("wanted %v, is %s", ends, shown)
}
