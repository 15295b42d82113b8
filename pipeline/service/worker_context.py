"""What the transport wants of the application it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

from faust.types import TP

from pipeline.config.schema import Config
from pipeline.telemetry.events import Telemetry

__all__ = ["OffsetSource", "WorkerContext", "context_of"]


class WorkerContext(Protocol):
    """The settings, the offsets that are done, and who is told."""

    settings_of_worker: Config
    offsets: OffsetSource
    telemetry: Telemetry
    fail: Callable[[BaseException], None]


class OffsetSource(Protocol):
    """Who knows which offsets may be committed."""

    def committable(self) -> dict[TP, int]:
        """Offsets, by partition, below which everything is done and which are not committed yet."""

    def note_committed(self, offsets: Mapping[TP, int]) -> None:
        """They have been committed."""


def context_of(app: Any) -> WorkerContext:
    """Faust's application, seen as that."""
    return cast(WorkerContext, app)
