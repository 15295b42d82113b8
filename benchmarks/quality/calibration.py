"""Does one tail probability mean the same on every series: alarms on what is normal, catches of what is injected.

Run from the repository's root; minutes::

    streamwarden bench calibration
    streamwarden bench calibration --trials 10 --json

The tail probability of a sample is how likely one at least as odd is on its series; a detector's threshold cuts there.

*Normal*: share of samples whose tail probability is below each level, of unlabelled ones of recorded sets (over all, and for the
series in the middle, the ninth of ten and the worst) and of synthetic series without any injection; and how many alarms a thousand
samples open, an alarm being a tail below 1e-3 after 30 samples without one.  Labels are not complete and odd samples cluster, so
shares exceed the level.  Constants of the tail were chosen on half of the series of the labelled sets and NAB; none on the other sets.

*Found*: precision and recall of the labelled samples at each level, all series together, beside a scorer that flags as many samples
at random; one that flags none has recall 0.  *Injected*: share of seeded synthetic series in which an injection at sample 300 or
3,000 of a fresh series has a tail probability below 1e-5 within its first five samples.

Recorded sets are Parquet files in the folder data of STREAMWARDEN_SHARED, or of ``../shared`` beside the repository; without it
only synthetic series are measured.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.progress import Progress

from benchmarks.arguments import at_least, make_parser
from benchmarks.quality.labelled_sets import LABELLED_SETS, LabelledSet, find_shared, load_labelled_set
from benchmarks.quality.other_sets import OTHER_SETS, load_other_set
from models.base import BoolColumn, FloatColumn, IntColumn, Scores
from models.seasonal.model import SeasonalScorer
from models.seasonal.tail_kernel import ALARM_TAIL, QUIET_SAMPLES

__all__ = ["NOISES", "count_alarms", "get_tails", "inject", "main", "measure_set", "share_by_series"]

LEVELS = (1e-2, 1e-3, 1e-4, 1e-5)
ALARM_LEVEL = 1e-5
MIN_SAMPLES = 500
INTERVALS_SECS = (1, 10, 60, 300)
QUANTILES = {"series in the middle": 0.5, "nine series in ten at most": 0.9, "worst series": 1.0}
INJECTIONS = ("spike 20", "level shift 10", "dropout to zero")
NOISES: dict[str, Callable[[np.random.Generator, int], FloatColumn]] = {
    "gaussian": lambda rng, n: 100.0 + rng.normal(0.0, 1.0, n),
    "daily": lambda rng, n: 100.0 + 10.0 * np.sin(2 * np.pi * np.arange(n) / 288) + rng.normal(0.0, 1.0, n),
    "student t(4)": lambda rng, n: 100.0 + rng.standard_t(4, n),
    "lognormal": lambda rng, n: 20.0 * np.exp(rng.normal(0.0, 0.3, n)),
    "poisson(30)": lambda rng, n: rng.poisson(30, n).astype(np.float64),
    "ar(0.9)": lambda rng, n: 100.0 + _correlate(rng.normal(0.0, 1.0, n), 0.9),
}


def _correlate(noise: FloatColumn, weight: float) -> FloatColumn:
    values = noise.copy()
    for i in range(1, values.size):
        values[i] += weight * values[i - 1]
    return values


def get_tails(series: FloatColumn, interval_secs: int) -> FloatColumn:
    """Tail probabilities of (N, L) fresh series, 1.0 where not ready."""
    n_series, length = series.shape
    slots: IntColumn = np.repeat(np.arange(n_series, dtype=np.int64), length)
    times_ns = np.tile(np.arange(length, dtype=np.int64) * (interval_secs * 1_000_000_000), n_series)
    model = SeasonalScorer()
    model.reserve(n_series)
    out = Scores.empty(slots.size)
    model.score_learn_many(slots, times_ns, series.reshape(-1), out)
    return np.asarray(1.0 - out.score.reshape(n_series, length))


def share_by_series(slots: IntColumn, tails: FloatColumn) -> list[list[float]]:
    """Share of a series' tail probabilities below each level, for every series with `MIN_SAMPLES` samples or more.

    Examples
    --------
    >>> share_by_series(np.repeat([4, 9], [1000, 10]), np.where(np.arange(1010) < 20, 5e-4, 0.5))
    [[0.02, 0.02, 0.0, 0.0]]
    """
    found = (tails[slots == slot] for slot in np.unique(slots))
    return [[float((own < level).mean()) for level in LEVELS] for own in found if own.size >= MIN_SAMPLES]


def count_alarms(tails: FloatColumn, is_counted: BoolColumn) -> int:
    """Alarms that one series opens at a sample that counts: tails below 1e-3 after 30 samples without one.

    Examples
    --------
    >>> tails = np.ones(100)
    >>> tails[[3, 20, 60]] = 1e-4
    >>> count_alarms(tails, np.full(100, True)), count_alarms(tails, np.arange(100) > 30)
    (2, 1)
    """
    at = np.flatnonzero(tails < ALARM_TAIL)
    is_first = np.diff(at, prepend=-QUIET_SAMPLES - 1) > QUIET_SAMPLES
    return int(is_counted[at[is_first]].sum())


def measure_set(labelled: LabelledSet) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """What is normal on a recorded set, and what is found of its labelled test samples: figures by title, one a level."""
    by_series: list[list[float]] = []
    alarms: list[float] = []
    every, flagged, hit = [], np.zeros(len(LEVELS)), np.zeros(len(LEVELS))
    n_tested = n_odd = 0
    for values in labelled.metrics:
        model, out = SeasonalScorer(), Scores.empty(labelled.slots.size)
        model.reserve(int(labelled.slots.max()) + 1)
        ready = model.score_learn_many(labelled.slots, labelled.event_time_ns, np.ascontiguousarray(values), out)
        tails = 1.0 - out.score
        is_normal = ready & ~labelled.is_anomaly
        every.append(tails[is_normal])
        by_series += share_by_series(labelled.slots[is_normal], tails[is_normal])
        for slot in np.unique(labelled.slots):
            own = np.flatnonzero((labelled.slots == slot) & ready)
            if (n := int(is_normal[own].sum())) >= MIN_SAMPLES:
                alarms.append(1000.0 * count_alarms(tails[own], is_normal[own]) / n)
        tested, odd = tails[ready & labelled.is_test], tails[ready & labelled.is_test & labelled.is_anomaly]
        flagged += [(tested < level).sum() for level in LEVELS]
        hit += [(odd < level).sum() for level in LEVELS]
        n_tested += tested.size
        n_odd += odd.size
    normal = {f"{labelled.name}, unlabelled samples": [float((np.concatenate(every) < level).mean()) for level in LEVELS]}
    for title, share in QUANTILES.items():
        normal[f"{labelled.name}, {title}"] = np.quantile(by_series, share, axis=0).tolist()
    normal[f"{labelled.name}, alarms a thousand samples"] = [float(np.quantile(alarms, share)) for share in QUANTILES.values()]
    if not n_odd:
        return normal, {}
    return normal, {
        f"{labelled.name}, precision": (hit / np.maximum(flagged, 1)).tolist(),
        f"{labelled.name}, recall": (hit / n_odd).tolist(),
        f"{labelled.name}, as many at random, precision": [n_odd / n_tested] * len(LEVELS),
        f"{labelled.name}, as many at random, recall": (flagged / n_tested).tolist(),
    }


def inject(series: FloatColumn, injection: str, at: int) -> FloatColumn:
    """A copy of (N, L) series with the injection at sample `at`; its size is in standard deviations of the samples before."""
    changed = series.copy()
    sd = series[:, :at].std(axis=1, keepdims=True)
    match injection:
        case "spike 20":
            changed[:, at : at + 1] += 20.0 * sd
        case "level shift 10":
            changed[:, at:] += 10.0 * sd
        case "dropout to zero":
            changed[:, at : at + 5] = 0.0
    return changed


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line."""
    parser = make_parser("calibration", __doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
    parser.add_argument("--trials", type=at_least(1), default=60, help="series of each kind")
    given = parser.parse_args(arguments)
    normal: dict[str, list[float]] = {}
    found: dict[str, list[float]] = {}
    caught: dict[str, float] = {}
    shared = find_shared()
    sets = (*LABELLED_SETS, *OTHER_SETS) if shared else ()
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("calibration", total=len(sets) + len(NOISES) * len(INTERVALS_SECS))
        for name in sets:
            assert shared is not None
            load = load_labelled_set if name in LABELLED_SETS else load_other_set
            of_normal, of_odd = measure_set(load(name, shared))
            normal |= of_normal
            found |= of_odd if name in LABELLED_SETS else {}
            progress.advance(task)
        for noise, make in NOISES.items():
            for interval_secs in INTERVALS_SECS:
                rng = np.random.default_rng(7)
                series = np.array([make(rng, 4000) for _ in range(given.trials)])
                tails_of = get_tails(series, interval_secs)[:, 100:]
                normal[f"{noise}, {interval_secs} s"] = [float((tails_of < level).mean()) for level in LEVELS]
                for injection in INJECTIONS:
                    for at in (300, 3000):
                        first = get_tails(inject(series, injection, at), interval_secs)[:, at : at + 5]
                        caught[f"{noise}, {interval_secs} s, {injection}, at {at}"] = float(
                            (first < ALARM_LEVEL).any(axis=1).mean()
                        )
                progress.advance(task)
    if given.json:
        sys.stdout.write(json.dumps({"levels": LEVELS, "normal": normal, "found": found, "caught": caught}, indent=2) + "\n")
        return 0
    print("share of normal samples below the level".ljust(44), *(f"{level:9.0e}" for level in LEVELS))
    for name, shares in normal.items():
        is_count = name.endswith("alarms a thousand samples")
        told = (f"{share:9.2f}" for share in shares) if is_count else (f"{share:9.1e}" for share in shares)
        print((f"{name}: middle, ninth of ten, worst" if is_count else name).ljust(44 if not is_count else 0), *told)
    print("of labelled samples".ljust(44), *(f"{level:9.0e}" for level in LEVELS))
    for name, shares in found.items():
        print(name.ljust(44), *(f"{share:9.3f}" for share in shares))
    print("share of injections below 1e-5 within five samples")
    for name, share in caught.items():
        print(name.ljust(60), f"{share:6.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
