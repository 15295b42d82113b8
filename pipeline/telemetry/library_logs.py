"""Libraries' warnings and errors as telemetry events: limited when they repeat, as ours are."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from pipeline.telemetry.events import Telemetry

__all__ = ["LibraryLogHandler", "hear_libraries"]

_MAX_TEXT = 500


class LibraryLogHandler(logging.Handler):
    """Turns log records into the event ``library_warned``, by logger and level.

    Parameters
    ----------
    telemetry : Telemetry
        Where they go.
    ordinary : iterable of str
        Parts of messages that are no news: left out.
    """

    def __init__(self, telemetry: Telemetry, ordinary: Iterable[str] = ()) -> None:
        super().__init__(logging.WARNING)
        self._telemetry = telemetry
        self._ordinary = tuple(ordinary)

    def emit(self, record: logging.LogRecord) -> None:
        """Pass one record on."""
        text = record.getMessage()
        if any(part in text for part in self._ordinary):
            return
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            text = f"{text}: {type(error).__name__}: {error}"
        self._telemetry.emit("library_warned", code=record.name, text=text[:_MAX_TEXT])


def hear_libraries(telemetry: Telemetry, names: Iterable[str], ordinary: Iterable[str] = ()) -> None:
    """Send what these loggers say from warning on through telemetry, and nowhere else.

    Parameters
    ----------
    telemetry : Telemetry
        Where it goes.
    names : iterable of str
        Loggers.
    ordinary : iterable of str
        Parts of messages that are no news.

    Examples
    --------
    >>> telemetry = Telemetry(logger=logging.getLogger("quiet"))
    >>> hear_libraries(telemetry, ["noisy"], ordinary=["is rebalancing"])
    >>> logging.getLogger("noisy").warning("Heartbeat failed because it is rebalancing")
    >>> logging.getLogger("noisy").warning("disk is %s", "full")
    >>> telemetry.metrics.read("events_total", event="library_warned", code="noisy")
    1.0
    """
    handler = LibraryLogHandler(telemetry, ordinary)
    for name in names:
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.propagate = False
        logger.setLevel(logging.WARNING)
