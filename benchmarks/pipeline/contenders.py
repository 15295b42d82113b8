"""Everybody who can take part, by name."""

from __future__ import annotations

from benchmarks.pipeline.contender import METRIC_JSON, REQUESTS, Contender, Rival, Worker
from benchmarks.pipeline.java_rival import JvmRival, StreamsRival
from benchmarks.pipeline.python_rival import EnvironmentRival

__all__ = ["CONTENDERS", "DEFAULT", "REQUESTS_DEFAULT"]

_GAUSSIAN = {"name": "all", "model": {"type": "gaussian_scorer"}, "threshold": {"type": "fixed", "score": 0.9999}}
# Of what is normal no sample passes it: the candidates are the spikes of the workload.
_STRICT = {"name": "all", "model": {"type": "gaussian_scorer"}, "threshold": {"type": "fixed", "score": 0.999999999}}
_FOREST = {"provider": {"type": "local", "family": "random_cut_forest"}}
_FLINK_OPTIONS = ("--add-opens=java.base/java.util=ALL-UNNAMED", "--add-opens=java.base/java.lang=ALL-UNNAMED")
_NONE = {"name": "none", "match": {"name": "no_such_metric"}}

CONTENDERS: dict[str, Contender] = {
    contender.name: contender
    for contender in (
        Worker("worker", "the worker with GaussianScorer, the same model as river's below", 1.0, (_GAUSSIAN,)),
        Worker("worker-default", "the worker with its default detector", 1.0, ({"name": "all"},)),
        Worker("worker-lane", "the worker with a detector that fits no series: fetch, decode, series, lateness", 1.0, (_NONE,)),
        Worker(
            "worker-ordinary",
            "the worker with GaussianScorer on aiokafka's own records",
            1.0,
            (_GAUSSIAN,),
            (("reader", "ordinary"),),
        ),
        Worker("worker-checked", "the worker with GaussianScorer, six sigma, cross-checked by neighbours", 1.0, (_STRICT,)),
        Worker("worker-unchecked", "the same and no cross-check", 1.0, (_STRICT,), crosscheck={"provider": None}),
        Worker("worker-forest", "the same, cross-checked by random cut forests", 1.0, (_STRICT,), crosscheck=_FOREST),
        Rival("faust-river", "stock Faust, an agent a record, river's GaussianScorer", 0.03, "faust_river.py"),
        Rival(
            "confluent-bare",
            "confluent-kafka's consume, length of the value",
            1.0,
            "confluent_loop.py",
            ("bare",),
            REQUESTS | {METRIC_JSON},
        ),
        Rival(
            "confluent-protobuf",
            "confluent-kafka's consume, protobuf's own library, sum of the values",
            0.2,
            "confluent_requests.py",
            reads=REQUESTS,
        ),
        Rival("confluent-orjson", "the same and orjson", 1.0, "confluent_loop.py", ("orjson",)),
        Rival("confluent-river", "the same, orjson and river's GaussianScorer", 0.3, "confluent_loop.py", ("river",)),
        EnvironmentRival("quix-river", "Quix Streams, river's GaussianScorer", 0.1, "quix_river.py", "quix.txt"),
        EnvironmentRival("bytewax-river", "Bytewax, orjson and river's GaussianScorer", 0.1, "bytewax_river.py", "bytewax.txt"),
        JvmRival("java-bare", "a plain Java consumer, length of the value", 1.0, "java", "PlainConsumer", ("bare",)),
        JvmRival("java-zscore", "the same, fastjson2 and a z-score in a HashMap", 1.0, "java", "PlainConsumer", ("zscore",)),
        StreamsRival(
            "kafka-streams",
            "Kafka Streams, Jackson, a z-score in an in-memory store with changelog",
            1.0,
            "streams",
            "StreamsRival",
        ),
        JvmRival(
            "flink",
            "Flink, Jackson, a z-score in keyed heap state, no checkpoints",
            1.0,
            "flink",
            "FlinkRival",
            (),
            _FLINK_OPTIONS,
        ),
    )
}
"""By name."""

DEFAULT = ("worker", "worker-default", "worker-lane", "faust-river", "confluent-bare", "confluent-orjson", "confluent-river")
"""Who takes part when nobody is named."""

REQUESTS_DEFAULT = ("worker-default", "worker-checked", "worker-lane", "confluent-bare", "confluent-protobuf")
"""The same, where a message is a request of many samples."""
