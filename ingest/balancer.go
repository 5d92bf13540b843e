package ingest

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/segmentio/kafka-go"
)

// stickyBalancer spreads whole partitions evenly and leaves each member what it had: a partition that moves costs a checkpoint
// and a restore. A member says what it owns in its join's user data: partition numbers, separated by commas.
type stickyBalancer struct {
	mu       sync.Mutex
	owned    []int
	assigned int // partitions that this member, as leader, has spread; -1 when it was not asked to
}

func (b *stickyBalancer) ProtocolName() string { return "floorwalker-sticky-1" }

func (b *stickyBalancer) UserData() ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []byte
	for i, p := range b.owned {
		if i > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendInt(out, int64(p), 10)
	}
	return out, nil
}

// own remembers what the new generation owns, and returns how many partitions were spread if it was done here, else -1.
func (b *stickyBalancer) own(partitions []int) (assigned int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.owned = partitions
	assigned, b.assigned = b.assigned, -1
	return assigned
}

func (b *stickyBalancer) AssignGroups(members []kafka.GroupMember, partitions []kafka.Partition) kafka.GroupMemberAssignments {
	byTopic := map[string][]int{}
	for _, p := range partitions {
		byTopic[p.Topic] = append(byTopic[p.Topic], p.ID)
	}
	b.mu.Lock()
	b.assigned = len(partitions)
	b.mu.Unlock()

	members = slices.Clone(members)
	slices.SortFunc(members, func(x, y kafka.GroupMember) int { return strings.Compare(x.ID, y.ID) })
	out := kafka.GroupMemberAssignments{}
	for _, m := range members {
		out[m.ID] = map[string][]int{}
	}
	for topic, ids := range byTopic {
		var interested []kafka.GroupMember
		for _, m := range members {
			if slices.Contains(m.Topics, topic) {
				interested = append(interested, m)
			}
		}
		for member, ids := range spread(interested, ids) {
			out[member][topic] = ids
		}
	}
	return out
}

// spread gives each member n or n+1 of the ids, first of those it has already. Members are in order of their ids.
func spread(members []kafka.GroupMember, ids []int) map[string][]int {
	if len(members) == 0 {
		return nil
	}
	slices.Sort(ids)
	free := map[int]bool{}
	for _, id := range ids {
		free[id] = true
	}
	// Of those who have more than the even share, the first ones keep one more, as many as the remainder allows.
	least, extra := len(ids)/len(members), len(ids)%len(members)
	got := map[string][]int{}
	for _, m := range members {
		keep := least
		had := ownedBy(m, free)
		if len(had) > least && extra > 0 {
			keep++
			extra--
		}
		for _, id := range had[:min(keep, len(had))] {
			got[m.ID] = append(got[m.ID], id)
			delete(free, id)
		}
	}
	for _, id := range ids {
		if !free[id] {
			continue
		}
		poorest := members[0].ID
		for _, m := range members {
			if len(got[m.ID]) < len(got[poorest]) {
				poorest = m.ID
			}
		}
		got[poorest] = append(got[poorest], id)
	}
	for _, ids := range got {
		slices.Sort(ids)
	}
	return got
}

// ownedBy returns the free ids that a member says it has, each once.
func ownedBy(m kafka.GroupMember, free map[int]bool) []int {
	var out []int
	for _, s := range strings.Split(string(m.UserData), ",") {
		if id, err := strconv.Atoi(s); err == nil && free[id] && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}
