"""Every registered model, in several variants, under every named check; and the checks themselves against broken models."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from models import registry
from models.base import BoolColumn, Scores
from models.checks import Check, yield_checks
from models.columnar import Batch
from models.errors import ParameterError
from models.gaussian.model import GaussianScorer

OURS = registry.names()


def _checks() -> list[Any]:
    found = []
    for name in OURS:
        for number, parameters in enumerate(registry.variants(name)):
            for check in yield_checks(partial(registry.build, name, parameters)):
                if check.name == "determinism_across_processes" and number:
                    continue  # a process costs seconds; the other variants run the same kernels
                found.append(pytest.param(check, id=f"{name}[{number}]-{check.name}"))
    return found


@pytest.mark.parametrize("check", _checks())
def test_model_passes(check: Check) -> None:
    check.run()


class _Rounding(GaussianScorer):
    """Scores depend on the size of the batch."""

    def _score_learn(self, batch: Batch, out: Scores, ready: BoolColumn) -> None:
        super()._score_learn(batch, out, ready)
        out.score[:] = out.score * (1.0 + 1e-12 * batch.slots.size)


class _Leaking(GaussianScorer):
    """Writes to its input."""

    def _score_learn(self, batch: Batch, out: Scores, ready: BoolColumn) -> None:
        super()._score_learn(batch, out, ready)
        np.nan_to_num(batch.X, copy=False)


class _Eager(GaussianScorer):
    """Ready from the start."""

    def _score_learn(self, batch: Batch, out: Scores, ready: BoolColumn) -> None:
        super()._score_learn(batch, out, ready)
        ready[:] = True


class _Peeking(GaussianScorer):
    """Learns the batch, then scores it."""

    def _score_learn(self, batch: Batch, out: Scores, ready: BoolColumn) -> None:
        super()._score_learn(batch, out, ready)
        if ready.any():
            out.expected[ready] = batch.X[ready]


class _Restless(GaussianScorer):
    """Learns what it is asked to score."""

    def score_one(self, x: object, y: float | None = None) -> float:
        score = super().score_one(x, y)
        self.learn_one(x, y)
        return score


class _Generous(GaussianScorer):
    """Adds a little to the scores of the batch call."""

    def _score_learn(self, batch: Batch, out: Scores, ready: BoolColumn) -> None:
        super()._score_learn(batch, out, ready)
        out.score[ready] += 1e-9


class _Forgetful(GaussianScorer):
    """Snapshots lose the window."""

    def snapshot(self, slots: Any) -> Any:
        taken = super().snapshot(slots)
        taken["columns"]["rows"][:, 4:] = 0.0
        return taken


@pytest.mark.parametrize(
    ("broken", "check_name"),
    [
        (_Rounding, "batch_split_invariance"),
        (_Leaking, "inputs_untouched"),
        (_Eager, "ready_only_after_warm_up"),
        (_Eager, "non_finite_policy"),
        (_Peeking, "score_before_learn"),
        (_Restless, "inference_does_not_mutate"),
        (_Generous, "one_by_one_equals_batch"),
        (_Forgetful, "snapshot_restore_bit_identity"),
    ],
)
def test_check_catches_a_broken_model(broken: type[GaussianScorer], check_name: str) -> None:
    check = next(check for check in yield_checks(partial(broken, window_size=30, grace_period=10)) if check.name == check_name)
    with pytest.raises(AssertionError):
        check.run()


def test_unknown_names_suggest_the_nearest() -> None:
    with pytest.raises(ParameterError, match="did you mean 'half_space_trees'"):
        registry.build("half_space_tree")
    with pytest.raises(ParameterError, match="did you mean 'n_trees'"):
        registry.build("half_space_trees", {"ntrees": 4})
