import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * Kafka Streams: one processor, z-score a key in an in-memory store with its changelog, as by default. One stream thread.
 * Arguments: bootstrap, topic, number of messages, application id, topic for anomalies.
 */
public final class StreamsRival {
    private static final double THRESHOLD_SDS = 6.0;
    private static final int WARM_SAMPLES = 100;
    private static final int STATE_BYTES = 24;

    /** The message as its producer has it. */
    public record Metric(String name, Map<String, String> labels, long ts, double value) {}

    private static final class Scorer implements Processor<String, byte[], String, byte[]> {
        private final ObjectMapper mapper = new ObjectMapper();
        private final long nMessages;
        private final long step;
        private ProcessorContext<String, byte[]> context;
        private KeyValueStore<String, byte[]> store;
        private static long n;
        private static long nAnomalies;

        Scorer(long nMessages) {
            this.nMessages = nMessages;
            this.step = Math.max(nMessages / 20, 1);
        }

        @Override
        public void init(ProcessorContext<String, byte[]> given) {
            context = given;
            store = given.getStateStore("moments");
        }

        @Override
        public void process(Record<String, byte[]> record) {
            try {
                Metric metric = mapper.readValue(record.value(), Metric.class);
                String key = metric.name() + '|' + metric.labels().get("host");
                byte[] state = store.get(key);
                long count = 0;
                double mean = 0;
                double squares = 0;
                if (state != null) {
                    ByteBuffer buffer = ByteBuffer.wrap(state);
                    count = buffer.getLong();
                    mean = buffer.getDouble();
                    squares = buffer.getDouble();
                }
                double value = metric.value();
                if (count >= WARM_SAMPLES && Math.abs(value - mean) > THRESHOLD_SDS * Math.sqrt(squares / count)) {
                    nAnomalies++;
                    context.forward(record);
                }
                count++;
                double delta = value - mean;
                mean += delta / count;
                squares += delta * (value - mean);
                store.put(key, ByteBuffer.allocate(STATE_BYTES).putLong(count).putDouble(mean).putDouble(squares).array());
                n++;
                if (n % step == 0) {
                    tell(n, nAnomalies);
                }
                if (n == nMessages) {
                    Runtime.getRuntime().halt(0);
                }
            } catch (Exception problem) {
                problem.printStackTrace();
                Runtime.getRuntime().halt(1);
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        long nMessages = Long.parseLong(arguments[2]);
        Properties settings = new Properties();
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, arguments[3]);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, Files.createTempDirectory("bench-streams").toString());
        settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        Topology topology = new Topology();
        topology.addSource("source", arguments[1]);
        topology.addProcessor("score", () -> new Scorer(nMessages), "source");
        topology.addStateStore(
            Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore("moments"), Serdes.String(), Serdes.ByteArray()), "score");
        topology.addSink("anomalies", arguments[4], "score");
        new KafkaStreams(topology, settings).start();
        Thread.currentThread().join();
    }

    private static void tell(long n, long nAnomalies) throws Exception {
        OperatingSystemMXBean system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        double peakMb = 0;
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmHWM")) {
                peakMb = Double.parseDouble(line.replaceAll("[^0-9]", "")) / 1024;
            }
        }
        System.out.printf(
            java.util.Locale.ROOT,
            "{\"n\": %d, \"cpu_secs\": %.6f, \"wall_secs\": %.6f, \"peak_mb\": %.1f, \"n_anomalies\": %d}%n",
            n, system.getProcessCpuTime() / 1e9, System.nanoTime() / 1e9, peakMb, nAnomalies);
        System.out.flush();
    }
}
