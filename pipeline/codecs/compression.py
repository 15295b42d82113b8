"""Decompression of record batches: gzip, snappy (plain and in xerial's frames, as Java producers write it), lz4, zstd."""

from __future__ import annotations

import struct
from collections.abc import Callable

import cramjam

from pipeline.errors import DecodeError

__all__ = ["CODEC_NAMES", "decompress"]

CODEC_NAMES = ("none", "gzip", "snappy", "lz4", "zstd")
"""Names by the number in the attributes of a batch."""

_XERIAL_HEADER = b"\x82SNAPPY\0" + struct.pack(">ii", 1, 1)
_block_length = struct.Struct(">i")

Block = bytes | memoryview


def _unpack_snappy(block: Block) -> Block:
    view = memoryview(block)
    if bytes(view[: len(_XERIAL_HEADER)]) != _XERIAL_HEADER:
        return memoryview(cramjam.snappy.decompress_raw(view))
    parts: list[Block] = []
    at = len(_XERIAL_HEADER)
    while at < len(view):
        (length,) = _block_length.unpack_from(view, at)
        at += _block_length.size
        if not 0 <= length <= len(view) - at:
            raise ValueError(f"a block of {length} bytes where {len(view) - at} are left")
        parts.append(memoryview(cramjam.snappy.decompress_raw(view[at : at + length])))
        at += length
    return parts[0] if len(parts) == 1 else b"".join(parts)


_UNPACK: tuple[Callable[[Block], Block], ...] = (
    lambda block: block,
    lambda block: memoryview(cramjam.gzip.decompress(block)),
    _unpack_snappy,
    lambda block: memoryview(cramjam.lz4.decompress(block)),
    lambda block: memoryview(cramjam.zstd.decompress(block)),
)


def decompress(codec_number: int, block: Block) -> Block:
    """Uncompressed form of the records of one batch.

    Parameters
    ----------
    codec_number : int
        Lowest three bits of the batch's attributes.
    block : bytes-like

    Raises
    ------
    DecodeError
        Unknown codec or damaged block (``BATCH_COMPRESSION``).

    Examples
    --------
    >>> bytes(decompress(4, memoryview(cramjam.zstd.compress(b"records"))))
    b'records'
    >>> decompress(3, b"records")
    Traceback (most recent call last):
        ...
    pipeline.errors.DecodeError: record batch: lz4 block of 7 bytes is damaged (...); ...
    """
    if codec_number >= len(_UNPACK):
        raise DecodeError(
            f"record batch: compression {codec_number}, expected one of 0 to {len(_UNPACK) - 1} ({', '.join(CODEC_NAMES)}); "
            "see to the producer's compression.type",
            code="BATCH_COMPRESSION",
        )
    try:
        return _UNPACK[codec_number](block)
    except (cramjam.DecompressionError, struct.error, ValueError) as error:
        raise DecodeError(
            f"record batch: {CODEC_NAMES[codec_number]} block of {len(block)} bytes is damaged ({str(error)[:100]}); "
            "see to the broker's disk and to what lies between",
            code="BATCH_COMPRESSION",
        ) from error
