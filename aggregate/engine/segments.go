package engine

import (
	"encoding/binary"
	"fmt"
	"slices"

	"floorwalker/schema"
)

// segments are a part's stretches in one state each. Only the newest may still change; older ones move to chunks that copies share,
// so that copying and comparing a long course costs no more than what changed.
type segments struct {
	older *chunk
	tail  []segment // not empty once there is a segment
}

// chunk is immutable.
type chunk struct {
	older *chunk
	list  []segment
}

const chunkSegments = 16

type segment struct {
	since, until int64
	state        schema.PartState
	role         schema.Role
	why          uint8 // of a mark its schema.DeclineReason or schema.EndCause, else why it began
}

// Why a connected segment began.
const (
	whyResumed uint8 = iota + 1
	whyUnparked
)

func (s *segment) reason() string {
	switch {
	case s.state == schema.StateDeclined:
		return schema.DeclineReason(s.why).String()
	case s.state == schema.StateFailed:
		return schema.EndCause(s.why).String()
	case s.why == whyResumed:
		return "resumed"
	case s.why == whyUnparked:
		return "unparked"
	}
	return ""
}

func (s *segments) add(x segment) {
	if len(s.tail) == chunkSegments {
		s.older, s.tail = &chunk{s.older, s.tail}, nil
	}
	if s.tail == nil {
		s.tail = make([]segment, 0, 4)
	}
	s.tail = append(s.tail, x)
}

// last is the newest segment, nil where there is none.
func (s *segments) last() *segment {
	if len(s.tail) == 0 {
		return nil
	}
	return &s.tail[len(s.tail)-1]
}

func (s *segments) clone() segments { return segments{s.older, slices.Clone(s.tail)} }

func (s *segments) equal(o *segments) bool {
	if !slices.Equal(s.tail, o.tail) {
		return false
	}
	for a, b := s.older, o.older; a != b; a, b = a.older, b.older {
		if a == nil || b == nil || !slices.Equal(a.list, b.list) {
			return false
		}
	}
	return true
}

// lists are the chunks' and the tail's segments, oldest first.
func (s *segments) lists() [][]segment {
	lists := [][]segment{s.tail}
	for c := s.older; c != nil; c = c.older {
		lists = append(lists, c.list)
	}
	slices.Reverse(lists)
	return lists
}

// appendTo appends the segments as rows have them.
func (s *segments) appendTo(dst []schema.Segment) []schema.Segment {
	if s.older == nil {
		return appendSegments(dst, s.tail)
	}
	for _, list := range s.lists() {
		dst = appendSegments(dst, list)
	}
	return dst
}

func appendSegments(dst []schema.Segment, list []segment) []schema.Segment {
	for k := range list {
		x := &list[k]
		dst = append(dst, schema.Segment{State: x.state, Since: x.since, Until: x.until, Role: x.role, Reason: x.reason()})
	}
	return dst
}

const segmentBytes = 8 + 8 + 3

// GobEncode packs the segments for a snapshot.
func (s segments) GobEncode() ([]byte, error) {
	var b []byte
	for _, list := range s.lists() {
		for _, x := range list {
			b = binary.LittleEndian.AppendUint64(b, uint64(x.since))
			b = binary.LittleEndian.AppendUint64(b, uint64(x.until))
			b = append(b, uint8(x.state), uint8(x.role), x.why)
		}
	}
	return b, nil
}

// GobDecode reads what GobEncode wrote.
func (s *segments) GobDecode(b []byte) error {
	if len(b)%segmentBytes != 0 {
		return fmt.Errorf("segments of %d bytes, a multiple of %d is needed", len(b), segmentBytes)
	}
	for ; len(b) > 0; b = b[segmentBytes:] {
		s.add(segment{since: int64(binary.LittleEndian.Uint64(b)), until: int64(binary.LittleEndian.Uint64(b[8:])),
			state: schema.PartState(b[16]), role: schema.Role(b[17]), why: b[18]})
	}
	return nil
}
