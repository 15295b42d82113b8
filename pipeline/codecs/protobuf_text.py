"""Fields of small protobuf messages, read once a series: which field, which bytes."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.codecs.excerpt import quote
from pipeline.errors import DecodeError, SampleError

__all__ = ["decode_text", "encode_length", "walk_fields"]

_LENGTH_WIRE = 2
_FIXED = {1: 8, 5: 4}


def walk_fields(raw: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Field number, wire type and bytes of each field of a message, in order; of a varint its value as 8 bytes, little-endian.

    Raises
    ------
    DecodeError
        The bytes are no message (``PROTOBUF``).

    Examples
    --------
    >>> list(walk_fields(b"\\x0a\\x02hi\\x10\\x05"))
    [(1, 2, b'hi'), (2, 0, b'\\x05\\x00\\x00\\x00\\x00\\x00\\x00\\x00')]
    """
    at = 0
    while at < len(raw):
        tag, at = _read_varint(raw, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _read_varint(raw, at)
            yield number, wire, (value & (2**64 - 1)).to_bytes(8, "little")
            continue
        if wire == _LENGTH_WIRE:
            size, at = _read_varint(raw, at)
        elif wire in _FIXED:
            size = _FIXED[wire]
        else:
            raise _broken(raw, f"wire type {wire} at byte {at}")
        if at + size > len(raw):
            raise _broken(raw, f"a field of {size} bytes where {len(raw) - at} are left")
        yield number, wire, raw[at : at + size]
        at += size


def _read_varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(raw) and shift < 70:
        byte = raw[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise _broken(raw, f"a number without an end at byte {at}")


def _broken(raw: bytes, found: str) -> DecodeError:
    return DecodeError(
        f"protobuf: found {found} in {quote(raw)}, expected a whole message; see to the producer's serialiser", code="PROTOBUF"
    )


def encode_length(size: int) -> bytes:
    """A length as protobuf writes it.

    Examples
    --------
    >>> encode_length(5), encode_length(300)
    (b'\\x05', b'\\xac\\x02')
    """
    parts = bytearray()
    while size > 127:
        parts.append(size & 127 | 128)
        size >>= 7
    parts.append(size)
    return bytes(parts)


def decode_text(raw: bytes, what: str) -> str:
    """Text of a label.

    Raises
    ------
    SampleError
        It is not UTF-8 (``LABELS_TYPE``).
    """
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise SampleError(f"{what}: {quote(raw)} is not UTF-8; see to the producer's encoding", code="LABELS_TYPE") from error
