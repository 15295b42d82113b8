"""Severity words found slowly and obviously: what the codecs must agree with."""

from __future__ import annotations

import itertools
import re
import string
from fractions import Fraction
from typing import Any

from tests.unit.codecs.slow_json import Number

__all__ = ["slow_level", "slow_level_in"]


def slow_level(raw: Any) -> str:
    """Severity word of a level, spelled out."""
    syslog = ["EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARN", "NOTICE", "INFO", "DEBUG"]
    tens = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]
    if raw is None:
        return ""
    if isinstance(raw, Number):
        number = Fraction(raw.to_number())
        if number in range(8):
            return syslog[int(number)]
        return tens[int(number) // 10 - 1] if number in range(10, 61, 10) else ""
    word = raw.strip().upper()
    if word in map(str, [*range(8), *range(10, 61, 10)]):
        return slow_level(Number(word))
    if re.match(r"[+\-.]*\d", word):
        return ""
    same = {
        "WARN": ["WARNING", "W"],
        "ERROR": ["ERR", "SEVERE", "E"],
        "CRITICAL": ["CRIT"],
        "EMERGENCY": ["EMERG", "PANIC"],
        "INFO": ["INFORMATION", "INFORMATIONAL", "I"],
        "TRACE": ["VERBOSE", "T"],
        "DEBUG": ["D"],
        "NOTICE": ["N"],
        "FATAL": ["F"],
    }
    for chosen, others in same.items():
        if word in others:
            return chosen
    return word if len(word) <= 16 else ""


def slow_level_in(text: str) -> str:
    """Severity word at the head of a bare text, found place by place."""
    words = [
        "TRACE",
        "DEBUG",
        "INFO",
        "NOTICE",
        "WARN",
        "WARNING",
        "ERROR",
        "ERR",
        "CRITICAL",
        "CRIT",
        "FATAL",
        "SEVERE",
        "PANIC",
        "ALERT",
        "EMERGENCY",
        "EMERG",
    ]
    letters = string.ascii_letters + string.digits + "_"
    head = text[:80]
    if len(head) > 5 and head[0] in "IWEF" and set(head[1:5]) <= set(string.digits) and head[5] in " \t\n\r\f\v":
        return slow_level(head[0])
    for at in range(len(head)):
        if at and head[at - 1] in letters:
            continue
        for name in ("level=", "lvl=", "severity="):
            if head.startswith(name, at):
                rest = head[at + len(name) :].removeprefix('"')
                word = "".join(itertools.takewhile(lambda one: one in string.ascii_letters, rest))[:16]
                if word:
                    return slow_level(word)
        word = "".join(itertools.takewhile(lambda one: one in letters, head[at:]))
        if word in words:
            return slow_level(word)
    return ""
