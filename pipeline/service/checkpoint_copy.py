"""The second copy of a partition's checkpoints, in S3: written behind the topic's, read where the topic has none.

One object a tenure, ``<prefix>/<group>/<topic>/<partition>/<tenure>``, replaced by each later copy; when the first of a tenure is
written, those of former ones go.  S3 replaces objects whole, so that there is always a whole one, and a former owner that wakes up
writes another object than the newest tenure's.

An object is ``SWK1``, the length of the manifest in 4 bytes, the manifest as in the topic, and the blocks it names, sorted by name.
"""

from __future__ import annotations

import asyncio
import struct
import time
import zlib
from collections.abc import Mapping
from typing import Any

from pipeline.config.checkpoint_copy import CheckpointCopySettings
from pipeline.config.providers import RemoteProvider
from pipeline.crosscheck.remote.aws import AwsClients
from pipeline.crosscheck.remote.failure import explain_failure
from pipeline.errors import ProviderError, StateError
from pipeline.service.checkpoint_manifest import Manifest
from pipeline.service.checkpoint_reads import encode_group
from pipeline.service.checkpoint_store import StoredCheckpoint
from pipeline.telemetry.events import Telemetry

__all__ = ["CheckpointCopy", "build_copy_clients", "pack_checkpoint", "unpack_checkpoint"]

_MAGIC = b"SWK1"
_LENGTH = struct.Struct("<I")


def pack_checkpoint(manifest: Manifest, blocks: Mapping[str, bytes]) -> bytes:
    """One object of a manifest and all blocks it names.

    Examples
    --------
    >>> manifest = Manifest("00000001-ab", 1, 7, "h", {})
    >>> unpack_checkpoint(pack_checkpoint(manifest, {}), "k").manifest == manifest
    True
    """
    head = manifest.to_json()
    return b"".join((_MAGIC, _LENGTH.pack(len(head)), head, *(blocks[name] for name in sorted(manifest.blocks))))


def unpack_checkpoint(raw: bytes, where: str) -> StoredCheckpoint:
    """Inverse of `pack_checkpoint`.

    Raises
    ------
    StateError
        It is damaged (``CHECKPOINT_COPY``), or of a later version (``CHECKPOINT_VERSION``).
    """
    start = len(_MAGIC) + _LENGTH.size
    length = _LENGTH.unpack_from(raw, len(_MAGIC))[0] if raw[: len(_MAGIC)] == _MAGIC and len(raw) >= start else -1
    at = start + length
    if length >= 0 and at <= len(raw):
        manifest, blocks = Manifest.from_json(raw[start:at]), {}
        for name in sorted(manifest.blocks):
            block = raw[at : at + manifest.blocks[name].n_bytes]
            if len(block) != manifest.blocks[name].n_bytes or zlib.crc32(block) != manifest.blocks[name].crc:
                break
            blocks[name] = block
            at += len(block)
        if len(blocks) == len(manifest.blocks) and at == len(raw):
            return StoredCheckpoint(manifest, blocks)
    raise StateError(
        f"{where}: {len(raw)} bytes are no whole checkpoint; take an older version of the object, or start the worker with --fresh to "
        "learn again from the restart horizon",
        code="CHECKPOINT_COPY",
    )


def build_copy_clients(settings: CheckpointCopySettings) -> AwsClients:
    """AWS clients for the copies; nothing is connected yet."""
    return AwsClients(
        RemoteProvider(
            region=settings.region,
            profile=settings.profile,
            endpoint_url=settings.endpoint_url,
            call_timeout_secs=settings.call_timeout_secs,
        )
    )


class CheckpointCopy:
    """Copies of one source partition's checkpoints.

    Parameters
    ----------
    settings : CheckpointCopySettings
        Bucket and cadence.
    clients : AwsClients
        Shared by all partitions.
    group, topic, partition
        Whose.
    telemetry : Telemetry
        Counts copies; told of failures, which never stop the worker.
    """

    def __init__(
        self, settings: CheckpointCopySettings, clients: AwsClients, group: str, topic: str, partition: int, telemetry: Telemetry
    ) -> None:
        self._settings = settings
        self._clients = clients
        self._folder = f"{settings.prefix}/{encode_group(group).decode()}/{topic}/{partition}/"
        self._telemetry = telemetry
        self._blocks: dict[str, bytes] = {}
        self._tenure = ""
        self._due_secs = 0.0
        self._writing: asyncio.Task[None] | None = None

    def keep(self, manifest: Manifest, blocks: Mapping[str, bytes]) -> None:
        """Take note of a checkpoint that stands in the topic, and begin to copy it when the time has come.

        Parameters
        ----------
        manifest : Manifest
            Of the checkpoint.
        blocks : mapping of str to bytes
            Those of it that are new.
        """
        self._blocks = {name: raw for name, raw in (self._blocks | dict(blocks)).items() if name in manifest.blocks}
        now_secs = time.monotonic()
        if self._writing is None and now_secs >= self._due_secs and self._blocks.keys() == manifest.blocks.keys():
            self._due_secs = now_secs + self._settings.interval_secs
            self._writing = asyncio.create_task(self._write(manifest, self._blocks))

    async def load(self) -> StoredCheckpoint | None:
        """The newest copy; None when there is none.

        Raises
        ------
        StateError
            S3 cannot be asked (``CHECKPOINT_COPY``), or the copy is damaged.
        """
        try:
            keys = await asyncio.to_thread(self._list)
            raw = await asyncio.to_thread(self._get, keys[-1]) if keys else None
        except ProviderError as error:
            raise StateError(
                f"no checkpoint in the topic, and its copy cannot be read: {error}; bring the topic back, or start the worker with "
                "--fresh to learn again from the restart horizon",
                code="CHECKPOINT_COPY",
            ) from error
        return None if raw is None else unpack_checkpoint(raw, f"s3://{self._settings.bucket}/{keys[-1]}")

    async def settle(self) -> None:
        """Wait for the copy under way."""
        if self._writing is not None:
            await asyncio.wait({self._writing})

    def close(self) -> None:
        """Write nothing more."""
        if self._writing is not None:
            self._writing.cancel()

    async def _write(self, manifest: Manifest, blocks: Mapping[str, bytes]) -> None:
        try:
            await asyncio.to_thread(self._put, manifest, blocks)
            self._telemetry.metrics.count("checkpoint_copies_total", outcome="written")
        except ProviderError as error:
            self._telemetry.metrics.count("checkpoint_copies_total", outcome="failed")
            self._telemetry.emit("checkpoint_copy_failed", code=error.code, error=error)
        finally:
            self._writing = None

    def _put(self, manifest: Manifest, blocks: Mapping[str, bytes]) -> None:
        key = self._folder + manifest.tenure
        self._call("PutObject", "put_object", Key=key, Body=pack_checkpoint(manifest, blocks))
        if manifest.tenure != self._tenure:
            self._tenure = manifest.tenure
            for former in self._list():
                if former < key:
                    self._call("DeleteObject", "delete_object", Key=former)

    def _list(self) -> list[str]:
        keys: list[str] = []
        more: dict[str, str] = {}
        while True:
            page = self._call("ListObjectsV2", "list_objects_v2", Prefix=self._folder, **more)
            keys += [one["Key"] for one in page.get("Contents", ())]
            if not page.get("IsTruncated"):
                return sorted(keys)
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def _get(self, key: str) -> bytes:
        try:
            return bytes(self._call("GetObject", "get_object", Key=key)["Body"].read())
        except ProviderError:
            raise
        except Exception as error:
            raise explain_failure("s3 GetObject", error) from error

    def _call(self, api: str, method: str, **request: Any) -> Mapping[str, Any]:
        try:
            answer: Mapping[str, Any] = getattr(self._clients.get("s3"), method)(Bucket=self._settings.bucket, **request)
        except Exception as error:
            raise explain_failure(f"s3 {api}", error) from error
        return answer
