"""Label sets: equality on the labels, a hash that never changes, clear refusals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import SampleError
from pipeline.samples.labels import LabelSet

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
LABELS = st.dictionaries(TEXT, TEXT, max_size=8)


@given(LABELS, st.randoms())
def test_order_and_empty_values_are_irrelevant(labels: dict[str, str], random: object) -> None:
    labels["__name__"] = "cpu"
    pairs = list(labels.items())
    random.shuffle(pairs)  # type: ignore[attr-defined]
    one, two = LabelSet(labels), LabelSet({**dict(pairs), "nothing\x00": ""})
    assert one == two
    assert hash(one) == hash(two)
    assert one.fingerprint == two.fingerprint
    assert one.to_dict() == {name: value for name, value in sorted(labels.items()) if value}


@given(LABELS, LABELS)
def test_different_labels_are_different_series(a: dict[str, str], b: dict[str, str]) -> None:
    a, b = {**a, "__name__": "m"}, {**b, "__name__": "m"}
    same = {k: v for k, v in a.items() if v} == {k: v for k, v in b.items() if v}
    assert (LabelSet(a) == LabelSet(b)) is same
    assert (LabelSet(a).fingerprint == LabelSet(b).fingerprint) is same


def test_pairs_are_not_confused_by_where_one_ends() -> None:
    assert LabelSet({"__name__": "m", "a": "bc"}).fingerprint != LabelSet({"__name__": "m", "ab": "c"}).fingerprint


def test_the_fingerprint_is_the_same_for_ever() -> None:
    # Keys of the anomalies topic: a change splits every series' history.
    assert LabelSet({"__name__": "cpu", "host": "n1"}).hex == "5ad307d68f8b439c"


@pytest.mark.parametrize(
    ("labels", "code", "words"),
    [
        ({"host": "a"}, "LABELS_NO_NAME", "no metric name"),
        ({"__name__": ""}, "LABELS_NO_NAME", "no metric name"),
        ({"__name__": "m", "n": 3}, "LABELS_TYPE", "expected text, found int"),
        ({"__name__": "m", "n": None}, "LABELS_TYPE", "found NoneType"),
        ({"__name__": "m", "n": "\ud800"}, "LABELS_TYPE", "not valid Unicode"),
        ({"__name__": "m", **{f"l{i}": "v" for i in range(64)}}, "LABELS_SIZE", "at most 64"),
        ({"__name__": "m", "n": "x" * 4096}, "LABELS_SIZE", "4096 characters"),
    ],
)
def test_what_cannot_be_a_series_is_refused_with_a_cure(labels: dict[str, object], code: str, words: str) -> None:
    with pytest.raises(SampleError, match=words) as caught:
        LabelSet(labels)
    assert caught.value.code == code


def test_the_largest_that_fits_fits() -> None:
    assert len(LabelSet({"__name__": "m", **{f"l{i}": "v" for i in range(63)}}).pairs) == 64
    assert LabelSet({"__name__": "m", "n": "x" * (4096 - 10)}).get("n") == "x" * 4086
