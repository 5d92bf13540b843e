package hub

import (
	"strconv"
	"strings"
)

// A cursor is the feed's incarnation and the number of the newest change that the client has, such as "q7Zf2hYw0aXk.1f": another
// node, a restart or a feed that was forgotten has another incarnation. One of a state that has not come whole is told apart by
// its number alone: what has not come has higher ones.

func (sub *subscription) cursor() string {
	if sub.reset {
		return sub.feed.incarnation + ".-"
	}
	return sub.feed.incarnation + "." + strconv.FormatUint(sub.position, 36)
}

func parseCursor(s string) (incarnation string, position uint64, ok bool) {
	incarnation, number, _ := strings.Cut(s, ".")
	position, err := strconv.ParseUint(number, 36, 64)
	return incarnation, position, err == nil && incarnation != ""
}
