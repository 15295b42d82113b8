"""One way to bring a stream to a model: how its series are interleaved, cut into batches, and handed from model to model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.base import BoolColumn, Estimator, IntColumn
from models.checks.comparison import EstimatorFactory
from models.checks.stream import Run, Stream, concatenate, run_stream

__all__ = ["Cutting", "draw_cutting", "interleave", "run_cut"]

_N_ROWS = 7
"""Slots of every model that a stream is handed to, more than it has series: prime, so that steps of any width reach them all."""


@dataclass(frozen=True)
class Cutting:
    """How a stream is brought to a model; whatever it is, every sample has the same bits.

    Attributes
    ----------
    order : (B,) int64
        Rows of the stream in the order in which they come; that of each series is kept.
    ends : (K,) int64
        Where batches end, ascending, the last at B; equal ones are empty batches.
    moves : (K,) bool
        After which batches the state goes on in another model: a snapshot restored into other slots.
    """

    order: IntColumn
    ends: IntColumn
    moves: BoolColumn


def interleave(slots: IntColumn, rng: np.random.Generator) -> IntColumn:
    """Rows of a stream in another order: anyhow among series, as before within each.

    Examples
    --------
    >>> slots = np.array([0, 1, 0, 1, 1])
    >>> order = interleave(slots, np.random.default_rng(3))
    >>> [order[slots[order] == slot].tolist() for slot in (0, 1)]
    [[0, 2], [1, 3, 4]]
    """
    mixed = rng.permutation(slots)
    order = np.empty(slots.size, dtype=np.int64)
    for slot in np.unique(slots):
        order[mixed == slot] = np.flatnonzero(slots == slot)
    return order


def draw_cutting(slots: IntColumn, rng: np.random.Generator, *, mean_batch: int, move_share: float = 0.0) -> Cutting:
    """A random cutting of a stream over `slots`.

    Parameters
    ----------
    mean_batch : int
        Samples in a batch, about.
    move_share : float
        Share of the batches after which the state moves.

    Examples
    --------
    >>> cutting = draw_cutting(np.zeros(100, np.int64), np.random.default_rng(3), mean_batch=10)
    >>> int(cutting.ends[-1])
    100
    """
    n_cuts = slots.size // mean_batch
    ends = np.append(np.sort(rng.integers(0, slots.size + 1, n_cuts)), slots.size)
    return Cutting(interleave(slots, rng), ends, rng.random(ends.size) < move_share)


def run_cut(estimator_factory: EstimatorFactory, stream: Stream, cutting: Cutting) -> Run:
    """What models put out that are given `stream` as `cutting` says, in the order of `stream`.

    The state goes to and fro between two models, so that a snapshot lands on rows that have learned already.

    Examples
    --------
    >>> from models.checks.stream import make_stream
    >>> from models.ew.model import EWScorer
    >>> stream = make_stream(1, n_samples=60)
    >>> cutting = draw_cutting(stream.slots, np.random.default_rng(3), mean_batch=5, move_share=0.5)
    >>> run_cut(EWScorer, stream, cutting).ready.size
    60
    """
    series = np.unique(stream.slots)
    model, other = _make(estimator_factory), _make(estimator_factory)
    row_by_slot = np.arange(int(series.max(initial=0)) + 1)
    runs: list[Run] = []
    start = 0
    for number, (end, is_move) in enumerate(zip(cutting.ends.tolist(), cutting.moves.tolist(), strict=True)):
        part = stream[cutting.order[start:end]]
        runs.append(run_stream(model, Stream(row_by_slot[part.slots], part.event_time_ns, part.X)))
        start = end
        if is_move:
            rows = (row_by_slot[series] + 1 + number) % _N_ROWS
            other.restore(rows, model.snapshot(row_by_slot[series]))
            row_by_slot[series] = rows
            model, other = other, model
    found = concatenate(runs)
    return found[np.argsort(cutting.order)]


def _make(estimator_factory: EstimatorFactory) -> Estimator:
    model = estimator_factory()
    model.reserve(_N_ROWS)
    return model
