package clickhouse

// ProgressRow is how far a partition has been flushed (ContactCenter empty), or how far a contact centre of it has come.
type ProgressRow struct {
	ContactCenter              string
	NewestEvent, CompleteUntil int64 // NoTime where there is no event yet: written as 1970
	CaughtUp                   bool
	Worker                     string
}

// Progress writes the log of what has been flushed.
type Progress struct {
	block
	contactCenter, topic               *low
	worker                             *texts
	partition                          *u32s
	epoch                              *u16s
	offset, newestEvent, completeUntil *u64s
	caughtUp                           *u8s
}

// NewProgress makes an empty writer of table progress.
func NewProgress() *Progress {
	p := &Progress{contactCenter: newLow(), topic: newLow(), worker: newTexts(), partition: newU32s(), epoch: newU16s(), offset: newU64s(),
		newestEvent: newU64s(), completeUntil: newU64s(), caughtUp: newU8s()}
	p.block = newBlock("progress", "written_at", named{"contact_center", p.contactCenter}, named{"topic", p.topic},
		named{"partition", p.partition}, named{"epoch", p.epoch}, named{"offset", p.offset}, named{"newest_event", p.newestEvent},
		named{"complete_until", p.completeUntil}, named{"caught_up", p.caughtUp}, named{"worker", p.worker})
	return p
}

// Append adds one row.
func (p *Progress) Append(s Stamp, r ProgressRow) {
	p.contactCenter.add(r.ContactCenter)
	p.topic.add(s.Topic)
	p.partition.add(uint32(s.Partition))
	p.epoch.add(s.Epoch)
	p.offset.signed(s.Position)
	p.newestEvent.time(max(r.NewestEvent, 0))
	p.completeUntil.time(max(r.CompleteUntil, 0))
	p.caughtUp.bool(r.CaughtUp)
	p.worker.add(r.Worker)
}

// CheckpointRow is one chunk of a checkpoint's snapshot.
type CheckpointRow struct {
	Chunk, Chunks uint32
	Engine        uint32
	Partitions    uint32
	Log           uint16 // the first epoch whose offsets are of the same log
	Data          []byte
}

// Checkpoints writes checkpoints.
type Checkpoints struct {
	block
	topic                            *low
	partition, chunk, chunks, engine *u32s
	partitions                       *u32s
	epoch, log                       *u16s
	offset                           *u64s
	data                             *texts
}

// NewCheckpoints makes an empty writer of table checkpoints.
func NewCheckpoints() *Checkpoints {
	c := &Checkpoints{topic: newLow(), partition: newU32s(), chunk: newU32s(), chunks: newU32s(), engine: newU32s(),
		partitions: newU32s(), epoch: newU16s(), log: newU16s(), offset: newU64s(), data: newTexts()}
	c.block = newBlock("checkpoints", "written_at", named{"topic", c.topic}, named{"partition", c.partition}, named{"epoch", c.epoch},
		named{"offset", c.offset}, named{"chunk", c.chunk}, named{"chunks", c.chunks}, named{"engine", c.engine},
		named{"partitions", c.partitions}, named{"log", c.log}, named{"data", c.data})
	return c
}

// Append adds one chunk; the stamp's position is the checkpoint's offset.
func (c *Checkpoints) Append(s Stamp, r CheckpointRow) {
	c.topic.add(s.Topic)
	c.partition.add(uint32(s.Partition))
	c.epoch.add(s.Epoch)
	c.offset.signed(s.Position)
	c.chunk.add(r.Chunk)
	c.chunks.add(r.Chunks)
	c.engine.add(r.Engine)
	c.partitions.add(r.Partitions)
	c.log.add(r.Log)
	c.data.add(view(r.Data))
}
