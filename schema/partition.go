package schema

import (
	"slices"
	"strings"
)

var directoryKinds = []string{"contact_center", "business_unit", "group", "team", "agent", "queue", "campaign", "skill", "reason_code",
	"disposition", "call_flow", "dashboard", "extra_item", "alert_rule", "locale"}

// DirectoryKinds lists the kinds of directory entities (events.md, section Directory).
func DirectoryKinds() []string { return slices.Clone(directoryKinds) }

// parseDirectoryKind returns the kind as a string that nobody else owns.
func parseDirectoryKind(s string) (string, bool) {
	for _, k := range directoryKinds {
		if k == s {
			return k, true
		}
	}
	return "", false
}

// DirectoryKey is the key of an entity's records in the directory topic: `contactcenter/kind/id`, each part percent-encoded. All
// but RFC 3986's unreserved characters are encoded, in capitals, so that compaction sees one key per entity.
func DirectoryKey(cc, kind, id string) string {
	b := make([]byte, 0, len(cc)+len(kind)+len(id)+16)
	b = append(appendPercent(b, cc), '/')
	b = append(appendPercent(b, kind), '/')
	return string(appendPercent(b, id))
}

func appendPercent(dst []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	for i := 0; i < len(s); i++ {
		c := s[i]
		if unreserved(c) {
			dst = append(dst, c)
			continue
		}
		dst = append(dst, '%', hex[c>>4], hex[c&15])
	}
	return dst
}

func unreserved(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}

// ParseDirectoryKey takes apart a key of the directory topic, whichever characters its producer encoded. Errors are *Violation.
func ParseDirectoryKey(key string) (cc, kind, id string, err error) {
	parts := strings.SplitN(key, "/", 4)
	if len(parts) != 3 || len(key) > maxKeyBytes {
		return "", "", "", &Violation{CodeMalformedKey, "key", quote(key) + ", contactcenter/kind/id is needed"}
	}
	for i := range parts {
		var ok bool
		if parts[i], ok = unpercent(parts[i]); !ok {
			return "", "", "", &Violation{CodeMalformedKey, "key", quote(key) + ", a percent sign needs two hexadecimal digits"}
		}
	}
	if err := CheckID(parts[0], "key.contactcenter"); err != nil {
		return "", "", "", err
	}
	kind, ok := parseDirectoryKind(parts[1])
	if !ok {
		return "", "", "", &Violation{CodeUnknownType, "key.kind", quote(parts[1]) + ", allowed: " + strings.Join(directoryKinds, ", ")}
	}
	if err := CheckID(parts[2], "key.id"); err != nil {
		return "", "", "", err
	}
	return parts[0], kind, parts[2], nil
}

// maxKeyBytes is longer than any key, all of whose bytes are encoded.
const maxKeyBytes = 1024

func unpercent(s string) (string, bool) {
	if strings.IndexByte(s, '%') < 0 {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", false
		}
		r, ok := hex4([]byte{'0', '0', s[i+1], s[i+2]})
		if !ok {
			return "", false
		}
		b = append(b, byte(r))
		i += 2
	}
	return string(b), true
}

// CheckPartition reports a wrong_partition violation where the event's contact centre does not belong into the partition.
func CheckPartition(ev *Event, partition, partitions int) error {
	want := murmur2Partition(ev.ContactCenter, partitions)
	if want == partition {
		return nil
	}
	return &Violation{CodeWrongPartition, "contactcenter", quote(ev.ContactCenter) + " lies in partition " + decimal(int64(partition)) +
		", murmur2 of its id gives " + decimal(int64(want)) + " of " + decimal(int64(partitions))}
}

// Murmur2Partition is the partition that Kafka's default partitioner gives a key, 0 ≤ p < partitions; partitions must be
// positive.
func Murmur2Partition(key []byte, partitions int) int { return murmur2Partition(text(key), partitions) }

func murmur2Partition(key string, partitions int) int {
	return int((murmur2(key) & 0x7fffffff) % uint32(partitions))
}

func murmur2(s string) uint32 {
	const m = 0x5bd1e995
	h := 0x9747b28c ^ uint32(len(s))
	for ; len(s) >= 4; s = s[4:] {
		k := uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
		k *= m
		k ^= k >> 24
		h = h*m ^ k*m
	}
	switch len(s) {
	case 3:
		h ^= uint32(s[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(s[1]) << 8
		fallthrough
	case 1:
		h = (h ^ uint32(s[0])) * m
	}
	h ^= h >> 13
	h *= m
	return h ^ h>>15
}
