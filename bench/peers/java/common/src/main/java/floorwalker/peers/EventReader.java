package floorwalker.peers;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.time.OffsetDateTime;

/**
 * Reads CloudEvents JSON with Jackson's streaming parser, and no further than needed: it stops at the type of an event that the job
 * does not use. It validates nothing. For one thread.
 */
public final class EventReader {
    private final JsonFactory factory = new JsonFactory();
    private String day = ""; // the date read last, of which most events are
    private long dayMs;

    /** False if the job has no use for the event; it is then only partly read. */
    public boolean read(byte[] json, Event e) throws IOException {
        e.type = 0;
        e.agent = e.queue = e.word = "";
        String subject = "";
        try (JsonParser p = factory.createParser(json)) {
            if (p.nextToken() != JsonToken.START_OBJECT) {
                throw new IOException("an event is an object");
            }
            String name;
            while ((name = p.nextFieldName()) != null) {
                switch (name) {
                    case "type" -> {
                        if ((e.type = type(p.nextTextValue())) == 0) {
                            return false;
                        }
                    }
                    case "subject" -> subject = p.nextTextValue();
                    case "time" -> e.time = time(p.nextTextValue());
                    case "contactcenter" -> e.center = p.nextTextValue();
                    case "data" -> {
                        if (p.nextToken() == JsonToken.START_OBJECT) {
                            data(p, e);
                        }
                    }
                    default -> {
                        p.nextToken();
                        p.skipChildren();
                    }
                }
            }
        }
        if (e.type == 0) {
            return false;
        }
        e.key = e.center + '/' + subject;
        return true;
    }

    private static void data(JsonParser p, Event e) throws IOException {
        String name;
        while ((name = p.nextFieldName()) != null) {
            switch (name) {
                case "agent_id", "from_agent_id" -> e.agent = p.nextTextValue();
                case "queue_id", "to_queue_id" -> e.queue = p.nextTextValue();
                case "role", "direction", "reason" -> e.word = p.nextTextValue();
                default -> {
                    p.nextToken();
                    p.skipChildren();
                }
            }
        }
    }

    private static byte type(String s) {
        return switch (s) {
            case "cc.interaction.created" -> Event.CREATED;
            case "cc.interaction.queued" -> Event.QUEUED;
            case "cc.interaction.connected" -> Event.CONNECTED;
            case "cc.interaction.held" -> Event.HELD;
            case "cc.interaction.resumed" -> Event.RESUMED;
            case "cc.interaction.parked" -> Event.PARKED;
            case "cc.interaction.unparked" -> Event.UNPARKED;
            case "cc.interaction.transferred" -> Event.TRANSFERRED;
            case "cc.interaction.left" -> Event.LEFT;
            case "cc.interaction.wrap_started" -> Event.WRAP_STARTED;
            case "cc.interaction.ended" -> Event.ENDED;
            default -> 0;
        };
    }

    /** 2026-03-02T10:00:00.123Z without a parser of dates; any other form with one. */
    private long time(String s) {
        int n = s.length();
        if ((n != 20 && n != 24) || s.charAt(n - 1) != 'Z') {
            return OffsetDateTime.parse(s).toInstant().toEpochMilli();
        }
        if (!s.startsWith(day) || day.isEmpty()) {
            day = s.substring(0, 11);
            dayMs = OffsetDateTime.parse(day + "00:00:00Z").toInstant().toEpochMilli();
        }
        long ms = ((two(s, 11) * 60L + two(s, 14)) * 60 + two(s, 17)) * 1000;
        return dayMs + ms + (n == 24 ? (s.charAt(20) - '0') * 100 + two(s, 21) : 0);
    }

    private static int two(String s, int at) {
        return (s.charAt(at) - '0') * 10 + s.charAt(at + 1) - '0';
    }
}
