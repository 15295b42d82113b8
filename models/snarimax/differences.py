"""The differencing polynomial (1 - B)^d (1 - B^m)^D."""

from __future__ import annotations

import math

import numpy as np

from models.base import FloatColumn, IntColumn

__all__ = ["compose_differences"]


def compose_differences(d: int, seasonal_d: int, m: int) -> tuple[IntColumn, FloatColumn]:
    """Shifts and factors of the polynomial, in the order in which river sums them; terms that cancel are left out.

    Examples
    --------
    >>> shifts, factors = compose_differences(1, 1, 12)
    >>> shifts.tolist(), factors.tolist()
    ([0, 12, 1, 13], [1.0, -1.0, -1.0, 1.0])
    """
    plain = {k: (-1) ** k * math.comb(d, k) for k in range(d + 1)}
    seasonal = {k * m: (-1) ** k * math.comb(seasonal_d, k) for k in range(seasonal_d + 1)}
    product: dict[int, int] = {}
    for shift, factor in plain.items():
        for seasonal_shift, seasonal_factor in seasonal.items():
            product[shift + seasonal_shift] = product.get(shift + seasonal_shift, 0) + factor * seasonal_factor
    kept = {shift: factor for shift, factor in product.items() if factor}
    return np.array(list(kept), dtype=np.int64), np.array(list(kept.values()), dtype=np.float64)
