"""Distance of a value from the exponentially weighted mean of its series."""

import numba
import numpy as np

from models.base import Scores
from models.columnar import UnivariateEstimator
from models.parameters import Parameter

SLOT_0 = np.zeros(1, dtype=np.int64)


@numba.njit(nogil=True)
def score_learn_many(rows, rate, grace_period, slots, X, score, expected, scale, ready):
    for i in range(slots.size):
        row = rows[slots[i]]  # samples learned, mean
        score[i], expected[i], scale[i], ready[i] = 0.0, np.nan, np.nan, False
        if not abs(X[i]) < 1e150:  # nor NaN: neither scored nor learned
            continue
        if row[0] >= grace_period:
            score[i], expected[i], ready[i] = abs(X[i] - row[1]), row[1], True
        row[0] += 1.0
        row[1] += max(rate, 1.0 / row[0]) * (X[i] - row[1])


class Level(UnivariateEstimator):
    """Distance of a value from the exponentially weighted mean of its series."""

    name = "level"
    schema = (
        Parameter("rate", "float", 0.05, "Weight of the newest sample.", minimum=0.0, maximum=1.0),
        Parameter("grace_period", "int", 20, "Samples before which a series is not scored.", minimum=1),
    )

    def __init__(self, rate=0.05, grace_period=20):
        super().__init__(rate=rate, grace_period=grace_period)

    def _make_fresh_row(self):  # the state of a series: any arrays whose leading axis is the slot
        return {"rows": np.zeros((1, 2))}

    def _score_learn(self, batch, out, ready):  # the columns are checked already
        score_learn_many(self._state["rows"], *self._parameters.values(), batch.slots, batch.X, *out, ready)

    def _learn_value(self, y):
        self.score_learn_many(SLOT_0, SLOT_0, np.array([y], dtype=np.float64), Scores.empty(1))

    def _score_value(self, y):
        kept, out = self.snapshot(SLOT_0), Scores.empty(1)
        self.score_learn_many(SLOT_0, SLOT_0, np.array([y], dtype=np.float64), out)
        self.restore(SLOT_0, kept)
        return float(out.score[0])

    def _is_ready(self, slot):
        return bool(self._state["rows"][slot, 0] >= self._parameters["grace_period"])

    def _describe(self, slot):
        return {"mean": float(self._state["rows"][slot, 1])}
