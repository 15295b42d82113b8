"""What a broker of one's own is."""

from __future__ import annotations

from typing import Protocol

__all__ = ["OwnBroker"]


class OwnBroker(Protocol):
    """A broker that was started for a purpose and ends with it."""

    @property
    def bootstrap(self) -> str:
        """Its address or addresses: host:port with commas between."""

    @property
    def name(self) -> str:
        """What it is, for people."""

    def stop(self) -> None:
        """End it; what it holds is gone.  Does nothing the second time."""
