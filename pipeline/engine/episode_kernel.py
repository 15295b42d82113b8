"""Kernel of episodes: runs of anomalous samples, with hysteresis."""

from __future__ import annotations

import math

from models.base import FloatColumn, IntColumn
from models.jit import kernel_bare
from models.state_array import StateArray

UNKNOWN, NORMAL, ANOMALOUS = 0, 1, 2
OPENED, CONTINUED, CLEARED = 0, 1, 2
BOTH, ABOVE, BELOW = 0, 1, 2
FOLDED, WRONG_SIDE = 0, 1


@kernel_bare
def is_wrong_side(side: int, value: float, expected: float) -> bool:
    """True when `value` deviates to the side that does not count; never when nothing was expected."""
    if side == BOTH or math.isnan(expected):
        return False
    return value <= expected if side == ABOVE else value >= expected


@kernel_bare
def follow_many(
    rows: StateArray,
    settings: IntColumn,
    slots: IntColumn,
    judgement: StateArray,
    event_time_ns: IntColumn,
    offset: IntColumn,
    position: IntColumn,
    value: FloatColumn,
    expected: FloatColumn,
    tail: FloatColumn,
    index: IntColumn,
    phase: IntColumn,
    facts: StateArray,
    counts: IntColumn,
) -> int:
    """Follow the episodes of many series through a batch; see `pipeline.engine.episode.Episodes.follow`.

    Parameters
    ----------
    rows : (S,) EPISODE_ROW, mutated
    settings : (4,) int64
        Samples that open, samples that clear, ns between repeats, side that counts.
    slots : (B,) int64, all reserved
    judgement : (B,) int8
        `UNKNOWN` (changes nothing), `NORMAL` or `ANOMALOUS`.
    event_time_ns, offset, position : (B,) int64
    value, expected, tail : (B,) float64
    index, phase : (B,) int64, written
        Sample and phase of each event, in order.
    facts : (B,) EPISODE_ROW, written
        State of the episode at each event; of the one that ended for `CLEARED`.
    counts : (2,) int64, added to
        Anomalous samples folded, and those on the wrong side.

    Returns
    -------
    int
        Events written.
    """
    open_after, clear_after, repeat_ns, side = settings[0], settings[1], settings[2], settings[3]
    n_events = 0
    for i in range(slots.size):
        if judgement[i] == UNKNOWN:
            continue
        row = rows[slots[i]]
        is_anomalous = judgement[i] == ANOMALOUS
        if is_anomalous and is_wrong_side(side, value[i], expected[i]):
            counts[WRONG_SIDE] += 1
            is_anomalous = False
        event = -1
        if is_anomalous:
            row.n_normal = 0
            if row.n_anomalous == 0:
                row.started_ns = event_time_ns[i]
                row.peak_tail = tail[i]
            elif tail[i] < row.peak_tail or math.isnan(row.peak_tail):
                row.peak_tail = tail[i]
            row.n_anomalous += 1
            if not row.is_open:
                if row.n_anomalous >= open_after:
                    row.is_open = True
                    row.open_offset = offset[i]
                    row.open_position = position[i]
                    event = OPENED
            elif event_time_ns[i] - row.reported_ns >= repeat_ns:
                event = CONTINUED
            if event < 0:
                counts[FOLDED] += 1
                row.n_folded += 1
        elif row.is_open:
            row.n_normal += 1
            if row.n_normal >= clear_after:
                event = CLEARED
        else:
            row.n_anomalous = 0
            row.n_folded = 0
        if event >= 0:
            index[n_events] = i
            phase[n_events] = event
            facts[n_events] = row
            n_events += 1
            row.n_folded = 0
            if event == CLEARED:
                row.is_open = False
                row.n_anomalous = 0
                row.n_normal = 0
            else:
                row.reported_ns = event_time_ns[i]
    return n_events
