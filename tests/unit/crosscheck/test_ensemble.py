"""The ensemble: who votes, what a quorum is, and that no member can spoil the vote."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence

import pytest

from pipeline.clock import ManualClock
from pipeline.config.load import load_text
from pipeline.config.providers import EnsembleProvider as EnsembleSettings
from pipeline.config.schema import CrosscheckSettings
from pipeline.crosscheck.base import Provider, Verdict
from pipeline.crosscheck.ensemble import EnsembleProvider, decide
from pipeline.crosscheck.registry import build_provider
from pipeline.engine.anomaly import Anomaly
from pipeline.errors import ConfigError, ProviderError
from tests.stories.timeline import make_anomaly

LOCALS = {"members": [{"type": "local"}, {"type": "cloudwatch", "metrics": [{}]}]}

AMP = "{type: amp, workspace_id: w, detectors: [{alias: a}]}"


class Member:
    """Says what it was built to say."""

    def __init__(self, name: str, outcome: str = "confirmed", tail: float | None = None, error: Exception | None = None) -> None:
        self.name = name
        self.outcome, self.tail, self.error = outcome, tail, error
        self.wait_secs = 0.0
        self.is_cut = False
        self.is_closed = False

    async def judge(self, anomalies: Sequence[Anomaly], deadline_secs: float) -> Sequence[Verdict]:
        await asyncio.sleep(self.wait_secs)
        if self.error is not None:
            raise self.error
        verdicts = [Verdict(self.name, self.outcome, "said", one.id, self.tail, cost_usd=0.5) for one in anomalies]  # type: ignore[arg-type]
        return verdicts[:-1] if self.is_cut else verdicts

    async def close(self) -> None:
        self.is_closed = True


def judge(members: Sequence[Provider], n_anomalies: int = 2, deadline_secs: float = 5.0, **fields: object) -> Sequence[Verdict]:
    settings = EnsembleSettings.model_validate({**LOCALS, **fields})
    ensemble = EnsembleProvider(settings, members)

    async def run() -> Sequence[Verdict]:
        verdicts = await ensemble.judge([make_anomaly(str(i), 0, i) for i in range(n_anomalies)], deadline_secs)
        await ensemble.close()
        return verdicts

    return asyncio.run(run())


def test_the_vote_is_fair_and_absence_refutes_nothing() -> None:
    for votes in itertools.product(("confirmed", "refuted", "unknown"), repeat=4):
        for confirm_quorum, refute_quorum in itertools.product(range(1, 5), repeat=2):
            outcome, _ = decide(votes, confirm_quorum, refute_quorum)  # type: ignore[arg-type]
            n_confirmed, n_refuted = votes.count("confirmed"), votes.count("refuted")
            assert (outcome == "confirmed") == (n_confirmed >= confirm_quorum and n_confirmed > n_refuted)
            assert (outcome == "refuted") == (n_refuted >= refute_quorum and n_refuted > n_confirmed)
            # One vote less for a side never helps it.
            for i, vote in enumerate(votes):
                fewer = [*votes[:i], "unknown", *votes[i + 1 :]]
                if vote == "refuted" and outcome != "refuted":
                    assert decide(fewer, confirm_quorum, refute_quorum)[0] != "refuted"  # type: ignore[arg-type]


def test_every_member_is_told_of_and_costs_add_up() -> None:
    verdicts = judge([Member("a", "confirmed", 0.01), Member("b", "unknown"), Member("c", "confirmed", 0.002)])
    assert [verdict.outcome for verdict in verdicts] == ["confirmed", "confirmed"]
    assert verdicts[0].tail_probability == 0.01
    assert [member.provider for member in verdicts[0].members] == ["a", "b", "c"]
    assert verdicts[0].cost_usd == 1.5
    assert verdicts[0].detail.startswith("a confirmed (said): ")


@pytest.mark.parametrize("error", [ProviderError("down", code="TIMEOUT"), ZeroDivisionError("oops")])
def test_a_member_that_fails_has_no_vote(error: Exception) -> None:
    verdicts = judge([Member("a", "refuted"), Member("b", error=error), Member("c", "refuted")])
    assert verdicts[0].outcome == "refuted"
    assert verdicts[0].members[1].reason == ("timeout" if isinstance(error, ProviderError) else "error")
    assert judge([Member("a", "refuted"), Member("b", error=error)])[0].outcome == "unknown"


def test_a_member_that_answers_too_little_or_too_late_has_no_vote() -> None:
    short, late = Member("a"), Member("b")
    short.is_cut, late.wait_secs = True, 5.0
    verdicts = judge([short, late, Member("c", "refuted")], deadline_secs=0.5, refute_quorum=1)
    assert [member.reason for member in verdicts[0].members] == ["error", "deadline", "said"]
    assert verdicts[0].outcome == "refuted"


def test_members_are_built_from_settings_and_closed() -> None:
    settings = CrosscheckSettings.model_validate({"deadline_secs": 20.0, "provider": {"type": "ensemble", **LOCALS}})
    ensemble = build_provider(settings, ManualClock())
    assert isinstance(ensemble, EnsembleProvider)
    assert [member.name for member in ensemble.members] == ["local", "cloudwatch"]
    members = [Member("a"), Member("b")]
    judge(members)
    assert all(member.is_closed for member in members)


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        ("{type: ensemble, members: [{type: local}]}", "at least"),
        ("{type: ensemble, members: [{type: local}, {type: local}]}", "every kind of member once"),
        (
            "{type: ensemble, confirm_quorum: 3, members: [{type: local}, AMP]}",
            "at most 2",
        ),
        (
            "{type: ensemble, members: [{type: local, confirm_tail: 0.2}, AMP]}",
            "confirm_tail",
        ),
        ("{type: ensemble, members: [{type: ensemble, members: []}, {type: local}]}", "a type, local"),
    ],
)
def test_wrong_settings_are_explained(provider: str, expected: str) -> None:
    text = f"""
version: 1
topics: [{{name: metrics, kind: metrics, format: metric_json}}]
detectors: [{{name: all, model: {{type: gaussian_scorer}}}}]
crosscheck: {{deadline_secs: 15.0, provider: {provider.replace("AMP", AMP)}}}
"""
    with pytest.raises(ConfigError) as caught:
        load_text(text)
    assert expected in str(caught.value)
