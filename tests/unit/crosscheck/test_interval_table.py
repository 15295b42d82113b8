"""The files that Lookout for Metrics is fed with: every sample once, in the interval that it is of."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.clock import NS_PER_SEC
from pipeline.config.providers import LookoutDetector
from pipeline.config.providers import LookoutProvider as LookoutSettings
from pipeline.crosscheck.lookout.interval_table import IntervalTable, object_key
from pipeline.crosscheck.lookout.naming import find_series
from tests.aws.fake_lookout import DETECTOR, S3


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["n1", "n2"]), st.sampled_from(["dag_tps", "dag_lag"]), st.integers(0, 3_000), st.integers(-9, 9)
        ),
        max_size=60,
    ),
    st.integers(0, 59),
)
def test_files_hold_every_sample_once_however_often_intervals_are_closed(
    samples: list[tuple[str, str, int, int]], every: int
) -> None:
    detector = LookoutDetector.model_validate({**DETECTOR, "delay_secs": 0})
    samples = sorted(samples, key=lambda one: one[2])

    def write(closes_every: int) -> dict[int, str]:
        table, files = IntervalTable(detector), {}
        for i, (node, name, second, value) in enumerate(samples):
            series = find_series([detector], "m", {"__name__": name, "region": "eu", "instance": node})
            assert series is not None
            table.add(series, second * NS_PER_SEC, float(value))
            if closes_every and i % closes_every == 0:
                files |= dict(table.close())
        files |= dict(table.close(everything=True))
        assert table.n_late == 0
        return files

    files = write(0)
    assert write(every) == files
    total = 0.0
    for start, text in files.items():
        lines = [line.split(",") for line in text.splitlines()]
        assert lines[0] == ["timestamp", "region", "node", "tps", "lag"]
        assert len({tuple(line[:3]) for line in lines}) == len(lines)
        total += sum(float(line[4]) for line in lines[1:] if line[4])
        assert start % 300 == 0
    assert total == sum(value for _, name, _, value in samples if name == "dag_lag")


def test_a_sample_of_an_interval_that_was_given_out_is_late() -> None:
    detector = LookoutDetector.model_validate({**DETECTOR, "delay_secs": 60})
    table = IntervalTable(detector)
    series = find_series([detector], "m", {"__name__": "dag_tps", "region": "eu", "instance": "n"})
    assert series is not None
    table.add(series, 10 * NS_PER_SEC, 1.0)
    table.add(series, 359 * NS_PER_SEC, 1.0)
    assert list(table.close()) == []
    table.add(series, 360 * NS_PER_SEC, float("nan"))
    assert [start for start, _ in table.close()] == [0]
    table.add(series, 20 * NS_PER_SEC, 1.0)
    assert table.n_late == 1
    settings = LookoutSettings.model_validate({"detectors": [DETECTOR], "s3": S3})
    assert settings.s3 is not None
    assert object_key(settings.s3, "dag", 0, "m-0") == "streamwarden/dag/19700101/0000/m-0.csv"
