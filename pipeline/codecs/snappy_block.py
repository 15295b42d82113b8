"""Snappy's block format: what Prometheus packs its requests with."""

from __future__ import annotations

import cramjam

from pipeline.codecs.excerpt import quote
from pipeline.errors import DecodeError

__all__ = ["MAX_BLOCK_BYTES", "unpack_block"]

MAX_BLOCK_BYTES = 64 * 1024 * 1024
"""Uncompressed size from which on a block is refused: a few bytes can claim to be gigabytes."""


def unpack_block(block: bytes) -> bytes | None:
    """Uncompressed form of a block; None when it is none.

    Raises
    ------
    DecodeError
        It claims to be larger than `MAX_BLOCK_BYTES` (``SNAPPY_SIZE``).

    Examples
    --------
    >>> unpack_block(bytes(cramjam.snappy.compress_raw(b"hello"))), unpack_block(b"hello")
    (b'hello', None)
    """
    try:
        size = cramjam.snappy.decompress_raw_len(block)
        if size > MAX_BLOCK_BYTES:
            raise DecodeError(
                f"record: found {quote(block)}, {size:,} bytes when unpacked, expected at most {MAX_BLOCK_BYTES:,}; send smaller "
                "requests",
                code="SNAPPY_SIZE",
            )
        return bytes(cramjam.snappy.decompress_raw(block))
    except cramjam.DecompressionError:
        return None
