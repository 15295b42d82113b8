"""Explanations: what was seen, what was expected and how unusual it is, in plain sentences that are the same every time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pipeline.clock import NS_PER_SEC
from pipeline.engine.anomaly import AnomalyPhase
from pipeline.engine.band import NO_BAND, Band
from pipeline.samples.labels import LabelSet

__all__ = [
    "explain_absence",
    "explain_eviction",
    "explain_point",
    "explain_rate",
    "explain_template",
    "explain_vector",
    "format_duration",
    "format_number",
    "format_odds",
]

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))
_LARGEST_ODDS = 1e12
_MAX_QUOTE_CHARACTERS = 200
_PART_WORDS = {
    "season": "how far it has been from its daily profile just now",
    "season_slow": "how far it has been from its daily profile lately",
    "season_log": "how far it has been from its daily profile just now, as a ratio",
    "global": "how far it has been from the mean of its history lately",
    "global_log": "how far it has been from the mean of its history just now, as a ratio",
    "difference": "the step from the sample before",
    "season_difference": "the step away from its daily profile",
    "autoregression": "how it departs from the samples just before",
    "season_autoregression": "how its distance from the daily profile departs from those just before",
}
"""Parts of the default detector's score (`models.seasonal.state.PART_NAMES`) in words."""
_EXPECTED_DIGITS = 4
"""Digits of what is estimated; what was measured has more."""
_NOTHING = 1e-9
"""Part of the value or of what was expected that counts as zero beside them: the band of a series that never moved."""


def format_number(value: float, n_digits: int = 6) -> str:
    """A number rounded to so many significant digits, whole ones to six; powers of ten only for what is very large or small.

    Examples
    --------
    >>> [format_number(value) for value in (1234567.0, 0.25, 3.0, -1234.5678)]
    ['1,234,567', '0.25', '3', '-1,234.57']
    >>> [format_number(value, 4) for value in (13_109_346.0, 0.043214, -1234.5678, 1.5e-7, 3e19)]
    ['13,110,000', '0.04321', '-1,235', '1.5e-07', '3e+19']
    """
    rounded = float(f"{value:.{n_digits}g}") if n_digits < 6 else value
    if not 1e-4 <= abs(rounded) < 1e15:
        return f"{rounded:.{n_digits}g}"
    n_decimals = max(5 - math.floor(math.log10(abs(rounded))), 0)
    text = f"{rounded:,.{n_decimals}f}"
    return text.rstrip("0").rstrip(".") if n_decimals else text


def format_duration(duration_ns: int) -> str:
    """A duration in its two largest units; below a minute in seconds with up to three digits.

    Examples
    --------
    >>> [format_duration(round(secs * 1e9)) for secs in (0.25, 42, 90, 3600, 100_000)]
    ['0.25 s', '42 s', '1 min 30 s', '1 h', '1 d 3 h']
    """
    if abs(duration_ns) < 60 * NS_PER_SEC:
        return f"{duration_ns / NS_PER_SEC:.3g} s"
    left = duration_ns // NS_PER_SEC
    parts: list[str] = []
    for unit, secs in (*_UNITS, ("s", 1)):
        n, rest = divmod(left, secs)
        if n or parts:
            parts.append(f"{n} {unit}" if n else "")
            left = rest
        if len(parts) == 2:
            break
    return " ".join(part for part in parts if part)


def format_odds(probability: float) -> str:
    """A probability as odds, two significant digits.

    Examples
    --------
    >>> [format_odds(p) for p in (0.5, 1e-5, 8.7e-7, 1e-300)]
    ['1 in 2', '1 in 100,000', '1 in 1,100,000', 'less than 1 in a trillion']
    """
    if not probability > 1.0 / _LARGEST_ODDS:
        return "less than 1 in a trillion"
    odds = 1.0 / min(probability, 1.0)
    digits = max(math.floor(math.log10(odds)) - 1, 0)
    return f"1 in {round(odds / 10**digits) * 10**digits:,}"


def _explain_deviation(value: float, band: Band) -> str:
    if math.isnan(band.expected):
        return ""
    least = _NOTHING * max(abs(value), abs(band.expected))

    def tell(number: float) -> str:
        return format_number(number if abs(number) > least else 0.0, _EXPECTED_DIGITS)

    difference = abs(value - band.expected)
    side = "above" if value > band.expected else "below"
    found = f", {tell(difference)} {side} the expected {tell(band.expected)}" if difference else ", as expected"
    if math.isnan(band.lower):
        return found
    return f"{found} (band {tell(band.lower)} to {tell(band.upper)})"


def _explain_inside(value: float, band: Band, contributors: Sequence[tuple[str, float]]) -> str:
    """Why a value within its band is anomalous all the same; "" where it is not within."""
    if not band.lower < value < band.upper:
        return ""
    odd = next((_PART_WORDS[name] for name, _ in contributors if name in _PART_WORDS), "")
    return f"The value is within its band; what is odd is {odd}. " if odd else "The value is within its band. "


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def explain_point(
    phase: AnomalyPhase,
    series: LabelSet,
    value: float,
    band: Band,
    score: float,
    tail_probability: float,
    peak_tail_probability: float,
    n_anomalous: int,
    duration_ns: int,
    contributors: Sequence[tuple[str, float]] = (),
) -> str:
    """Sentences about a sample out of its band, a lasting episode, or its end.

    Parameters
    ----------
    tail_probability, peak_tail_probability : float
        NaN = not calibrated yet: then the bare score is told.
    duration_ns : int
        Event time since the episode began.
    contributors : sequence of (str, float)
        What the score is made of, largest first: told of a value that is within its band.

    Examples
    --------
    >>> cpu = LabelSet({"__name__": "cpu", "host": "n1"})
    >>> explain_point("opened", cpu, 93.0, Band(40.0, 35.0, 45.0), 0.999999, 1e-6, 1e-6, 1, 0)
    'cpu{host="n1"} is 93, 53 above the expected 40 (band 35 to 45). 1 in 1,000,000 samples of this series is this unusual.'
    """

    if phase == "cleared":
        return (
            f"{series} is back to normal at {format_number(value)} after {format_duration(duration_ns)} and "
            f"{_count(n_anomalous, 'anomalous sample')}."
        )
    text = f"{series} is {format_number(value)}{_explain_deviation(value, band)}. {_explain_inside(value, band, contributors)}"
    return text + _explain_rarity("sample", "series", score, tail_probability, peak_tail_probability, n_anomalous, duration_ns)


def explain_vector(
    phase: AnomalyPhase,
    series: LabelSet,
    values: Mapping[str, float],
    contributors: Sequence[tuple[str, float]],
    score: float,
    tail_probability: float,
    peak_tail_probability: float,
    n_anomalous: int,
    duration_ns: int,
    *,
    target: str | None = None,
    band: Band = NO_BAND,
) -> str:
    """Sentences about a combination of values that is unusual, one that lasts, or its end.

    Parameters
    ----------
    values : mapping of str to float
        The vector by feature; NaN = missing.
    contributors : sequence of (str, float)
        What each feature adds to the score, largest first.
    tail_probability, peak_tail_probability, duration_ns
        As in `explain_point`.
    target : str, optional
        Feature that is predicted from the others, or looked at alone; None = all are alike.
    band : Band
        What was expected of it.

    Examples
    --------
    >>> node = LabelSet({"__name__": "node", "host": "n1"})
    >>> explain_vector("opened", node, {"cpu": 0.9, "mem": 0.1}, [("cpu", 0.3), ("mem", 0.1)], 0.98, 1e-3, 1e-3, 1, 0)
    'node{host="n1"}: cpu 0.9, mem 0.1 is an unusual combination, most of all in cpu. 1 in 1,000 vectors of this group is this unusual.'
    >>> values, blamed = {"latency": 93.0, "load": 0.5}, [("latency", 53.0), ("load", -2.0)]
    >>> band = Band(40.0, 35.0, 45.0)
    >>> explain_vector("opened", node, values, blamed, 1.0, 1e-3, 1e-3, 1, 0, target="latency", band=band)[:81]
    'node{host="n1"}: latency is 93, 53 above the expected 40 (band 35 to 45), at load'
    """
    if phase == "cleared":
        return f"{series} is back to normal after {format_duration(duration_ns)} and {_count(n_anomalous, 'anomalous vector')}."
    told = ", ".join(
        f"{name} {'missing' if math.isnan(value) else format_number(value)}" for name, value in values.items() if name != target
    )
    if target is not None:
        text = f"{series}: {target} is {format_number(values[target])}{_explain_deviation(values[target], band)}, at {told}. "
        return text + _explain_rarity("vector", "group", score, tail_probability, peak_tail_probability, n_anomalous, duration_ns)
    blamed = f", most of all in {contributors[0][0]}" if contributors and contributors[0][1] > 0.0 else ""
    text = f"{series}: {told} is an unusual combination{blamed}. "
    return text + _explain_rarity("vector", "group", score, tail_probability, peak_tail_probability, n_anomalous, duration_ns)


def _explain_rarity(
    one: str, whole: str, score: float, tail_probability: float, peak_tail_probability: float, n_anomalous: int, duration_ns: int
) -> str:
    if n_anomalous == 1:
        if math.isnan(tail_probability):
            return f"Its score is {format_number(score)}."
        odds = format_odds(tail_probability)
        return f"{odds[0].upper()}{odds[1:]} {one}s of this {whole} is this unusual."
    lasting = f"It has lasted {format_duration(duration_ns)} and {_count(n_anomalous, f'anomalous {one}')}"
    if math.isnan(peak_tail_probability):
        return f"{lasting}."
    return f"{lasting}; {format_odds(peak_tail_probability)} {one}s of this {whole} is as unusual as the oddest of them."


def explain_eviction(series: LabelSet, idle_ns: int) -> str:
    """Sentence about an episode that ends because its series is forgotten.

    Examples
    --------
    >>> explain_eviction(LabelSet({"__name__": "cpu"}), 86_400_000_000_000)
    'cpu was evicted after 1 d without a sample; what was open about it is closed.'
    """
    return f"{series} was evicted after {format_duration(idle_ns)} without a sample; what was open about it is closed."


def explain_absence(phase: AnomalyPhase, series: LabelSet, silence_ns: int, interval_ns: int, last_value: float) -> str:
    """Sentence about a series fallen silent, or heard again.

    Parameters
    ----------
    silence_ns : int
        Event time since its last sample.
    interval_ns : int
        Usual event time between two samples.

    Examples
    --------
    >>> explain_absence("opened", LabelSet({"__name__": "cpu"}), 90_000_000_000, 15_000_000_000, 41.5)
    'cpu has been silent for 1 min 30 s; it usually sends a sample every 15 s. Its last value was 41.5.'
    """
    usual = f"it usually sends a sample every {format_duration(interval_ns)}"
    if phase == "cleared":
        return f"{series} is heard again after {format_duration(silence_ns)} of silence; {usual}."
    last = "" if math.isnan(last_value) else f" Its last value was {format_number(last_value)}."
    return f"{series} has been silent for {format_duration(silence_ns)}; {usual}.{last}"


def explain_rate(text: str, n_lines: int, example: str) -> str:
    """What stands behind the rate of a log template, after the sentences about its value.

    Examples
    --------
    >>> explain_rate("It is high.", 42, "disk sda failed")
    'It is high. 42 lines in the window, the first of them: "disk sda failed".'
    """
    if not n_lines:
        return f"{text} No line in the window."
    return f'{text} {n_lines:,} line{"" if n_lines == 1 else "s"} in the window, the first of them: "{_shorten(example)}".'


def explain_template(phase: AnomalyPhase, series: LabelSet, template: str) -> str:
    """Sentence about a log line of a kind never seen.

    Examples
    --------
    >>> explain_template("opened", LabelSet({"__name__": "log_template_rate", "service": "api"}), "disk <*> failed")
    'A log line of a kind not seen before: "disk <*> failed", in log_template_rate{service="api"}.'
    """
    shown = _shorten(template)
    if phase == "cleared":
        return f'The log line "{shown}" in {series} is known from now on: it is news once, its rate is watched like any other.'
    return f'A log line of a kind not seen before: "{shown}", in {series}.'


def _shorten(text: str) -> str:
    return text if len(text) <= _MAX_QUOTE_CHARACTERS else text[: _MAX_QUOTE_CHARACTERS - 1] + "…"
