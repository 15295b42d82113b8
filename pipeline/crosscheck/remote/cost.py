"""What calls cost: counted by API and outcome, priced by a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Bill", "CallMeter", "Price"]


@dataclass(frozen=True, slots=True)
class Price:
    """Price of one API.

    Attributes
    ----------
    call_usd, item_usd : float
        Of a call, and of each item it asks about (a metric, an object).
    """

    call_usd: float = 0.0
    item_usd: float = 0.0


@dataclass(slots=True)
class Bill:
    """What one batch of candidates cost.

    Attributes
    ----------
    n_calls : int
        Attempts made, failed ones included.
    cost_usd : float
        Estimate by list prices.
    """

    n_calls: int = 0
    cost_usd: float = 0.0


@dataclass(slots=True)
class CallMeter:
    """Calls of one provider since it was built.

    Attributes
    ----------
    prices : mapping of str to Price
        By API; what is not in it costs nothing.
    n_calls : Counter of (str, str)
        Attempts by API and outcome: ``ok`` or an error code.
    secs : Counter of str
        Time spent in calls, by API.
    cost_usd : Counter of str
        Estimate by list prices, by API.

    Examples
    --------
    >>> meter = CallMeter({"GetMetricData": Price(item_usd=0.00001)})
    >>> meter.count("GetMetricData", "ok", n_items=500, secs=0.2)
    >>> meter.n_calls["GetMetricData", "ok"], round(meter.total_usd, 6), meter.n_total
    (1, 0.005, 1)
    """

    prices: Mapping[str, Price]
    n_calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    secs: dict[str, float] = field(default_factory=dict)
    cost_usd: dict[str, float] = field(default_factory=dict)

    def count(self, api: str, outcome: str, *, n_items: int, secs: float, bill: Bill | None = None) -> None:
        """One attempt; failed ones are not charged for."""
        price = self.prices.get(api, Price())
        cost_usd = price.call_usd + n_items * price.item_usd if outcome == "ok" else 0.0
        self.n_calls[api, outcome] += 1
        self.secs[api] = self.secs.get(api, 0.0) + secs
        self.cost_usd[api] = self.cost_usd.get(api, 0.0) + cost_usd
        if bill is not None:
            bill.n_calls += 1
            bill.cost_usd += cost_usd

    @property
    def n_total(self) -> int:
        """All attempts."""
        return self.n_calls.total()

    @property
    def total_usd(self) -> float:
        """Estimate of everything so far."""
        return sum(self.cost_usd.values())
