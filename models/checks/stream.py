"""The streams that the checks run models over, and what a model puts out for one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from models.base import BoolColumn, Estimator, FloatColumn, IntColumn, Scores

__all__ = ["Run", "Stream", "concatenate", "make_stream", "run_stream", "score_digest"]


@dataclass(frozen=True)
class Stream:
    """A seeded batch of several interleaved series.

    Attributes
    ----------
    slots, event_time_ns : (B,) int64
    X : (B,) or (B, F) float64
    """

    slots: IntColumn
    event_time_ns: IntColumn
    X: FloatColumn

    def __getitem__(self, rows: slice | IntColumn | BoolColumn) -> Stream:
        return Stream(self.slots[rows].copy(), self.event_time_ns[rows].copy(), self.X[rows].copy())

    @property
    def size(self) -> int:
        """Number of samples."""
        return int(self.slots.size)


@dataclass(frozen=True)
class Run:
    """Everything a batch call put out."""

    out: Scores
    ready: BoolColumn

    def to_bytes(self) -> bytes:
        """The outputs bit by bit, NaN included."""
        return b"".join(column.tobytes() for column in (*self.out, self.ready))

    def __getitem__(self, rows: slice | IntColumn | BoolColumn) -> Run:
        return Run(Scores(*(column[rows].copy() for column in self.out)), self.ready[rows].copy())


def make_stream(n_features: int, *, n_series: int = 3, n_samples: int = 2400, seed: int = 7, dirt: bool = True) -> Stream:
    """Series with a daily shape, noise, level shifts and a constant stretch; `dirt` adds NaN, infinities and, late, extremes.

    Extremes come late because beside a mean of 1e299 no other flaw would show.

    Examples
    --------
    >>> make_stream(1, n_samples=10).X.shape
    (10,)
    """
    rng = np.random.default_rng(seed)
    slots = rng.integers(0, n_series, n_samples)
    position = np.zeros(n_samples, dtype=np.int64)
    for slot in range(n_series):
        mine = slots == slot
        position[mine] = np.arange(mine.sum())
    day = np.sin(2 * np.pi * position / 288.0)[:, None]
    X = 0.5 + 0.15 * day + rng.normal(0.0, 0.05, (n_samples, n_features)) + 0.02 * slots[:, None]
    X[n_samples // 2 : n_samples // 2 + 60] = 0.25
    X[3 * n_samples // 4 :] += 0.1
    if dirt:
        X[rng.random(X.shape) < 0.02] = np.nan
        X[rng.random(X.shape) < 0.005] = np.inf
        X[rng.random(X.shape) < 0.005] = -np.inf
        late = X[9 * n_samples // 10 :]
        late[rng.random(late.shape) < 0.02] = 1e300
        X[rng.random(n_samples) < 0.01] = np.nan
    event_time_ns = 1_700_000_000_000_000_000 + position * 300_000_000_000
    return Stream(slots.astype(np.int64), event_time_ns, X[:, 0].copy() if n_features == 1 else X)


def run_stream(model: Estimator, stream: Stream) -> Run:
    """One batch call over `stream`."""
    out = Scores.empty(stream.size)
    ready = model.score_learn_many(stream.slots, stream.event_time_ns, stream.X, out)
    return Run(out, ready)


def score_digest(model: Estimator, stream: Stream) -> str:
    """SHA-256 of what `model` puts out for `stream`.

    Examples
    --------
    >>> from models.registry import build
    >>> len(score_digest(build("gaussian_scorer"), make_stream(1, n_samples=20)))
    64
    """
    model.reserve(int(stream.slots.max()) + 1)
    return hashlib.sha256(run_stream(model, stream).to_bytes()).hexdigest()


def concatenate(runs: list[Run]) -> Run:
    columns = zip(*(run.out for run in runs), strict=True)
    return Run(Scores(*(np.concatenate(column) for column in columns)), np.concatenate([run.ready for run in runs]))
