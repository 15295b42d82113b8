"""From settings to feed sinks."""

from __future__ import annotations

from pipeline.config.providers import CloudWatchProvider, EnsembleProvider, LookoutProvider
from pipeline.config.schema import CrosscheckSettings
from pipeline.crosscheck.feed.base import FeedSink
from pipeline.crosscheck.remote.aws import AwsClients
from pipeline.errors import ConfigError

__all__ = ["build_sinks"]


def build_sinks(settings: CrosscheckSettings) -> list[FeedSink]:
    """Sinks of the providers that have a store of their own to be fed.

    Raises
    ------
    ConfigError
        None of them has (``NOTHING_TO_FEED``), or a setting is missing.

    Examples
    --------
    >>> build_sinks(CrosscheckSettings())
    Traceback (most recent call last):
        ...
    pipeline.errors.ConfigError: crosscheck.provider: nothing to feed; expected lookout, or cloudwatch with publish: true; ...
    """
    provider = settings.provider
    members = provider.members if isinstance(provider, EnsembleProvider) else [provider]
    sinks: list[FeedSink] = []
    for member in members:
        if isinstance(member, LookoutProvider):
            from pipeline.crosscheck.feed.lookout import LookoutFeed

            sinks.append(LookoutFeed(member, AwsClients(member)))
        elif isinstance(member, CloudWatchProvider) and any(metric.publish for metric in member.metrics):
            from pipeline.crosscheck.feed.cloudwatch import CloudWatchFeed

            sinks.append(CloudWatchFeed(member, AwsClients(member)))
    if not sinks:
        raise ConfigError(
            "crosscheck.provider: nothing to feed; expected lookout, or cloudwatch with publish: true; "
            "the others read what is there already",
            code="NOTHING_TO_FEED",
        )
    return sinks
