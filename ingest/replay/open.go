package replay

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"
)

// Formats of files that can be replayed.
const (
	FormatAuto          = "auto"
	FormatNDJSON        = "ndjson"
	FormatCSV           = "csv"
	FormatAnonymousBank = "anonymous-bank"
)

// Formats lists the names of the formats.
func Formats() []string {
	return []string{FormatAuto, FormatNDJSON, FormatCSV, FormatAnonymousBank}
}

// OpenConfig says how a file is to be read.
type OpenConfig struct {
	Format   string    // one of Formats; auto looks at the first line
	Date     time.Time // the day of an Anonymous Bank log; zero: from the file's name
	Envelope Envelope
	// Fallback is the contact centre of files that name none, where the Envelope names none either.
	Fallback string
}

// Open makes a Reader of a file's content; name is its name.
func Open(r io.Reader, name string, cfg OpenConfig) (Reader, error) {
	if err := cfg.Envelope.validate(); err != nil {
		return nil, err
	}
	buffered := bufio.NewReaderSize(r, 1<<16)
	format := cfg.Format
	if format == "" || format == FormatAuto {
		head, err := buffered.Peek(4096)
		if err != nil && err != io.EOF && err != bufio.ErrBufferFull {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		format = detect(head)
	}
	out, err := open(buffered, filepath.Base(name), format, cfg)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return out, nil
}

func open(r io.Reader, name, format string, cfg OpenConfig) (Reader, error) {
	switch format {
	case FormatNDJSON:
		return NDJSON(r, cfg.Envelope), nil
	case FormatCSV:
		return CSV(r, name, cfg.Envelope)
	case FormatAnonymousBank:
		date := cfg.Date
		if date.IsZero() {
			date, _ = DateInName(name)
		}
		cfg.Envelope.ContactCenter = cmp.Or(cfg.Envelope.ContactCenter, cfg.Fallback)
		return AnonymousBank(r, date, cfg.Envelope)
	}
	return nil, fmt.Errorf("format %q; allowed are %s", format, strings.Join(Formats(), ", "))
}

// detect tells the formats apart by their first line.
func detect(head []byte) string {
	first, _, _ := bytes.Cut(bytes.TrimSpace(bytes.TrimPrefix(head, byteOrderMark)), []byte("\n"))
	if len(first) == 0 || first[0] == '{' {
		return FormatNDJSON
	}
	for name := range strings.SplitSeq(string(first), ",") {
		if strings.Trim(name, " \t\r\"") == "vru+line" {
			return FormatAnonymousBank
		}
	}
	return FormatCSV
}
