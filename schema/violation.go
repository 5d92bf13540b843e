package schema

import "strings"

// Codes of violations of the event contract. They are stable: they go into dead letters, counters and API answers.
const (
	CodeMalformedJSON      = "malformed_json"      // not one JSON value (RFC 8259)
	CodeInvalidUTF8        = "invalid_utf8"        // bytes, or an escaped lone surrogate, that are no text
	CodeTooLarge           = "too_large"           // more bytes than Decoder.MaxBytes
	CodeTooDeep            = "too_deep"            // nested deeper than Decoder.MaxDepth
	CodeMissingAttribute   = "missing_attribute"   // a required attribute or field is absent or null
	CodeDuplicateAttribute = "duplicate_attribute" // one known name twice in one object, or one ce_ header twice
	CodeUnknownType        = "unknown_type"        // type is none of the contract
	CodeWrongKind          = "wrong_kind"          // e.g. a number where a string must be
	CodeValueNotAllowed    = "value_not_allowed"   // outside its list
	CodeEmptyValue         = "empty_value"         // an empty id
	CodeTooLong            = "too_long"            // an id of more than 128 bytes
	CodeControlCharacter   = "control_character"   // in an id
	CodeMalformedTime      = "malformed_time"      // no RFC 3339 date-time
	CodeTimeOutOfRange     = "time_out_of_range"   // before 1970 or from 2200 on
	CodeTimeAhead          = "time_ahead"          // later than the record's timestamp allows
	CodeMalformedNumber    = "malformed_number"    // a text that should be a decimal integer
	CodeNumberOutOfRange   = "number_out_of_range" // an integer outside its range
	CodeWrongPartition     = "wrong_partition"     // not the partition of its contact centre
	CodeMalformedKey       = "malformed_key"       // no contactcenter/kind/id
	maxDetailValue         = 64                    // bytes of a value that a detail shows
)

// Violation says why a record does not keep the event contract (events.md). It is the error of everything in this package
// that judges events, and never says anything about the stream: the next record may be fine.
type Violation struct {
	Code      string // one of the Code constants
	Attribute string // "time", "data.status", "data.queue_ids[2]"; empty where it is the record as a whole
	Detail    string // what was there and what is allowed; values are shortened
}

func (v *Violation) Error() string {
	var b strings.Builder
	b.WriteString(v.Code)
	if v.Attribute != "" {
		b.WriteString(": ")
		b.WriteString(v.Attribute)
	}
	if v.Detail != "" {
		b.WriteString(": ")
		b.WriteString(v.Detail)
	}
	return b.String()
}
