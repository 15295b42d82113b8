"""Second copies of checkpoints in a local S3: whole or damaged, of former owners, away."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping
from typing import Any

import boto3
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config.checkpoint_copy import CheckpointCopySettings
from pipeline.errors import StateError
from pipeline.service.checkpoint_copy import CheckpointCopy, build_copy_clients, pack_checkpoint, unpack_checkpoint
from pipeline.service.checkpoint_manifest import Manifest
from pipeline.telemetry.events import Telemetry
from pipeline.telemetry.metrics import Metrics


@pytest.fixture
def s3(moto: str) -> Any:
    client = boto3.client("s3", endpoint_url=moto, region_name="us-east-1")
    client.create_bucket(Bucket="copies")
    for one in client.list_objects_v2(Bucket="copies").get("Contents", ()):
        client.delete_object(Bucket="copies", Key=one["Key"])
    return client


def make_copy(endpoint_url: str, metrics: Metrics | None = None, interval_secs: float = 1e-6) -> CheckpointCopy:
    settings = CheckpointCopySettings(
        bucket="copies", region="us-east-1", endpoint_url=endpoint_url, interval_secs=interval_secs, call_timeout_secs=2.0
    )
    return CheckpointCopy(settings, build_copy_clients(settings), "a group", "metrics", 3, Telemetry(metrics))


def make_manifest(tenure: int, offset: int, blocks: Mapping[str, bytes]) -> Manifest:
    described = {name: ["a", 1, len(raw), zlib.crc32(raw)] for name, raw in blocks.items()}
    raw = Manifest(f"{tenure:08d}-ab", 1, offset, "h", {}).to_json()
    return Manifest.from_json(orjson.dumps({**orjson.loads(raw), "blocks": described}))


async def keep(copy: CheckpointCopy, tenure: int, offset: int, state: Mapping[str, bytes], changed: Mapping[str, bytes]) -> None:
    copy.keep(make_manifest(tenure, offset, state), changed)
    await copy.settle()


@given(st.dictionaries(st.text("pqrs/-", min_size=1), st.binary(max_size=40), max_size=5), st.data())
def test_what_is_packed_comes_back_and_what_is_damaged_does_not(blocks: dict[str, bytes], data: st.DataObject) -> None:
    manifest = make_manifest(4, 9, blocks)
    raw = pack_checkpoint(manifest, blocks)
    found = unpack_checkpoint(raw, "here")
    assert (found.manifest, found.blocks) == (manifest, blocks)
    cut = data.draw(st.integers(0, len(raw) - 1))
    with pytest.raises(StateError):
        unpack_checkpoint(raw[:cut], "here")
    with pytest.raises(StateError, match="no whole checkpoint"):
        unpack_checkpoint(raw + b"x", "here")


def test_the_newest_tenure_counts_and_former_ones_go(moto: str, s3: Any) -> None:
    async def run() -> None:
        former = make_copy(moto)
        assert await former.load() is None
        await keep(former, 1, 10, {"p": b"1", "q": b"2"}, {"p": b"1", "q": b"2"})
        await keep(former, 1, 20, {"p": b"1", "q": b"3"}, {"q": b"3"})
        later = make_copy(moto)
        stored = await later.load()
        assert stored is not None
        assert (stored.manifest.offset, stored.blocks) == (20, {"p": b"1", "q": b"3"})
        await keep(later, 2, 30, {"p": b"4"}, {"p": b"4"})
        assert [one["Key"] for one in s3.list_objects_v2(Bucket="copies")["Contents"]] == [
            "streamwarden-checkpoints/a%20group/metrics/3/00000002-ab"
        ]
        # Woken up after the partition went to another.
        await keep(former, 1, 25, {"p": b"1", "q": b"9"}, {"q": b"9"})
        stored = await later.load()
        assert stored is not None
        assert (stored.manifest.offset, stored.blocks) == (30, {"p": b"4"})

    asyncio.run(run())


def test_a_copy_is_made_no_more_often_than_wanted_and_is_whole_then(moto: str, s3: Any) -> None:
    async def run() -> None:
        copy = make_copy(moto, interval_secs=3600.0)
        await keep(copy, 1, 10, {"p": b"1", "q": b"2"}, {"p": b"1", "q": b"2"})
        await keep(copy, 1, 20, {"p": b"5", "q": b"2"}, {"p": b"5"})
        stored = await copy.load()
        assert stored is not None
        assert stored.manifest.offset == 10

    asyncio.run(run())


def test_where_s3_is_away_the_worker_goes_on_and_a_restore_says_what_to_do() -> None:
    async def run() -> None:
        metrics = Metrics()
        copy = make_copy("http://127.0.0.1:1", metrics)
        await keep(copy, 1, 10, {"p": b"1"}, {"p": b"1"})
        assert 'streamwarden_checkpoint_copies_total{outcome="failed"} 1.0' in metrics.render().decode()
        with pytest.raises(StateError, match="--fresh") as caught:
            await copy.load()
        assert caught.value.code == "CHECKPOINT_COPY"

    asyncio.run(run())
