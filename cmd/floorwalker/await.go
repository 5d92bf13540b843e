package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"floorwalker/cmd/floorwalker/config"
	"floorwalker/query"
)

const (
	awaitPause   = 100 * time.Millisecond // between two looks at /readyz
	awaitTimeout = 10 * time.Second       // of one look
)

// awaiter waits until a running Floorwalker has taken in what was written.
type awaiter struct {
	url     string        // of its API
	timeout time.Duration // of the whole wait
}

// await returns when both the live view and the history have come to the offsets in next, by partition. They are those that Kafka
// gave to what was written, so it does not matter what became of the records: dead letters and duplicates move the positions
// like any other.
func (a awaiter) await(ctx context.Context, next map[int]int64) error {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	tick := time.NewTicker(awaitPause)
	defer tick.Stop()
	for {
		missing := a.look(ctx, next)
		if missing == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w: %w", a.url, context.Cause(ctx), missing)
		}
	}
}

// look returns what has not been reached yet.
func (a awaiter) look(ctx context.Context, next map[int]int64) error {
	partitions, err := a.partitions(ctx)
	if err != nil {
		return err
	}
	at := make(map[int]query.Partition, len(partitions))
	for _, p := range partitions {
		at[p.Partition] = p
	}
	var missing []error
	for partition, offset := range next {
		p, ok := at[partition]
		switch {
		case !ok:
			missing = append(missing, fmt.Errorf("partition %d: the live view does not have it", partition))
		case p.Applied < offset:
			missing = append(missing, fmt.Errorf("partition %d: the live view is at offset %d of %d", partition, p.Applied, offset))
		case p.History == nil:
			missing = append(missing, fmt.Errorf("partition %d: nothing is known of the history", partition))
		case *p.History < offset:
			missing = append(missing, fmt.Errorf("partition %d: the history is at offset %d of %d", partition, *p.History, offset))
		}
	}
	return errors.Join(missing...)
}

// partitions reads /readyz, also of a server that says that it is not ready: that is about other things too.
func (a awaiter) partitions(ctx context.Context) ([]query.Partition, error) {
	ctx, cancel := context.WithTimeout(ctx, awaitTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(a.url, "/")+"/readyz", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusServiceUnavailable {
		return nil, fmt.Errorf("%s answers %s", req.URL, resp.Status)
	}
	var r query.Readiness
	if err := json.NewDecoder(resp.Body).Decode(&r); err != nil {
		return nil, fmt.Errorf("%s: %w", req.URL, err)
	}
	return r.Partitions, nil
}

// apiURL is where the Floorwalker of the target serves, empty where that is not known.
func (t *target) apiURL() (string, error) {
	switch {
	case t.config != "":
		c, err := config.Load(t.config)
		if err != nil {
			return "", err
		}
		return configuredURL(&c), nil
	case len(t.brokers) > 0:
		return "", nil
	}
	d, err := readDemo(t.data)
	return d.URL, err
}

func configuredURL(c *config.Config) string {
	if c.PublicURL != "" {
		return c.PublicURL
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil || port == "0" {
		return ""
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	scheme := "http"
	if c.TLS.CertFile != "" {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}
