package floorwalker.peers;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** The job's fold: the state of one interaction, and what each of its events adds to the cells. */
public class Interaction {
    private static final class Part {
        String agent, role, queue;
        long talk;
        long since; // of the talking that goes on, or -1
        boolean parked;
    }

    private String waiting = ""; // the queue it is in now
    private long waitingSince;
    private boolean first;
    private String transferTo = "";
    private String lastQueue = "";
    private String dialer = "";
    private final List<String> visited = new ArrayList<>(2);
    private final List<Part> parts = new ArrayList<>(2); // conversations that go on

    /** Folds one event in; true when nothing of the interaction is needed any more. */
    public <C extends Cell> boolean apply(Event e, Supplier<C> cells, Consumer<C> out) {
        switch (e.type) {
            case Event.CREATED -> {
                if (!e.word.equals("inbound")) {
                    dialer = e.agent;
                }
            }
            case Event.QUEUED -> queued(e, cells, out);
            case Event.CONNECTED -> connected(e, cells, out);
            case Event.HELD -> stop(part(e.agent), e.time, false);
            case Event.PARKED -> stop(part(e.agent), e.time, true);
            case Event.RESUMED -> go(part(e.agent), e.time);
            case Event.UNPARKED -> unparked(e, cells, out);
            case Event.TRANSFERRED -> {
                Part p = part(e.agent);
                if (p != null) {
                    close(p, e, cells, out);
                    if (!waiting.equals(e.queue)) {
                        waiting = "";
                    }
                    if (!e.queue.isEmpty()) {
                        transferTo = e.queue;
                    }
                }
            }
            case Event.LEFT, Event.WRAP_STARTED -> {
                Part p = part(e.agent);
                if (p != null) {
                    close(p, e, cells, out);
                }
            }
            case Event.ENDED -> {
                ended(e, cells, out);
                return true;
            }
            default -> { }
        }
        return false;
    }

    private <C extends Cell> void queued(Event e, Supplier<C> cells, Consumer<C> out) {
        boolean transfer = transferTo.equals(e.queue);
        transferTo = "";
        if (waiting.equals(e.queue)) {
            return;
        }
        boolean again = visited.contains(e.queue);
        first = !transfer && !again;
        if (!again) {
            visited.add(e.queue);
        }
        waiting = lastQueue = e.queue;
        waitingSince = e.time;
        if (first) {
            C c = cell(cells, e, Cell.QUEUE, e.queue);
            c.offered = 1;
            out.accept(c);
        }
    }

    private <C extends Cell> void connected(Event e, Supplier<C> cells, Consumer<C> out) {
        String role = e.word.isEmpty() ? "agent" : e.word;
        Part p = part(e.agent);
        if (p != null) {
            if (p.role.equals(role)) {
                return;
            }
            close(p, e, cells, out);
        }
        begin(e, role);
        boolean own = dialer.equals(e.agent);
        if (own) {
            dialer = "";
        }
        if (role.equals("agent") && !own) {
            C c = cell(cells, e, Cell.AGENT, e.agent);
            c.answered = 1;
            out.accept(c);
        }
        if (!waiting.isEmpty() && (role.equals("agent") || role.equals("transfer"))) {
            if (first) {
                C c = cell(cells, e, Cell.QUEUE, waiting);
                c.answered = 1;
                c.waitSum = c.waitMax = e.time - waitingSince;
                out.accept(c);
            }
            waiting = "";
        }
    }

    private void begin(Event e, String role) {
        Part p = new Part();
        p.agent = e.agent;
        p.role = role;
        p.queue = lastQueue;
        p.since = e.time;
        parts.add(p);
    }

    private <C extends Cell> void unparked(Event e, Supplier<C> cells, Consumer<C> out) {
        Part own = part(e.agent);
        if (own != null) {
            go(own, e.time);
            return;
        }
        for (int i = parts.size() - 1; i >= 0; i--) {
            Part p = parts.get(i);
            if (p.parked) {
                close(p, e, cells, out);
                begin(e, p.role);
                return;
            }
        }
    }

    private <C extends Cell> void ended(Event e, Supplier<C> cells, Consumer<C> out) {
        if (!waiting.isEmpty() && first && e.word.equals("abandoned")) {
            C c = cell(cells, e, Cell.QUEUE, waiting);
            c.abandoned = 1;
            out.accept(c);
        }
        while (!parts.isEmpty()) {
            close(parts.get(parts.size() - 1), e, cells, out);
        }
    }

    private <C extends Cell> void close(Part p, Event e, Supplier<C> cells, Consumer<C> out) {
        stop(p, e.time, false);
        parts.remove(p);
        if (p.role.equals("silent_join") || p.role.equals("whisper_join")) {
            return;
        }
        C c = cell(cells, e, Cell.AGENT, p.agent);
        c.talkSum = c.talkMax = p.talk;
        out.accept(c);
        if (!p.queue.isEmpty()) {
            c = cell(cells, e, Cell.QUEUE, p.queue);
            c.talkSum = c.talkMax = p.talk;
            out.accept(c);
        }
    }

    private static <C extends Cell> C cell(Supplier<C> cells, Event e, char kind, String name) {
        C c = cells.get();
        c.key = e.center + '\t' + kind + '\t' + name;
        c.minute = e.time - Math.floorMod(e.time, 60_000L);
        return c;
    }

    private static void stop(Part p, long t, boolean parked) {
        if (p == null) {
            return;
        }
        if (p.since >= 0) {
            p.talk += t - p.since;
        }
        p.since = -1;
        p.parked = parked;
    }

    private static void go(Part p, long t) {
        if (p != null && p.since < 0) {
            p.since = t;
            p.parked = false;
        }
    }

    private Part part(String agent) {
        for (Part p : parts) {
            if (p.agent.equals(agent)) {
                return p;
            }
        }
        return null;
    }

    public void write(DataOutput out) throws IOException {
        out.writeUTF(waiting);
        out.writeLong(waitingSince);
        out.writeBoolean(first);
        out.writeUTF(transferTo);
        out.writeUTF(lastQueue);
        out.writeUTF(dialer);
        out.writeByte(visited.size());
        for (String q : visited) {
            out.writeUTF(q);
        }
        out.writeByte(parts.size());
        for (Part p : parts) {
            out.writeUTF(p.agent);
            out.writeUTF(p.role);
            out.writeUTF(p.queue);
            out.writeLong(p.talk);
            out.writeLong(p.since);
            out.writeBoolean(p.parked);
        }
    }

    public void read(DataInput in) throws IOException {
        waiting = in.readUTF();
        waitingSince = in.readLong();
        first = in.readBoolean();
        transferTo = in.readUTF();
        lastQueue = in.readUTF();
        dialer = in.readUTF();
        visited.clear();
        for (int n = in.readByte(); n > 0; n--) {
            visited.add(in.readUTF());
        }
        parts.clear();
        for (int n = in.readByte(); n > 0; n--) {
            Part p = new Part();
            p.agent = in.readUTF();
            p.role = in.readUTF();
            p.queue = in.readUTF();
            p.talk = in.readLong();
            p.since = in.readLong();
            p.parked = in.readBoolean();
            parts.add(p);
        }
    }

    protected void copyFrom(Interaction o) {
        waiting = o.waiting;
        waitingSince = o.waitingSince;
        first = o.first;
        transferTo = o.transferTo;
        lastQueue = o.lastQueue;
        dialer = o.dialer;
        visited.clear();
        visited.addAll(o.visited);
        parts.clear();
        for (Part p : o.parts) {
            Part c = new Part();
            c.agent = p.agent;
            c.role = p.role;
            c.queue = p.queue;
            c.talk = p.talk;
            c.since = p.since;
            c.parked = p.parked;
            parts.add(c);
        }
    }
}
