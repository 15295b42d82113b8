"""A checkpoint of a release before groups had targets is restored, and goes on to the anomalies it went on to then.

``state/river_groups.v1.json`` was written by commit 1256d99: a configuration, a checkpoint after 900 records of `log_of`, and what came
of the 700 after them.  What is told of an anomaly has become more since; which there are, and their scores, have not changed.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from pathlib import Path

from pipeline.codecs.record import RecordBatch
from pipeline.config.load import load_text
from pipeline.engine.checkpoint import restore_lane
from pipeline.engine.lane import Lane
from tests.properties.group_log import log_of

HELD = json.loads((Path(__file__).parent / "state" / "river_groups.v1.json").read_text())


def test_it_is_restored_and_goes_on() -> None:
    config = load_text(HELD["topics.yaml"])
    lane = Lane(config, config.topics[0], 0, config_hash="h")
    restore_lane(lane, {name: base64.b64decode(block) for name, block in HELD["blocks"].items()})
    assert lane.next_offset == 900
    told = lane.process(RecordBatch.from_rows("m", 0, log_of(3, 1_600)[900:])).anomalies
    assert [[one.id, one.detector, one.kind, one.phase, one.score.hex()] for one in told] == HELD["told"]
    n_points = Counter(one.detector for one in told if one.kind == "point")
    assert min(n_points[name] for name in ("node", "trees", "each")) >= 3
    assert lane.take_faults() == []
    assert lane.coverage.failing == {}
    predicted = [one for one in told if one.detector == "node" and one.kind == "point"]
    assert all(one.value == one.value and one.expected == one.expected for one in predicted)
