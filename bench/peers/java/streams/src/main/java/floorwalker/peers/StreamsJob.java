package floorwalker.peers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.time.Instant;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.BuiltInDslStoreSuppliers;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowStore;

/**
 * The job on Kafka Streams: events folded by interaction in a store of their own, what they add summed by queue or agent in windows of
 * a minute of event time, whose updates go to a topic.
 *
 * <p>Arguments: broker, topic, results' topic, number of records, store (rocksdb, memory), guarantee (at_least_once,
 * exactly_once_v2), commit interval in ms, path (dsl: the sums are a windowed aggregate of the DSL, behind a repartition topic; local:
 * they are a window store beside the fold, since a contact centre is in one partition), threads, directory for state. A number of
 * records of -1: it runs for ever.
 */
public final class StreamsJob {
    /** Partitions drift apart in event time when months are replayed; what comes after the grace is lost. */
    private static final Duration GRACE = Duration.ofDays(45);
    private static final Duration MINUTE = Duration.ofMinutes(1);
    private static final String INTERACTIONS = "interactions", CELLS = "cells";

    private static final AtomicLong added = new AtomicLong(), summed = new AtomicLong();

    private StreamsJob() { }

    public static void main(String[] args) throws Exception {
        String broker = args[0], topic = args[1], results = args[2];
        long records = Long.parseLong(args[3]);
        boolean live = records < 0;
        Marks.expect(live ? Long.MAX_VALUE : records);
        boolean memory = args[4].equals("memory"), local = args[7].equals("local");
        Properties p = new Properties();
        p.put(StreamsConfig.APPLICATION_ID_CONFIG, results);
        p.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, broker);
        p.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, args[5]);
        p.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, args[6]);
        p.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, args[8]);
        p.put(StreamsConfig.STATE_DIR_CONFIG, args[9]);
        p.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        p.put(StreamsConfig.TOPOLOGY_OPTIMIZATION_CONFIG, StreamsConfig.OPTIMIZE);
        p.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 64 << 20);
        p.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 10_000);
        if (memory) {
            p.put(StreamsConfig.DSL_STORE_SUPPLIERS_CLASS_CONFIG, BuiltInDslStoreSuppliers.InMemoryDslStoreSuppliers.class);
        }
        p.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        p.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 5000);
        p.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG), 4 << 20);
        p.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), live ? 5 : 100);
        p.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 256 << 10);
        p.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "lz4");
        p.put(StreamsConfig.producerPrefix(ProducerConfig.TRANSACTION_TIMEOUT_CONFIG), 60_000);

        StreamsBuilder builder = new StreamsBuilder();
        KStream<byte[], byte[]> events = builder.stream(topic, Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()));
        if (local) {
            local(events, results, memory);
        } else {
            dsl(events, results, memory);
        }
        KafkaStreams streams = new KafkaStreams(builder.build(p), p);
        streams.setUncaughtExceptionHandler(e -> {
            e.printStackTrace();
            Runtime.getRuntime().halt(1);
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        streams.start();
        while (!Marks.all() || summed.get() < added.get()) {
            Thread.sleep(10);
        }
        streams.close(); // commits, and thereby sends what the caches still hold
        Marks.say("done");
        Runtime.getRuntime().halt(0);
    }

    private static void dsl(KStream<byte[], byte[]> events, String results, boolean memory) {
        Serde<Cell> cells = Codecs.cells();
        events.process(new FoldSupplier(Fold::new, interactions(memory)))
                .groupByKey(Grouped.with("additions", Serdes.String(), cells))
                .windowedBy(TimeWindows.ofSizeAndGrace(MINUTE, GRACE))
                .aggregate(Cell::new, (key, c, sum) -> {
                    summed.incrementAndGet();
                    sum.add(c);
                    return sum;
                }, Materialized.<String, Cell, WindowStore<org.apache.kafka.common.utils.Bytes, byte[]>>as(CELLS)
                        .withKeySerde(Serdes.String()).withValueSerde(cells).withRetention(GRACE.plus(MINUTE)))
                .toStream()
                .map((window, c) -> KeyValue.pair(c.recordKey(), c.recordValue()))
                .to(results, Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));
    }

    private static void local(KStream<byte[], byte[]> events, String results, boolean memory) {
        Duration retention = GRACE.plus(MINUTE);
        StoreBuilder<WindowStore<String, Cell>> cells = Stores.windowStoreBuilder(
                memory ? Stores.inMemoryWindowStore(CELLS, retention, MINUTE, false) : Stores.persistentWindowStore(CELLS, retention, MINUTE, false),
                Serdes.String(), Codecs.cells()).withCachingEnabled();
        events.process(new FoldSupplier(FoldAndSum::new, interactions(memory), cells))
                .map((key, c) -> KeyValue.pair(c.recordKey(), c.recordValue()))
                .to(results, Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));
    }

    private static StoreBuilder<KeyValueStore<String, Interaction>> interactions(boolean memory) {
        return Stores.keyValueStoreBuilder(
                memory ? Stores.inMemoryKeyValueStore(INTERACTIONS) : Stores.persistentKeyValueStore(INTERACTIONS),
                Serdes.String(), Codecs.interactions()).withCachingEnabled();
    }

    private record FoldSupplier(java.util.function.Supplier<Fold> make, StoreBuilder<?>... builders)
            implements ProcessorSupplier<byte[], byte[], String, Cell> {
        @Override
        public Processor<byte[], byte[], String, Cell> get() {
            return make.get();
        }

        @Override
        public Set<StoreBuilder<?>> stores() {
            return Set.of(builders);
        }
    }

    /** Folds interactions and hands on what their events add. */
    private static class Fold extends ContextualProcessor<byte[], byte[], String, Cell> {
        private final EventReader reader = new EventReader();
        private final Event event = new Event();
        private KeyValueStore<String, Interaction> interactions;

        @Override
        public void init(ProcessorContext<String, Cell> context) {
            super.init(context);
            interactions = context.getStateStore(INTERACTIONS);
        }

        @Override
        public void process(Record<byte[], byte[]> record) {
            try {
                if (reader.read(record.value(), event)) {
                    fold(record);
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            Marks.consumed(); // last, since all that it adds must be known by then
        }

        private void fold(Record<byte[], byte[]> record) {
            Interaction i = interactions.get(event.key);
            if (i == null) {
                if (!event.begins()) {
                    return;
                }
                i = new Interaction();
            }
            boolean over = i.apply(event, Cell::new, c -> add(record, c));
            interactions.put(event.key, over ? null : i);
        }

        void add(Record<byte[], byte[]> record, Cell c) {
            added.incrementAndGet();
            context().forward(record.withKey(c.key).withValue(c).withTimestamp(event.time));
        }
    }

    /** Sums up right there. */
    private static final class FoldAndSum extends Fold {
        private WindowStore<String, Cell> cells;

        @Override
        public void init(ProcessorContext<String, Cell> context) {
            super.init(context);
            cells = context.getStateStore(CELLS);
        }

        @Override
        void add(Record<byte[], byte[]> record, Cell c) {
            Cell sum = cells.fetch(c.key, c.minute);
            if (sum != null) {
                c.add(sum);
            }
            cells.put(c.key, c, c.minute);
            context().forward(record.withKey(c.key).withValue(c).withTimestamp(Instant.ofEpochMilli(c.minute).toEpochMilli()));
        }
    }
}
