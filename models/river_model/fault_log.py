"""What somebody else's model has raised, until somebody asks."""

from __future__ import annotations

from models.base import Fault

__all__ = ["FaultLog"]


class FaultLog:
    """Faults since they were taken last, one a code.

    Parameters
    ----------
    path : str
        Class path of the model, for the messages.

    Examples
    --------
    >>> log = FaultLog("river.anomaly.LODA")
    >>> for slot in (3, 1):
    ...     log.note(slot, ValueError("no"))
    >>> log.take()
    (Fault(code='ValueError', message='river.anomaly.LODA: no', slot=3, n_samples=2),)
    >>> log.take()
    ()
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._faults: dict[str, Fault] = {}

    def note(self, slot: int, error: Exception) -> None:
        """Take note of what one sample of the series in `slot` came to."""
        code = type(error).__name__
        known = self._faults.get(code)
        if known is None:
            self._faults[code] = Fault(code, f"{self._path}: {error}", slot, 1)
        else:
            self._faults[code] = known._replace(n_samples=known.n_samples + 1)

    def take(self) -> tuple[Fault, ...]:
        """Those there are; from now on there are none."""
        faults, self._faults = tuple(self._faults.values()), {}
        return faults
