"""The result of one workload, on disk after every case: what was measured before somebody pulled the plug is not lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.pipeline.summary import summarise

__all__ = ["ResultFile"]

_MUST_AGREE = ("benchmark", "workload", "seed", "n_messages", "warm_messages", "broker")


class ResultFile:
    """Costs by contender and repeat; a case is one contender in one repeat.

    Parameters
    ----------
    path : Path or None
        Where they go; None = nowhere.
    facts : dict
        What the report says beside them: workload, machine, ...
    names : list of str
        Contenders, in the order in which they take their turns.

    Attributes
    ----------
    costs : dict of str to list of dict
        Every repeat, by contender.
    failures : dict of str to str
        Contenders that did not come through, and why; no more is asked of them.
    """

    def __init__(self, path: Path | None, facts: dict[str, Any], names: list[str]) -> None:
        self.path = path
        self._facts = facts
        self._n_sessions = 1
        self.costs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
        self.failures: dict[str, str] = {}

    def resume(self) -> None:
        """Take over what an earlier run has written, if there is any.

        Raises
        ------
        ValueError
            It is of another workload, size or commit; file and cure are named.
        """
        if self.path is None or not self.path.exists():
            return
        try:
            before = json.loads(self.path.read_text())
            commits = [one["machine"]["commit"] for one in (before, self._facts)]
            differing = [key for key in _MUST_AGREE if before.get(key) != self._facts.get(key)]
        except (ValueError, TypeError, KeyError) as problem:
            raise ValueError(
                f"{self.path}: {problem}; expected a result of bench pipeline to go on from; move it away"
            ) from problem
        if commits[0] != commits[1]:
            differing.append("commit")
        if differing:
            raise ValueError(
                f"{self.path}: {', '.join(differing)} of it differ from those of this run; expected the same to go on from; "
                "give another --json, or leave --resume out to begin anew"
            )
        for name, some in self.costs.items():
            some += before["results"].get(name, []) + before.get("unfinished", {}).get(name, [])
        self._n_sessions = before.get("n_sessions", 1) + 1

    def is_done(self, name: str, repeat: int) -> bool:
        """Whether a case has been measured, or will not be."""
        return len(self.costs[name]) > repeat or name in self.failures

    def add(self, name: str, cost: dict[str, Any]) -> None:
        """One more case; writes."""
        self.costs[name].append(cost)
        self.write()

    def fail(self, name: str, why: str) -> None:
        """A contender did not come through; writes."""
        self.failures[name] = why
        self.write()

    def report(self) -> dict[str, Any]:
        """As it is written.

        `results` has whole repeats only, as ratios are taken within a repeat, or else who has been measured once; `unfinished` the
        rest.  `n_sessions` tells in how many goes it was measured: ratios of a repeat that was cut in two are worth less.
        """
        there = {name: some for name, some in self.costs.items() if some}
        n_whole = min((len(some) for name, some in self.costs.items() if name not in self.failures), default=0)
        results = {name: some[: max(n_whole, 1)] for name, some in there.items() if len(some) >= n_whole}
        unfinished = {name: some[len(results.get(name, [])) :] for name, some in there.items()}
        told = {
            **self._facts,
            "n_sessions": self._n_sessions,
            "summary": summarise(results, self._facts["samples_per_message"]),
            "results": results,
        }
        if any(unfinished.values()):
            told["unfinished"] = {name: some for name, some in unfinished.items() if some}
        if self.failures:
            told["failures"] = self.failures
        return told

    def write(self) -> None:
        """Write it, whole or not at all."""
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            beside = self.path.with_suffix(f"{self.path.suffix}.new")
            beside.write_text(json.dumps(self.report(), indent=1) + "\n")
            beside.replace(self.path)
