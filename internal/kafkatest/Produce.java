import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/** Writes records with each codec; see java.go. */
public class Produce {
    public static void main(String[] args) throws Exception {
        String topic = args[1];
        int partition = Integer.parseInt(args[2]);
        int records = Integer.parseInt(args[3]);
        for (String codec : args[4].split(",")) {
            Properties p = new Properties();
            p.put("bootstrap.servers", args[0]);
            p.put("compression.type", codec);
            p.put("acks", "all");
            p.put("linger.ms", "50");
            p.put("key.serializer", StringSerializer.class.getName());
            p.put("value.serializer", StringSerializer.class.getName());
            try (KafkaProducer<String, String> producer = new KafkaProducer<>(p)) {
                for (int i = 0; i < records; i++) {
                    producer.send(new ProducerRecord<>(topic, partition, codec, codec + "-" + i));
                }
                producer.flush();
            }
        }
    }
}
