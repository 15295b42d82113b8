"""CPU a message, worker and rivals, on one topic of an Apache Kafka, in one run.

Run from the repository's root::

    make bench                                        # the same as: streamwarden bench pipeline --json .bench/pipeline-...json
    streamwarden bench pipeline --workload native-100k --messages 3000000 --repeats 5
    streamwarden bench pipeline --only worker faust-river

Every repeat runs all contenders one after another, so that what else the machine does falls on all of them.  Compare ratios, not
microseconds: the broker shares the cores.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table

from benchmarks.arguments import at_least, make_parser, positive_number
from benchmarks.broker import add_broker, open_broker
from benchmarks.machine import describe_machine
from benchmarks.pipeline.contenders import CONTENDERS, DEFAULT, REQUESTS_DEFAULT
from benchmarks.pipeline.page import render_rows
from benchmarks.pipeline.result_file import ResultFile
from benchmarks.pipeline.topic import delete_topics, fill
from benchmarks.pipeline.workload import Workload
from benchmarks.pipeline.workloads import WORKLOADS, add_workload

_PACKAGES = ("aiokafka", "confluent-kafka", "cramjam", "faust-streaming", "numba", "numpy", "orjson", "river")
_N_MESSAGES = 2_000_000
_REQUESTS_PER_MESSAGE = 200
_LEAST_MESSAGES = 5_000
_MANY_SERIES = 1_000_000
_PRIOR_SECS = 60.0
_FEW_ROUNDS = 200
# A partition can come in two fetches when its messages are requests.
_ROUNDS, _REQUEST_ROUNDS = 3, 10
_FAILURES = (RuntimeError, OSError, subprocess.SubprocessError, KafkaException)
_SPECIAL = frozenset({"worker-ordinary", "worker-checked", "worker-unchecked", "worker-forest"})


def make_table(report: dict[str, Any]) -> Table:
    """Medians and spreads."""
    table = Table(title="CPU time of the whole process, start-up not in it")
    header, *rows = render_rows(report)
    for title in header:
        table.add_column(title.replace("`", ""), justify="left" if title in ("who", "does") else "right")
    for row in rows:
        table.add_row(*row)
    return table


MATRIX = ("worker", "worker-default", "confluent-bare", "java-bare", "java-zscore")
"""Who takes part in the workloads of the full suite; in native-2k everybody does."""

REQUESTS_MATRIX = (*REQUESTS_DEFAULT, "java-bare")
"""The same, where a message is a request."""


def plan(suite: str, names: list[str] | None, workload: str, n_messages: int | None) -> list[tuple[Workload, list[str], int]]:
    """What is run: workload, contenders, messages.  The full suite is every workload.

    Parameters
    ----------
    suite : str
        ``quick`` or ``full``.
    names : list of str or None
        Of the quick suite; None = who takes part by default.
    workload : str
        Of the quick suite.
    n_messages : int or None
        None = 2,000,000 messages, or 10,000 requests; in the full suite a two-hundredth of it is requests, and all
        series come three times at least, in requests ten times.

    Examples
    --------
    >>> len(plan("full", None, "native-2k", None)), len(plan("quick", None, "native-2k", None))
    (26, 1)
    >>> plan("quick", ["worker"], "otlp-20k", None)[0][1:]
    (['worker'], 10000)
    """
    is_full = suite == "full"
    planned = []
    for one in WORKLOADS.values() if is_full else [WORKLOADS[workload]]:
        if is_full and one.name.endswith("-calm"):
            continue
        is_request = one.samples_per_message > 1
        if is_full and one.name == "native-2k":
            chosen = [name for name, contender in CONTENDERS.items() if name not in _SPECIAL and one.format in contender.formats]
        elif is_full:
            chosen = list(REQUESTS_MATRIX if is_request else MATRIX)
        else:
            chosen = names or list(REQUESTS_DEFAULT if is_request else DEFAULT)
        n = n_messages or _N_MESSAGES
        if is_request and (is_full or n_messages is None):
            n //= _REQUESTS_PER_MESSAGE
        if is_full:
            n = max(n, (_REQUEST_ROUNDS if is_request else _ROUNDS) * one.n_series // one.samples_per_message)
        planned.append((one, chosen, n))
    return planned


def count_warm(workload: Workload, n_messages: int) -> int:
    """Messages after which every series has been seen: half of them where series are many, nothing beyond the usual where they are few.

    Partitions are read side by side, but a fetch can be half of one: that a round has passed on the whole does not mean that it has on
    each.  Where there are `_FEW_ROUNDS` rounds first sights do not count.

    Examples
    --------
    >>> count_warm(WORKLOADS["native-1m"], 3_000_000), count_warm(WORKLOADS["native-2k"], 1_000_000)
    (1500000, 0)
    """
    n_rounds = n_messages * workload.samples_per_message / workload.n_series
    return n_messages // 2 if n_rounds < _FEW_ROUNDS else 0


def estimate_case_secs(workload: Workload, n_messages: int) -> float:
    """About how long one contender takes on two cores, s: 8 s to start and end it, 4 µs a message (with a million series: 6).

    A sample of a request takes a tenth of a message.
    """
    n_like = n_messages * (1 if workload.samples_per_message == 1 else workload.samples_per_message / 10)
    return 8 + n_like * (6e-6 if workload.n_series >= _MANY_SERIES else 4e-6)


def estimate_fill_secs(workload: Workload, n_messages: int) -> float:
    """About how long it takes to write a topic, s: 8 µs a message."""
    return 8e-6 * n_messages * (1 if workload.samples_per_message == 1 else workload.samples_per_message / 10)


def estimate_secs(planned: list[tuple[Workload, list[str], int]], n_repeats: int) -> float:
    """About how long a plan takes, s."""
    return sum(
        estimate_fill_secs(workload, n) + n_repeats * len(names) * estimate_case_secs(workload, n)
        for workload, names, n in planned
    )


class Clock:
    """How much of a plan is done and how long the rest will take, told by what was estimated and what it took.

    Parameters
    ----------
    total_secs : float
        Estimate of the whole.
    limit_secs : float or None
        When to begin nothing more.
    """

    def __init__(self, total_secs: float, limit_secs: float | None) -> None:
        self._total_secs = total_secs
        self._limit_secs = limit_secs
        self._started_secs = time.monotonic()
        self._spent_secs = 0.0
        self.done_secs = 0.0

    def skip(self, estimated_secs: float) -> None:
        """Something need not be done."""
        self._total_secs -= estimated_secs

    def finish(self, estimated_secs: float) -> None:
        """Something was done."""
        self.done_secs += estimated_secs
        self._spent_secs = time.monotonic() - self._started_secs

    @property
    def remaining_secs(self) -> float:
        """What is left, as estimated and as far as the estimate has been wrong so far."""
        # As if a minute had gone as estimated before: the first seconds tell little.
        pace = (self._spent_secs + _PRIOR_SECS) / (self.done_secs + _PRIOR_SECS)
        return max(self._total_secs - self.done_secs, 0.0) * pace

    def has_time_for(self, estimated_secs: float) -> bool:
        """Whether something would be done before the limit."""
        spent = time.monotonic() - self._started_secs
        return self._limit_secs is None or spent + estimated_secs <= self._limit_secs


def run_workload(
    bootstrap: str, workload: Workload, n_messages: int, n_repeats: int, result: ResultFile, clock: Clock, say: Any, done: Any
) -> bool:
    """Fill a topic and let each contender read it, one after another, in every repeat; False when time was up before the end.

    Every case is in the file of results when it is done; `done` is called with the seconds it was estimated to take.  A contender that
    does not come through takes no further part.
    """
    case_secs, n_warm = estimate_case_secs(workload, n_messages), count_warm(workload, n_messages)
    cases = [(repeat, name) for repeat in range(n_repeats) for name in result.costs]
    left = [case for case in cases if not result.is_done(case[1], case[0])]
    clock.skip(case_secs * (len(cases) - len(left)) + (0 if left else estimate_fill_secs(workload, n_messages)))
    if not left:
        return True
    if not clock.has_time_for(case_secs + estimate_fill_secs(workload, n_messages)):
        return False
    topic = f"bench-{workload.name}"
    say(f"writing {n_messages:,} messages of {workload.name} ...")
    fill(bootstrap, topic, workload, n_messages)
    done(estimate_fill_secs(workload, n_messages))
    try:
        for repeat, name in left:
            if result.is_done(name, repeat):
                continue
            if not clock.has_time_for(case_secs):
                return False
            contender = CONTENDERS[name]
            n = max(round(n_messages * contender.share), min(_LEAST_MESSAGES // workload.samples_per_message, n_messages))
            say(f"{repeat + 1}/{n_repeats} {name}, {n:,} messages ...")
            try:
                cost = contender.run(bootstrap, topic, n, workload.format, min(n_warm, n // 2))
            except _FAILURES as problem:
                result.fail(name, str(problem)[:2_000])
                say(f"    {name} did not come through: {str(problem)[:300]}")
            else:
                result.add(name, cost._asdict())
                say(f"    {cost.cpu_us:.2f} µs")
            done(case_secs)
    finally:
        delete_topics(bootstrap, [topic])
    return True


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = make_parser("pipeline", __doc__)
    parser.add_argument(
        "--suite",
        choices=("quick", "full"),
        default="quick",
        help="quick: one workload; full: every workload and compression, a file of results each (hours; see --messages, --minutes)",
    )
    add_workload(parser, "native-2k")
    parser.add_argument(
        "--messages",
        type=at_least(1),
        help="messages on the topic (2,000,000, or 10,000 requests); what is slow reads a part of them; in the full suite three rounds "
        "of all series at least",
    )
    parser.add_argument("--repeats", type=at_least(1), default=3, help="runs of each contender")
    parser.add_argument("--only", nargs="+", metavar="NAME", help=f"who takes part: {', '.join(CONTENDERS)}")
    add_broker(parser)
    parser.add_argument(
        "--json",
        metavar="FILE",
        type=Path,
        help="where every repeat goes, as soon as it is measured, with machine, versions, commit and seed; the full suite puts the "
        "name of the workload into it (.bench/full.json when left out)",
    )
    parser.add_argument("--resume", action="store_true", help="go on where a run with the same --json was cut off")
    parser.add_argument(
        "--minutes", type=positive_number, help="begin nothing that would take longer than so long in all; go on with --resume"
    )
    chosen = parser.parse_args(arguments)
    unknown = set(chosen.only or ()) - CONTENDERS.keys()
    if unknown:
        parser.error(f"no such contender: {', '.join(sorted(unknown))}; there are {', '.join(CONTENDERS)}")
    record_format = WORKLOADS[chosen.workload].format
    deaf = [name for name in chosen.only or () if record_format not in CONTENDERS[name].formats]
    if deaf and chosen.suite == "quick":
        parser.error(
            f"{', '.join(deaf)}: cannot read {record_format}, what {chosen.workload} is made of; leave them out of --only"
        )
    if chosen.suite == "full" and chosen.json is None:
        chosen.json = Path(".bench/full.json")
    if chosen.resume and chosen.json is None:
        parser.error("--resume: expected --json FILE, the file of the run to go on with")
    progress = Console(stderr=True)
    say = lambda text: progress.print(text, style="dim", highlight=False)  # noqa: E731
    machine = describe_machine(_PACKAGES)
    planned = plan(chosen.suite, chosen.only, chosen.workload, chosen.messages)
    versions: dict[str, dict[str, str]] = {}
    for name in dict.fromkeys(name for _, names, _ in planned for name in names):
        CONTENDERS[name].prepare()
        versions[name] = CONTENDERS[name].versions()
    total_secs = estimate_secs(planned, chosen.repeats)
    say(f"about {total_secs / 60:.0f} minutes")
    clock = Clock(total_secs, None if chosen.minutes is None else 60 * chosen.minutes)
    console = Console(width=None if Console().is_terminal else 160)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[left]} min left"))
    bar = Progress(*columns, console=progress, disable=not progress.is_terminal)
    n_failures = n_open = 0
    with open_broker(chosen.broker, say) as (bootstrap, broker_name), bar:
        task = bar.add_task("cases", total=total_secs, left=f"{total_secs / 60:.0f}")

        def finish(estimated_secs: float) -> None:
            clock.finish(estimated_secs)
            minutes = f"{clock.remaining_secs / 60:.0f}"
            bar.update(task, completed=clock.done_secs, total=clock.done_secs + clock.remaining_secs, left=minutes)
            if not progress.is_terminal and len(planned) > 1:
                say(f"    about {minutes} minutes left")

        for workload, names, n_messages in planned:
            facts = {
                "benchmark": "pipeline",
                "workload": workload.name,
                "seed": workload.seed,
                "n_messages": n_messages,
                "warm_messages": count_warm(workload, n_messages),
                "samples_per_message": workload.samples_per_message,
                "broker": broker_name,
                "machine": machine,
                "versions": {name: versions[name] for name in names},
            }
            path = chosen.json
            if path is not None and len(planned) > 1:
                path = path.with_name(f"{path.stem}-{workload.name}{path.suffix}")
            result = ResultFile(path, facts, names)
            if chosen.resume:
                try:
                    result.resume()
                except ValueError as problem:
                    parser.error(str(problem))
            is_whole = run_workload(bootstrap, workload, n_messages, chosen.repeats, result, clock, say, finish)
            n_failures += len(result.failures)
            n_open += not is_whole
            if any(result.costs.values()):
                if path is not None:
                    say(f"every repeat is in {path}")
                console.print(f"{workload.name}, {n_messages:,} messages")
                console.print(make_table(result.report()))
    if n_open:
        say(f"time was up: {n_open} of {len(planned)} workloads are not finished; the same command with --resume goes on")
    if n_failures:
        say(f"{n_failures} contender(s) did not come through, see above and `failures` in the results")
    return 1 if n_failures else 0
