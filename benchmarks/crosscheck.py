"""How often the local cross-check confirms what is true and refutes what is not, on simulated series.

    python -m benchmarks.crosscheck [--trials 400] [--seed 1] [--only TEXT] [--family random_cut_forest]

A trial is a series of one kind with a context of 64 samples.  True trials end in an injected anomaly.  False ones have no
injection: *worst of 500* ends in the most suspicious sample of a longer run, the one that lies farthest from the median of the 63
before it, in robust deviations of those (its true tail is about 0.002, so a confirmation at 0.01 is no error of the tail, but is
one of the alert); *any sample* ends anywhere, and its share of confirmations is to be at most the confirm_tail, 1 percent.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pipeline.config.schema import LocalProvider as LocalSettings
from pipeline.crosscheck.local import LocalProvider
from pipeline.engine.anomaly import Anomaly
from pipeline.samples.labels import LabelSet

CONTEXT = 64
RUN = 500
STEP_NS = 10 * 10**9
Series = Callable[[np.random.Generator, int], np.ndarray]


def _periodic_spikes(rng: np.random.Generator, n: int) -> np.ndarray:
    values = rng.normal(10, 1, n)
    values[rng.integers(12) :: 12] += 20
    return values


def _random_spikes(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.normal(10, 1, n) + 15 * (rng.random(n) < 0.08)


def _seasonal(period: int) -> Series:
    def make(rng: np.random.Generator, n: int) -> np.ndarray:
        return 50 + 20 * np.sin(2 * np.pi * (np.arange(n) + rng.integers(period)) / period) + rng.normal(0, 1, n)

    return make


SERIES: dict[str, Series] = {
    "normal": lambda rng, n: rng.normal(10, 1, n),
    "lognormal": lambda rng, n: rng.lognormal(1, 0.6, n),
    "student t(3)": lambda rng, n: 10 + rng.standard_t(3, n),
    "poisson(3)": lambda rng, n: rng.poisson(3, n).astype(float),
    "random walk": lambda rng, n: np.cumsum(rng.normal(0, 1, n)),
    "season 24": _seasonal(24),
    "season 288": _seasonal(288),
    "spike every 12": _periodic_spikes,
    "spikes 8 %": _random_spikes,
    "square wave": lambda rng, n: 10 + 20 * (((np.arange(n) + rng.integers(18)) // 9) % 2) + rng.normal(0, 1, n),
    "constant": lambda _rng, n: np.full(n, 7.0),
}


def make_anomaly(values: np.ndarray, times: np.ndarray, event_time_ns: int, kind: str = "point") -> Anomaly:
    """An opening whose context these samples are."""
    nan = float("nan")
    started_ns = event_time_ns
    return Anomaly(
        "0" * 32, kind, "opened", "0" * 32, "bench", 0, 0, 0, event_time_ns, started_ns, LabelSet({"__name__": "bench"}),  # type: ignore[arg-type]
        "bench", "application", "bench", float(values[-1]), nan, nan, nan, 1.0, 1e-6, 1e-6, 1, "", (),
        tuple(int(one) for one in times), tuple(float(one) for one in values), "",
    )  # fmt: skip


def find_most_suspicious(values: np.ndarray) -> int:
    """Index of the sample farthest from those before it, in their robust deviations."""
    windows = np.lib.stride_tricks.sliding_window_view(values, CONTEXT)
    history = windows[:, :-1]
    centre = np.median(history, axis=1)
    scale = 1.4826 * np.median(np.abs(history - centre[:, None]), axis=1) + 1e-9
    return int(np.argmax(np.abs(windows[:, -1] - centre) / scale)) + CONTEXT - 1


def judge_values(provider: LocalProvider, make: Series, n_trials: int, seed: int) -> dict[str, Counter[str]]:
    """Outcomes for spikes of 6 and 10 scales, the first sample of a level shift, and false suspicions."""
    outcomes: dict[str, Counter[str]] = {name: Counter() for name in ("spike 6", "spike 10", "shift, 3rd", "false", "any")}
    for trial in range(n_trials):
        rng = np.random.default_rng([seed, trial])
        values = make(rng, CONTEXT + RUN)
        steps = np.diff(values)
        # Size of an injection: in robust deviations of what is not predictable, the smaller of level and step.
        level = 1.4826 * np.median(np.abs(values - np.median(values)))
        step = 1.4826 * np.median(np.abs(steps - np.median(steps))) / 2**0.5
        scale = min(level, step) or max(level, step) or 1.0
        sign = 1.0 if rng.random() < 0.5 else -1.0
        times = np.arange(len(values), dtype=np.int64) * STEP_NS
        for name, size, n_samples in (("spike 6", 6, 1), ("spike 10", 10, 1), ("shift, 3rd", 10, 3)):
            context = values[:CONTEXT].copy()
            # Beyond what this window shows anyway: otherwise an upward spike in a trough would be no anomaly at all.
            edge = context.max() if sign > 0 else context.min()
            context[-n_samples:] = edge + sign * size * scale
            anomaly = make_anomaly(context, times[:CONTEXT], int(times[CONTEXT - 1]))
            if n_samples > 1:
                anomaly = replace(anomaly, started_ns=int(times[CONTEXT - n_samples]), n_anomalous=n_samples)
            outcomes[name][provider.judge_one(anomaly).outcome] += 1
        last = find_most_suspicious(values)
        window = slice(last - CONTEXT + 1, last + 1)
        outcomes["false"][provider.judge_one(make_anomaly(values[window], times[window], int(times[last]))).outcome] += 1
        outcomes["any"][provider.judge_one(make_anomaly(values[:CONTEXT], times[:CONTEXT], int(times[CONTEXT - 1]))).outcome] += 1
    return outcomes


def judge_silences(provider: LocalProvider, n_trials: int, seed: int) -> dict[str, dict[str, Counter[str]]]:
    """Outcomes for a silence of five median intervals: of a producer that stopped, and in the run of one that did not."""
    producers: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
        "regular": lambda rng, n: np.full(n, 10.0) + rng.normal(0, 0.1, n),
        "jitter 30 %": lambda rng, n: np.abs(10 + rng.normal(0, 3, n)) + 0.1,
        "poisson": lambda rng, n: rng.exponential(10, n),
        "bursty": lambda rng, n: np.where(rng.random(n) < 0.1, 200.0, 1.0) * rng.uniform(0.5, 1.5, n),
    }
    told: dict[str, dict[str, Counter[str]]] = {}
    for name, make in producers.items():
        outcomes = told[name] = {"stopped": Counter(), "false": Counter()}
        for trial in range(n_trials):
            rng = np.random.default_rng([seed, trial])
            intervals = make(rng, CONTEXT + RUN)
            times = (np.cumsum(intervals) * 1e9).astype(np.int64)
            values = np.ones(len(times))
            context = slice(0, CONTEXT)
            silence_ns = int(5e9 * np.median(intervals))
            stopped = make_anomaly(values[context], times[context], int(times[CONTEXT - 1]) + silence_ns, "absence")
            outcomes["stopped"][provider.judge_one(stopped).outcome] += 1
            long = np.flatnonzero(intervals[CONTEXT:] * 1e9 > silence_ns)
            if len(long):
                last = CONTEXT + int(long[0]) - 1
                window = slice(last - CONTEXT + 1, last + 1)
                false = make_anomaly(values[window], times[window], int(times[last]) + silence_ns, "absence")
                outcomes["false"][provider.judge_one(false).outcome] += 1
    return told


def render(counts: Counter[str]) -> str:
    """Confirmed, refuted, unknown in percent."""
    n = sum(counts.values())
    if not n:
        return "      none      "
    return " ".join(f"{100 * counts[outcome] / n:4.0f}" for outcome in ("confirmed", "refuted", "unknown"))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=400, help="trials per series and column")
    parser.add_argument("--seed", type=int, default=1, help="seed of the simulation")
    parser.add_argument("--only", default="", help="only series whose name holds this text")
    parser.add_argument("--family", default="nearest_neighbours", help="of the local provider")
    arguments = parser.parse_args()
    provider = LocalProvider(LocalSettings.model_validate({"family": arguments.family}))
    print("percent confirmed, refuted, unknown; context 64, default thresholds\n")
    print(f"{'series':16s}{'spike 6':>18s}{'spike 10':>18s}{'shift, 3rd':>18s}{'worst of 500':>18s}{'any sample':>18s}")
    started_secs, n_judged = time.process_time(), 0
    for name, make in SERIES.items():
        if arguments.only in name:
            outcomes = judge_values(provider, make, arguments.trials, arguments.seed)
            n_judged += sum(sum(counts.values()) for counts in outcomes.values())
            print(f"{name:16s}" + "".join(f"{render(counts):>18s}" for counts in outcomes.values()))
    spent_ms = 1e3 * (time.process_time() - started_secs) / max(n_judged, 1)
    print(f"\n{'producer':16s}{'stopped':>18s}{'false silence':>18s}")
    for name, both in judge_silences(provider, arguments.trials, arguments.seed).items():
        print(f"{name:16s}" + "".join(f"{render(counts):>18s}" for counts in both.values()))
    print(f"\n{spent_ms:.2f} ms of CPU a verdict, simulation included")


if __name__ == "__main__":
    main()
