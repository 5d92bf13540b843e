package floorwalker.peers;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** What was counted of a queue or an agent in one minute, or what one event adds to that. Durations are in ms. */
public class Cell {
    public static final char QUEUE = 'q', AGENT = 'a';

    public String key = ""; // center TAB kind TAB queue or agent; ids hold no control characters
    public long minute; // its start, ms since the epoch
    public int offered, answered, abandoned;
    public long waitSum, waitMax, talkSum, talkMax;

    /** Adds another cell of the same key and minute in. */
    public void add(Cell o) {
        key = o.key;
        minute = o.minute;
        offered += o.offered;
        answered += o.answered;
        abandoned += o.abandoned;
        waitSum += o.waitSum;
        waitMax = Math.max(waitMax, o.waitMax);
        talkSum += o.talkSum;
        talkMax = Math.max(talkMax, o.talkMax);
    }

    public void write(DataOutput out) throws IOException {
        out.writeUTF(key);
        out.writeLong(minute);
        out.writeInt(offered);
        out.writeInt(answered);
        out.writeInt(abandoned);
        out.writeLong(waitSum);
        out.writeLong(waitMax);
        out.writeLong(talkSum);
        out.writeLong(talkMax);
    }

    public void read(DataInput in) throws IOException {
        key = in.readUTF();
        minute = in.readLong();
        offered = in.readInt();
        answered = in.readInt();
        abandoned = in.readInt();
        waitSum = in.readLong();
        waitMax = in.readLong();
        talkSum = in.readLong();
        talkMax = in.readLong();
    }

    protected void copyFrom(Cell o) {
        key = o.key;
        minute = o.minute;
        offered = o.offered;
        answered = o.answered;
        abandoned = o.abandoned;
        waitSum = o.waitSum;
        waitMax = o.waitMax;
        talkSum = o.talkSum;
        talkMax = o.talkMax;
    }

    /** The key of a result's record: the cell's, TAB, its minute. */
    public byte[] recordKey() {
        return (key + '\t' + minute).getBytes(StandardCharsets.UTF_8);
    }

    /** The value of a result's record: the seven figures with TABs between them. */
    public byte[] recordValue() {
        return (offered + "\t" + answered + '\t' + abandoned + '\t' + waitSum + '\t' + waitMax + '\t' + talkSum + '\t' + talkMax)
                .getBytes(StandardCharsets.US_ASCII);
    }
}
