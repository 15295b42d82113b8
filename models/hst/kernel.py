"""Kernels of Half-Space Trees."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from models.base import BoolColumn, FloatColumn, IntColumn
from models.jit import kernel
from models.state_array import StateArray

REFERENCE, LATEST = 0, 1


@kernel
def walk(
    masses: StateArray,
    feature: StateArray,
    threshold: FloatColumn,
    slot: int,
    forest: int,
    counter: int,
    window_size: int,
    size_limit: float,
    is_whole: bool,
    missing: BoolColumn,
    z: FloatColumn,
    is_learning: bool,
) -> int:
    """Follow a sample down every tree; return its mass profile, and when `is_learning` count it into the running masses.

    The walk of river stops adding once a node's mass falls below `size_limit`; learning goes on to the leaf.  A missing feature
    goes to the child visited more in the running window, the left one when equal.
    """
    n_trees = masses.shape[1]
    n_inner = masses.shape[2]
    profile = 0
    for tree in range(n_trees):
        node = 0
        latest: Any = counter
        reference: Any = window_size
        weight = 1
        while node < n_inner:
            profile += reference * weight
            if reference < size_limit:
                weight = 0
                if not is_learning:
                    break
            left_reference: Any = np.int64(masses[slot, tree, node, REFERENCE])
            left_latest: Any = np.int64(masses[slot, tree, node, LATEST])
            column = feature[forest, tree, node]
            if is_whole or not missing[column]:
                # A value that compares false, NaN among them, goes right.
                goes_right: Any = not (z[column] < threshold[forest, tree, node])
            else:
                goes_right = left_latest < latest - left_latest
            if goes_right:
                reference -= left_reference
                latest -= left_latest
                node = 2 * node + 2
            else:
                if is_learning:
                    masses[slot, tree, node, LATEST] = left_latest + 1
                reference = left_reference
                latest = left_latest
                node = 2 * node + 1
            weight *= 2
        profile += reference * weight
    return profile


@kernel
def pivot(rows: StateArray, masses: StateArray, slot: int, window_size: int) -> None:
    """Count one learned sample; at the end of the window its masses become the reference."""
    rows[slot].counter += 1
    if rows[slot].counter == window_size:
        rows[slot].counter = 0
        rows[slot].n_pivots += 1
        for tree in range(masses.shape[1]):
            for node in range(masses.shape[2]):
                masses[slot, tree, node, REFERENCE] = masses[slot, tree, node, LATEST]
                masses[slot, tree, node, LATEST] = 0


@kernel
def find_missing(x: FloatColumn, missing: BoolColumn) -> int:
    """Mark the features of one sample that are NaN or infinite; return how many are present."""
    n_present = 0
    for column in range(x.size):
        missing[column] = not math.isfinite(x[column])
        n_present += not missing[column]
    return n_present


@kernel
def scale_sample(lows: FloatColumn, highs: FloatColumn, slot: int, x: FloatColumn, z: FloatColumn) -> None:
    """Write into `z` where `x` lies between the least and the greatest value learned: 0.0 when they are equal."""
    for column in range(x.size):
        low = lows[slot, column]
        gap = highs[slot, column] - low
        z[column] = (x[column] - low) / gap if gap != 0.0 else 0.0


@kernel
def widen(lows: FloatColumn, highs: FloatColumn, slot: int, x: FloatColumn, missing: BoolColumn) -> bool:
    """Take a sample into the running minima and maxima; True when one of them moved."""
    moved = False
    for column in range(x.size):
        if not missing[column]:
            if x[column] < lows[slot, column]:
                lows[slot, column] = x[column]
                moved = True
            if x[column] > highs[slot, column]:
                highs[slot, column] = x[column]
                moved = True
    return moved


@kernel
def score_learn_many(
    rows: StateArray,
    masses: StateArray,
    lows: FloatColumn,
    highs: FloatColumn,
    feature: StateArray,
    threshold: FloatColumn,
    window_size: int,
    size_limit: float,
    max_profile: float,
    start: int,
    is_scoring: bool,
    is_learning: bool,
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
    missing = np.empty(n_features, dtype=np.bool_)
    z = np.empty(n_features)
    for i in range(start, slots.size):
        slot = slots[i]
        x = X[i]
        n_present = find_missing(x, missing)
        is_ready = rows[slot].n_pivots > 0 and n_present > 0
        scores[i] = 0.0
        ready[i] = is_ready
        if n_present == 0:
            continue
        forest = rows[slot].forest - 1
        if forest < 0:
            if not is_learning:
                continue
            return i
        is_whole = n_present == n_features
        counter: Any = np.int64(rows[slot].counter)
        profile = 0
        moved = False
        if is_scaled and is_learning:
            if is_ready and is_scoring:
                scale_sample(lows, highs, slot, x, z)
                for column in range(n_features):
                    moved |= not missing[column] and (x[column] < lows[slot, column] or x[column] > highs[slot, column])
                if moved:
                    # The range moves: the sample is scored by the old one and learned by the new one, as in river's pipeline.
                    profile = walk(
                        masses, feature, threshold, slot, forest, counter, window_size, size_limit, is_whole, missing, z, False
                    )
            widen(lows, highs, slot, x, missing)
        sample = x
        if is_scaled:
            scale_sample(lows, highs, slot, x, z)
            sample = z
        found = walk(
            masses, feature, threshold, slot, forest, counter, window_size, size_limit, is_whole, missing, sample, is_learning
        )
        if not moved:
            profile = found
        if is_ready and is_scoring:
            scores[i] = 1.0 - profile / max_profile
        if is_learning:
            pivot(rows, masses, slot, window_size)
    return slots.size
