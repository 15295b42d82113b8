"""What the worker is to cost at most, in multiples of what a rival of the same run costs."""

from __future__ import annotations

from typing import NamedTuple


class Goal(NamedTuple):
    """`who` is to cost at most `most` times what `rival` costs."""

    who: str
    rival: str
    most: float


GOALS = (
    Goal("worker-default", "confluent-bare", 1.0),
    Goal("worker-default", "java-zscore", 1.0),
    Goal("worker-default", "kafka-streams", 1 / 4),
    Goal("worker-default", "quix-river", 1 / 15),
    Goal("worker-lane", "confluent-bare", 0.6),
)
"""Of issue 7: the worker with its default detector, and the lane alone."""

SAMPLES_PER_CPU_SEC = 2_000_000
"""Of the same issue: what the worker with its default detector is to score at least, where messages are requests of many samples."""
