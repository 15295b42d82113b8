"""The provider ``ensemble``: several providers are asked at once, and a quorum decides."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from pipeline.config.providers import EnsembleProvider as EnsembleSettings
from pipeline.crosscheck.base import Outcome, Provider, Verdict
from pipeline.engine.anomaly import Anomaly
from pipeline.errors import ProviderError

__all__ = ["EnsembleProvider", "decide"]

DEADLINE_SHARE = 0.97


def decide(votes: Sequence[Outcome], confirm_quorum: int, refute_quorum: int) -> tuple[Outcome, str]:
    """What the votes come to, and why.

    A side wins with its quorum and more votes than the other side; ``unknown`` is no vote, so members that are unavailable can
    make an outcome unknown but never a refutation.

    Parameters
    ----------
    votes : sequence of {"confirmed", "refuted", "unknown"}
        One a member.
    confirm_quorum, refute_quorum : int
        Least number of votes.

    Examples
    --------
    >>> decide(["confirmed", "unknown", "refuted"], 1, 2), decide(["refuted", "refuted", "confirmed"], 1, 2)
    (('unknown', 'split'), ('refuted', 'quorum'))
    >>> decide(["refuted", "unknown", "unknown"], 1, 2)
    ('unknown', 'no_quorum')
    """
    counts = Counter(votes)
    n_confirmed, n_refuted = counts["confirmed"], counts["refuted"]
    if n_confirmed >= confirm_quorum and n_confirmed > n_refuted:
        return "confirmed", "quorum"
    if n_refuted >= refute_quorum and n_refuted > n_confirmed:
        return "refuted", "quorum"
    return "unknown", "split" if n_confirmed and n_refuted else "no_quorum"


class EnsembleProvider:
    """Asks its members at the same time.

    Parameters
    ----------
    settings : EnsembleProvider settings
        Quorums.
    members : sequence of Provider
        In the order of the settings.

    Notes
    -----
    All members are waited for, up to the deadline, also when the outcome is certain before: the ledger is to know of each.
    """

    name = "ensemble"

    def __init__(self, settings: EnsembleSettings, members: Sequence[Provider]) -> None:
        self.members = tuple(members)
        self._confirm_quorum = settings.confirm_quorum
        self._refute_quorum = settings.refute_quorum or len(members) // 2 + 1

    async def judge(self, anomalies: Sequence[Anomaly], deadline_secs: float) -> Sequence[Verdict]:
        """One verdict per anomaly, in order.  A member that fails or is late has no vote."""
        loop = asyncio.get_running_loop()
        until_secs = loop.time() + DEADLINE_SHARE * deadline_secs
        tasks = [asyncio.create_task(_ask(member, anomalies, DEADLINE_SHARE * deadline_secs)) for member in self.members]
        try:
            await asyncio.wait(tasks, timeout=max(until_secs - loop.time(), 0.0))
            by_member = [
                task.result() if task.done() else _unknown(member, anomalies, "deadline", "no answer in time")
                for member, task in zip(self.members, tasks, strict=True)
            ]
        finally:
            for task in tasks:
                task.cancel()
        return [self._sum_up([verdicts[i] for verdicts in by_member]) for i in range(len(anomalies))]

    async def close(self) -> None:
        """Close the members."""
        await asyncio.gather(*(member.close() for member in self.members), return_exceptions=True)

    def _sum_up(self, verdicts: Sequence[Verdict]) -> Verdict:
        outcome, reason = decide([verdict.outcome for verdict in verdicts], self._confirm_quorum, self._refute_quorum)
        detail = "; ".join(f"{one.provider} {one.outcome} ({one.reason}): {one.detail}" for one in verdicts)
        winners = [one for one in verdicts if one.outcome == outcome != "unknown"]
        tails = [one.tail_probability for one in winners if one.tail_probability is not None]
        reference = next((one.reference for one in winners if one.reference is not None), None)
        cost_usd = sum(one.cost_usd for one in verdicts)
        tail = max(tails) if tails else None
        return Verdict(self.name, outcome, reason, detail[:1_000], tail, reference, cost_usd=cost_usd, members=tuple(verdicts))


async def _ask(member: Provider, anomalies: Sequence[Anomaly], deadline_secs: float) -> Sequence[Verdict]:
    try:
        verdicts = await member.judge(anomalies, deadline_secs)
    except ProviderError as error:
        return _unknown(member, anomalies, error.code.lower(), str(error)[:300])
    except Exception as error:  # noqa: BLE001 - one member's fault must not cost the others' votes
        return _unknown(member, anomalies, "error", f"{type(error).__name__}: {error}"[:300])
    if len(verdicts) != len(anomalies):
        return _unknown(member, anomalies, "error", f"{len(verdicts)} verdicts for {len(anomalies)} anomalies")
    return verdicts


def _unknown(member: Provider, anomalies: Sequence[Anomaly], reason: str, detail: str) -> list[Verdict]:
    return [Verdict(member.name, "unknown", reason, detail) for _ in anomalies]
