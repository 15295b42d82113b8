"""The error function in bulk against the C library's, bit by bit."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.erf_kernel import GREATEST, LEAST, MIDDLE, fill_erf, find_reach


@pytest.mark.parametrize("reach", [0.0, find_reach()])
def test_every_value_is_the_librarys(reach: float) -> None:
    rng = np.random.default_rng(7)
    edges = [0.0, -0.0, 5e-324, LEAST, MIDDLE, GREATEST, 6.0, 1e300, math.inf]
    around = [np.nextafter(edge, side) for edge in edges for side in (-math.inf, math.inf)]
    x = np.concatenate([rng.normal(0.0, 0.7, 300_000), rng.uniform(-1.3, 1.3, 300_000), 10.0 ** rng.uniform(-12, 3, 20_000)])
    x = np.concatenate([x, edges, around, -np.array(edges)])
    found = np.empty(x.size)
    fill_erf(x, reach, found, 0, x.size)
    assert found.tobytes() == np.array([math.erf(value) for value in x.tolist()]).tobytes()


def test_nan_stays_nan() -> None:
    found = np.zeros(3)
    fill_erf(np.array([0.5, math.nan, 1.0]), find_reach(), found, 0, 3)
    assert np.isnan(found).tolist() == [False, True, False]
