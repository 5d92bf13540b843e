package floorwalker.peers;

import floorwalker.peers.FlinkTypes.FlinkCell;
import floorwalker.peers.FlinkTypes.FlinkEvent;
import floorwalker.peers.FlinkTypes.FlinkInteraction;
import java.io.IOException;
import java.time.Duration;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.typeutils.ValueTypeInfo;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.KafkaSourceBuilder;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.streaming.api.datastream.WindowedStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.triggers.CountTrigger;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * The job on Apache Flink: events keyed by interaction and folded, what they add keyed by queue or agent and summed in windows of a
 * minute of event time, whose results go to a topic once the watermark has passed them.
 *
 * <p>Arguments: broker, topic, results' topic, number of records, parallelism, guarantee of the results (at-least-once, exactly-once),
 * directory for checkpoints. A number of -1: it runs for ever, and every addition sends the window's result anew.
 */
public final class FlinkJob {
    private FlinkJob() { }

    public static void main(String[] args) throws Exception {
        String broker = args[0], topic = args[1], results = args[2];
        long records = Long.parseLong(args[3]);
        boolean live = records < 0;
        Marks.expect(live ? Long.MAX_VALUE : records);
        Configuration conf = new Configuration();
        conf.setString("parallelism.default", args[4]);
        conf.setString("pipeline.object-reuse", "true");
        conf.setString("pipeline.generic-types", "false"); // Kryo is slow: an error rather than that
        conf.setString("state.backend.type", "hashmap");
        conf.setString("execution.checkpointing.interval", "10 s");
        conf.setString("execution.checkpointing.storage", "filesystem");
        conf.setString("execution.checkpointing.dir", "file://" + args[6]);
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment(conf);

        TypeInformation<FlinkEvent> eventType = new ValueTypeInfo<>(FlinkEvent.class);
        TypeInformation<FlinkCell> cellType = new ValueTypeInfo<>(FlinkCell.class);
        KafkaSourceBuilder<FlinkEvent> source = KafkaSource.<FlinkEvent>builder()
                .setBootstrapServers(broker)
                .setTopics(topic)
                .setGroupId(results)
                .setStartingOffsets(OffsetsInitializer.earliest())
                .setDeserializer(new Decoder(eventType))
                .setProperty("max.poll.records", "5000")
                .setProperty("max.partition.fetch.bytes", "4194304");
        if (!live) {
            source.setBounded(OffsetsInitializer.latest());
        }
        KafkaSink<FlinkCell> sink = KafkaSink.<FlinkCell>builder()
                .setBootstrapServers(broker)
                .setRecordSerializer(new Encoder(results))
                .setDeliveryGuarantee(args[5].equals("exactly-once") ? DeliveryGuarantee.EXACTLY_ONCE : DeliveryGuarantee.AT_LEAST_ONCE)
                .setTransactionalIdPrefix(results)
                .setProperty("transaction.timeout.ms", "60000")
                .setProperty("linger.ms", live ? "5" : "100")
                .setProperty("batch.size", "262144")
                .setProperty("compression.type", "lz4")
                .build();
        WindowedStream<FlinkCell, String, TimeWindow> minutes = env.fromSource(source.build(), WatermarkStrategy.<FlinkEvent>forMonotonousTimestamps().withTimestampAssigner((e, t) -> e.time), "events")
                .keyBy(e -> e.key, Types.STRING)
                .process(new Fold(), cellType)
                .keyBy(c -> c.key, Types.STRING)
                .window(TumblingEventTimeWindows.of(Duration.ofMinutes(1)));
        if (live) {
            minutes.trigger(CountTrigger.of(1));
        }
        minutes.aggregate(new Sum(), cellType, cellType).sinkTo(sink);
        env.execute("queue minutes");
        Marks.say("done");
        System.exit(0); // the local cluster's threads are in no hurry
    }

    /** Gives out one instance for all events: it is serialized for its key's task before the next one is read. */
    private static final class Decoder implements KafkaRecordDeserializationSchema<FlinkEvent> {
        private final TypeInformation<FlinkEvent> type;
        private transient EventReader reader;
        private transient FlinkEvent event;

        Decoder(TypeInformation<FlinkEvent> type) {
            this.type = type;
        }

        @Override
        public void open(DeserializationSchema.InitializationContext context) {
            reader = new EventReader();
            event = new FlinkEvent();
        }

        @Override
        public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<FlinkEvent> out) throws IOException {
            Marks.consumed();
            if (reader.read(record.value(), event)) {
                out.collect(event);
            }
        }

        @Override
        public TypeInformation<FlinkEvent> getProducedType() {
            return type;
        }
    }

    private static final class Fold extends KeyedProcessFunction<String, FlinkEvent, FlinkCell> {
        private transient ValueState<FlinkInteraction> state;

        @Override
        public void open(OpenContext context) {
            state = getRuntimeContext().getState(new ValueStateDescriptor<>("interaction", new ValueTypeInfo<>(FlinkInteraction.class)));
        }

        @Override
        public void processElement(FlinkEvent e, Context context, Collector<FlinkCell> out) throws Exception {
            FlinkInteraction i = state.value();
            if (i == null) {
                if (!e.begins()) {
                    return;
                }
                i = new FlinkInteraction();
            }
            if (i.apply(e, FlinkCell::new, out::collect)) {
                state.clear();
            } else {
                state.update(i);
            }
        }
    }

    private static final class Sum implements AggregateFunction<FlinkCell, FlinkCell, FlinkCell> {
        @Override
        public FlinkCell createAccumulator() {
            return new FlinkCell();
        }

        @Override
        public FlinkCell add(FlinkCell c, FlinkCell sum) {
            sum.add(c);
            return sum;
        }

        @Override
        public FlinkCell getResult(FlinkCell sum) {
            return sum;
        }

        @Override
        public FlinkCell merge(FlinkCell a, FlinkCell b) {
            a.add(b);
            return a;
        }
    }

    private static final class Encoder implements KafkaRecordSerializationSchema<FlinkCell> {
        private final String topic;

        Encoder(String topic) {
            this.topic = topic;
        }

        @Override
        public ProducerRecord<byte[], byte[]> serialize(FlinkCell c, KafkaSinkContext context, Long timestamp) {
            return new ProducerRecord<>(topic, c.recordKey(), c.recordValue());
        }
    }
}
