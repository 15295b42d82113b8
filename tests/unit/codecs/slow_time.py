"""Times read slowly and obviously: what the codecs must agree with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from typing import Any

from tests.unit.codecs.slow_json import Bad, Number

__all__ = ["slow_time"]

_END_NS = 7_258_118_400 * 10**9


def slow_time(raw: Any) -> int:
    """ns UTC of a number or text, by the rules of `pipeline.codecs.timestamps`."""
    if isinstance(raw, str) and not isinstance(raw, Number):
        return _slow_text_time(raw)
    number = raw.to_number() if isinstance(raw, Number) else raw
    exact = Fraction(number)
    if exact < 0:
        raise Bad
    for below, unit_ns in ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3), (_END_NS, 1)):
        if exact < below:
            if isinstance(number, int):
                ns = number * unit_ns
            elif unit_ns == 1:
                ns = int(number)
            else:
                ns = round(exact * unit_ns / 1_000) * 1_000
            if ns >= _END_NS:
                raise Bad
            return ns
    raise Bad


def _slow_text_time(text: str) -> int:
    for separator in "Tt ":
        date, found, rest = text.partition(separator)
        if found:
            break
    else:
        raise Bad
    zone = "+00:00"
    if rest[-1:] in ("Z", "z"):
        rest = rest[:-1].removesuffix(" ")
    else:
        for sign in "+-":
            clock, found, offset = rest.rpartition(sign)
            if found:
                zone, rest = sign + offset, clock.removesuffix(" ")
                break
    digits = zone[1:].replace(":", "", 1) if len(zone) == 6 and zone[3] == ":" else zone[1:]
    clock, _, fraction = rest.replace(",", ".").partition(".")
    parts = clock.split(":")
    numbers = [*date.split("-"), *parts, digits, *([fraction] if fraction else [])]
    if not all(one.isascii() and one.isdigit() for one in numbers) or rest.endswith((".", ",")):
        raise Bad
    if [len(one) for one in date.split("-")] != [4, 2, 2] or [len(one) for one in parts] != [2, 2, 2] or len(digits) != 4:
        raise Bad
    hours, minutes, secs = map(int, parts)
    offset_hours, offset_minutes = int(digits[:2]), int(digits[2:])
    if secs > 60 or offset_hours > 23 or offset_minutes > 59:
        raise Bad
    offset = timedelta(hours=offset_hours, minutes=offset_minutes) * (1 if zone[0] == "+" else -1)
    try:
        moment = datetime(*map(int, date.split("-")), hours, minutes, tzinfo=timezone(offset))
        whole = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1) + secs
    except (ValueError, OverflowError) as error:
        raise Bad from error
    ns = whole * 10**9 + int(fraction[:9].ljust(9, "0") or 0)
    if not 0 <= ns < _END_NS:
        raise Bad
    return ns
