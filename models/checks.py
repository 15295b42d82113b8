"""Named checks that every model must pass, in the manner of river's: run them over a model of your own as well.

>>> from models.gaussian.model import GaussianScorer
>>> for check in yield_checks(GaussianScorer):
...     if check.name != "determinism_across_processes":
...         check.run()
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from models.base import BoolColumn, Estimator, FloatColumn, IntColumn, Scores, Snapshot
from models.errors import ShapeError, SlotError, SnapshotError

__all__ = ["Check", "Run", "Stream", "make_stream", "run_stream", "score_digest", "yield_checks"]

EstimatorFactory = Callable[[], Estimator]


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


@dataclass(frozen=True)
class Check:
    """One named check, bound to a factory; `run` raises AssertionError when the model fails it."""

    name: str
    run: Callable[[], None]


def make_stream(n_features: int, *, n_series: int = 3, n_samples: int = 2400, seed: int = 7, dirt: bool = True) -> Stream:
    """Series with a daily shape, noise, level shifts and a constant stretch; `dirt` adds NaN, infinities and extremes.

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
        X[rng.random(X.shape) < 0.002] = 1e300
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


def yield_checks(estimator_factory: EstimatorFactory) -> Iterator[Check]:
    """Yield every check, bound to models made by `estimator_factory` (all alike, none with rows reserved)."""
    for name, function in _CHECKS.items():
        yield Check(name, _bind(function, estimator_factory))


def _bind(function: Callable[[EstimatorFactory], None], estimator_factory: EstimatorFactory) -> Callable[[], None]:
    return partial(function, estimator_factory)


def _make(estimator_factory: EstimatorFactory, n_slots: int = 3) -> Estimator:
    model = estimator_factory()
    model.reserve(n_slots)
    return model


def _concatenate(runs: list[Run]) -> Run:
    columns = zip(*(run.out for run in runs), strict=True)
    return Run(Scores(*(np.concatenate(column) for column in columns)), np.concatenate([run.ready for run in runs]))


def _require_equal(found: Run, expected: Run, what: str) -> None:
    for label, mine, theirs in zip(
        (*Scores._fields, "ready"), (*found.out, found.ready), (*expected.out, expected.ready), strict=True
    ):
        if mine.tobytes() != theirs.tobytes():
            width = mine.dtype.itemsize
            differ = (mine.view(np.uint8).reshape(-1, width) != theirs.view(np.uint8).reshape(-1, width)).any(axis=1)
            first = int(np.flatnonzero(differ)[0])
            raise AssertionError(f"{what}: {label}[{first}] is {mine[first]!r}; expected {theirs[first]!r}")


def check_batch_split_invariance(estimator_factory: EstimatorFactory) -> None:
    """Any cutting of a log into batches, down to single samples, gives the same bits."""
    model = _make(estimator_factory)
    stream = make_stream(model.n_features)
    whole = run_stream(model, stream)
    for sizes in ((1,), (7, 1, 100), (1000,)):
        model = _make(estimator_factory)
        runs: list[Run] = []
        start = 0
        while start < stream.size:
            step = sizes[len(runs) % len(sizes)]
            runs.append(run_stream(model, stream[start : start + step]))
            start += step
        _require_equal(_concatenate(runs), whole, f"batches of {sizes}")


def check_interleaving_invariance(estimator_factory: EstimatorFactory) -> None:
    """A series alone gives the bits it gives among others, and its slot number does not matter."""
    model = _make(estimator_factory)
    stream = make_stream(model.n_features)
    whole = run_stream(model, stream)
    for slot in range(3):
        mine = stream.slots == slot
        alone = stream[mine]
        model = _make(estimator_factory, 9)
        found = run_stream(model, Stream(np.full(alone.size, 8 - slot, dtype=np.int64), alone.event_time_ns, alone.X))
        expected = Run(Scores(*(column[mine] for column in whole.out)), whole.ready[mine])
        _require_equal(found, expected, f"series {slot} alone")


def check_snapshot_restore_bit_identity(estimator_factory: EstimatorFactory) -> None:
    """At any cut, a model restored into other slots of a fresh model goes on bit by bit like the original."""
    model = _make(estimator_factory)
    stream = make_stream(model.n_features)
    whole = run_stream(model, stream)
    slots = np.arange(3, dtype=np.int64)
    for cut in (0, 1, 2, 150, stream.size // 2, stream.size - 1):
        model = _make(estimator_factory)
        before = run_stream(model, stream[:cut])
        copied = estimator_factory()
        copied.restore(slots + 2, model.snapshot(slots))
        run_stream(model, stream[cut:])
        rest = stream[cut:]
        after = run_stream(copied, Stream(rest.slots + 2, rest.event_time_ns, rest.X))
        _require_equal(_concatenate([before, after]), whole, f"cut at {cut}")


def check_snapshot_is_a_copy(estimator_factory: EstimatorFactory) -> None:
    """A snapshot does not change while the model learns on, and holds one row a slot asked for."""
    model = _make(estimator_factory)
    stream = make_stream(model.n_features)
    run_stream(model, stream[:800])
    slots = np.array([2, 0], dtype=np.int64)
    taken, again = model.snapshot(slots), model.snapshot(slots)
    run_stream(model, stream[800:])
    assert _flatten(taken) == _flatten(again), "the snapshot changed while the model learned on"
    assert _flatten(model.snapshot(slots)) != _flatten(again), "the state did not change while the model learned on"


def check_restore_refuses_strangers(estimator_factory: EstimatorFactory) -> None:
    """Unknown version, other model, other parameters or another row count: SnapshotError, and nothing is changed."""
    model = _make(estimator_factory)
    stream = make_stream(model.n_features)
    run_stream(model, stream[:800])
    slots = np.arange(3, dtype=np.int64)
    good = model.snapshot(slots)
    strangers = [
        {**good, "version": 10**6},
        {**good, "model": "another"},
        {**good, "parameters": {**good["parameters"], "no_such": 1}},
        {},
    ]
    for stranger in strangers:
        _require_raises(SnapshotError, partial(model.restore, slots, stranger))
    _require_raises(SnapshotError, partial(model.restore, slots[:2], good))
    assert _flatten(model.snapshot(slots)) == _flatten(good), "a refused snapshot changed the state"


def check_inputs_untouched(estimator_factory: EstimatorFactory) -> None:
    """Columns given to the batch call are not written to; read-only and strided ones do as well."""
    model = _make(estimator_factory)
    stream = make_stream(model.n_features, n_samples=900)
    kept = stream[:]
    whole = run_stream(model, stream)
    for column, before in zip(vars(stream).values(), vars(kept).values(), strict=True):
        assert column.tobytes() == before.tobytes(), "the batch call wrote to its input"
    frozen = stream[:]
    for column in vars(frozen).values():
        column.flags.writeable = False
    _require_equal(run_stream(_make(estimator_factory), frozen), whole, "read-only columns")
    wide = Stream(np.repeat(stream.slots, 2)[::2], np.repeat(stream.event_time_ns, 2)[::2], np.repeat(stream.X, 2, axis=0)[::2])
    _require_equal(run_stream(_make(estimator_factory), wide), whole, "strided columns")


def check_score_before_learn(estimator_factory: EstimatorFactory) -> None:
    """A score does not depend on the samples after it, nor does learning a sample happen before its score."""
    model = _make(estimator_factory)
    stream = make_stream(model.n_features, dirt=False)
    whole = run_stream(model, stream)
    for cut in (0, 700, 2000):
        model = _make(estimator_factory)
        found = run_stream(model, stream[: cut + 1])
        _require_equal(
            found, Run(Scores(*(column[: cut + 1] for column in whole.out)), whole.ready[: cut + 1]), f"prefix of {cut + 1}"
        )
    # `expected` and `scale` are the model's view before the sample, so another value there must not move them.
    model = _make(estimator_factory)
    run_stream(model, stream[:2000])
    slots = np.arange(3, dtype=np.int64)
    state = model.snapshot(slots)
    here = run_stream(model, stream[2000:2001])
    model.restore(slots, state)
    changed = stream[2000:2001]
    # Column 0 alone: a regression may well expect something else when its regressors change.
    changed.X.reshape(1, -1)[0, 0] += 0.125
    other = run_stream(model, changed)
    for label in ("expected", "scale"):
        assert getattr(here.out, label).tobytes() == getattr(other.out, label).tobytes(), f"{label} depends on the sample itself"


def check_ready_only_after_warm_up(estimator_factory: EstimatorFactory) -> None:
    """A series never seen is not ready before its first sample; while not ready it scores 0.0; once ready it stays so."""
    model = _make(estimator_factory, 4)
    assert not model.describe(3)["ready"], "a series never seen is ready"
    stream = make_stream(model.n_features, dirt=False)
    run = run_stream(model, stream)
    assert run.ready.any(), f"no sample was ready after {stream.size} samples: the check cannot see anything"
    assert (run.out.score[~run.ready] == 0.0).all(), "a sample that is not ready has a score"
    assert np.isnan(run.out.expected[~run.ready]).all(), "a sample that is not ready has an expected value"
    for slot in range(3):
        mine = run.ready[stream.slots == slot]
        assert not mine[0], f"the first sample of series {slot} is ready"
        assert (np.diff(mine.astype(np.int8)) >= 0).all(), f"series {slot} went back to not ready"
        assert model.describe(slot)["ready"] == mine[-1], f"describe and the batch call disagree on series {slot}"


def check_non_finite_policy(estimator_factory: EstimatorFactory) -> None:
    """A sample that is all NaN or infinite scores 0.0, is not ready, and leaves no trace in the state."""
    model = _make(estimator_factory)
    clean = make_stream(model.n_features, dirt=False)
    whole = run_stream(model, clean)
    dirty = np.sort(np.concatenate([np.arange(clean.size), np.arange(0, clean.size, 10)]))
    is_dirt = np.concatenate([[False], dirty[1:] == dirty[:-1]])
    stream = clean[dirty]
    stream.X[is_dirt] = np.resize([np.nan, np.inf, -np.inf], is_dirt.sum()).reshape(-1, *([1] * (stream.X.ndim - 1)))
    run = run_stream(_make(estimator_factory), stream)
    kept = Run(Scores(*(column[~is_dirt] for column in run.out)), run.ready[~is_dirt])
    _require_equal(kept, whole, "NaN and infinities left a trace")
    assert not run.ready[is_dirt].any(), "a sample without a finite value is ready"
    assert (run.out.score[is_dirt] == 0.0).all(), "a sample without a finite value has a score"


def check_extremes_do_not_poison(estimator_factory: EstimatorFactory) -> None:
    """After the greatest and least floats, zeros and denormals, ordinary samples are scored again, by numbers."""
    model = _make(estimator_factory)
    stream = make_stream(model.n_features, dirt=False)
    top = np.finfo(np.float64).max
    extremes = [top, -top, 5e-324, -5e-324, 0.0, -0.0, 1e154, -1e154, *([top] * 12), *([-top] * 12)]
    stream.X[600 : 600 + len(extremes)] = np.array(extremes).reshape(-1, *([1] * (stream.X.ndim - 1)))
    run = run_stream(model, stream)
    assert np.isfinite(run.out.score).all(), f"score {run.out.score[~np.isfinite(run.out.score)][0]} after extreme values"
    ready = run.ready
    assert not np.isinf(run.out.expected[ready]).any(), "an expected value is infinite after extreme values"
    # River's own models have river's own flaws.
    for slot in range(3) if model.name != "river_model" else ():
        assert ready[stream.slots == slot][-1], f"series {slot} is no longer scored after extreme values"


def check_inference_does_not_mutate(estimator_factory: EstimatorFactory) -> None:
    """Scoring, forecasting, explaining, describing and taking snapshots change nothing, whatever they are asked about."""
    model: Any = _make(estimator_factory)
    stream = make_stream(model.n_features)
    run_stream(model, stream[:1800])
    slots = np.arange(3, dtype=np.int64)
    before = _flatten(model.snapshot(slots))
    for value in (0.5, 0.0, -7.25, 1e300, np.nan, np.inf):
        if hasattr(model, "score_one"):
            model.score_one(*_to_arguments(model, value))
        if hasattr(model, "predict_one"):
            model.predict_one(_to_arguments(model, value)[0])
        for slot in range(3):
            model.describe(slot)
            if hasattr(model, "contributions"):
                model.contributions(slot, np.full(model.n_features, value))
    if hasattr(model, "forecast"):
        model.forecast(5)
    model.share_parts(np.full(len(model.part_names), 0.5))
    assert _flatten(model.snapshot(slots)) == before, "asking the model changed it"
    whole = run_stream(_make(estimator_factory), stream)
    rest = Run(Scores(*(column[1800:] for column in whole.out)), whole.ready[1800:])
    _require_equal(run_stream(model, stream[1800:]), rest, "after the model was asked")


def check_one_by_one_equals_batch(estimator_factory: EstimatorFactory) -> None:
    """`score_one` and `learn_one` give the bits of the batch call wherever that has a score.

    They know no time: a model that asks for it takes its samples to be a minute apart.
    """
    model: Any = _make(estimator_factory, 1)
    if not (hasattr(model, "learn_one") and hasattr(model, "score_one")):
        return
    names = [str(column) for column in range(model.n_features)]
    stream = make_stream(model.n_features, n_series=1, n_samples=700)
    is_learned = np.isfinite(stream.X.reshape(stream.size, -1)).any(axis=1)
    stream.event_time_ns[:] = (np.cumsum(is_learned) - is_learned) * 60_000_000_000
    whole = run_stream(_make(estimator_factory, 1), stream)
    for i, row in enumerate(stream.X.reshape(stream.size, -1).tolist()):
        if getattr(model, "needs_target", False):
            arguments: tuple[Any, ...] = (dict(zip(names, row[1:], strict=False)), row[0])
        else:
            arguments = (row[0],) if len(row) == 1 else (dict(zip(names, row, strict=True)),)
        if i >= 650 and whole.ready[i]:
            score = model.score_one(*arguments)
            assert score == whole.out.score[i], f"score_one gives {score!r} for sample {i}, the batch call {whole.out.score[i]!r}"
        model.learn_one(*arguments)


def check_no_compilation_after_warm_up(estimator_factory: EstimatorFactory) -> None:
    """Once everything was called once, no batch and no call waits for a compiler."""
    from models.warmup import compiled_signatures, exercise

    exercise(estimator_factory())
    before = compiled_signatures()
    model: Any = _make(estimator_factory)
    stream = make_stream(model.n_features, n_samples=900)
    for part in (stream, stream[:1], stream[:0]):
        run_stream(model, part)
    stream.X.flags.writeable = False
    run_stream(model, stream)
    model.describe(1)
    slots = np.arange(3, dtype=np.int64)
    model.restore(slots[::-1], model.snapshot(slots))
    model.reset(slots)
    after = compiled_signatures()
    late = {name: count for name, count in after.items() if count != before.get(name, 0)}
    assert not late, f"compiled after warm-up: {', '.join(late)}"


def check_bounded_memory(estimator_factory: EstimatorFactory) -> None:
    """State does not grow with the samples of a series."""
    model = _make(estimator_factory)
    stream = make_stream(model.n_features, n_samples=6000)
    slots = np.arange(3, dtype=np.int64)
    run_stream(model, stream[:1500])
    before = model.state_nbytes, model.slot_nbytes, len(_flatten(model.snapshot(slots)))
    run_stream(model, stream[1500:])
    after = model.state_nbytes, model.slot_nbytes, len(_flatten(model.snapshot(slots)))
    # State written as text varies by the digits of its numbers.
    slack = 1.0 if getattr(model, "has_fixed_size", True) else 1.3
    is_bounded = all(late <= slack * early for late, early in zip(after, before, strict=True))
    assert is_bounded, f"state grew from {before} to {after} bytes"


def check_reset_gives_a_fresh_row(estimator_factory: EstimatorFactory) -> None:
    """A reset slot goes on like one never seen; the others do not notice."""
    model = _make(estimator_factory)
    stream = make_stream(model.n_features)
    run_stream(model, stream)
    kept = np.array([0, 2], dtype=np.int64)
    others = _flatten(model.snapshot(kept))
    model.reset(np.array([1], dtype=np.int64))
    assert _flatten(model.snapshot(kept)) == others, "reset changed another slot"
    mine = stream[stream.slots == 1]
    _require_equal(run_stream(model, mine), run_stream(_make(estimator_factory), mine), "a reset slot")


def check_reserve_keeps_rows(estimator_factory: EstimatorFactory) -> None:
    """Growing keeps what was learned; asking for fewer rows is no change; unreserved slots are refused before learning."""
    model = _make(estimator_factory)
    stream = make_stream(model.n_features)
    whole = run_stream(_make(estimator_factory), stream)
    runs = [run_stream(model, stream[:900])]
    model.reserve(300)
    model.reserve(2)
    assert model.n_slots == 300, f"{model.n_slots} slots after reserving 300, then 2"
    runs.append(run_stream(model, stream[900:]))
    _require_equal(_concatenate(runs), whole, "growing in between")
    slots = np.arange(3, dtype=np.int64)
    before = _flatten(model.snapshot(slots))
    for bad in (300, -1):
        bad_slots = np.array([0, bad], dtype=np.int64)
        _require_raises(SlotError, partial(run_stream, model, Stream(bad_slots, bad_slots, stream.X[:2].copy())))
    assert _flatten(model.snapshot(slots)) == before, "a refused batch was learned"


def check_shapes_are_refused(estimator_factory: EstimatorFactory) -> None:
    """Columns of another length or dtype raise ShapeError and nothing is learned; an empty batch is no error."""
    model = _make(estimator_factory)
    stream = make_stream(model.n_features, n_samples=30)
    slots = np.arange(3, dtype=np.int64)
    before = _flatten(model.snapshot(slots))
    out = Scores.empty(30)
    times, X = stream.event_time_ns, stream.X
    refused: list[tuple[Any, Any, Any, Scores]] = [
        (stream.slots, times, X[:-1], out),
        (stream.slots, times[:-1], X, out),
        (stream.slots.astype(np.int32), times, X, out),
        (stream.slots, times, X.astype(np.float32), out),
        (stream.slots, times, X, Scores.empty(29)),
    ]
    for arguments in refused:
        _require_raises(ShapeError, partial(model.score_learn_many, *arguments))
    assert _flatten(model.snapshot(slots)) == before, "a refused batch was learned"
    assert run_stream(model, stream[:0]).ready.size == 0


def check_determinism_across_processes(estimator_factory: EstimatorFactory) -> None:
    """Another process with another hash seed puts out the same bits."""
    model = estimator_factory()
    kind = type(model)
    program = (
        "import json, sys; from importlib import import_module; from models.checks import make_stream, score_digest\n"
        "module, name, parameters = json.loads(sys.argv[1])\n"
        "model = getattr(import_module(module), name)(**parameters)\n"
        "print(score_digest(model, make_stream(model.n_features)))"
    )
    found = subprocess.run(  # noqa: S603 - the interpreter that runs this
        [sys.executable, "-c", program, json.dumps([kind.__module__, kind.__qualname__, dict(model.parameters)])],
        env={**os.environ, "PYTHONHASHSEED": "4711", "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, f"the other process failed: {found.stderr[-2000:]}"
    expected = score_digest(model, make_stream(model.n_features))
    assert found.stdout.strip() == expected, "another process put out other bits"


def check_copies_are_independent(estimator_factory: EstimatorFactory) -> None:
    """A deep copy goes on like its original, which does not notice: not even one that was asked one sample at a time."""
    from models.warmup import learn_and_score_one

    model = _make(estimator_factory)
    stream = make_stream(model.n_features)
    run_stream(model, stream[:1500])
    learn_and_score_one(model)
    slots = np.arange(3, dtype=np.int64)
    before = _flatten(model.snapshot(slots))
    copied = copy.deepcopy(model)
    learn_and_score_one(copied, 0.25)
    run_stream(copied, stream[1500:1600])
    assert _flatten(model.snapshot(slots)) == before, "a copy changed its original"
    learn_and_score_one(model, 0.25)
    run_stream(model, stream[1500:1600])
    assert _flatten(copied.snapshot(slots)) == _flatten(model.snapshot(slots)), "a copy went on otherwise than its original"


def check_parameters_round_trip(estimator_factory: EstimatorFactory) -> None:
    """`parameters` survive JSON and make an equal model."""
    model = _make(estimator_factory)
    again = type(model)(**json.loads(json.dumps(dict(model.parameters))))
    assert dict(again.parameters) == dict(model.parameters), "parameters changed on the way"
    again.reserve(3)
    stream = make_stream(model.n_features)
    _require_equal(run_stream(again, stream), run_stream(model, stream), "a model made from `parameters`")


def _to_arguments(model: Any, value: float) -> tuple[Any, ...]:
    """Arguments of a call of one sample whose every feature, and target, is `value`."""
    needs_target = getattr(model, "needs_target", False)
    names = getattr(model, "feature_names", None) or [str(column) for column in range(model.n_features - needs_target)]
    if needs_target:
        return dict.fromkeys(names, value), value
    return (value,) if model.n_features == 1 else (dict.fromkeys(names, value),)


def _require_raises(error: type[Exception], call: Callable[[], Any]) -> None:
    try:
        call()
    except error:
        return
    raise AssertionError(f"{error.__name__} was not raised")


def _flatten(snapshot: Snapshot | Any) -> bytes:
    """A snapshot as bytes, to compare."""
    if isinstance(snapshot, dict):
        return b"".join(str(key).encode() + b"=" + _flatten(value) + b";" for key, value in snapshot.items())
    if isinstance(snapshot, np.ndarray):
        return f"{snapshot.dtype}{snapshot.shape}".encode() + snapshot.tobytes()
    return repr(snapshot).encode()


_CHECKS: dict[str, Callable[[EstimatorFactory], None]] = {
    function.__name__.removeprefix("check_"): function
    for function in (
        check_batch_split_invariance,
        check_interleaving_invariance,
        check_snapshot_restore_bit_identity,
        check_snapshot_is_a_copy,
        check_copies_are_independent,
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
