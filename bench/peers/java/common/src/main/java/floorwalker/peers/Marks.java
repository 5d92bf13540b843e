package floorwalker.peers;

import java.util.concurrent.atomic.AtomicLong;

/** Tells the runner, on standard output, how far the job is; the runner then reads the process's CPU time from the system. */
public final class Marks {
    private static final AtomicLong consumed = new AtomicLong();
    private static volatile long total = Long.MAX_VALUE;

    private Marks() { }

    public static void expect(long records) {
        total = records;
    }

    /** One record has been read from Kafka, whether the job uses it or not. */
    public static void consumed() {
        long n = consumed.incrementAndGet();
        if (n == 1) {
            say("first");
        } else if (n == total / 2) {
            say("half");
        } else if (n == total) {
            say("last");
        }
    }

    public static boolean all() {
        return consumed.get() >= total;
    }

    public static void say(String mark) {
        System.out.println("mark " + mark);
        System.out.flush();
    }
}
