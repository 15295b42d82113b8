"""What the ledger comes to: counts by provider, detector and metric, rebuilt from the topic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from pipeline.crosscheck.ledger.entry import Judgement, LedgerEntry

__all__ = ["LedgerState", "Tally"]


@dataclass(slots=True)
class Tally:
    """Sums over some verdicts.

    Attributes
    ----------
    outcomes, reasons : Counter of str
        Verdicts by outcome; ``unknown`` ones by reason.
    latency_secs : list of float
        One a verdict.
    cost_usd : float
        By list prices.
    n_right, n_wrong : int
        Opinions (not ``unknown``) that an operator's judgement bears out, and that it does not.
    n_false_alarms, n_caught : int
        Of the wrong and right ones, those about suspicions that were wrong: confirmed though false, and refuted rightly.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    latency_secs: list[float] = field(default_factory=list)
    cost_usd: float = 0.0
    n_right: int = 0
    n_wrong: int = 0
    n_false_alarms: int = 0
    n_caught: int = 0

    @property
    def n_verdicts(self) -> int:
        """All of them."""
        return self.outcomes.total()

    @property
    def n_opinions(self) -> int:
        """Those that are not ``unknown``."""
        return self.outcomes["confirmed"] + self.outcomes["refuted"]

    @property
    def agreement(self) -> float | None:
        """Share of the opinions that agree with the detector; None without any."""
        return self.outcomes["confirmed"] / self.n_opinions if self.n_opinions else None

    @property
    def accuracy(self) -> float | None:
        """Share of the judged opinions that were right; None without any."""
        n_judged = self.n_right + self.n_wrong
        return self.n_right / n_judged if n_judged else None

    def latency_quantile(self, share: float) -> float | None:
        """The latency, s, that this share of the verdicts did not exceed; None without any."""
        if not self.latency_secs:
            return None
        ordered = sorted(self.latency_secs)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)]

    def add(self, entry: LedgerEntry, judgement: Judgement | None) -> None:
        """Take in one verdict."""
        self.outcomes[entry.outcome] += 1
        if entry.outcome == "unknown":
            self.reasons[entry.reason] += 1
        self.latency_secs.append(entry.latency_secs)
        self.cost_usd += entry.cost_usd
        if judgement is None or entry.outcome == "unknown":
            return
        is_right = (entry.outcome == "confirmed") == judgement.is_right
        self.n_right += is_right
        self.n_wrong += not is_right
        self.n_caught += is_right and not judgement.is_right
        self.n_false_alarms += not is_right and not judgement.is_right


class LedgerState:
    """Every verdict once, and the latest judgement about each anomaly.

    Repeated records change nothing, and their order does not matter, so the state can be rebuilt from the topic at any time.

    Examples
    --------
    >>> state = LedgerState()
    >>> state.apply(Judgement("a" * 32, True, "kim", "", 1))
    >>> state.n_judged, state.n_verdicts
    (1, 0)
    """

    def __init__(self) -> None:
        self._entries: dict[str, LedgerEntry] = {}
        self._judgements: dict[str, Judgement] = {}

    def apply(self, record: LedgerEntry | Judgement) -> None:
        """Take in one record of the topic."""
        if isinstance(record, LedgerEntry):
            known = self._entries.get(record.id)
            # A verdict given twice (a crash came between asking and noting) counts as it was given first.
            if known is None or (record.decided_ns, record.to_json()) < (known.decided_ns, known.to_json()):
                self._entries[record.id] = record
            return
        before = self._judgements.get(record.anomaly_id)
        if before is None or (record.judged_ns, record.to_json()) > (before.judged_ns, before.to_json()):
            self._judgements[record.anomaly_id] = record

    @property
    def n_verdicts(self) -> int:
        """Verdicts kept."""
        return len(self._entries)

    @property
    def n_judged(self) -> int:
        """Anomalies an operator has judged."""
        return len(self._judgements)

    def entries(self) -> list[LedgerEntry]:
        """Verdicts, by the time of their anomaly and their id."""
        return sorted(self._entries.values(), key=lambda entry: (entry.event_time_ns, entry.id))

    def judgement_of(self, anomaly_id: str) -> Judgement | None:
        """The latest there is."""
        return self._judgements.get(anomaly_id)

    def find(self, any_id: str) -> list[LedgerEntry]:
        """Verdicts whose id, anomaly or episode begins so."""
        return [
            entry
            for entry in self.entries()
            if any(one.startswith(any_id) for one in (entry.id, entry.anomaly_id, entry.episode_id))
        ]

    def tally(self, key_of: Callable[[LedgerEntry], tuple[str, ...]]) -> dict[tuple[str, ...], Tally]:
        """Sums by any key of the verdicts, in the order of the keys."""
        tallies: dict[tuple[str, ...], Tally] = {}
        for entry in self._entries.values():
            tallies.setdefault(key_of(entry), Tally()).add(entry, self._judgements.get(entry.anomaly_id))
        return dict(sorted(tallies.items()))

    def pairs(self) -> dict[tuple[str, str], tuple[int, int]]:
        """How often two providers had the same opinion: agreements and anomalies on which both had one, by pair of names."""
        opinions: dict[str, dict[str, str]] = {}
        for entry in self._entries.values():
            if entry.outcome != "unknown":
                opinions.setdefault(entry.anomaly_id, {})[entry.provider] = entry.outcome
        counts: dict[tuple[str, str], tuple[int, int]] = {}
        for by_provider in opinions.values():
            for pair in _list_pairs(sorted(by_provider)):
                n_same, n_both = counts.get(pair, (0, 0))
                counts[pair] = (n_same + (by_provider[pair[0]] == by_provider[pair[1]]), n_both + 1)
        return dict(sorted(counts.items()))


def _list_pairs(names: list[str]) -> Iterable[tuple[str, str]]:
    return ((one, other) for i, one in enumerate(names) for other in names[i + 1 :])
