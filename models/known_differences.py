"""Where a model deliberately differs from river's, and why.

Everything else is equal to the last bit: `tests/models/oracles` holds that.  Each entry here has a test of the same name in
``tests/models/test_known_differences.py``, which fails when the difference is gone, on either side.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["KNOWN_DIFFERENCES", "Difference"]


class Difference(NamedTuple):
    """One difference from river 0.26.1.

    Attributes
    ----------
    name : str
        Name of the test, without ``test_``.
    models : tuple of str
        Registered names it concerns.
    river, ours, reason : str
        What river does, what we do, and why.
    """

    name: str
    models: tuple[str, ...]
    river: str
    ours: str
    reason: str


KNOWN_DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        "non_finite_values_are_not_learned",
        ("gaussian_scorer", "standard_absolute_deviation", "ew_scorer", "quantile_scorer", "page_hinkley", "adwin", "kswin"),
        "A NaN or infinite value enters the state; scores are NaN from then on, or an exception is raised.",
        "The sample is passed over: score 0.0, not ready, state unchanged.",
        "One bad sample must not silence a series for good.",
    ),
    Difference(
        "nan_is_a_missing_feature",
        ("half_space_trees", "loda", "one_class_svm", "local_outlier_factor"),
        "A feature is missing when its key is; a NaN value goes right in a tree and spreads everywhere else.",
        "NaN and infinite features are missing features.",
        "Columns have no keys, and a gap in one feature is no reason to lose the sample.",
    ),
    Difference(
        "overflow_is_not_learned",
        (
            "gaussian_scorer",
            "standard_absolute_deviation",
            "predictive_anomaly_detection",
            "ew_scorer",
            "quantile_scorer",
            "adwin",
            "page_hinkley",
            "snarimax",
            "holt_winters",
            "linear_regression",
            "loda",
        ),
        "A finite value so great that a square, a sum or a difference overflows leaves infinities or NaN in the state, or raises "
        "OverflowError.",
        "It is scored and not learned; adwin, page_hinkley and linear_regression pass it over, "
        "loda a sample of which a projection overflows.",
        "The same: no sample may poison a series.",
    ),
    Difference(
        "negative_variance_counts_as_zero",
        ("gaussian_scorer",),
        "Samples leaving the window can round the variance below zero; its root is complex, and scoring raises TypeError.",
        "A variance below zero is zero.",
        "River is wrong here.",
    ),
    Difference(
        "unprotected_threshold_filter_learns",
        ("threshold_filter",),
        "With protect_anomaly_detector=False nothing is ever learned.",
        "With protect=False every sample is learned.",
        "River is wrong here: its condition is 'protect and not anomalous'.",
    ),
    Difference(
        "scoring_does_not_mutate",
        ("predictive_anomaly_detection",),
        "score_one moves the threshold, so scoring twice gives two scores.",
        "Scoring changes nothing; learning moves the threshold.  Equal when every sample is scored, then learned.",
        "Inference must not change a model: a replayed score would change the next.",
    ),
    Difference(
        "missing_forecast_does_not_poison",
        ("predictive_anomaly_detection", "river_model"),
        "The first forecast of the default regression is NaN: scoring raises ZeroDivisionError.  Holt-Winters raises IndexError.",
        "A sample without a forecast is not scored and does not touch the threshold.",
        "River is wrong here.",
    ),
    Difference(
        "binary_detectors_take_bits",
        ("river_model",),
        "Of values other than 0 and 1 the binary drift detectors make something, or raise: DDM takes the root of a negative number.",
        "Such a value is passed over, and told as a fault; the detector stays as it is.",
        "What it would make of 49.7 means nothing.",
    ),
    Difference(
        "first_sample_is_withheld",
        ("standard_absolute_deviation", "predictive_anomaly_detection", "snarimax", "linear_regression"),
        "A series' first sample is scored against an empty model: any value over 1e-10, or 1.0, or forecast as 0.0; a filter may keep "
        "it out.",
        "The batch call reports it as not ready, score 0.0, and so a filter lets it pass; score_one gives river's value.",
        "Unknown must not read as anomalous, nor as normal.",
    ),
    Difference(
        "features_are_fixed",
        ("one_class_svm", "local_outlier_factor", "linear_regression"),
        "A feature may turn up at any time.",
        "Features are those configured, or those of the first dict; others are left out.",
        "State is a row of columns of known width.",
    ),
    Difference(
        "parts_are_those_of_the_definition",
        ("one_class_svm", "local_outlier_factor", "standard_absolute_deviation", "snarimax", "predictive_anomaly_detection"),
        "Any optimiser, search, statistic or regressor can be given, and a series may have regressors of its own.",
        "Plain gradient descent, the exact search, mean or median, and linear regressions; others are refused with the cure.",
        "What is compiled is what is named; river_model runs the rest as it is.",
    ),
    Difference(
        "one_bucket_a_level_is_allowed",
        ("adwin",),
        "With max_buckets=1 river's Rust library panics at some changes, where the window loses its last entry of a level.",
        "It detects the change, and starts anew.",
        "River is wrong here.",
    ),
    Difference(
        "seed_is_never_none",
        ("half_space_trees", "loda", "kswin"),
        "seed=None, the default, draws from the clock.",
        "The default seed is 42, and None is refused.",
        "Two runs over one log give the same bytes.",
    ),
    Difference(
        "zero_level_starts_a_neutral_season",
        ("holt_winters",),
        "When the first values average to zero the season divides by zero and raises.",
        "The seasonal terms start neutral.",
        "A metric that starts at zero is ordinary.",
    ),
)
