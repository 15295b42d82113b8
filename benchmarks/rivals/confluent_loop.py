"""A bare loop over confluent-kafka's consumer, with as much on top as is asked for.

Usage: ``confluent_loop.py BOOTSTRAP TOPIC N_MESSAGES bare|orjson|river``
"""

import os
import sys
import uuid

import orjson
from confluent_kafka import Consumer
from points import tell
from river.anomaly import GaussianScorer

bootstrap, topic, n_messages, work = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
THRESHOLD = 0.9999

consumer = Consumer(
    {
        "bootstrap.servers": bootstrap,
        "group.id": f"bench-{uuid.uuid4().hex[:8]}",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        # With the default of a second it waits more than it works.
        "fetch.queue.backoff.ms": 10,
    }
)
consumer.subscribe([topic])
scorers: dict[tuple[str, str], GaussianScorer] = {}
n = n_bytes = n_anomalies = 0
step = max(n_messages // 20, 1)
told = 0
loads = orjson.loads
while n < n_messages:
    for message in consumer.consume(min(10_000, step), 1.0):
        value = message.value()
        n += 1
        if work == "bare":
            n_bytes += len(value)
            continue
        record = loads(value)
        if work == "orjson":
            n_bytes += len(record)
            continue
        key = (record["name"], record["labels"]["host"])
        scorer = scorers.get(key)
        if scorer is None:
            scorer = scorers[key] = GaussianScorer(window_size=None)
        number = record["value"]
        n_anomalies += scorer.score_one(None, number) > THRESHOLD
        scorer.learn_one(None, number)
    if n - told >= step or n >= n_messages:
        told = n
        tell(n, n_anomalies=n_anomalies)
# Leaving the group in order is no part of what is measured, and has been seen to take minutes.
os._exit(0)
