package view

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/zstd"

	"floorwalker/aggregate/engine"
	"floorwalker/schema"
)

// A file holds one partition's live state at one offset: the engine's snapshot, and beside it what the view knows from before the
// engine: today's sums, annotations, intervals and talks. Its form is a magic word, the version of the form, the length and the
// checksum of the body, and the body: gob, compressed with zstd.
const (
	diskMagic   = 0x31564c46 // "FLV1"
	diskVersion = 1
	diskHeader  = 24
	diskKept    = 2 // the newest, and the one before in case that the newest cannot be read
	diskSuffix  = ".live"
	tempSuffix  = ".tmp"
)

// ErrFile is what all files that cannot be used have in common.
var ErrFile = errors.New("the live view's checkpoint on disk cannot be used")

// Disk keeps the live view's own checkpoints in a directory, two for each partition. One process at a time may use the directory.
type Disk struct {
	dir   string
	topic string
}

// NewDisk makes the directory and removes what a crash left half written.
func NewDisk(dir, topic string) (*Disk, error) {
	if dir == "" || topic == "" {
		return nil, errors.New("view: checkpoints on disk need a directory and the name of the topic")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("view: checkpoints on disk: %w", err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"+tempSuffix))
	if err != nil {
		return nil, fmt.Errorf("view: checkpoints on disk: %w", err)
	}
	for _, name := range left {
		if err := os.Remove(name); err != nil {
			return nil, fmt.Errorf("view: checkpoints on disk: %w", err)
		}
	}
	return &Disk{dir: dir, topic: topic}, nil
}

// saved is the body of a file.
type saved struct {
	Topic                 string
	Partition, Partitions int
	Epoch                 uint16
	Offset                int64 // the next one to apply
	Engine                []byte
	Centers               []savedCenter
}

type savedCenter struct {
	ID        string
	KnownFrom int64
	Past      []schema.Window
	PastTo    int64
	Notes     []schema.Annotation
	Forgotten []string // interactions that had more notes than are kept
	Days      map[string]*schema.AgentDay
}

// mark is a file as its name tells of it.
type mark struct {
	partition int
	epoch     uint16
	offset    int64
	path      string
}

// writtenAfter reports whether the file is of a later moment.
func (m mark) writtenAfter(t time.Time) bool {
	info, err := os.Stat(m.path)
	return err == nil && info.ModTime().After(t)
}

const markFormat = "p%05d-e%05d-o%019d" + diskSuffix

func (d *Disk) path(s *saved) string {
	return filepath.Join(d.dir, fmt.Sprintf(markFormat, s.Partition, s.Epoch, s.Offset))
}

// marks lists what there is of a partition (-1: of all), the newest first.
func (d *Disk) marks(partition int) []mark {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return nil // it is as good as empty; whoever saves is told why
	}
	var out []mark
	for _, e := range entries {
		m := mark{path: filepath.Join(d.dir, e.Name())}
		if n, err := fmt.Sscanf(e.Name(), markFormat, &m.partition, &m.epoch, &m.offset); n != 3 || err != nil || !strings.HasSuffix(e.Name(), diskSuffix) {
			continue
		}
		if partition < 0 || m.partition == partition {
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b mark) int {
		if a.epoch != b.epoch {
			return int(b.epoch) - int(a.epoch)
		}
		return cmp.Compare(b.offset, a.offset)
	})
	return out
}

// epoch is the newest one of which there is a file.
func (d *Disk) epoch() uint16 {
	if all := d.marks(-1); len(all) > 0 {
		return all[0].epoch
	}
	return 0
}

// save writes the file as a whole or not at all, and removes those that are no longer needed.
func (d *Disk) save(s *saved) (size int64, err error) {
	f, err := os.CreateTemp(d.dir, "*"+tempSuffix)
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	if size, err = write(f, s); err != nil {
		return 0, err
	}
	if err = f.Sync(); err != nil {
		return 0, err
	}
	if err = os.Rename(f.Name(), d.path(s)); err != nil {
		return 0, err
	}
	if err := f.Close(); err != nil {
		return 0, err
	}
	if err := syncDir(d.dir); err != nil {
		return 0, err
	}
	return size, d.prune(s.Partition)
}

// syncDir makes a rename outlast a power cut.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (d *Disk) prune(partition int) error {
	var errs []error
	for k, m := range d.marks(partition) {
		if k >= diskKept {
			errs = append(errs, os.Remove(m.path))
		}
	}
	return errors.Join(errs...)
}

// summed counts and sums what is written through it.
type summed struct {
	w   io.Writer
	sum hash.Hash64
	n   int64
}

func (s *summed) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	_, _ = s.sum.Write(p[:n])
	s.n += int64(n)
	return n, err
}

func write(f *os.File, s *saved) (size int64, err error) {
	if _, err := f.Seek(diskHeader, io.SeekStart); err != nil {
		return 0, err
	}
	buffer := bufio.NewWriterSize(f, 1<<20)
	body := &summed{w: buffer, sum: xxhash.New()}
	z, err := engine.Compressor(body)
	if err != nil {
		return 0, err
	}
	if err := errors.Join(gob.NewEncoder(z).Encode(s), z.Close(), buffer.Flush()); err != nil {
		return 0, err
	}
	head := make([]byte, diskHeader)
	binary.LittleEndian.PutUint32(head, diskMagic)
	binary.LittleEndian.PutUint32(head[4:], diskVersion)
	binary.LittleEndian.PutUint64(head[8:], uint64(body.n))
	binary.LittleEndian.PutUint64(head[16:], body.sum.Sum64())
	_, err = f.WriteAt(head, 0)
	return diskHeader + body.n, err
}

// load reads a file and checks it. Errors wrap ErrFile.
func (d *Disk) load(m mark, partitions int) (*saved, error) {
	s, err := read(m.path)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFile, m.path, err)
	}
	if s.Topic != d.topic || s.Partition != m.partition || s.Partitions != partitions || s.Epoch != m.epoch || s.Offset != m.offset {
		return nil, fmt.Errorf("%w: %s: it is of topic %q, partition %d of %d, epoch %d, offset %d; of %q with %d partitions and what the name says is needed",
			ErrFile, m.path, s.Topic, s.Partition, s.Partitions, s.Epoch, s.Offset, d.topic, partitions)
	}
	return s, nil
}

func read(path string) (*saved, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(data) < diskHeader || binary.LittleEndian.Uint32(data) != diskMagic {
		return nil, fmt.Errorf("no checkpoint, %d bytes", len(data))
	}
	if v := binary.LittleEndian.Uint32(data[4:]); v != diskVersion {
		return nil, fmt.Errorf("written in form %d, this release reads form %d", v, diskVersion)
	}
	body := data[diskHeader:]
	if n := binary.LittleEndian.Uint64(data[8:]); n != uint64(len(body)) {
		return nil, fmt.Errorf("body of %d bytes, %d expected", len(body), n)
	}
	if xxhash.Sum64(body) != binary.LittleEndian.Uint64(data[16:]) {
		return nil, errors.New("checksum does not match")
	}
	z, err := zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	var s saved
	if err := gob.NewDecoder(z).Decode(&s); err != nil {
		return nil, err
	}
	return &s, nil
}

// save packs the contact centre's part of a file. The lock is held.
func (c *center) save() savedCenter {
	s := savedCenter{ID: c.id, KnownFrom: c.knownFrom, Past: c.past, PastTo: c.pastTo, Days: make(map[string]*schema.AgentDay, len(c.days))}
	for id, n := range c.noted {
		if n.forgotten {
			s.Forgotten = append(s.Forgotten, id)
		}
		s.Notes = append(s.Notes, n.all...)
	}
	for agent, d := range c.days {
		s.Days[agent] = d.share()
	}
	return s
}

// load takes up what save packed, into a contact centre that is new.
func (c *center) load(s *savedCenter) {
	c.mu.Lock()
	c.knownFrom, c.past, c.pastTo = s.KnownFrom, s.Past, s.PastTo
	for agent := range s.Days {
		d := s.Days[agent]
		d.Agent = agent // files of earlier releases leave it out
		c.addDay(d)
	}
	c.mu.Unlock()
	c.recall(s.Notes)
	for _, id := range s.Forgotten {
		if n := c.noted[id]; n != nil {
			n.forgotten = true
		}
	}
}

// knowsDay reports whether the view knows all of the day that began at midnight. The lock is held.
func (c *center) knowsDay(midnight int64) bool {
	if c.knownFrom == schema.NoTime || c.knownFrom == midnight {
		return true
	}
	return c.knownFrom < midnight && c.pastTo <= midnight
}
