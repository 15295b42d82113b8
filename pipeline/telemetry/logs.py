"""JSON logging: one object a line on stderr.  Configured by the command line only."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson

__all__ = ["FIELDS_ATTRIBUTE", "JsonFormatter", "configure_logging"]

FIELDS_ATTRIBUTE = "streamwarden_fields"
"""Attribute of a log record that holds the fields of a telemetry event."""


class JsonFormatter(logging.Formatter):
    """Renders a record as one JSON object: time, level, logger, message, then the event's fields.

    Examples
    --------
    >>> record = logging.LogRecord("streamwarden", logging.INFO, "", 0, "worker started", None, None)
    >>> setattr(record, FIELDS_ATTRIBUTE, {"event": "worker_started", "level": "not this"})
    >>> data = orjson.loads(JsonFormatter().format(record))
    >>> data["message"], data["event"], data["level"]
    ('worker started', 'worker_started', 'info')
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line, no line break inside."""
        data: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name, value in getattr(record, FIELDS_ATTRIBUTE, {}).items():
            data.setdefault(name, value)
        if record.exc_info:
            data.setdefault("exception", self.formatException(record.exc_info))
        # Whatever a library puts into a record is logged rather than lost: unknown types as text, broken text mended.
        try:
            return orjson.dumps(data, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
        except orjson.JSONEncodeError:
            return orjson.dumps({name: ascii(value) for name, value in data.items()}).decode()


def configure_logging(level: str = "info", stream: TextIO | None = None) -> None:
    """Send all logging to one stream as JSON lines, in place of whatever was configured.

    Parameters
    ----------
    level : str
        Of our own loggers: debug, info, warning, error.  Libraries are heard from warning on.
    stream : text stream, optional
        Standard error when absent.

    Raises
    ------
    ValueError
        No such level.
    """
    numeric = logging.getLevelNamesMapping().get(level.upper())
    if numeric is None:
        raise ValueError(f"log level {level!r}: expected debug, info, warning or error")
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=max(numeric, logging.WARNING), handlers=[handler], force=True)
    logging.getLogger("streamwarden").setLevel(numeric)
    logging.captureWarnings(True)
