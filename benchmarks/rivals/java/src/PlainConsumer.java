import com.alibaba.fastjson2.JSON;
import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.UUID;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** A plain consumer by hand. Arguments: bootstrap, topic, number of messages, "bare" or "zscore" (fastjson2 and a z-score a series). */
public final class PlainConsumer {
    private static final double THRESHOLD_SDS = 6.0;
    private static final int WARM_SAMPLES = 100;

    /** The message as its producer has it. */
    public record Metric(String name, Map<String, String> labels, long ts, double value) {}

    /** Mean and variance of a series after Welford. */
    private static final class Moments {
        private long n;
        private double mean;
        private double squares;

        boolean scoreAndLearn(double value) {
            boolean isAnomaly = n >= WARM_SAMPLES && Math.abs(value - mean) > THRESHOLD_SDS * Math.sqrt(squares / n);
            n++;
            double delta = value - mean;
            mean += delta / n;
            squares += delta * (value - mean);
            return isAnomaly;
        }
    }

    public static void main(String[] arguments) throws Exception {
        long nMessages = Long.parseLong(arguments[2]);
        boolean isBare = arguments[3].equals("bare");
        Properties settings = new Properties();
        settings.put("bootstrap.servers", arguments[0]);
        settings.put("group.id", "bench-" + UUID.randomUUID());
        settings.put("auto.offset.reset", "earliest");
        settings.put("enable.auto.commit", "false");
        settings.put("max.poll.records", "10000");
        settings.put("max.partition.fetch.bytes", "4194304");
        settings.put("key.deserializer", ByteArrayDeserializer.class.getName());
        settings.put("value.deserializer", ByteArrayDeserializer.class.getName());
        Map<String, Moments> series = new HashMap<>();
        long n = 0;
        long nBytes = 0;
        long nAnomalies = 0;
        long told = 0;
        long step = Math.max(nMessages / 20, 1);
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings)) {
            consumer.subscribe(List.of(arguments[1]));
            while (n < nMessages) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
                    n++;
                    if (isBare) {
                        nBytes += record.value().length;
                        continue;
                    }
                    Metric metric = JSON.parseObject(record.value(), Metric.class);
                    String key = metric.name() + '|' + metric.labels().get("host");
                    if (series.computeIfAbsent(key, unseen -> new Moments()).scoreAndLearn(metric.value())) {
                        nAnomalies++;
                    }
                }
                if (n - told >= step || n >= nMessages) {
                    told = n;
                    tell(n, nAnomalies + (nBytes < 0 ? 1 : 0));
                }
            }
            System.out.flush();
            Runtime.getRuntime().halt(0);
        }
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
