package floorwalker.peers;

import java.io.IOException;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import org.apache.flink.types.CopyableValue;

/** The common types as Flink's Values, which serialize themselves: neither reflection nor Kryo. */
final class FlinkTypes {
    private FlinkTypes() { }

    public static final class FlinkEvent extends Event implements CopyableValue<FlinkEvent> {
        @Override
        public void write(DataOutputView out) throws IOException {
            super.write(out);
        }

        @Override
        public void read(DataInputView in) throws IOException {
            super.read(in);
        }

        @Override
        public int getBinaryLength() {
            return -1;
        }

        @Override
        public void copyTo(FlinkEvent to) {
            to.copyFrom(this);
        }

        @Override
        public FlinkEvent copy() {
            FlinkEvent e = new FlinkEvent();
            e.copyFrom(this);
            return e;
        }

        @Override
        public void copy(DataInputView in, DataOutputView out) throws IOException {
            FlinkEvent e = new FlinkEvent();
            e.read(in);
            e.write(out);
        }
    }

    public static final class FlinkCell extends Cell implements CopyableValue<FlinkCell> {
        @Override
        public void write(DataOutputView out) throws IOException {
            super.write(out);
        }

        @Override
        public void read(DataInputView in) throws IOException {
            super.read(in);
        }

        @Override
        public int getBinaryLength() {
            return -1;
        }

        @Override
        public void copyTo(FlinkCell to) {
            to.copyFrom(this);
        }

        @Override
        public FlinkCell copy() {
            FlinkCell c = new FlinkCell();
            c.copyFrom(this);
            return c;
        }

        @Override
        public void copy(DataInputView in, DataOutputView out) throws IOException {
            FlinkCell c = new FlinkCell();
            c.read(in);
            c.write(out);
        }
    }

    public static final class FlinkInteraction extends Interaction implements CopyableValue<FlinkInteraction> {
        @Override
        public void write(DataOutputView out) throws IOException {
            super.write(out);
        }

        @Override
        public void read(DataInputView in) throws IOException {
            super.read(in);
        }

        @Override
        public int getBinaryLength() {
            return -1;
        }

        @Override
        public void copyTo(FlinkInteraction to) {
            to.copyFrom(this);
        }

        @Override
        public FlinkInteraction copy() {
            FlinkInteraction i = new FlinkInteraction();
            i.copyFrom(this);
            return i;
        }

        @Override
        public void copy(DataInputView in, DataOutputView out) throws IOException {
            FlinkInteraction i = new FlinkInteraction();
            i.read(in);
            i.write(out);
        }
    }
}
