"""The ledger: every verdict once, agreement, latency, cost, and who turned out right."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.clock import ManualClock
from pipeline.config.schema import CrosscheckSettings
from pipeline.crosscheck.base import CheckedAnomaly, Verdict
from pipeline.crosscheck.ledger.entry import Judgement, LedgerEntry, list_entries, parse_record
from pipeline.crosscheck.ledger.report import GROUPINGS, build_report
from pipeline.crosscheck.ledger.state import LedgerState
from pipeline.crosscheck.pending import PendingChecks
from pipeline.crosscheck.stage import CrosscheckStage
from pipeline.engine.anomaly import Anomaly
from pipeline.errors import BrokerError
from tests.stories.timeline import make_anomaly


def entry(
    name: str, provider: str, outcome: str, latency_secs: float = 1.0, cost_usd: float = 0.0, **fields: object
) -> LedgerEntry:
    anomaly = make_anomaly(name, 0.0, 0, **fields)
    verdict = Verdict(provider, outcome, "because", "it is so", 0.5, "ref", cost_usd=cost_usd)  # type: ignore[arg-type]
    return list_entries(anomaly, verdict, latency_secs, 1)[0]


def judge(one: LedgerEntry, is_right: bool, judged_ns: int = 1) -> Judgement:
    return Judgement(one.anomaly_id, is_right, "kim", "", judged_ns)


def test_records_come_back_and_an_ensembles_members_have_entries_of_their_own() -> None:
    anomaly = make_anomaly("a")
    members = (
        Verdict("local", "refuted", "tail", "usual", 0.5),
        Verdict("cloudwatch", "confirmed", "outside_band", "far", cost_usd=0.1),
    )
    verdict = Verdict("ensemble", "confirmed", "quorum", "both told", cost_usd=0.1, members=members)
    entries = list_entries(anomaly, verdict, 1.25, 77)
    assert [one.id for one in entries] == [f"{anomaly.id}.{way}" for way in ("ensemble", "ensemble.local", "ensemble.cloudwatch")]
    assert [one.member_of for one in entries] == [None, "ensemble", "ensemble"]
    assert [parse_record(one.to_json()) for one in entries] == entries
    assert entries[0].verdict == replace(verdict, ledger_id=entries[0].id)
    # What is published with the anomaly names its entry and is the same after a crash.
    again = parse_record(entries[0].to_json())
    assert isinstance(again, LedgerEntry)
    checked = CheckedAnomaly(anomaly, again.verdict, True)
    assert checked.to_json() == CheckedAnomaly(anomaly, replace(verdict, ledger_id=entries[0].id), True).to_json()


@pytest.mark.parametrize(
    "value", [b"", b"{}", b'{"record":"else"}', b"[]", b'{"record":"verdict"}', b'{"record":"judgement","by":1}']
)
def test_what_is_no_record_is_refused(value: bytes) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        parse_record(value)


RECORDS = [
    entry("a", "local", "confirmed", 0.1),
    entry("a", "lookout", "refuted", 2.0, 0.5),
    entry("b", "local", "refuted", 0.2),
    entry("b", "lookout", "refuted", 4.0, 0.5),
    entry("c", "local", "unknown", 0.3),
    entry("c", "lookout", "confirmed", 6.0, 0.5, detector="other"),
    judge(entry("a", "local", "confirmed"), False, 1),
    judge(entry("a", "local", "confirmed"), True, 2),
    judge(entry("b", "local", "confirmed"), False),
    judge(entry("c", "local", "confirmed"), False),
]


def test_the_report_adds_up() -> None:
    state = LedgerState()
    for record in RECORDS:
        state.apply(record)
    report = build_report(state)
    local, lookout = report["rows"]
    assert (local["n_verdicts"], local["n_confirmed"], local["n_refuted"], local["n_unknown"]) == (3, 1, 1, 1)
    assert (local["agreement"], lookout["agreement"]) == (0.5, pytest.approx(1 / 3))
    # a was real (the later judgement counts): local right, Lookout wrong; b and c were false alarms.
    assert (local["n_right"], local["n_wrong"], local["accuracy"]) == (2, 0, 1.0)
    assert (lookout["n_right"], lookout["n_wrong"], lookout["accuracy"]) == (1, 2, pytest.approx(1 / 3))
    assert (lookout["n_false_alarms_refuted"], lookout["n_false_alarms_confirmed"]) == (1, 1)
    assert (lookout["cost_usd"], lookout["latency_p50_secs"], lookout["latency_p95_secs"]) == (1.5, 4.0, 6.0)
    assert report["pairs"] == [{"providers": ["local", "lookout"], "n_both": 2, "agreement": 0.5}]
    assert (report["n_verdicts"], report["n_anomalies_judged"]) == (6, 3)
    assert [row["detector"] for row in build_report(state, "detector")["rows"]] == ["dag", "dag", "other"]
    assert [row["metric"] for row in build_report(state, "metric")["rows"]] == ["tps_a", "tps_b", "tps_c"] * 2


@given(st.randoms(use_true_random=False), st.integers(1, 3))
def test_order_and_repetition_change_nothing(order: random.Random, n_times: int) -> None:
    records = RECORDS * n_times
    order.shuffle(records)
    shuffled, plain = LedgerState(), LedgerState()
    for record in records:
        shuffled.apply(record)
    for record in RECORDS:
        plain.apply(record)
    for grouping in GROUPINGS:
        one, other = build_report(shuffled, grouping), build_report(plain, grouping)
        for row in (*one["rows"], *other["rows"]):
            row["cost_usd"] = round(row["cost_usd"], 6)
        assert one == other


@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.sampled_from(["x", "y"]), st.sampled_from(["confirmed", "refuted", "unknown"])),
        max_size=40,
    )
)
def test_rows_of_every_grouping_sum_to_the_whole(verdicts: list[tuple[str, str, str]]) -> None:
    state = LedgerState()
    for name, provider, outcome in verdicts:
        state.apply(entry(name, provider, outcome))
    for grouping in GROUPINGS:
        rows = build_report(state, grouping)["rows"]
        assert sum(row["n_verdicts"] for row in rows) == state.n_verdicts == len({(n, p) for n, p, _ in verdicts})
        assert all(row["n_verdicts"] == row["n_confirmed"] + row["n_refuted"] + row["n_unknown"] for row in rows)


def test_verdicts_are_found_by_the_beginning_of_an_id() -> None:
    state = LedgerState()
    for record in RECORDS:
        state.apply(record)
    wanted = entry("b", "local", "refuted")
    assert [one.provider for one in state.find(wanted.anomaly_id[:8])] == ["local", "lookout"]
    assert state.find("zzzz") == []


class MemoryLedger:
    """A ledger without a broker."""

    def __init__(self) -> None:
        self.known: dict[str, Verdict] = {}
        self.kept: list[str] = []
        self.error: Exception | None = None

    def recall(self, anomaly: Anomaly) -> Verdict | None:
        return self.known.get(anomaly.id)

    async def keep(self, anomalies: Sequence[Anomaly], verdicts: Sequence[Verdict], latency_secs: float) -> Sequence[Verdict]:
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        self.kept += [anomaly.id for anomaly in anomalies]
        kept = [replace(verdict, ledger_id=f"{anomaly.id}.x") for anomaly, verdict in zip(anomalies, verdicts, strict=True)]
        self.known |= {anomaly.id: verdict for anomaly, verdict in zip(anomalies, kept, strict=True)}
        return kept


class CountingProvider:
    """Gives another verdict each time it is asked."""

    name = "counting"

    def __init__(self) -> None:
        self.n_asked = 0

    async def judge(self, anomalies: Sequence[Anomaly], deadline_secs: float) -> Sequence[Verdict]:
        self.n_asked += len(anomalies)
        return [Verdict(self.name, "confirmed", "said", f"time {self.n_asked}") for _ in anomalies]

    async def close(self) -> None:
        """Nothing."""


def run_stage(provider: CountingProvider, ledger: MemoryLedger, anomalies: Sequence[Anomaly]) -> list[CheckedAnomaly]:
    published: list[CheckedAnomaly] = []

    async def run() -> None:
        stage = CrosscheckStage(CrosscheckSettings(), provider, ManualClock())

        async def publish(checked: CheckedAnomaly) -> None:
            # Nothing is published with a verdict that is not kept.
            assert checked.verdict is None or checked.anomaly.id in ledger.known
            published.append(checked)

        await stage.check(anomalies, lambda _: "P1", publish, ledger)
        await stage.close()

    asyncio.run(run())
    return published


def test_a_verdict_is_kept_before_it_is_published_and_not_asked_for_again() -> None:
    provider, ledger = CountingProvider(), MemoryLedger()
    anomalies = [make_anomaly("a"), make_anomaly("b"), make_anomaly("a", 60.0, 1, phase="cleared")]
    first = run_stage(provider, ledger, anomalies)
    again = run_stage(provider, ledger, anomalies)
    assert sorted(one.to_json() for one in first) == sorted(one.to_json() for one in again)
    assert provider.n_asked == 2
    assert ledger.kept == [anomalies[0].id, anomalies[1].id]


def test_a_ledger_that_cannot_be_written_fails_the_batch() -> None:
    provider, ledger = CountingProvider(), MemoryLedger()
    ledger.error = BrokerError("denied", code="BROKER_DENIED")
    with pytest.raises(BrokerError):
        run_stage(provider, ledger, [make_anomaly("a")])


@given(st.lists(st.sampled_from(["take", "finish", "tell"]), max_size=60), st.randoms(use_true_random=False))
def test_pending_checks_resume_at_the_oldest_that_is_not_final(script: list[str], pick: random.Random) -> None:
    pending = PendingChecks(10)
    open_ones: dict[str, int] = {}
    told: set[str] = set()
    offset = 10
    for step in script:
        if step == "take":
            pending.take(f"a{offset}", offset, asked_ns=offset)
            open_ones[f"a{offset}"] = offset
            offset += 1
            pending.advance(offset)
        elif open_ones:
            name = pick.choice(sorted(open_ones))
            if step == "finish":
                pending.finish(name)
                del open_ones[name]
            else:
                pending.tell(name)
                told.add(name)
        assert pending.resume_offset == min(open_ones.values(), default=offset)
        assert len(pending) == len(open_ones)
    assert {one.anomaly_id for one in pending.pending if one.is_told} == told & open_ones.keys()
