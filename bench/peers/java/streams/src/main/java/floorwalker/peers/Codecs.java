package floorwalker.peers;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInput;
import java.io.DataInputStream;
import java.io.DataOutput;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.function.Supplier;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;

/** The common types as bytes, with buffers that are used again. */
final class Codecs {
    private Codecs() { }

    interface Write<T> {
        void to(T value, DataOutput out) throws IOException;
    }

    interface Read<T> {
        void from(T value, DataInput in) throws IOException;
    }

    static <T> Serde<T> of(Supplier<T> make, Write<T> write, Read<T> read) {
        // Stores of several threads share one serde.
        ThreadLocal<ByteArrayOutputStream> buffers = ThreadLocal.withInitial(() -> new ByteArrayOutputStream(256));
        return Serdes.serdeFrom((topic, value) -> {
            if (value == null) {
                return null;
            }
            ByteArrayOutputStream buffer = buffers.get();
            buffer.reset();
            try {
                write.to(value, new DataOutputStream(buffer));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            return buffer.toByteArray();
        }, (topic, bytes) -> {
            if (bytes == null) {
                return null;
            }
            T value = make.get();
            try {
                read.from(value, new DataInputStream(new ByteArrayInputStream(bytes)));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            return value;
        });
    }

    static Serde<Interaction> interactions() {
        return of(Interaction::new, Interaction::write, Interaction::read);
    }

    static Serde<Cell> cells() {
        return of(Cell::new, Cell::write, Cell::read);
    }
}
