"""Masking: what varies by its looks (numbers, addresses, ids, paths, times) gives way to a mark before templates are mined.

A line is split at white space, and each token is masked by itself.  Marks: ``<num>`` a number, or digits mixed with letters, which
look like a number one time and unlike one the next; ``<hex>`` hexadecimal with its prefix; ``<uuid>``; ``<ip>`` an IPv4, IPv6 or MAC
address with its port; ``<path>`` a path of files or of a URL; ``<url>``; ``<email>``; ``<time>`` a date or time of day; ``<duration>``
and ``<size>`` a number with its unit.  What surrounds them stays: ``blk_3886`` → ``blk_<num>``, ``took=35ms`` → ``took=<duration>``.
A token ``<*>`` of the line itself becomes ``<any>``, so that in templates it means what it says.

Digits are all alike to a mask, so they are first replaced by 0: the *shape* of a line.  Lines and tokens of a shape seen before need
no second look.

Of a text of several lines the first is taken, of a Python traceback the last, where its exception stands.
"""

from __future__ import annotations

import re

__all__ = ["MAX_TOKENS", "Masker", "mask_token"]

MAX_TOKENS = 100
"""Tokens of a line that are looked at; the rest counts as one."""

_MAX_CHARACTERS = 2_000
_MAX_TOKEN_CHARACTERS = 200
_MAX_KNOWN = 16_384
_MAX_KNOWN_CHARACTERS = 48
_MAX_SHORT_CHARACTERS = 8
_MORE = "<more>"
_WILDCARD = "<*>"
_SHAPE = bytes.maketrans(b"123456789", b"000000000")

# In order of preference: the longest and most telling first.
_FORMS = {
    "url": r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>()\[\]{},;]+",
    "uuid": r"(?<![0-9A-Za-z])[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}(?![0-9A-Za-z])",
    "email": r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+",
    "time": (
        r"(?<![0-9])\d{4}[-./]\d\d[-./]\d\d(?:[-T_]\d\d[:.]\d\d(?:[:.]\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?(?![0-9])"
        r"|(?<![0-9:])\d\d?:\d\d:\d\d(?:[.,]\d+)?(?![0-9:])"
    ),
    "ip": (
        r"/?(?<![0-9.])\d{1,3}(?:\.\d{1,3}){3}(?![0-9.]\d)(?:/\d{1,2}(?!\d)|:\d+)?"
        r"|/?(?<![0-9A-Za-z:])(?:[0-9A-Fa-f]{1,4}:){5,}[0-9A-Fa-f]{1,5}(?![0-9A-Za-z])"
        r"|(?<![0-9A-Za-z:])(?:[0-9A-Fa-f]{1,4}:)*(?:[0-9A-Fa-f]{1,4})?::(?:[0-9A-Fa-f]{1,4}:)*[0-9A-Fa-f]{1,4}(?![0-9A-Za-z:])"
    ),
    "path": (
        r"(?<![\w.>])(?:[A-Za-z]:)?(?:\.{0,2}|~)[/\\][^\s:,;()\[\]{}\"'=<>|]+"
        r"|(?<![\w.-])[\w.-]+(?:/[\w.-]+){2,}/?"
    ),
    "hex": r"0[xX][0-9A-Fa-f]+",
    "duration": r"(?<![0-9A-Za-z.])(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+(?![0-9A-Za-z])",
    "size": r"(?<![0-9A-Za-z.])\d+(?:\.\d+)?(?:[KMGTPkmgtp]i?)?[Bb](?:ytes?)?(?![0-9A-Za-z])",
    "num": (
        r"(?<![0-9A-Za-z])(?:(?=[0-9]*[A-Fa-f])(?=[A-Fa-f]*[0-9])[0-9A-Fa-f]{8,}|[A-Za-z]*\d+[A-Za-z]+\d[0-9A-Za-z]*)(?![0-9A-Za-z])"
        r"|(?:(?<![0-9A-Za-z)\].-])[+-])?\d+(?:[.,]\d+)*"
    ),
}
_VARYING = re.compile("|".join(f"(?P<{name}>{form})" for name, form in _FORMS.items()), re.ASCII)
_MARK_BY_FORM = {name: f"<{name}>" for name in _FORMS}
# Hashes and ids are common and never the same: what the forms would find, found quickly.
_HEX = re.compile(r"0[xX][0-9A-Fa-f]+|(?=[A-Fa-f]*0)(?=0*[A-Fa-f])[0-9A-Fa-f]{8,}", re.ASCII)
# Tokens without any of these cannot hold anything that is masked.
_TELLING = re.compile(r"[0-9/\\@]|:[0-9A-Fa-f]{0,2}:")


def mask_token(token: str) -> str:
    """A token with what varies replaced by marks.

    Examples
    --------
    >>> for token in ("10.0.0.7:8080,", "blk_-3886", "(took=35ms)", "0x1f", "/var/log/a.log:", "node12", "[2026-11-25T10:00:00Z]"):
    ...     print(mask_token(token), end=" ")
    <ip>, blk_<num> (took=<duration>) <hex> <path>: node<num> [<time>]
    """
    return _mask_shape(_shape_of(token).decode())


def _shape_of(text: str) -> bytes:
    # Bytes, since those are translated ten times as fast.
    return text.encode("utf-8", "replace").translate(_SHAPE)


def _mask_shape(token: str) -> str:
    if len(token) > _MAX_TOKEN_CHARACTERS:
        # What the forms cost grows with the square of the length.
        token = token[:_MAX_TOKEN_CHARACTERS] + _MORE
    if _HEX.fullmatch(token) is not None:
        return "<hex>" if token[1] in "xX" else "<num>"
    if _TELLING.search(token) is None:
        return "<any>" if token == _WILDCARD else token
    return _VARYING.sub(_mark, token)


def _mark(found: re.Match[str]) -> str:
    return _MARK_BY_FORM[found.lastgroup]  # type: ignore[index]


class _Known(dict[str, str]):
    """Masked tokens by shape; bounded, and nothing depends on what is in it."""

    def __missing__(self, token: str) -> str:
        masked = _mask_shape(token)
        # Those that are masked whole hardly come again, unless they are short: words do.
        if len(token) <= _MAX_KNOWN_CHARACTERS and (masked[:1] != "<" or len(token) <= _MAX_SHORT_CHARACTERS):
            if len(self) >= _MAX_KNOWN:
                self.clear()
            self[token] = masked
        return masked


class Masker:
    """Lines to masked tokens; remembers the tokens it has seen, which changes nothing but its speed.

    Examples
    --------
    >>> masker = Masker()
    >>> masker.mask(masker.shape("peer 10.0.3.4 connected, protocol version 7"))
    ('peer', '<ip>', 'connected,', 'protocol', 'version', '<num>')
    """

    __slots__ = ("_mask",)

    def __init__(self) -> None:
        self._mask = _Known().__getitem__

    @staticmethod
    def shape(message: str) -> bytes:
        """The part of a line that is looked at, UTF-8, every digit a 0: lines of one shape have the same masked tokens."""
        if "\n" in message:
            message = _telling_line(message)
        return _shape_of(message[:_MAX_CHARACTERS])

    def mask(self, shape: bytes) -> tuple[str, ...]:
        """Masked tokens of a shape; one empty token when it has none."""
        tokens = shape.decode().split()
        if len(tokens) > MAX_TOKENS:
            tokens = [*tokens[: MAX_TOKENS - 1], _MORE]
        return tuple(map(self._mask, tokens)) or ("",)


def _telling_line(message: str) -> str:
    text = message.strip()
    if text.startswith("Traceback "):
        return text.rpartition("\n")[2]
    return text.partition("\n")[0]
