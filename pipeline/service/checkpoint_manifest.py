"""The manifest of a checkpoint: which blocks are part of it, and which source offset they include."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from pipeline.errors import StateError

__all__ = ["CURE", "VERSION", "BlockPlace", "Manifest"]

CURE = "start the worker with --fresh to learn again from the restart horizon"
"""What to do about a checkpoint that cannot be read."""

VERSION = 1
"""Of the form of a manifest."""


@dataclass(frozen=True, slots=True)
class BlockPlace:
    """One block as a manifest names it."""

    place: str
    n_parts: int
    n_bytes: int
    crc: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a checkpoint consists of.

    Attributes
    ----------
    tenure : str
        Of the owner that wrote it.
    sequence : int
        Ordinal within the tenure, from 1.
    offset : int
        Source offset below which every record is included.
    config_hash : str
        Configuration under which it was written.
    blocks : dict of str to BlockPlace
        By name.
    """

    tenure: str
    sequence: int
    offset: int
    config_hash: str
    blocks: dict[str, BlockPlace]

    def to_json(self) -> bytes:
        """The record's value."""
        blocks = {name: [block.place, block.n_parts, block.n_bytes, block.crc] for name, block in self.blocks.items()}
        return orjson.dumps(
            {
                "version": VERSION,
                "tenure": self.tenure,
                "sequence": self.sequence,
                "offset": self.offset,
                "config_hash": self.config_hash,
                "blocks": blocks,
            }
        )

    @classmethod
    def from_json(cls, raw: bytes) -> Manifest:
        """Inverse of `to_json`.

        Raises
        ------
        StateError
            It is damaged (``CHECKPOINT``) or of another version (``CHECKPOINT_VERSION``).
        """
        try:
            data = orjson.loads(raw)
            version = data["version"]
            if version == VERSION:
                blocks = {name: BlockPlace(*block) for name, block in data["blocks"].items()}
                return cls(data["tenure"], data["sequence"], data["offset"], data["config_hash"], blocks)
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(
                f"checkpoint manifest of {len(raw)} bytes is damaged: {type(error).__name__}: {error}; {CURE}", code="CHECKPOINT"
            ) from error
        raise StateError(
            f"checkpoint manifest: found version {version!r}, expected {VERSION}; run the version of Streamwarden that wrote it, or a "
            f"later one, or {CURE}",
            code="CHECKPOINT_VERSION",
        )
