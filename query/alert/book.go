package alert

import (
	"fmt"

	"floorwalker/schema"
)

// book is what the records of the alerts' topic come to: the newest alert of each rule. It is a function of the records of each key alone,
// and of the newest of them where the topic has been compacted.
type book struct {
	rules map[string]*entry // by key
}

// entry is a rule's newest alert.
type entry struct {
	alert schema.Alert
	// doubtful says that the key's newest record does not count. Compaction would keep that one, so the alert has to be written again.
	doubtful bool
}

func newBook() *book { return &book{rules: map[string]*entry{}} }

// apply takes a record's key and value and returns the transition that it is, nil where it is none: a repetition, one that came second, a
// tombstone, the end of what is not known to have begun. The error says that the record is no alert.
func (b *book) apply(key string, value []byte) (*schema.Alert, error) {
	present := b.rules[key]
	if value == nil {
		b.forget(key, present)
		return nil, nil
	}
	next, err := decode(key, value)
	if err != nil {
		if present != nil {
			present.doubtful = true
		}
		return nil, err
	}
	if present == nil {
		b.rules[key] = &entry{alert: next}
		if !next.Open() {
			return nil, nil // over before anybody knew of it: a rule's past, which compaction has kept
		}
		return &next, nil
	}
	at := &present.alert
	switch {
	case next.Same(at):
		present.doubtful = false
		return nil, nil
	case next.Seq == at.Seq && next.Origin == at.Origin && next.Confirmed:
		// Its writer had read all records. Where compaction has taken the one that counted, this is how it is known.
		b.rules[key] = &entry{alert: next}
		return &next, nil
	case !follows(at, &next):
		present.doubtful = true
		return nil, nil
	}
	b.rules[key] = &entry{alert: next}
	return &next, nil
}

// forget takes a tombstone: an alert that goes on stays.
func (b *book) forget(key string, present *entry) {
	if present == nil {
		return
	}
	if present.alert.Open() {
		present.doubtful = true
		return
	}
	delete(b.rules, key)
}

func decode(key string, value []byte) (schema.Alert, error) {
	next, err := schema.DecodeAlert(value)
	if err != nil {
		return next, err
	}
	if want := schema.AlertKey(next.ContactCenter, next.Rule.ID); key != want {
		return next, fmt.Errorf("alert %q: its key is %q, %q is needed", next.ID, key, want)
	}
	return next, nil
}

// follows reports whether a transition counts after the present one: it is the first of the next number, and one that can come now. Where
// numbers are missing, compaction has taken the records between: whoever wrote this one had read them.
func follows(at, next *schema.Alert) bool {
	if next.Origin != at.Origin {
		return false
	}
	if next.Seq != at.Seq+1 {
		return next.Seq > at.Seq
	}
	switch next.State {
	case schema.AlertTriggered:
		return !at.Open() && next.ID != at.ID
	case schema.AlertActive:
		return at.State == schema.AlertTriggered && next.ID == at.ID
	}
	return at.Open() && next.ID == at.ID
}
