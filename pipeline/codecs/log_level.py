"""Severity words of log lines in one spelling.

Words are put in upper case, and the short and long forms of one word in one: ``warning`` → ``WARN``, ``err`` → ``ERROR``, ``crit``
→ ``CRITICAL``, ``emerg`` → ``EMERGENCY``, ``informational`` → ``INFO``, one letter (glog) → its word.  Numbers 0 to 7 are syslog's
severities (RFC 5424, section 6.2.1), 10 to 60 in tens those of bunyan and pino; as text they mean the same.  Any other word of up to
16 characters stays as it is; what is longer, or another number, is no level: "".

In a bare text the level is the first of these within its first 80 characters: a severity word in capitals; ``level=``, ``lvl=`` or
``severity=`` and a word (logfmt); klog's letter and date at the very head (``E1125 10:00:00.5``).
"""

from __future__ import annotations

import re

__all__ = ["find_level", "normalise_level"]

_MAX_CHARACTERS = 16
_BY_NUMBER = {
    **dict(enumerate(("EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARN", "NOTICE", "INFO", "DEBUG"))),
    **dict(zip(range(10, 70, 10), ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"), strict=True)),
}
_BY_WORD = {
    "WARNING": "WARN",
    "ERR": "ERROR",
    "SEVERE": "ERROR",
    "CRIT": "CRITICAL",
    "EMERG": "EMERGENCY",
    "PANIC": "EMERGENCY",
    "INFORMATION": "INFO",
    "INFORMATIONAL": "INFO",
    "VERBOSE": "TRACE",
    "T": "TRACE",
    "D": "DEBUG",
    "I": "INFO",
    "N": "NOTICE",
    "W": "WARN",
    "E": "ERROR",
    "F": "FATAL",
    **{str(number): word for number, word in _BY_NUMBER.items()},
}
# What most records have: looked up as it stands.
_AS_SENT = {
    spelling: _BY_WORD.get(word.upper(), word.upper())
    for word in (*_BY_WORD, *_BY_NUMBER.values())
    for spelling in (word.upper(), word.lower(), word.capitalize())
}


def normalise_level(raw: str | int | float | None) -> str:
    """The severity word of a record's level, upper case; "" = none that can be used.

    Examples
    --------
    >>> [normalise_level(raw) for raw in ("warning", "Error", "W", 3, 30, "7", "audit", None, 99, "x" * 17)]
    ['WARN', 'ERROR', 'WARN', 'ERROR', 'INFO', 'DEBUG', 'AUDIT', '', '', '']
    """
    if raw is None:
        return ""
    if isinstance(raw, str):
        known = _AS_SENT.get(raw)
        if known is not None:
            return known
        word = raw.strip().upper()
        known = _BY_WORD.get(word)
        if known is not None:
            return known
        return word if len(word) <= _MAX_CHARACTERS and not word.lstrip("+-.")[:1].isdigit() else ""
    return _BY_NUMBER.get(int(raw), "") if -1 < raw < 1_000 and raw == int(raw) else ""


_HEAD_CHARACTERS = 80
_IN_TEXT = re.compile(
    r"^([IWEF])\d{4}\s"
    r"|(?<![A-Za-z0-9_])(?:level|lvl|severity)=\"?([A-Za-z]{1,16})"
    r"|(?<![A-Za-z0-9_])"
    r"(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|CRITICAL|CRIT|FATAL|SEVERE|PANIC|ALERT|EMERGENCY|EMERG)(?![A-Za-z0-9_])",
    re.ASCII,
)


def find_level(text: str) -> str:
    """The severity word at the head of a bare text, upper case; "" = none.

    Examples
    --------
    >>> [find_level(text) for text in ("10:00 [main] WARNING disk", "ts=1 level=err msg=x", "E1125 10:00:00.5 a.go:1] no", "no error")]
    ['WARN', 'ERROR', 'ERROR', '']
    """
    found = _IN_TEXT.search(text, 0, _HEAD_CHARACTERS)
    return normalise_level(found[found.lastindex or 0]) if found is not None else ""
