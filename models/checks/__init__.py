"""Named checks that every model must pass, in the manner of river's: run them over a model of your own as well.

>>> from models.gaussian.model import GaussianScorer
>>> for check in yield_checks(GaussianScorer):
...     if check.name != "determinism_across_processes":
...         check.run()
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from models.checks.bits import (
    check_batch_split_invariance,
    check_determinism_across_processes,
    check_interleaving_invariance,
    check_one_by_one_equals_batch,
    check_parameters_round_trip,
)
from models.checks.calls import (
    check_inference_does_not_mutate,
    check_inputs_untouched,
    check_no_compilation_after_warm_up,
    check_shapes_are_refused,
)
from models.checks.comparison import EstimatorFactory
from models.checks.scores import (
    check_extremes_do_not_poison,
    check_non_finite_policy,
    check_ready_only_after_warm_up,
    check_score_before_learn,
)
from models.checks.state import (
    check_bounded_memory,
    check_reserve_keeps_rows,
    check_reset_gives_a_fresh_row,
    check_restore_refuses_strangers,
    check_snapshot_is_a_copy,
    check_snapshot_restore_bit_identity,
)
from models.checks.stream import Run, Stream, make_stream, run_stream, score_digest

__all__ = ["Check", "Run", "Stream", "make_stream", "run_stream", "score_digest", "yield_checks"]


@dataclass(frozen=True)
class Check:
    """One named check, bound to a factory; `run` raises AssertionError when the model fails it."""

    name: str
    run: Callable[[], None]


def yield_checks(estimator_factory: EstimatorFactory) -> Iterator[Check]:
    """Yield every check, bound to models made by `estimator_factory` (all alike, none with rows reserved)."""
    for name, function in _CHECKS.items():
        yield Check(name, _bind(function, estimator_factory))


def _bind(function: Callable[[EstimatorFactory], None], estimator_factory: EstimatorFactory) -> Callable[[], None]:
    return partial(function, estimator_factory)


_CHECKS: dict[str, Callable[[EstimatorFactory], None]] = {
    function.__name__.removeprefix("check_"): function
    for function in (
        check_batch_split_invariance,
        check_interleaving_invariance,
        check_snapshot_restore_bit_identity,
        check_snapshot_is_a_copy,
        check_restore_refuses_strangers,
        check_inputs_untouched,
        check_score_before_learn,
        check_ready_only_after_warm_up,
        check_non_finite_policy,
        check_extremes_do_not_poison,
        check_inference_does_not_mutate,
        check_one_by_one_equals_batch,
        check_no_compilation_after_warm_up,
        check_bounded_memory,
        check_reset_gives_a_fresh_row,
        check_reserve_keeps_rows,
        check_shapes_are_refused,
        check_parameters_round_trip,
        check_determinism_across_processes,
    )
}
