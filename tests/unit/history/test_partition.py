"""The partition of a key, against the vectors of Kafka's own Java tests and the clients' default partitioners."""

from __future__ import annotations

import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from pipeline.history.partition import partition_of

# Kafka, clients/src/test/java/org/apache/kafka/common/utils/UtilsTest.java, testMurmur2.
JAVA_VECTORS = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize("key", JAVA_VECTORS)
@pytest.mark.parametrize("n_partitions", [1, 6, 12, 1000])
def test_equals_java(key: bytes, n_partitions: int) -> None:
    assert partition_of(key, n_partitions) == (JAVA_VECTORS[key] & 0x7FFFFFFF) % n_partitions


@given(key=st.binary(max_size=100), n_partitions=st.integers(1, 64))
def test_equals_aiokafka(key: bytes, n_partitions: int) -> None:
    partitions = list(range(n_partitions))
    assert partition_of(key, n_partitions) == DefaultPartitioner()(key, partitions, partitions)
