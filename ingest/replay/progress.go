package replay

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// Progress shows how far a replay is: a bar on a terminal, else a line now and then. It is told of bytes by reading through
// Reader, and of events by Tell.
type Progress struct {
	out   io.Writer
	bar   *progressbar.ProgressBar
	name  string
	size  int64
	read  int64
	now   func() time.Time
	began time.Time
	last  time.Time
}

const progressInterval = 5 * time.Second

// NewProgress shows the progress of a file of size bytes (-1: unknown) on out.
func NewProgress(out io.Writer, terminal bool, name string, size int64, now func() time.Time) *Progress {
	p := &Progress{out: out, name: name, size: size, now: now, began: now(), last: now()}
	if terminal {
		p.bar = progressbar.NewOptions64(size, progressbar.OptionSetWriter(out), progressbar.OptionSetDescription(name),
			progressbar.OptionShowBytes(true), progressbar.OptionSetWidth(30), progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionClearOnFinish())
	}
	return p
}

// Reader counts what is read of r.
func (p *Progress) Reader(r io.Reader) io.Reader { return &countingReader{r, p} }

type countingReader struct {
	io.Reader
	p *Progress
}

func (c *countingReader) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.p.read += int64(n)
	return n, err
}

// Tell is a replay's Config.Progress.
func (p *Progress) Tell(written int, at int64) {
	when := time.UnixMilli(at).UTC().Format("2006-01-02 15:04:05")
	if p.bar != nil {
		p.bar.Describe(fmt.Sprintf("%s: %d events, at %s", p.name, written, when))
		_ = p.bar.Set64(p.read) // nothing depends on the picture
		return
	}
	now := p.now()
	if now.Sub(p.last) < progressInterval {
		return
	}
	p.last = now
	fmt.Fprintf(p.out, "%s: %d events (%.0f/s), at %s%s\n", p.name, written, float64(written)/now.Sub(p.began).Seconds(), when, p.share())
}

func (p *Progress) share() string {
	if p.size <= 0 {
		return ""
	}
	return fmt.Sprintf(", %.0f %% read", 100*float64(p.read)/float64(p.size))
}

// Done takes the bar away.
func (p *Progress) Done() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
