"""Bytewax: parsed, keyed, and a stateful step with river's GaussianScorer a key: as the documentation of both would have it.

Usage: ``bytewax_river.py BOOTSTRAP TOPIC N_MESSAGES``
"""

import os
import sys

import bytewax.operators as op
import orjson
from bytewax.connectors.kafka import KafkaSourceMessage
from bytewax.connectors.kafka import operators as kop
from bytewax.connectors.stdio import StdOutSink
from bytewax.dataflow import Dataflow
from bytewax.testing import run_main
from points import tell
from river.anomaly import GaussianScorer

bootstrap, topic_name, n_messages = sys.argv[1], sys.argv[2], int(sys.argv[3])
STEP = max(n_messages // 20, 1)
THRESHOLD = 0.9999
n = n_anomalies = 0


def parse(message: KafkaSourceMessage) -> tuple[str, float]:
    """Key and value of the sample."""
    record = orjson.loads(message.value)
    return f"{record['name']}|{record['labels']['host']}", record["value"]


def score(scorer: GaussianScorer | None, value: float) -> tuple[GaussianScorer, bool]:
    """Score, then learn."""
    global n, n_anomalies
    if scorer is None:
        scorer = GaussianScorer(window_size=None)
    is_anomaly = scorer.score_one(None, value) > THRESHOLD
    scorer.learn_one(None, value)
    n += 1
    n_anomalies += is_anomaly
    if n % STEP == 0:
        tell(n, n_anomalies=n_anomalies)
    if n == n_messages:
        os._exit(0)
    return scorer, is_anomaly


flow = Dataflow("bench")
# With librdkafka's default of a second it waits more than it works.
config = {"fetch.queue.backoff.ms": "10"}
source = kop.input("source", flow, brokers=[bootstrap], topics=[topic_name], add_config=config, batch_size=1_000)
scored = op.stateful_map("score", op.map("parse", source.oks, parse), score)
op.output("none", op.filter("nothing", scored, lambda _: False), StdOutSink())

if __name__ == "__main__":
    run_main(flow)
