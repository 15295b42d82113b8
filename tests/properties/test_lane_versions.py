"""Checkpoints of lanes that earlier releases wrote can still be restored, and go on to the anomalies they went on to then.

``state/lane.v<version>.json`` holds the blocks of a checkpoint, the records after it and what came of them.  To add one for a new
version: ``python -m tests.properties.test_lane_versions``; one that is there is never overwritten.  Where the default detector itself
has come to score otherwise, ``python -m tests.properties.test_lane_versions again`` tells anew what follows the blocks, which stay.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.checkpoint import restore_lane, take_checkpoint
from pipeline.engine.lane import SNAPSHOT_VERSION
from tests.properties.lane_run import make_lane
from tests.properties.naughty_log import make_config, naughty_log
from tests.properties.test_lane_snapshot import feed

FOLDER = Path(__file__).with_name("state")
FILES = sorted(FOLDER.glob("lane.v*.json"))
CONFIG = make_config(model="default")


def pack(raw: bytes | None) -> str | None:
    return None if raw is None else base64.b64encode(raw).decode()


def unpack(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)


def follow(saved: dict[str, Any]) -> list[Any]:
    """The anomalies after blocks that were saved."""
    lane = make_lane(CONFIG)
    restore_lane(lane, {name: base64.b64decode(raw) for name, raw in saved["blocks"].items()})
    anomalies, _ = feed(lane, [(offset, time, unpack(key), unpack(value)) for offset, time, key, value in saved["rows"]])
    return [json.loads(one) for one in anomalies]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_checkpoint_of_that_version_goes_on_as_it_did(path: Path) -> None:
    saved = json.loads(path.read_text())
    assert len(saved["anomalies"]) >= 5
    assert follow(saved) == saved["anomalies"]


def test_there_is_a_file_of_every_version() -> None:
    assert [path.stem for path in FILES] == [f"lane.v{version}" for version in range(1, SNAPSHOT_VERSION + 1)]


def main() -> None:
    """Write the file of the version at hand; with ``again``, what follows in each."""
    for old in FILES if sys.argv[1:] == ["again"] else ():
        kept = json.loads(old.read_text())
        old.write_text(json.dumps(kept | {"anomalies": follow(kept)}, indent=0) + "\n")
    path = FOLDER / f"lane.v{SNAPSHOT_VERSION}.json"
    if path.exists():
        return
    rows = naughty_log(41, 500)
    lane = make_lane(CONFIG)
    feed(lane, rows[:300])
    blocks = take_checkpoint(lane, is_full=True).encode()
    saved = {
        "blocks": {name: pack(raw) for name, raw in blocks.items()},
        "rows": [[offset, time, pack(key), pack(value)] for offset, time, key, value in rows[300:]],
        "anomalies": [json.loads(one) for one in feed(lane, rows[300:])[0]],
    }
    path.write_text(json.dumps(saved, indent=0) + "\n")


if __name__ == "__main__":
    main()
