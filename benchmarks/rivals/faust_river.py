"""Stock Faust, an agent a record, river's GaussianScorer a series: as the documentation of both would have it.

Usage: ``faust_river.py BOOTSTRAP TOPIC N_MESSAGES``
"""

import os
import sys
import tempfile
import uuid

import faust
from points import tell
from river.anomaly import GaussianScorer

bootstrap, topic_name, n_messages = sys.argv[1], sys.argv[2], int(sys.argv[3])
STEP = max(n_messages // 20, 1)
THRESHOLD = 0.9999

app = faust.App(
    f"bench-{uuid.uuid4().hex[:8]}",
    broker=f"kafka://{bootstrap}",
    datadir=tempfile.mkdtemp(),
    consumer_auto_offset_reset="earliest",
    topic_disable_leader=True,
    web_enabled=False,
    worker_redirect_stdouts=False,
)
source = app.topic(topic_name, value_serializer="json", key_serializer="raw")
scorers: dict[tuple[str, str], GaussianScorer] = {}


@app.agent(source)
async def score(stream: faust.StreamT) -> None:
    """Score, then learn."""
    n = n_anomalies = 0
    async for record in stream:
        key = (record["name"], record["labels"]["host"])
        scorer = scorers.get(key)
        if scorer is None:
            scorer = scorers[key] = GaussianScorer(window_size=None)
        value = record["value"]
        n_anomalies += scorer.score_one(None, value) > THRESHOLD
        scorer.learn_one(None, value)
        n += 1
        if n % STEP == 0:
            tell(n, n_anomalies=n_anomalies)
        if n == n_messages:
            os._exit(0)


if __name__ == "__main__":
    app.finalize()
    sys.argv = [sys.argv[0], "worker", "--without-web", "--loglevel", "error"]
    app.main()
