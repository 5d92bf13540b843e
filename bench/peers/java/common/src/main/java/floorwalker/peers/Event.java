package floorwalker.peers;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;

/** What the job needs of one event. One instance is read into again and again; strings that an event has not said are empty. */
public class Event {
    public static final byte CREATED = 1, QUEUED = 2, CONNECTED = 3, HELD = 4, RESUMED = 5, PARKED = 6, UNPARKED = 7,
            TRANSFERRED = 8, LEFT = 9, WRAP_STARTED = 10, ENDED = 11;

    public byte type;
    public long time; // ms since the epoch
    public String center = "";
    public String key = ""; // center/interaction
    public String agent = ""; // agent_id, or from_agent_id
    public String queue = ""; // queue_id, or to_queue_id
    public String word = ""; // role of connected, direction of created, reason of ended

    /** Whether an interaction may begin with it, as far as the job looks at events. */
    public boolean begins() {
        return type <= CONNECTED;
    }

    public void write(DataOutput out) throws IOException {
        out.writeByte(type);
        out.writeLong(time);
        out.writeUTF(center);
        out.writeUTF(key);
        out.writeUTF(agent);
        out.writeUTF(queue);
        out.writeUTF(word);
    }

    public void read(DataInput in) throws IOException {
        type = in.readByte();
        time = in.readLong();
        center = in.readUTF();
        key = in.readUTF();
        agent = in.readUTF();
        queue = in.readUTF();
        word = in.readUTF();
    }

    protected void copyFrom(Event e) {
        type = e.type;
        time = e.time;
        center = e.center;
        key = e.key;
        agent = e.agent;
        queue = e.queue;
        word = e.word;
    }
}
