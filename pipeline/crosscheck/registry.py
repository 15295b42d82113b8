"""From settings to providers: one builder per kind of provider settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipeline.clock import Clock
from pipeline.config.providers import AmpProvider as AmpSettings
from pipeline.config.providers import CloudWatchProvider as CloudWatchSettings
from pipeline.config.providers import EnsembleProvider as EnsembleSettings
from pipeline.config.providers import LocalProvider as LocalSettings
from pipeline.config.providers import LookoutProvider as LookoutSettings
from pipeline.config.providers import OpenSearchProvider as OpenSearchSettings
from pipeline.config.providers import ProviderSettings
from pipeline.config.schema import CrosscheckSettings
from pipeline.crosscheck.base import Provider
from pipeline.crosscheck.local import LocalProvider
from pipeline.errors import ConfigError

__all__ = ["PROVIDER_BUILDERS", "build_provider"]


def _build_local(settings: LocalSettings, _clock: Clock) -> Provider:
    return LocalProvider(settings)


def _build_cloudwatch(settings: CloudWatchSettings, clock: Clock) -> Provider:
    from pipeline.crosscheck.cloudwatch.provider import CloudWatchProvider

    return CloudWatchProvider(settings, clock)


def _build_lookout(settings: LookoutSettings, clock: Clock) -> Provider:
    from pipeline.crosscheck.lookout.provider import LookoutProvider

    return LookoutProvider(settings, clock)


def _build_opensearch(settings: OpenSearchSettings, clock: Clock) -> Provider:
    from pipeline.crosscheck.opensearch import OpenSearchProvider

    return OpenSearchProvider(settings, clock)


def _build_amp(settings: AmpSettings, clock: Clock) -> Provider:
    from pipeline.crosscheck.amp import AmpProvider

    return AmpProvider(settings, clock)


def _build_ensemble(settings: EnsembleSettings, clock: Clock) -> Provider:
    from pipeline.crosscheck.ensemble import EnsembleProvider

    return EnsembleProvider(settings, [_build(member, clock) for member in settings.members])


PROVIDER_BUILDERS: dict[type[Any], Callable[[Any, Clock], Provider]] = {
    LocalSettings: _build_local,
    CloudWatchSettings: _build_cloudwatch,
    LookoutSettings: _build_lookout,
    OpenSearchSettings: _build_opensearch,
    AmpSettings: _build_amp,
    EnsembleSettings: _build_ensemble,
}
"""Builder by class of settings.  A builder gets its settings and the clock (for rate limits, caches and retries); it imports what
is heavy inside, and must not connect: a provider connects when it is first asked."""


def build_provider(settings: CrosscheckSettings, clock: Clock) -> Provider | None:
    """The provider that the settings name; None when the cross-check is switched off.

    Parameters
    ----------
    settings : CrosscheckSettings
        Its `provider` is told apart by `type`.
    clock : Clock
        Handed to the provider.

    Raises
    ------
    ConfigError
        No builder for this kind of settings (``PROVIDER_TYPE``).

    Examples
    --------
    >>> from pipeline.clock import ManualClock
    >>> build_provider(CrosscheckSettings(), ManualClock()).name
    'local'
    >>> build_provider(CrosscheckSettings(provider=None), ManualClock()) is None
    True
    """
    return None if settings.provider is None else _build(settings.provider, clock)


def _build(provider: ProviderSettings, clock: Clock) -> Provider:
    builder = PROVIDER_BUILDERS.get(type(provider))
    if builder is None:
        known = ", ".join(sorted(kind.__name__ for kind in PROVIDER_BUILDERS))
        raise ConfigError(
            f"crosscheck.provider: no builder for {type(provider).__name__}; expected one of {known}; register it in "
            "pipeline.crosscheck.registry.PROVIDER_BUILDERS",
            code="PROVIDER_TYPE",
        )
    return builder(provider, clock)
