"""Named checks that every model must pass, in the manner of river's: run them over an estimator of your own as well.

>>> from models.ew.model import EWScorer
>>> check_estimator(EWScorer)

What needs parameters is given as a function without any, such as ``partial(EWScorer, grace_period=5)``.  For pytest there is one
check at a time::

    @pytest.mark.parametrize("check", yield_checks(EWScorer), ids=lambda check: check.name)
    def test_estimator(check):
        check.run()
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from models.checks import bits, calls, explanations, scores, state
from models.checks.comparison import EstimatorFactory
from models.checks.cutting import Cutting, interleave, run_cut
from models.checks.stream import Run, Stream, make_stream, run_stream, score_digest

__all__ = [
    "CHECK_BY_NAME",
    "Check",
    "Cutting",
    "EstimatorFactory",
    "Run",
    "Stream",
    "check_estimator",
    "interleave",
    "make_stream",
    "run_cut",
    "run_stream",
    "score_digest",
    "yield_checks",
]

CHECK_BY_NAME: dict[str, Callable[[EstimatorFactory], None]] = {
    name.removeprefix("check_"): getattr(room, name)
    for room in (calls, scores, bits, state, explanations)
    for name in room.__all__
    if name.startswith("check_")
}
"""Every check, without its prefix ``check_``; the first line of its docstring says what it holds a model to."""


@dataclass(frozen=True)
class Check:
    """One named check, bound to a factory.

    Attributes
    ----------
    name : str
        As in `CHECK_BY_NAME`.
    sentence : str
        What a model is held to.
    run : callable
        Raises AssertionError when the model fails the check.
    """

    name: str
    sentence: str
    run: Callable[[], None]


def yield_checks(estimator_factory: EstimatorFactory) -> Iterator[Check]:
    """Yield every check, bound to the models that a factory makes.

    A class may excuse itself: its attribute ``excused_checks`` maps names of checks to reasons, and those are left out.

    Parameters
    ----------
    estimator_factory : callable
        Makes a model without arguments: the same one each time, with no rows reserved beyond what its constructor reserves.

    Examples
    --------
    >>> from models.ew.model import EWScorer
    >>> next(yield_checks(EWScorer)).sentence
    'Scoring, forecasting, explaining, describing and taking snapshots change nothing, whatever they are asked about.'
    """
    excused: Mapping[str, str] = getattr(estimator_factory(), "excused_checks", {})
    for name, function in CHECK_BY_NAME.items():
        if name not in excused:
            yield Check(name, inspect.getdoc(function).partition("\n")[0], partial(function, estimator_factory))  # type: ignore[union-attr]


def check_estimator(estimator_factory: EstimatorFactory, *, skip: Collection[str] = ()) -> None:
    """Run every check over the models that a factory makes, whatever the ones before it came to.

    Parameters
    ----------
    estimator_factory : callable
        As for `yield_checks`.
    skip : collection of str
        Names of checks to leave out.

    Raises
    ------
    ExceptionGroup
        The model fails checks: what each of them raised, the check's name and sentence in its notes.
    ValueError
        There is no check of a name in `skip`.

    Examples
    --------
    >>> from models.ew.model import EWScorer
    >>> check_estimator(EWScorer, skip=["determinism"])
    Traceback (most recent call last):
        ...
    ValueError: no check is named 'determinism'; there are batch_split_invariance, bounded_memory, ...
    """
    unknown = set(skip) - set(CHECK_BY_NAME)
    if unknown:
        raise ValueError(f"no check is named {min(unknown)!r}; there are {', '.join(sorted(CHECK_BY_NAME))}")
    failures: list[Exception] = []
    failed: list[str] = []
    for check in yield_checks(estimator_factory):
        if check.name in skip:
            continue
        try:
            check.run()
        except Exception as error:  # noqa: BLE001 - whatever a stranger's model raises is its failure
            error.add_note(f"check {check.name}: {check.sentence}")
            failures.append(error)
            failed.append(check.name)
    if failures:
        raise ExceptionGroup(f"{estimator_factory().name} fails {', '.join(failed)}", failures)
