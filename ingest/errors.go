package ingest

import (
	"errors"
	"fmt"
)

var (
	// ErrUnavailable says that Kafka could not be reached or did not acknowledge in time. What was being written may have been
	// stored all the same.
	ErrUnavailable = errors.New("kafka is unavailable")
	// ErrTooLarge says that the topic does not take a record of this size.
	ErrTooLarge = errors.New("record is too large for its topic")
	// ErrFenced says that a generation is over: another member may own its partitions by now.
	ErrFenced = errors.New("the generation is over")
	// ErrGivenUp is what an owner's error wraps when it may be tried again: something that it needs is away.
	ErrGivenUp = errors.New("the generation is given up")
	// ErrOwnerStuck says that a generation's owner did not return in time after the generation had ended.
	ErrOwnerStuck = errors.New("the generation's owner did not return in time")
	// ErrCloseTimeout says that leaving the group took too long; the member then leaves by its session's timeout.
	ErrCloseTimeout = errors.New("leaving the group took too long")
	// ErrOffsetOutOfRange matches every *OffsetOutOfRangeError.
	ErrOffsetOutOfRange = errors.New("offset out of range")
	// ErrCorrupt matches every *CorruptError.
	ErrCorrupt = errors.New("corrupt record batch")
)

// OffsetOutOfRangeError says that a partition does not hold the offset that was asked for, nor is it its end.
type OffsetOutOfRangeError struct {
	Topic       string
	Partition   int
	Offset      int64
	First, Next int64 // what the partition has: [First, Next)
}

func (e *OffsetOutOfRangeError) Error() string {
	return fmt.Sprintf("%s/%d: offset %d out of range, the partition has %d to %d", e.Topic, e.Partition, e.Offset, e.First, e.Next)
}

func (e *OffsetOutOfRangeError) Is(target error) bool { return target == ErrOffsetOutOfRange }

// CorruptError says that the records First to Last cannot be read although they were fetched several times. Reading can go on
// at Last+1.
type CorruptError struct {
	Topic       string
	Partition   int
	First, Last int64
	Err         error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s/%d: offsets %d to %d cannot be read: %v", e.Topic, e.Partition, e.First, e.Last, e.Err)
}

func (e *CorruptError) Is(target error) bool { return target == ErrCorrupt }

func (e *CorruptError) Unwrap() error { return e.Err }

// WriteError is what Producer.Write returns when some messages were not acknowledged: Errs has one entry per message, nil for
// those that were.
type WriteError struct {
	Errs []error
}

func (e *WriteError) Error() string {
	failed, first := 0, error(nil)
	for _, err := range e.Errs {
		if err == nil {
			continue
		}
		if failed++; first == nil {
			first = err
		}
	}
	return fmt.Sprintf("%d of %d messages were not acknowledged: %v", failed, len(e.Errs), first)
}

func (e *WriteError) Unwrap() []error {
	var out []error
	for _, err := range e.Errs {
		if err != nil {
			out = append(out, err)
		}
	}
	return out
}
