package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
)

// Committed returns the next offsets that a consumer group has stored, by partition of the topic; absent where it has stored none.
func (c *Client) Committed(ctx context.Context, group, topic string, partitions int) (map[int]int64, error) {
	ids := make([]int, partitions)
	for i := range ids {
		ids[i] = i
	}
	res, err := c.kafka.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{topic: ids}})
	if err == nil {
		err = res.Error
	}
	if errors.Is(err, kafka.GroupIdNotFound) {
		return map[int]int64{}, nil // nobody has ever been a member
	}
	if err != nil {
		return nil, fmt.Errorf("%w: offsets of group %s: %w", ErrUnavailable, group, err)
	}
	out := make(map[int]int64, partitions)
	for _, p := range res.Topics[topic] {
		if p.Error != nil {
			return nil, fmt.Errorf("offsets of group %s in %s/%d: %w", group, topic, p.Partition, p.Error)
		}
		if p.CommittedOffset >= 0 {
			out[p.Partition] = p.CommittedOffset
		}
	}
	return out, nil
}

// Since returns the offset of the first record whose timestamp is not before a moment, the partition's end where there is none, and
// the first offset that is still kept.
func (p *Partition) Since(ctx context.Context, moment time.Time) (since, first int64, err error) {
	res, err := p.client.kafka.ListOffsets(ctx, &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{p.topic: {kafka.TimeOffsetOf(p.id, moment)}},
	})
	if err != nil {
		return 0, 0, fmt.Errorf("%w: offset of %s/%d at %s: %w", ErrUnavailable, p.topic, p.id, moment.UTC().Format(time.RFC3339), err)
	}
	first, end, err := p.client.bounds(ctx, p.topic, p.id)
	if err != nil {
		return 0, 0, err
	}
	since = end
	for _, found := range res.Topics[p.topic] {
		if found.Error != nil {
			return 0, 0, fmt.Errorf("offset of %s/%d at %s: %w", p.topic, p.id, moment.UTC().Format(time.RFC3339), found.Error)
		}
		for offset := range found.Offsets {
			if offset >= 0 {
				since = min(since, offset)
			}
		}
	}
	return since, first, nil
}
