"""Checkpoints of a lane as named blocks of bytes: what changed since the last one, and back.

A block is a tree of plain values and arrays::

    magic "SWC1" | length of the header, 4 bytes | header, JSON | arrays, zstd

The header is the tree with ``{"$": n}`` in place of the n-th array, and dtype and shape of each array; the arrays follow one after
another, numbers in the byte order the header names.  Whether a block has been damaged on its way is for its store to find out.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cramjam
import numpy as np
import orjson

from pipeline.engine.lane import Lane
from pipeline.errors import StateError

__all__ = ["HEAD", "LaneCheckpoint", "decode_tree", "encode_tree", "restore_lane", "take_checkpoint"]

HEAD = "head"
"""Name of the block of what belongs to no single series; in every checkpoint."""

_MAGIC = b"SWC1"
_LENGTH = struct.Struct("<I")
_LEVEL = 1
_ARRAY = "$"
_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS


@dataclass(frozen=True, slots=True)
class LaneCheckpoint:
    """What is to be written: copies, so that the lane may go on while they are encoded in another thread.

    Attributes
    ----------
    offset : int
        Records below it are included.
    n_taken : int
        Records and samples that the lane had taken in.
    blocks : tuple of int
        Blocks of slots that are in it.
    snapshot : dict
        Of `Lane.snapshot`.
    """

    offset: int
    n_taken: int
    blocks: tuple[int, ...]
    snapshot: dict[str, Any]

    def encode(self) -> dict[str, bytes]:
        """The blocks by name: ``head``, and ``slots-00000n`` for those of slots; to be called once.

        Each copy is let go when it is encoded: of many series the copies are gigabytes.
        """
        trees = self.snapshot["blocks"]
        encoded = {_name_of(block): encode_tree(trees.pop(block)) for block in self.blocks}
        encoded[HEAD] = encode_tree(self.snapshot["head"])
        return encoded


def take_checkpoint(lane: Lane, *, is_full: bool) -> LaneCheckpoint:
    """Copy what changed in a lane since the last checkpoint; it counts as written from now on.

    When it could not be written after all: ``lane.dirty.put_back(checkpoint.blocks)``.

    Parameters
    ----------
    lane : Lane
        Between two batches.
    is_full : bool
        Take everything, changed or not.
    """
    dirty = lane.dirty.take()
    snapshot = lane.snapshot(None if is_full else dirty)
    return LaneCheckpoint(lane.next_offset, lane.n_taken, tuple(snapshot["blocks"]), snapshot)


def restore_lane(lane: Lane, blocks: Mapping[str, bytes]) -> None:
    """Put the newest version of every block into a fresh lane.

    Parameters
    ----------
    lane : Lane
        That has taken in nothing.
    blocks : mapping of str to bytes
        By name, as `LaneCheckpoint.encode` gives them.

    Raises
    ------
    StateError
        The blocks are not those of a lane (``CHECKPOINT_BLOCK``), or the lane refuses them (`Lane.restore`).
    """
    if HEAD not in blocks:
        raise StateError(
            f"checkpoint without a block {HEAD!r}: found {sorted(blocks)[:5]}; take an older one", code="CHECKPOINT_BLOCK"
        )
    names = sorted(blocks.keys() - {HEAD})
    lane.restore_blocks(_decode_block(HEAD, blocks[HEAD]), (_decode_block(name, blocks[name]) for name in names))


def encode_tree(tree: Any) -> bytes:
    """Bytes of a tree of dicts with text or integer keys, lists, plain values and arrays.

    Examples
    --------
    >>> tree = decode_tree(encode_tree({"a": [1, None, np.arange(3)], "b": "x"}))
    >>> tree["a"][2].tolist(), tree["b"]
    ([0, 1, 2], 'x')
    """
    arrays: list[np.ndarray[Any, Any]] = []
    plain = _take_arrays(tree, arrays)
    header = orjson.dumps(
        {"tree": plain, "arrays": [[_describe(array.dtype), list(array.shape)] for array in arrays]}, option=_OPTIONS
    )
    body = cramjam.zstd.compress(b"".join(map(_to_bytes, arrays)), _LEVEL)
    return b"".join((_MAGIC, _LENGTH.pack(len(header)), header, bytes(body)))


def decode_tree(raw: bytes) -> Any:
    """Inverse of `encode_tree`; keys come back as text, tuples as lists.

    Raises
    ------
    ValueError
        The bytes are no such tree.
    """
    start = len(_MAGIC) + _LENGTH.size
    if raw[: len(_MAGIC)] != _MAGIC or len(raw) < start:
        raise ValueError(f"found {raw[:8]!r}, expected {_MAGIC!r} at the beginning")
    stop = start + _LENGTH.unpack_from(raw, len(_MAGIC))[0]
    header = orjson.loads(raw[start:stop])
    try:
        body = bytes(cramjam.zstd.decompress(raw[stop:]))
    except cramjam.DecompressionError as error:
        raise ValueError(str(error)) from error
    arrays = []
    at = 0
    for described, shape in header["arrays"]:
        dtype = _to_dtype(described)
        count = int(np.prod(shape, dtype=np.int64))
        arrays.append(np.frombuffer(body, dtype, count, at).reshape(shape).copy())
        at += count * dtype.itemsize
    if at != len(body):
        raise ValueError(f"found {len(body)} bytes of arrays, expected {at}")
    return _put_arrays(header["tree"], arrays)


def _decode_block(name: str, raw: bytes) -> Any:
    try:
        return decode_tree(raw)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise StateError(
            f"block {name!r} of a checkpoint, {len(raw)} bytes: {error}; it is damaged or of another release, take an older one",
            code="CHECKPOINT_BLOCK",
        ) from error


def _name_of(block: int) -> str:
    return f"slots-{block:06d}"


def _take_arrays(tree: Any, arrays: list[np.ndarray[Any, Any]]) -> Any:
    if isinstance(tree, np.ndarray):
        arrays.append(tree)
        return {_ARRAY: len(arrays) - 1}
    if isinstance(tree, Mapping):
        return {key: _take_arrays(value, arrays) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        # Most lists are long and plain: labels.
        return [
            _take_arrays(value, arrays) if isinstance(value, np.ndarray | Mapping | list | tuple) else value for value in tree
        ]
    return tree


def _put_arrays(plain: Any, arrays: list[np.ndarray[Any, Any]]) -> Any:
    if isinstance(plain, dict):
        if plain.keys() == {_ARRAY}:
            return arrays[plain[_ARRAY]]
        return {key: _put_arrays(value, arrays) for key, value in plain.items()}
    if isinstance(plain, list):
        return [_put_arrays(value, arrays) if isinstance(value, dict | list) else value for value in plain]
    return plain


def _describe(dtype: np.dtype[Any]) -> Any:
    """A dtype as JSON; of a structured one offsets and size too, since alignment leaves holes."""
    if dtype.names is None:
        return dtype.str
    fields = [[name, field.base.str, list(field.shape), offset] for name, field, offset in _fields_of(dtype)]
    return [fields, dtype.itemsize, dtype.isalignedstruct]


def _fields_of(dtype: np.dtype[Any]) -> list[tuple[str, np.dtype[Any], int]]:
    fields: Mapping[str, Any] = dtype.fields or {}
    return [(name, fields[name][0], fields[name][1]) for name in dtype.names or ()]


def _to_bytes(array: np.ndarray[Any, Any]) -> bytes:
    """Elements one after another; the holes of a structured dtype, in which anything may stand, are zeros."""
    if array.dtype.names is None:
        return array.tobytes()
    clean = np.frombuffer(bytearray(array.nbytes), array.dtype).reshape(array.shape)
    for name in array.dtype.names:
        clean[name] = array[name]
    return clean.tobytes()


def _to_dtype(described: Any) -> np.dtype[Any]:
    if isinstance(described, str):
        return np.dtype(described)
    fields, itemsize, is_aligned = described
    return np.dtype(
        {
            "names": [name for name, *_ in fields],
            "formats": [(base, tuple(shape)) for _, base, shape, _ in fields],
            "offsets": [offset for *_, offset in fields],
            "itemsize": itemsize,
        },
        align=is_aligned,
    )
