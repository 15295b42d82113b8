import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.UUID;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.serialization.AbstractDeserializationSchema;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.util.Collector;

/**
 * Flink in a local mini cluster, parallelism 1: keyed, z-score a key in heap state, no checkpoints.
 * Arguments: bootstrap, topic, number of messages.
 */
public final class FlinkRival {
    private static final double THRESHOLD_SDS = 6.0;
    private static final int WARM_SAMPLES = 100;

    /** The message as its producer has it. */
    public record Metric(String name, Map<String, String> labels, long ts, double value) {}

    /** What goes from the source to the keyed function; a POJO of Flink. */
    public static class Sample {
        public String key;
        public double value;
    }

    /** Mean and variance of a series after Welford; a POJO of Flink. */
    public static class Moments {
        public long n;
        public double mean;
        public double squares;
    }

    public static final class Decoder extends AbstractDeserializationSchema<Sample> {
        private transient ObjectMapper mapper;

        @Override
        public void open(InitializationContext context) {
            mapper = new ObjectMapper();
        }

        @Override
        public Sample deserialize(byte[] value) throws java.io.IOException {
            Metric metric = mapper.readValue(value, Metric.class);
            Sample sample = new Sample();
            sample.key = metric.name() + '|' + metric.labels().get("host");
            sample.value = metric.value();
            return sample;
        }
    }

    public static final class Scorer extends KeyedProcessFunction<String, Sample, String> {
        private final long nMessages;
        private final long step;
        private transient ValueState<Moments> state;
        private long n;
        private long nAnomalies;

        Scorer(long nMessages) {
            this.nMessages = nMessages;
            this.step = Math.max(nMessages / 20, 1);
        }

        @Override
        public void open(OpenContext context) {
            state = getRuntimeContext().getState(new ValueStateDescriptor<>("moments", Moments.class));
        }

        @Override
        public void processElement(Sample sample, Context context, Collector<String> out) throws Exception {
            Moments moments = state.value();
            if (moments == null) {
                moments = new Moments();
            }
            double value = sample.value;
            if (moments.n >= WARM_SAMPLES && Math.abs(value - moments.mean) > THRESHOLD_SDS * Math.sqrt(moments.squares / moments.n)) {
                nAnomalies++;
                out.collect(sample.key);
            }
            moments.n++;
            double delta = value - moments.mean;
            moments.mean += delta / moments.n;
            moments.squares += delta * (value - moments.mean);
            state.update(moments);
            n++;
            if (n % step == 0) {
                tell(n, nAnomalies);
            }
            if (n == nMessages) {
                Runtime.getRuntime().halt(0);
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        StreamExecutionEnvironment environment = StreamExecutionEnvironment.createLocalEnvironment(1);
        KafkaSource<Sample> source = KafkaSource.<Sample>builder()
            .setBootstrapServers(arguments[0])
            .setTopics(arguments[1])
            .setGroupId("bench-" + UUID.randomUUID())
            .setStartingOffsets(OffsetsInitializer.earliest())
            .setValueOnlyDeserializer(new Decoder())
            .build();
        environment.fromSource(source, WatermarkStrategy.noWatermarks(), "source")
            .keyBy(sample -> sample.key)
            .process(new Scorer(Long.parseLong(arguments[2])))
            .sinkTo(new DiscardingSink<>());
        environment.execute("bench");
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
