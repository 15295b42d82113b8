"""Telling news from repetition: messages come at least once, and may come again long after."""

from __future__ import annotations

from pipeline.alerts.state import MAX_CLOSED, ClosedEpisode, IncidentState, TrackedEpisode
from pipeline.crosscheck.base import CheckedAnomaly

__all__ = ["close_episodes", "find_repeat", "is_late_verdict"]


def is_late_verdict(episode: TrackedEpisode, checked: CheckedAnomaly) -> bool:
    """Whether the message brings the verdict that this episode awaits."""
    return checked.anomaly.phase == "opened" and checked.is_final and not episode.is_final


def find_repeat(state: IncidentState, checked: CheckedAnomaly) -> str | None:
    """Reason code why this message is no news to the group; None if it is.

    An anomaly of an episode is known by its place in the source log, which only grows within an episode: what stands at or
    before the newest place is a repeat.  Ended episodes are remembered by id (`MAX_CLOSED` of them); of those forgotten, offset
    and event time up to which they were forgotten are kept by source partition, and an unknown episode from before both is taken
    for a replay.  Before both, so that a source topic that was created anew is not silenced.

    Parameters
    ----------
    state : IncidentState
        Of the group; not changed.
    checked : CheckedAnomaly
        The message.
    """
    anomaly = checked.anomaly
    place = (anomaly.offset, anomaly.position)
    episode = state.find(anomaly.episode_id)
    if episode is not None:
        if is_late_verdict(episode, checked):
            return None
        return None if place > (episode.offset, episode.position) else "duplicate"
    closed = next((closed for closed in reversed(state.closed) if closed.id == anomaly.episode_id), None)
    if closed is not None and place <= (closed.offset, closed.position):
        is_awaited = anomaly.phase == "opened" and checked.is_final and not closed.is_final
        return "late_verdict" if is_awaited else "duplicate"
    if anomaly.phase == "cleared":
        return "unknown_episode"
    if closed is None:
        offset, event_time_ns = state.forgotten.get(f"{anomaly.topic}/{anomaly.partition}", (-1, 0))
        if anomaly.offset <= offset and anomaly.event_time_ns <= event_time_ns:
            return "replayed"
    return None


def close_episodes(
    closed: tuple[ClosedEpisode, ...], forgotten: dict[str, tuple[int, int]], ended: tuple[ClosedEpisode, ...]
) -> tuple[tuple[ClosedEpisode, ...], dict[str, tuple[int, int]]]:
    """Memory of closed episodes with these added, and what had to be forgotten for them.

    Parameters
    ----------
    closed : tuple of ClosedEpisode
        So far, oldest first.
    forgotten : dict
        By source: offset and event time up to which closed episodes were forgotten.
    ended : tuple of ClosedEpisode
        To be added; one with an id that is there already takes its place.
    """
    ids = {one.id for one in ended}
    remembered = (*(one for one in closed if one.id not in ids), *ended)
    kept = dict(forgotten)
    for one in remembered[: max(len(remembered) - MAX_CLOSED, 0)]:
        offset, event_time_ns = kept.get(one.source, (-1, 0))
        kept[one.source] = (max(offset, one.offset), max(event_time_ns, one.event_time_ns))
    return remembered[-MAX_CLOSED:], kept
