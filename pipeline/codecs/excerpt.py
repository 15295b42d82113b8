"""Excerpts of input for messages: short, printable, whatever the bytes."""

from __future__ import annotations

__all__ = ["quote"]

_MAX_CHARACTERS = 48


def quote(found: bytes | str) -> str:
    """What was found, quoted, cut to 48 characters, with nothing unprintable in it.

    Examples
    --------
    >>> quote(b"tru"), quote("x" * 100)[-20:]
    ("'tru'", "xxx'... (100 in all)")
    """
    text = found[: 4 * _MAX_CHARACTERS].decode("utf-8", "replace") if isinstance(found, bytes) else found
    if len(text) <= _MAX_CHARACTERS and len(found) <= 4 * _MAX_CHARACTERS:
        return ascii(text)[:80]
    return f"{ascii(text[:_MAX_CHARACTERS])[:72]}... ({len(found)} in all)"
