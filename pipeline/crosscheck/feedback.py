"""Operators' judgements for the providers that learn from them."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.clock import Clock
from pipeline.config.providers import EnsembleProvider, LookoutProvider
from pipeline.config.schema import CrosscheckSettings
from pipeline.crosscheck.ledger.entry import LedgerEntry
from pipeline.errors import ProviderError

__all__ = ["send_feedback"]


async def send_feedback(
    settings: CrosscheckSettings, entries: Iterable[LedgerEntry], is_right: bool, clock: Clock
) -> list[tuple[LedgerEntry, ProviderError | None]]:
    """Tell each provider that takes feedback what an operator said about its verdicts.

    Parameters
    ----------
    settings : CrosscheckSettings
        Of the cross-check.
    entries : iterable of LedgerEntry
        Verdicts about the anomalies that were judged, of any provider.
    is_right : bool
        True = the suspicion was right.
    clock : Clock
        For the provider.

    Returns
    -------
    list of (LedgerEntry, ProviderError or None)
        Verdicts that feedback was sent for, and what went wrong.

    Notes
    -----
    Lookout for Metrics is the only one with an API for it, and only for series of an anomaly group: confirmations.
    """
    provider = settings.provider
    members = provider.members if isinstance(provider, EnsembleProvider) else [provider]
    sent: list[tuple[LedgerEntry, ProviderError | None]] = []
    for member in members:
        if not isinstance(member, LookoutProvider):
            continue
        from pipeline.crosscheck.lookout.provider import LookoutProvider as Lookout

        wanted = [entry for entry in entries if entry.provider == "lookout" and entry.outcome == "confirmed" and entry.reference]
        if not wanted:
            continue
        lookout = Lookout(member, clock)
        try:
            for entry in wanted:
                error: ProviderError | None = None
                try:
                    await lookout.put_feedback(entry.reference or "", is_right)
                except ProviderError as raised:
                    error = raised
                sent.append((entry, error))
        finally:
            await lookout.close()
    return sent
