"""Quix Streams, a function a message, river's GaussianScorer a series: as the documentation of both would have it.

Usage: ``quix_river.py BOOTSTRAP TOPIC N_MESSAGES``
"""

import os
import sys
import tempfile
import uuid

from points import tell
from quixstreams import Application
from river.anomaly import GaussianScorer

bootstrap, topic_name, n_messages = sys.argv[1], sys.argv[2], int(sys.argv[3])
STEP = max(n_messages // 20, 1)
THRESHOLD = 0.9999

app = Application(
    broker_address=bootstrap,
    consumer_group=f"bench-{uuid.uuid4().hex[:8]}",
    auto_offset_reset="earliest",
    state_dir=tempfile.mkdtemp(),
    loglevel="ERROR",
    # With the default of a second it waits more than it works.
    consumer_extra_config={"fetch.queue.backoff.ms": 10},
)
scorers: dict[tuple[str, str], GaussianScorer] = {}
n = n_anomalies = 0


def score(record: dict) -> bool:
    """Score, then learn."""
    global n, n_anomalies
    key = (record["name"], record["labels"]["host"])
    scorer = scorers.get(key)
    if scorer is None:
        scorer = scorers[key] = GaussianScorer(window_size=None)
    value = record["value"]
    is_anomaly = scorer.score_one(None, value) > THRESHOLD
    scorer.learn_one(None, value)
    n += 1
    n_anomalies += is_anomaly
    if n % STEP == 0:
        tell(n, n_anomalies=n_anomalies)
    if n == n_messages:
        os._exit(0)
    return is_anomaly


if __name__ == "__main__":
    app.dataframe(app.topic(topic_name, value_deserializer="json", key_deserializer="bytes")).filter(score)
    app.run()
