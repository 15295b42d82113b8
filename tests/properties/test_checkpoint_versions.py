"""Checkpoint topics that earlier releases wrote can still be read: manifest, blocks in their places and parts, state, and what follows.

``state/checkpoint.v<version>.json`` holds the records of a checkpoint topic with the manifest's version, byte for byte, the offset they
come to, the source records after it and what came of those.  To add one for a new version:
``python -m tests.properties.test_checkpoint_versions``; one that is there is never overwritten.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.checkpoint import restore_lane, take_checkpoint
from pipeline.service.checkpoint_manifest import VERSION
from pipeline.service.checkpoint_reads import CheckpointReads
from pipeline.service.checkpoint_store import CheckpointStore, CheckpointTopic
from pipeline.service.publisher import Message
from tests.properties.lane_run import make_lane
from tests.properties.naughty_log import make_config, naughty_log
from tests.properties.test_lane_snapshot import feed
from tests.properties.test_lane_versions import pack, unpack

FOLDER = Path(__file__).with_name("state")
FILES = sorted(FOLDER.glob("checkpoint.v*.json"))
CONFIG = make_config(model="gaussian_scorer")
N_PARTITIONS = 2
Records = list[Message]


def open_store(records: Records) -> CheckpointStore:
    async def publish(messages: Sequence[Message]) -> None:
        records.extend(messages)

    async def read(partition: int) -> AsyncIterator[Sequence[Any]]:
        yield [record for record in records if record.partition == partition]

    topic = CheckpointTopic("checkpoints", N_PARTITIONS, publish, CheckpointReads(read))
    return CheckpointStore(topic, "a group/of odd name", CONFIG.topics[0].name, 3, "hash")


def records_of(saved: dict[str, Any]) -> Records:
    return [Message("checkpoints", unpack(key), unpack(value), partition=at) for at, key, value in saved["records"]]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_topic_of_that_version_is_restored_and_goes_on(path: Path) -> None:
    async def run() -> None:
        saved = json.loads(path.read_text())
        records = records_of(saved)
        (manifest,) = [json.loads(record.value or b"") for record in records if (record.key or b"").endswith(b"/manifest")][-1:]
        assert f"checkpoint.v{manifest['version']}" == path.stem
        store = open_store(records)
        loaded = await store.load()
        assert loaded is not None
        assert (loaded.manifest.offset, loaded.manifest.sequence) == (saved["offset"], 2)
        assert {block.place for block in loaded.manifest.blocks.values()} == {"a", "b"}
        lane = make_lane(CONFIG)
        restore_lane(lane, loaded.blocks)
        assert lane.next_offset == saved["offset"]
        anomalies, _ = feed(lane, [(offset, time, unpack(key), unpack(value)) for offset, time, key, value in saved["rows"]])
        assert len(anomalies) >= 3
        assert [json.loads(one) for one in anomalies] == saved["anomalies"]
        # The next owner's checkpoint takes its place.
        await store.save(lane.next_offset, take_checkpoint(lane, is_full=True).encode())
        again = await open_store(records).load()
        assert again is not None
        assert again.manifest.offset == lane.next_offset > saved["offset"]

    asyncio.run(run())


def test_there_is_a_file_of_every_version() -> None:
    assert [path.stem for path in FILES] == [f"checkpoint.v{version}" for version in range(1, VERSION + 1)]


def main() -> None:
    """Write the file of the version at hand."""
    path = FOLDER / f"checkpoint.v{VERSION}.json"
    if path.exists():
        return
    rows = naughty_log(43, 400)
    # A record of no use changes the head alone, which so goes to its other place.
    cut = next(i for i, row in enumerate(rows) if i >= 200 and row[3] is None)
    lane = make_lane(CONFIG)
    records: Records = []

    async def write() -> None:
        store = open_store(records)
        await store.load()
        feed(lane, rows[:cut])
        await store.save(lane.next_offset, take_checkpoint(lane, is_full=True).encode())
        feed(lane, rows[cut : cut + 1])
        await store.save(lane.next_offset, take_checkpoint(lane, is_full=False).encode())

    asyncio.run(write())
    offset, after = lane.next_offset, rows[cut + 1 :]
    saved = {
        "offset": offset,
        "records": [[record.partition, pack(record.key), pack(record.value)] for record in records],
        "rows": [[row_offset, time, pack(key), pack(value)] for row_offset, time, key, value in after],
        "anomalies": [json.loads(one) for one in feed(lane, after)[0]],
    }
    path.write_text(json.dumps(saved, indent=0) + "\n")


if __name__ == "__main__":
    main()
