"""What providers have called so far, whatever they are made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.crosscheck.base import Provider
from pipeline.crosscheck.ensemble import EnsembleProvider
from pipeline.crosscheck.remote.caller import RemoteCaller

__all__ = ["list_callers"]


def list_callers(provider: Provider | None) -> Iterator[tuple[str, RemoteCaller]]:
    """Callers of a provider and of its members, each with a name of its own.

    Parameters
    ----------
    provider : Provider or None
        As built by the registry; one that calls nobody has none.

    Examples
    --------
    >>> list(list_callers(None))
    []
    """
    if isinstance(provider, EnsembleProvider):
        for member in provider.members:
            yield from list_callers(member)
        return
    caller: Any = getattr(provider, "caller", None)
    if isinstance(caller, RemoteCaller):
        yield caller.name, caller
    publisher: Any = getattr(getattr(provider, "publisher", None), "caller", None)
    if isinstance(publisher, RemoteCaller):
        yield f"{publisher.name}_publisher", publisher
