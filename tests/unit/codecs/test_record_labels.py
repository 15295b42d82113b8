"""Labels out of nested records: looked up one by one and listed, as a slow flattening has them."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.codecs.fluentd_json import FluentdJsonCodec
from pipeline.codecs.record import RecordBatch
from pipeline.codecs.record_labels import MAX_VALUE_CHARACTERS, RecordLabels
from tests.unit.codecs.slow_decoders import SLOW_DECODERS, Line

_keys = st.sampled_from(
    [
        *(
            "service",
            "name",
            "app",
            "kubernetes",
            "labels",
            "app.kubernetes.io/name",
            "app_kubernetes_io/name",
            "k8s-app",
            "host",
        ),
        *(
            "container_name",
            "pod_name",
            "namespace_name",
            "cloud",
            "region",
            "topology.kubernetes.io/region",
            "hostname",
            "node_name",
        ),
        *(
            "kubernetes.labels",
            "kubernetes.labels.app",
            "service.name",
            "kubernetes.pod_name",
            "labels.app",
            "io/name",
            "tag",
            "",
            "log",
        ),
    ]
)
_values = st.one_of(
    st.sampled_from(["a", "b", "", "x" * 256, "x" * 257]),
    st.integers(-3, 3),
    st.just(2**63),
    st.booleans(),
    st.none(),
    st.just(0.5),
)
_records = st.dictionaries(
    _keys,
    st.recursive(
        _values, lambda inner: st.one_of(st.dictionaries(_keys, inner, max_size=4), st.lists(inner, max_size=2)), max_leaves=12
    ),
)


@settings(max_examples=600, deadline=None)
@given(_records)
def test_labels_are_those_of_the_slow_decoder(record: dict[str, Any]) -> None:
    value = json.dumps({**record, "message": "m"}).encode()
    lines = FluentdJsonCodec().decode(RecordBatch.from_rows("l", 0, [(0, 1_000, None, value)]))
    expected = SLOW_DECODERS["fluentd_json"](value, 1_000)
    assert isinstance(expected, Line)
    labels = lines.labels[0]
    assert dict(labels) == expected.labels
    assert len(labels) == len(expected.labels)
    for name in (
        "service",
        "host",
        "region",
        "namespace",
        "pod",
        "container",
        "nowhere",
        "kubernetes.labels.app",
        "service.name",
    ):
        assert labels.get(name, "") == expected.labels.get(name, "")
        assert (name in labels) == (name in expected.labels)


def test_skipped_fields_are_no_labels() -> None:
    labels = RecordLabels({"message": "m", "x": "y"}, frozenset({"message"}))
    assert dict(labels) == {"x": "y"}
    assert 3 not in labels


def test_long_values_are_no_labels() -> None:
    labels = RecordLabels({"a": "x" * MAX_VALUE_CHARACTERS, "b": "x" * (MAX_VALUE_CHARACTERS + 1)}, frozenset())
    assert list(labels) == ["a"]
