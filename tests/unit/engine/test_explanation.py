"""Explanations: plain sentences, whatever the numbers."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.seasonal.state import PART_NAMES
from pipeline.engine import explanation
from pipeline.engine.anomaly import AnomalyPhase
from pipeline.engine.band import Band
from pipeline.engine.explanation import (
    explain_absence,
    explain_point,
    explain_template,
    format_duration,
    format_number,
    format_odds,
)
from pipeline.samples.labels import LabelSet

CPU = LabelSet({"__name__": "cpu", "host": "n1"})
NAN = math.nan
ANY = st.floats()


@pytest.mark.parametrize(
    ("secs", "text"),
    [
        (0, "0 s"),
        (59.999, "60 s"),
        (60, "1 min"),
        (61.5, "1 min 1 s"),
        (3_661, "1 h 1 min"),
        (3_600 + 5, "1 h"),
        (86_400 * 400, "400 d"),
    ],
)
def test_durations_in_their_two_largest_units(secs: float, text: str) -> None:
    assert format_duration(round(secs * 1e9)) == text


@pytest.mark.parametrize(
    ("p", "text"), [(1.0, "1 in 1"), (0.034, "1 in 29"), (1e-11, "1 in 100,000,000,000"), (0.0, "less than 1 in a trillion")]
)
def test_odds(p: float, text: str) -> None:
    assert format_odds(p) == text


@given(st.floats(min_value=-1e14, max_value=1e14), st.sampled_from([4, 6]))
def test_numbers_keep_their_digits(value: float, n_digits: int) -> None:
    told = format_number(value, n_digits)
    assert float(told.replace(",", "")) == pytest.approx(value, rel=0.51 * 10.0 ** (1 - n_digits), abs=1e-300)
    if 1e-4 <= abs(value) < 1e14:
        assert "e" not in told


def test_large_numbers_are_readable_and_what_is_estimated_is_rounded() -> None:
    text = explain_point("opened", CPU, 13_429_000.0, Band(319_651.7, -2_781_494.6, 3_420_798.0), 1.0, 1e-13, 1e-13, 1, 0)
    assert text == (
        'cpu{host="n1"} is 13,429,000, 13,110,000 above the expected 319,700 (band -2,781,000 to 3,421,000). '
        "Less than 1 in a trillion samples of this series is this unusual."
    )


def test_the_band_of_a_series_that_never_moved_is_where_it_stood() -> None:
    text = explain_point("opened", CPU, 2.5, Band(0.0, -4.4e-290, 4.4e-290), 1.0, 1e-6, 1e-6, 1, 0)
    assert text.startswith('cpu{host="n1"} is 2.5, 2.5 above the expected 0 (band 0 to 0). 1 in 1,000,000 ')


@given(
    ANY,
    ANY,
    ANY,
    ANY,
    ANY,
    st.floats(0, 1),
    st.integers(1, 10**9),
    st.integers(0, 2**62),
    st.sampled_from(["opened", "continued", "cleared"]),
)
def test_no_number_breaks_a_sentence(
    value: float,
    expected: float,
    scale: float,
    score: float,
    peak: float,
    tail: float,
    n: int,
    duration_ns: int,
    phase: AnomalyPhase,
) -> None:
    band = Band(expected, expected - scale, expected + scale)
    text = explain_point(phase, CPU, value, band, score, tail, peak, n, duration_ns)
    assert text.startswith('cpu{host="n1"} is ')
    assert text.endswith(".")


def test_a_value_within_its_band_tells_what_is_odd_about_it() -> None:
    band, parts = Band(93.06, 82.83, 103.3), [("season_slow", 0.4), ("difference", 0.1)]
    text = explain_point("continued", CPU, 90.03, band, 1.0, 1e-7, 1e-9, 3, 600 * 10**9, parts)
    assert text == (
        'cpu{host="n1"} is 90.03, 3.03 below the expected 93.06 (band 82.83 to 103.3). The value is within its band; what is odd is '
        "how far it has been from its daily profile lately. It has lasted 10 min and 3 anomalous samples; 1 in 1,000,000,000 samples "
        "of this series is as unusual as the oddest of them."
    )
    other = explain_point("opened", CPU, 90.03, band, 1.0, 1e-7, 1e-7, 1, 0, [("deviation_scales", 0.4)])
    assert " (band 82.83 to 103.3). The value is within its band. 1 in " in other
    assert "within" not in explain_point("opened", CPU, 60.0, band, 1.0, 1e-7, 1e-7, 1, 0, parts)
    assert "within" not in explain_point("cleared", CPU, 90.03, band, 1.0, 0.5, 1e-7, 1, 0, parts)


def test_every_part_of_the_default_detector_has_words() -> None:
    assert set(explanation._PART_WORDS) == set(PART_NAMES)


def test_a_sample_without_a_band_or_a_tail_tells_what_there_is() -> None:
    text = explain_point("opened", CPU, 5.0, Band(NAN, NAN, NAN), 0.75, NAN, NAN, 1, 0)
    assert text == 'cpu{host="n1"} is 5. Its score is 0.75.'


def test_a_sample_below_says_so() -> None:
    text = explain_point("opened", CPU, 1.0, Band(5.0, 4.0, 6.0), 0.9, 1e-3, 1e-3, 1, 0)
    assert text == 'cpu{host="n1"} is 1, 4 below the expected 5 (band 4 to 6). 1 in 1,000 samples of this series is this unusual.'


def test_one_that_lasts_tells_how_long_and_how_odd_at_worst() -> None:
    text = explain_point("continued", CPU, 9.0, Band(5.0, 4.0, 6.0), 0.9, 1e-3, 1e-6, 12, 90 * 10**9)
    assert text.endswith(
        "It has lasted 1 min 30 s and 12 anomalous samples; 1 in 1,000,000 samples of this series is as unusual as the oddest of them."
    )


def test_the_end_tells_what_it_was() -> None:
    text = explain_point("cleared", CPU, 5.0, Band(5.0, 4.0, 6.0), 0.1, 0.5, 1e-6, 1, 10**9)
    assert text == 'cpu{host="n1"} is back to normal at 5 after 1 s and 1 anomalous sample.'


def test_an_absence_without_a_last_value_and_its_end() -> None:
    assert explain_absence("opened", CPU, 90 * 10**9, 15 * 10**9, NAN).endswith("every 15 s.")
    assert "is heard again after 1 min 30 s of silence" in explain_absence("cleared", CPU, 90 * 10**9, 15 * 10**9, NAN)


def test_a_template_is_cut_to_something_one_can_read() -> None:
    text = explain_template("opened", CPU, "x" * 1_000)
    assert "…" in text
    assert len(text) < 300
