"""What must hold for the second opinion: the cuts, limits and quorums of its providers."""

from __future__ import annotations

from pipeline.config.findings import Findings
from pipeline.config.providers import (
    CloudWatchProvider,
    EnsembleProvider,
    LocalProvider,
    MemberSettings,
    OpenSearchProvider,
    RemoteProvider,
)
from pipeline.config.report import KeyPath
from pipeline.config.schema import Config

__all__ = ["check_crosscheck", "list_providers"]


def list_providers(config: Config) -> list[tuple[KeyPath, MemberSettings]]:
    """Every provider that is asked, with its key path."""
    path: KeyPath = ("crosscheck", "provider")
    provider = config.crosscheck.provider
    if isinstance(provider, EnsembleProvider):
        return [((*path, "members", i), member) for i, member in enumerate(provider.members)]
    return [] if provider is None else [(path, provider)]


def check_crosscheck(config: Config, findings: Findings) -> None:
    """The cross-check's cuts are in order, and its limits leave time to answer."""
    for path, provider in list_providers(config):
        if isinstance(provider, LocalProvider):
            _check_tails(provider, path, findings)
        if isinstance(provider, RemoteProvider):
            _check_pace(provider, config.crosscheck.deadline_secs, path, findings)
        if isinstance(provider, CloudWatchProvider):
            _check_math(provider, path, findings)
        if isinstance(provider, OpenSearchProvider):
            _check_basic_auth(provider, path, findings)
    if isinstance(config.crosscheck.provider, EnsembleProvider):
        _check_quorums(config.crosscheck.provider, findings)


def _check_tails(provider: LocalProvider, path: KeyPath, findings: Findings) -> None:
    if not provider.confirm_tail < provider.refute_tail:
        findings.note(
            (*path, "confirm_tail"),
            "CFG306",
            expected=f"less than refute_tail, {provider.refute_tail:g}",
            found=f"{provider.confirm_tail:g}",
            cure="lower confirm_tail or raise refute_tail; between the two the verdict is unknown",
            among=[(*path, "refute_tail")],
        )


def _check_pace(provider: RemoteProvider, deadline_secs: float, path: KeyPath, findings: Findings) -> None:
    """A candidate may have to wait for one call's turn and for one call."""
    if provider.burst_calls >= provider.max_calls_per_minute:
        findings.note(
            (*path, "burst_calls"),
            "CFG306",
            expected=f"less than max_calls_per_minute, {provider.max_calls_per_minute:g}",
            found=str(provider.burst_calls),
            cure="lower burst_calls or raise max_calls_per_minute: after a burst no call would be left for the rest of the minute",
            among=[(*path, "max_calls_per_minute")],
        )
        return
    longest_secs = 60.0 / (provider.max_calls_per_minute - provider.burst_calls) + provider.call_timeout_secs
    if deadline_secs < longest_secs:
        findings.note(
            ("crosscheck", "deadline_secs"),
            "CFG306",
            expected=f"at least {longest_secs:.3g}: 60 / (max_calls_per_minute - burst_calls), and call_timeout_secs",
            found=f"{deadline_secs:g}",
            cure="raise deadline_secs or max_calls_per_minute; under load every verdict would be unknown",
            among=[(*path, "max_calls_per_minute"), (*path, "burst_calls"), (*path, "call_timeout_secs")],
        )


def _check_math(provider: CloudWatchProvider, path: KeyPath, findings: Findings) -> None:
    for i, metric in enumerate(provider.metrics):
        if (metric.expression is None) != (not metric.inputs):
            has = "inputs" if metric.inputs else "an expression"
            lacks = "expression" if metric.inputs else "inputs"
            findings.note(
                (*path, "metrics", i, "inputs" if metric.inputs else "expression"),
                "CFG306",
                expected="an expression together with its inputs",
                found=f"{has} alone",
                cure=f"add {lacks}, or remove it",
                among=[(*path, "metrics", i, lacks)],
            )


def _check_basic_auth(provider: OpenSearchProvider, path: KeyPath, findings: Findings) -> None:
    for name, value in (("username", provider.username), ("password", provider.password)):
        if (value is None) != (provider.auth != "basic"):
            findings.note(
                (*path, name),
                "CFG501",
                expected=f"{name}, because auth is basic" if value is None else f"no {name}, because auth is {provider.auth}",
                found="none" if value is None else "one",
                cure=f"add {name}" if value is None else "write auth: basic, or remove it",
                among=[(*path, "auth")],
            )


def _check_quorums(provider: EnsembleProvider, findings: Findings) -> None:
    path: KeyPath = ("crosscheck", "provider")
    findings.note_twice([((*path, "members", i, "type"), one.type) for i, one in enumerate(provider.members)], "kind of member")
    for name in ("confirm_quorum", "refute_quorum"):
        quorum = getattr(provider, name)
        if quorum is not None and quorum > len(provider.members):
            findings.note(
                (*path, name),
                "CFG306",
                expected=f"at most {len(provider.members)}, the number of members",
                found=str(quorum),
                cure="lower it: it could never be reached",
                among=[(*path, "members")],
            )
