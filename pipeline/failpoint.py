"""Named points at which a test makes the process fail: killed, or a stage raising.

Off unless the environment variable ``STREAMWARDEN_FAILPOINTS`` is set when the process starts: points and what happens there,
separated by semicolons.

::

    after_publish=kill            SIGKILL when the point is reached the first time
    after_publish=kill@3          ... the third time
    scored=raise                  RuntimeError every time
    scored=raise:POISON           ... when the bytes at hand contain POISON
    checkpoint_half=kill@2

`POINTS` lists the points.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.errors import ConfigError

__all__ = ["FAILPOINTS_VARIABLE", "POINTS", "parse_failpoints", "reach"]

FAILPOINTS_VARIABLE = "STREAMWARDEN_FAILPOINTS"

POINTS = (
    "decoded",
    "scored",
    "before_publish",
    "after_publish",
    "before_commit",
    "after_commit",
    "verdicts_kept",
    "checked",
    "incident_state_written",
    "alerts_published",
    "checkpoint_begun",
    "checkpoint_half",
    "checkpoint_written",
)
"""Every point, in the order of the data's way."""


@dataclass(slots=True)
class _Failpoint:
    action: str
    at: int
    text: bytes
    n_reached: int = 0


def parse_failpoints(text: str) -> dict[str, _Failpoint]:
    """Read what the variable says.

    Raises
    ------
    ConfigError
        It is not written as it should be (``FAILPOINT``).

    Examples
    --------
    >>> parse_failpoints("after_publish=kill@3; scored=raise:POISON")["after_publish"].at
    3
    >>> parse_failpoints("later=kill")
    Traceback (most recent call last):
    ...
    pipeline.errors.ConfigError: STREAMWARDEN_FAILPOINTS: found 'later=kill', expected point=kill[@n] or point=raise[:text]...
    """
    points: dict[str, _Failpoint] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, _, rest = part.partition("=")
        kill, _, at = rest.partition("@")
        action, _, needle = rest.partition(":")
        if name in POINTS and kill == "kill" and (at.isdigit() or not at):
            points[name] = _Failpoint("kill", int(at or 1), b"")
        elif name in POINTS and action == "raise":
            points[name] = _Failpoint("raise", 0, needle.encode())
        else:
            raise ConfigError(
                f"{FAILPOINTS_VARIABLE}: found {part!r}, expected point=kill[@n] or point=raise[:text] with a point among "
                f"{', '.join(POINTS)}; unset it outside tests",
                code="FAILPOINT",
            )
    return points


_armed = parse_failpoints(os.environ.get(FAILPOINTS_VARIABLE, ""))


def reach(name: str, values: Callable[[], Sequence[bytes | None]] = tuple) -> None:
    """Say that a point has been reached; nothing happens unless it is armed.

    Parameters
    ----------
    name : str
        One of `POINTS`.
    values : callable
        What is at hand, for points that are armed for certain bytes.

    Raises
    ------
    RuntimeError
        The point is armed to raise.
    """
    if not _armed:
        return
    point = _armed.get(name)
    if point is None or (point.text and not any(point.text in value for value in values() if value is not None)):
        return
    point.n_reached += 1
    if point.action == "raise":
        raise RuntimeError(f"failpoint {name} was reached")
    if point.n_reached == point.at:
        os.kill(os.getpid(), signal.SIGKILL)
