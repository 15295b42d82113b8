"""KSWIN drift detector."""

from __future__ import annotations

import math
import random
import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from scipy import stats

from models.base import BoolColumn, FloatColumn, IntColumn
from models.damage import find_not_finite, find_outside, find_ring_damage
from models.drift_detector import DriftDetector
from models.errors import ParameterError
from models.kswin import kernel
from models.kswin.state import N_WORDS, ROW
from models.parameters import Parameter
from models.state_array import StateArray

__all__ = ["KSWIN"]


class KSWIN(DriftDetector):
    """Kolmogorov-Smirnov test between the newest samples of a window and a random choice of the older ones.

    Good at changes of shape as well as of level, without assuming a distribution; being a test a sample, it also fires by chance.

    Parameters
    ----------
    alpha : float
        Probability below which the test calls a change.
    window_size : int
        Samples kept.
    stat_size : int
        Newest samples compared with as many older ones.
    seed : int
        Seed of the choice.

    Notes
    -----
    Detects at the same samples as river's `drift.KSWIN`: the generator is Python's own Mersenne Twister, and since both
    samples have one size the p-value depends on one integer, so SciPy's is tabulated once.  1.0 at the sample of detection,
    else 0.0.  A sample that is NaN or infinite is passed over.

    O(stat_size log stat_size) time.  3,320 bytes a series with the default parameters: the window, 8 bytes a sample, 24 bytes of
    counters, and 2,496 of the generator.  Those are the Mersenne Twister's 624 words, which river draws from: every series is
    somewhere else in its numbers, and they are not found again from their count alone without drawing them all.

    Raises
    ------
    ParameterError
        `stat_size` leaves fewer older samples than it asks for.

    References
    ----------
    Raab, C., Heusinger, M. and Schleif, F.-M. (2020). Reactive soft prototype computing for concept drift streams.
    Neurocomputing.

    Examples
    --------
    >>> model = KSWIN(alpha=0.0001)
    >>> for step in range(150):
    ...     model.update(0.1 * (step % 7) if step < 120 else 3.0)
    ...     if model.drift_detected:
    ...         print(step)
    136
    """

    name: ClassVar[str] = "kswin"
    schema: ClassVar[tuple[Parameter, ...]] = (
        Parameter("alpha", "float", 0.005, "Probability below which the test calls a change.", minimum=0, maximum=1),
        Parameter("window_size", "int", 100, "Samples kept.", minimum=2, maximum=100_000),
        Parameter("stat_size", "int", 30, "Newest samples compared with as many older ones.", minimum=1, maximum=10_000),
        Parameter("seed", "int", 42, "Seed of the choice."),
    )
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = ({}, {"window_size": 40, "stat_size": 5, "alpha": 0.1})

    def __init__(self, alpha: float = 0.005, window_size: int = 100, stat_size: int = 30, seed: int = 42) -> None:
        super().__init__(alpha=alpha, window_size=window_size, stat_size=stat_size, seed=seed)
        self._size: int = self._parameters["window_size"]
        n_stat: int = self._parameters["stat_size"]
        if 2 * n_stat > self._size:
            raise ParameterError(
                self.name, "stat_size", expected=f"at most {self._size // 2}, half of window_size", found=stat_size
            )
        words = random.Random(self._parameters["seed"]).getstate()[1][:N_WORDS]  # noqa: S311 - river's generator
        self._seed_words = np.array(words, dtype=np.uint32)
        self._is_change = _tabulate_changes(n_stat, self._parameters["alpha"])
        set_size = 21 + (4 ** math.ceil(math.log(n_stat * 3, 4)) if n_stat > 5 else 0)
        self._is_pooled = self._size - n_stat <= set_size

    def _find_damage(self, columns: Mapping[str, StateArray]) -> str:
        """See `ColumnarEstimator._find_damage`."""
        rows, size = columns["rows"], self._parameters["window_size"]
        is_used = (rows["n"] > 0) | (rows["head"] > 0)
        return (
            find_ring_damage("window", rows["n"], rows["head"], size)
            or find_outside("at", rows["at"], 0, N_WORDS)
            # A twister of zeros draws the same number for ever.
            or find_outside("words", (columns["words"][:, 1:] != 0).any(axis=1), is_used, 1)
            or find_not_finite(columns)
        )

    def _make_fresh_row(self) -> dict[str, StateArray]:
        return {
            "rows": np.zeros(1, ROW),
            "words": np.zeros((1, N_WORDS), np.uint32),
            "window": np.zeros((1, self._size)),
        }

    def _update_many(
        self, state: dict[str, StateArray], slots: IntColumn, values: FloatColumn, scores: FloatColumn, ready: BoolColumn
    ) -> None:
        kernel.update_many(
            state["rows"],
            state["words"],
            state["window"],
            self._seed_words,
            self._is_change,
            self._is_pooled,
            slots,
            values,
            scores,
            ready,
        )

    def _is_ready(self, slot: int) -> bool:
        return bool(self._state["rows"][slot]["is_warm"])

    def _describe(self, slot: int) -> Mapping[str, float | int | str | bool]:
        row = self._state["rows"][slot]
        return {"n_samples": int(row["n"]), "is_drift": bool(row["is_drift"])}


def _tabulate_changes(n_stat: int, alpha: float) -> BoolColumn:
    """Whether river calls a change at each greatest rank difference from 0 to `n_stat`, shape (n_stat + 1,)."""
    ranks = np.arange(float(n_stat))
    found = np.zeros(n_stat + 1, dtype=np.bool_)
    for gap in range(n_stat + 1):
        with warnings.catch_warnings():
            # The exact method gives up where rounding takes a probability past 1, and says so.
            warnings.simplefilter("ignore", category=RuntimeWarning)
            tested = stats.ks_2samp(ranks, ranks + gap, method="auto")
        found[gap] = tested.pvalue <= alpha and tested.statistic > 0.1
    return found
