"""Kernels of Half-Space Trees."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from models.base import BoolColumn, FloatColumn, IntColumn
from models.gate_kernel import OPEN, admits
from models.jit import kernel
from models.state_array import StateArray

REFERENCE, LATEST = np.uint64(0), np.uint64(1)
# An unsigned index needs no test for counting from the end, which would cost a third of the walk.
NONE, ONE, TWO = np.uint64(0), np.uint64(1), np.uint64(2)


# Kernels take whole arrays and indices: a view handed to a function costs two atomic counts of its references.


@kernel
def walk(
    masses: StateArray,
    slot: int,
    feature: StateArray,
    threshold: FloatColumn,
    forest: int,
    height: int,
    counter: int,
    window_size: int,
    size_limit: int,
    missing: BoolColumn,
    Z: FloatColumn,
    sample: int,
    is_learning: bool,
) -> int:
    """Follow a sample down every tree; return its mass profile, and when `is_learning` count it into the running masses.

    The walk of river stops adding once a node's mass falls below `size_limit`; learning goes on to the leaf.  A missing feature
    goes to the child visited more in the running window, the left one when equal.

    Parameters
    ----------
    masses : (S, T, N, 2) uint8 or uint16, mutated
    feature, threshold : (K, T, N)
    missing : (F,)
    Z : (B, F)
        Features, of which the row `sample` is followed.
    """
    profile = 0
    for tree in range(masses.shape[1]):
        node: Any = NONE
        latest: Any = counter
        reference: Any = window_size
        weight = 1
        for _ in range(height):
            profile += reference * weight
            if reference < size_limit:
                weight = 0
                if not is_learning:
                    break
            left: Any = np.int64(masses[slot, tree, node, REFERENCE])
            left_latest: Any = np.int64(masses[slot, tree, node, LATEST])
            column: Any = np.uint64(feature[forest, tree, node])
            goes_left: Any = Z[sample, column] < threshold[forest, tree, node]
            if missing[column]:
                goes_left = left_latest >= latest - left_latest
            if goes_left:
                if is_learning:
                    masses[slot, tree, node, LATEST] = left_latest + 1
                reference = left
                latest = left_latest
                node = TWO * node + ONE
            else:
                # A value that compares false, NaN among them, goes right.
                reference -= left
                latest -= left_latest
                node = TWO * node + TWO
            weight *= 2
        profile += reference * weight
    return profile


@kernel
def walk_whole(
    masses: StateArray,
    slot: int,
    feature: StateArray,
    threshold: FloatColumn,
    forest: int,
    height: int,
    window_size: int,
    size_limit: int,
    Z: FloatColumn,
    sample: int,
) -> int:
    """`walk`, learning, of a sample without missing features: what nearly every sample takes."""
    profile = 0
    for tree in range(masses.shape[1]):
        node: Any = NONE
        reference: Any = window_size
        weight = 1
        for _ in range(height):
            profile += reference * weight
            if reference < size_limit:
                weight = 0
            left: Any = np.int64(masses[slot, tree, node, REFERENCE])
            if Z[sample, np.uint64(feature[forest, tree, node])] < threshold[forest, tree, node]:
                masses[slot, tree, node, LATEST] += 1
                reference = left
                node = TWO * node + ONE
            else:
                reference -= left
                node = TWO * node + TWO
            weight *= 2
        profile += reference * weight
    return profile


@kernel
def pivot(rows: StateArray, masses: StateArray, slot: int, window_size: int) -> None:
    """Count one learned sample; at the end of the window its masses become the reference."""
    rows[slot]["counter"] += 1
    if rows[slot]["counter"] == window_size:
        rows[slot]["counter"] = 0
        rows[slot]["n_pivots"] += 1
        for tree in range(masses.shape[1]):
            for node in range(masses.shape[2]):
                masses[slot, tree, node, REFERENCE] = masses[slot, tree, node, LATEST]
                masses[slot, tree, node, LATEST] = 0


@kernel
def find_missing(X: FloatColumn, i: int, missing: BoolColumn) -> int:
    """Mark the features of one sample that are NaN or infinite; return how many are present."""
    n_present = 0
    for column in range(X.shape[1]):
        missing[column] = not math.isfinite(X[i, column])
        n_present += not missing[column]
    return n_present


@kernel
def scale_sample(lows: FloatColumn, highs: FloatColumn, slot: int, X: FloatColumn, i: int, Z: FloatColumn) -> None:
    """Write into ``Z[0]`` where ``X[i]`` lies between the least and the greatest value learned: 0.0 when they are equal."""
    for column in range(X.shape[1]):
        low = lows[slot, column]
        gap = highs[slot, column] - low
        Z[0, column] = (X[i, column] - low) / gap if gap != 0.0 else 0.0


@kernel
def is_outside(lows: FloatColumn, highs: FloatColumn, slot: int, X: FloatColumn, i: int, missing: BoolColumn) -> bool:
    """True when a present feature of ``X[i]`` is below the least or above the greatest value learned."""
    for column in range(X.shape[1]):
        if not missing[column] and (X[i, column] < lows[slot, column] or X[i, column] > highs[slot, column]):
            return True
    return False


@kernel
def widen(lows: FloatColumn, highs: FloatColumn, slot: int, X: FloatColumn, i: int, missing: BoolColumn) -> None:
    """Take a sample into the running minima and maxima."""
    for column in range(X.shape[1]):
        if not missing[column]:
            lows[slot, column] = min(lows[slot, column], X[i, column])
            highs[slot, column] = max(highs[slot, column], X[i, column])


@kernel
def score_learn_many(
    rows: StateArray,
    masses: StateArray,
    lows: FloatColumn,
    highs: FloatColumn,
    feature: StateArray,
    threshold: FloatColumn,
    height: int,
    window_size: int,
    size_limit: int,
    max_profile: float,
    start: int,
    is_scoring: bool,
    is_learning: bool,
    gate: FloatColumn,
    gate_rows: FloatColumn,
    slots: IntColumn,
    X: FloatColumn,
    scores: FloatColumn,
    ready: BoolColumn,
) -> int:
    """Prequential pass over ``start .. B-1``; return B, or the first sample whose series has no forest yet.

    Parameters
    ----------
    rows : (S,) structured, mutated
    masses : (S, T, N, 2) uint8 or uint16, mutated
    lows, highs : (S, F) float64, mutated
        Running minima and maxima; (S, 0) = no scaling.
    feature, threshold : (K, T, N)
        Splits of the forests drawn so far.
    slots, X, scores, ready
        See `models.base.Estimator.score_learn_many`.
    """
    n_features = X.shape[1]
    is_scaled = lows.shape[1] > 0
    is_gated = gate[0] != OPEN
    missing = np.empty(n_features, dtype=np.bool_)
    scaled = np.empty((1, n_features))
    for i in range(start, slots.size):
        slot = slots[i]
        n_present = find_missing(X, i, missing)
        is_ready = rows[slot]["n_pivots"] > 0 and n_present > 0
        found = 0.0
        scores[i] = found
        ready[i] = is_ready
        forest = rows[slot]["draw"] - 1
        if n_present == 0 or (forest < 0 and not is_learning):
            continue
        if forest < 0:
            return i
        counter: Any = np.int64(rows[slot]["counter"])
        if is_scaled:
            scale_sample(lows, highs, slot, X, i, scaled)
        # Scoring and learning share one walk unless something may come between them: a filter, or a range that moves.
        is_apart = is_gated or not is_learning or (is_scaled and is_outside(lows, highs, slot, X, i, missing))
        profile = 0
        if is_apart and is_scoring and is_ready:
            profile = walk(
                masses,
                slot,
                feature,
                threshold,
                forest,
                height,
                counter,
                window_size,
                size_limit,
                missing,
                scaled if is_scaled else X,
                0 if is_scaled else i,
                False,
            )
            found = 1.0 - profile / max_profile
            scores[i] = found
        if not is_learning or (is_gated and not admits(gate, gate_rows, slot, found)):
            continue
        if is_scaled and is_apart:
            widen(lows, highs, slot, X, i, missing)
            scale_sample(lows, highs, slot, X, i, scaled)
        Z, sample = (scaled, 0) if is_scaled else (X, i)
        if n_present == n_features:
            profile = walk_whole(masses, slot, feature, threshold, forest, height, window_size, size_limit, Z, sample)
        else:
            profile = walk(
                masses, slot, feature, threshold, forest, height, counter, window_size, size_limit, missing, Z, sample, True
            )
        if is_ready and is_scoring and not is_apart:
            scores[i] = 1.0 - profile / max_profile
        pivot(rows, masses, slot, window_size)
    return slots.size
