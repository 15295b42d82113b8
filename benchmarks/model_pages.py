"""Writes ``docs/models.md`` and its figures from the models themselves, so that the page cannot fall behind them.

Run from the repository's root::

    streamwarden bench models --json results.json
    python -m benchmarks.model_pages --numbers results.json

Without ``--numbers`` the costs already in the page's table are kept.
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
from pathlib import Path

from benchmarks.model_costs import NUMBERS, make_cost, make_cost_table, write_numbers
from benchmarks.model_figures import BAND_SCALES, HIGHEST_SHARE, SOURCES, TAIL_CUT, draw_figure, flag_samples, read_recorded
from benchmarks.model_figures import FIGURES as DRAWN
from benchmarks.quality.labelled_sets import find_shared
from models import registry
from models.checks import yield_checks
from models.known_differences import KNOWN_DIFFERENCES

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "models.md"
FIGURES = ROOT / "docs" / "figures"

INTRODUCTION = """# Models

<!-- Written by `python -m benchmarks.model_pages`; change the docstrings, not this file. -->

Every model holds many series at once, one row of a few flat arrays each, and scores a mixed batch in one call:

```python
import numpy as np
from models.base import Scores
from models.registry import build

model = build("gaussian_scorer", {"window_size": 500})
model.reserve(2)                                          # two series: slots 0 and 1
slots = np.array([0, 1, 0], dtype=np.int64)
times = np.array([0, 0, 60_000_000_000], dtype=np.int64)  # event time, ns
out = Scores.empty(3)
ready = model.score_learn_many(slots, times, np.array([1.0, 5.0, 1.1]), out)
```

Each sample is scored by the state before it and then learned. The bits of a score depend neither on how a log is cut into
batches, nor on the other series in them, nor on a snapshot and restore in between: `models.checks` holds every model to that, and
[yours](#a-model-of-your-own).
`learn_one` and `score_one` work on slot 0 as river's do.

**Coming from river.** What was written for `river.anomaly`, `river.drift` and `river.time_series` runs by another import, to the
same scores, in river's pipelines and evaluations too:

```python
from river import preprocessing
from models import anomaly            # instead of: from river import anomaly

model = preprocessing.MinMaxScaler() | anomaly.QuantileFilter(anomaly.HalfSpaceTrees(seed=42), q=0.95)
model.learn_one({"heat": 0.3, "load": 0.5})
```

Constructors have river's parameters, and read its optimisers, statistics, searches and regressions; what has no compiled
counterpart is refused with the cure. The same objects take many series in one call, as above.

**Equal to river.** With the same parameters and seed, scores equal river 0.26.1's to the last bit; [where they do
not](#known-differences) there is a reason, and a test that the difference still exists.

**Not a number.** A sample that is NaN or infinite is never learned, scores 0.0 and is not *ready*; in a feature vector NaN is a
missing feature. No sample, however large, can poison the state of a series.

**Snapshots.** `snapshot(slots)` gives a dict: `model`, `version`, `parameters`, `n_rows`, and `columns`, one array a name with
a row for each slot. Models with shared random parts add `masks`, models with named features `features`, filters and predictive
detection the snapshot of the model inside. `restore` refuses another model, version or parameters. A version is raised when
a layout changes; files of every version are kept in `tests/models/state`.

**Why a score is what it is.** `score_learn_parts` also writes what every score is made of, and `share_parts` names the parts with
their shares (the default detector's nine). Models of feature vectors have `contributions`: for trees and the SVM the score less the
score with the feature missing, for LODA the scores of the cuts with the feature against those without, for the local outlier factor
the feature's share of the distances. Of a regression, and of predictive detection around one, it is the absolute error less the error
that is left when the regressor is taken out of the prediction, in units of the value; the value's own share is the whole error. Filters
pass on what the model inside them says.

**Several metrics as one vector.** A detector with a `group` scores the series of a group together, one vector a period of event
time:

```yaml
detectors:
  - name: nodes
    group:
      by: [region, instance]            # also the labels of its anomalies
      features: [node_cpu_ratio, node_memory_ratio, node_load1]
      period_secs: 60
      wait_secs: 10
      missing: last
    model: {type: half_space_trees, parameters: {scale: minmax}}
```

A period is over when the watermark is `wait_secs` past its end; of several samples of a feature in it the last counts. A feature
without one has its last value (`last`: for `hold_periods`, then it is missing), is missing to the model (`absent`), or there is no
vector (`skip`). Anomalies name the features with what each adds to the score. The series go to their own detectors as well. All
series of a group must be in one partition: key the records by the labels in `by`. Models that predict one feature from the others
(`linear_regression`, predictive detection around it, regressors of river) and filters around any of these work in groups too: see
[several metrics together](configuration.md#several-metrics-together).

**Counters.** Raw Prometheus counters need no preparation: the default detector recognises them and scores their rate. Other models
see the ever-growing value; give those a rate.

**Starting.** `models.warmup.warm_up()` compiles every kernel, or loads it from the cache, and says how long each took; after it
nothing compiles any more.
"""

QUALITY = """## Quality

Macro average precision (area under precision and recall, point by point, nothing adjusted) over the series with a labelled sample,
`streamwarden bench quality`. The structure of the default detector was chosen with these labels visible; river's
detectors run with their defaults, Half-Space Trees and the SVM over the series mapped into [0, 1] in hindsight, predictive detection
with the SNARIMAX of river's own example. The two filters have no score of their own. The local outlier factor takes minutes and
runs only when named: `--scorers local_outlier_factor`.

| scorer | MSCloud (54) | KPI (29) | ASD (12) |
|---|---:|---:|---:|
| default, point score | .661 | .558 | .579 |
| default, calibrated tail | .544 | .558 | .554 |
| gaussian_scorer | .384 | .301 | .171 |
| standard_absolute_deviation | .358 | .309 | .173 |
| half_space_trees | .380 | .186 | .172 |
| loda | .216 | .228 | .212 |
| one_class_svm | .363 | .184 | .096 |
| local_outlier_factor | .269 | .087 | .178 |
| predictive_anomaly_detection | .142 | .056 | .089 |
| random | .058 | .019 | .050 |
| null | .050 | .018 | .046 |

The tail is there so that one threshold can be set for every series. It ranks nearly as the point score it is made from: of
MSCloud's .661 the first 100 samples of a series, which have no tail yet, are worth .077 (its series are short), and ASD's figure
is of the five highest of 19 metrics, which calibration puts on a par. `streamwarden bench calibration` shows how far one
threshold means the same. Share of a series' unlabelled samples whose tail is below 1e-3, and alarms opened a thousand samples (a
tail below 1e-3 after 30 samples without):

| set | series | in the middle | nine in ten at most | worst | below 1e-5, all | alarms: middle, ninth of ten, worst |
|---|---:|---:|---:|---:|---:|---|
| MSCloud | 55 | 0.052 % | 0.95 % | 2.0 % | 0.19 % | 0, 1.9, 6.6 |
| KPI | 29 | 0.034 % | 0.14 % | 0.33 % | 0.0035 % | 0.06, 0.19, 0.38 |
| ASD, each metric | 228 | 0.22 % | 0.52 % | 2.0 % | 0.041 % | 0.55, 0.94, 1.4 |
| NAB | 58 | 0.19 % | 0.52 % | 0.82 % | 0.044 % | 0.45, 1.9, 2.8 |
| *SKAB, each sensor* | 256 | 0 | 0.16 % | 1.6 % | 0.013 % | 0, 1.6, 2.0 |
| *Bitcoin, gaps between blocks* | 3 | 0.040 % | 0.080 % | 0.090 % | 0.014 % | 0.33, 0.35, 0.35 |
| *Monero, three figures a block* | 3 | 0.058 % | 0.10 % | 0.11 % | 0.0085 % | 0.09, 0.20, 0.22 |

Constants were chosen by the unlabelled samples of half of the series of the first four sets, by synthetic noise and by the demo's
network, with an eye on ranking and recall, which were not to fall behind those of the tail before; what guards against lasting
change with MSCloud's worst series in view. The sets in italics had no say. Series with 500 unlabelled samples count; one of 600
has 0.17 % with a single sample. On synthetic noise of six kinds at four sampling intervals 0.33 to 1.9 % of the samples have a
tail below 1 %, at most 0.16 % below 0.1 %. Labels are incomplete and odd samples cluster, which is why samples exceed the level
where alarms hardly do. The worst series change for good: one of MSCloud stands still for 10,000 samples and then lives on another
level. What is far beyond everything before is told for some 250 samples, then it is the new normal.

The worker cuts at this tail and at nothing else: what `threshold: {type: tail, probability: ...}` says of a detector with the
default model is the level below. What it finds of the labelled test samples, precision / recall, all series together; as many samples
flagged at random have the precision in brackets, and a recall below .01; flagging none has recall 0:

| tail below | MSCloud (.019) | KPI (.018) | ASD, each metric (.046) |
|---|---|---|---|
| 1e-3 | .53 / .212 | .89 / .218 | .65 / .097 |
| 1e-4 | .48 / .113 | .95 / .066 | .78 / .061 |
| 1e-5 | .45 / .079 | .96 / .019 | .83 / .039 |

The random cut forest beside the `rrcf` package, same trees, window and shingle, two seeds each, eight files of NAB's
realAWSCloudwatch with labelled windows (`streamwarden bench forest`):

| scorer | average precision | microseconds a point |
|---|---:|---:|
| random_cut_forest | .116, .117 | 19 |
| rrcf | .118, .117 | 2,050 |
| random, null | .100 | |
"""
"""What the models find, as measured; the commands stand beside the figures."""

EXAMPLE = ROOT / "docs" / "examples" / "level.py"

SECTIONS = ("Parameters", "Notes", "Raises", "References", "Examples")


def split_docstring(text: str) -> dict[str, str]:
    """Summary, description and numpydoc sections of a docstring."""
    cleaned = inspect.cleandoc(text)
    parts = re.split(rf"^({'|'.join(SECTIONS)})\n-+\n", cleaned, flags=re.MULTILINE)
    found = dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))
    summary, _, description = parts[0].strip().partition("\n\n")
    return {"summary": summary, "description": description.strip(), **found}


def make_section(name: str, *, has_figure: bool) -> str:
    """The page's section on one model."""
    found = registry.model_class(name)
    parts = split_docstring(found.__doc__ or "")
    lines = [f"## {name}", "", f"`{found.__module__}.{found.__name__}`. {parts['summary']}", "", parts["description"], ""]
    lines += ["| parameter | accepts | default | |", "|---|---|---|---|"]
    for parameter in registry.schema(name):
        default = "required" if parameter.is_required else f"`{json.dumps(parameter.default)}`"
        lines.append(f"| `{parameter.name}` | {parameter.range_text} | {default} | {parameter.sentence} |")
    lines += ["", parts["Notes"], "", make_cost(name), ""]
    if "References" in parts:
        lines += [f"*{' '.join(parts['References'].split())}*", ""]
    if has_figure:
        figure = DRAWN[name]
        given = f" It is given {figure.given}." if figure.given else ""
        shown = f", from day {figure.first_day:g} on" if figure.first_day else ""
        lines += [
            f"![what {name} flags](figures/{name}.svg)",
            "",
            f"{SOURCES[figure.source][1]} (NAB, `{figure.source}`{shown}). With `{json.dumps(figure.parameters)}`.{given}",
            "",
        ]
    return "\n".join(lines)


def make_own() -> str:
    """The page's section on an estimator of one's own, and what it is held to."""
    checks = {check.name: check.sentence for check in yield_checks(lambda: registry.build(registry.DEFAULT_MODEL))}
    lines = [
        "## A model of your own",
        "",
        "`models.checks` holds every model here to its word, and yours as well, as river's `check_estimator` does. What a model must "
        "be able to do is in `models.base`; `models.columnar` does most of it for state that is kept in arrays, as here:",
        "",
        "```python",
        f"# {EXAMPLE.name}",
        EXAMPLE.read_text().rstrip(),
        "```",
        "",
        "```python",
        "from functools import partial",
        "",
        f"from {EXAMPLE.stem} import Level",
        "from models.checks import check_estimator",
        "",
        "check_estimator(Level)                            # silent, or an ExceptionGroup of everything it fails",
        "check_estimator(partial(Level, grace_period=3))",
        "```",
        "",
        "`yield_checks` gives them one by one, for pytest. A class that cannot pass one says so, with the reason: "
        "`excused_checks = {name: reason}`.",
        "",
        "| check | |",
        "|---|---|",
        *(f"| {name} | {sentence} |" for name, sentence in checks.items()),
        "",
    ]
    return "\n".join(lines)


def make_differences() -> str:
    """The page's section on known differences."""
    lines = [
        "## Known differences",
        "",
        "From river 0.26.1; each has a test of its name in `tests/models/test_known_differences.py`.",
        "",
    ]
    lines += ["| difference | models | river | here | why |", "|---|---|---|---|---|"]
    lines += [
        f"| {entry.name} | {', '.join(entry.models)} | {entry.river} | {entry.ours} | {entry.reason} |"
        for entry in KNOWN_DIFFERENCES
    ]
    return "\n".join([*lines, ""])


def main(arguments: list[str] | None = None) -> None:
    """Write the page and the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.model_pages", description="Write docs/models.md and its figures.")
    parser.add_argument("--numbers", metavar="FILE", help="results of streamwarden bench models --json FILE")
    chosen = parser.parse_args(arguments)
    if chosen.numbers:
        write_numbers(chosen.numbers)
    FIGURES.mkdir(parents=True, exist_ok=True)
    shared = find_shared()
    if shared is None:
        parser.error("no recorded series: expected STREAMWARDEN_SHARED to name the folder that holds data/nab")
    for name, figure in DRAWN.items():
        recorded = read_recorded(figure.source, shared)
        drawn = draw_figure(name, recorded, flag_samples(name, figure, recorded), figure.first_day)
        (FIGURES / f"{name}.svg").write_text(drawn)
    sections = [INTRODUCTION]
    if NUMBERS.exists():
        sections += [make_cost_table(json.loads(NUMBERS.read_text())), QUALITY]
    sections.append(
        "The figures show series of the [Numenta Anomaly Benchmark](https://github.com/numenta/NAB) (Lavin and Ahmad, 2015), each "
        f"named below its figure. Red: the highest {HIGHEST_SHARE:.1%} of the scores, or the detections; of the default detector, "
        f"tail probabilities below {TAIL_CUT:.0e}. Yellow: windows that people labelled as anomalous, of which no model knows. Green: "
        f"what the model expects, and {BAND_SCALES:g} scales around it where it gives one. Grey: not scored yet.\n"
    )
    sections += [make_section(name, has_figure=name in DRAWN) for name in registry.names() if name in DRAWN]
    sections += [make_own(), make_differences()]
    PAGE.write_text("\n".join(sections))


if __name__ == "__main__":
    main()
