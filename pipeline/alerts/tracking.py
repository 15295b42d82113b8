"""Which episodes an incident tracks: put in, counted, made room for, forgotten.  States are never changed, new ones come of them."""

from __future__ import annotations

from dataclasses import replace

from pipeline.alerts.repeat import close_episodes
from pipeline.alerts.severity import most_severe
from pipeline.alerts.state import MAX_ANOMALY_IDS, MAX_TRACKED, ClosedEpisode, IncidentState, TrackedEpisode

__all__ = ["count_anomaly", "forget_episodes", "make_room", "put_episode"]


def put_episode(state: IncidentState, episode: TrackedEpisode) -> IncidentState:
    """With `episode` in the place of what it was before."""
    return replace(state, episodes=tuple(episode if one.id == episode.id else one for one in state.episodes))


def count_anomaly(state: IncidentState, anomaly_id: str, n_episodes: int = 0) -> IncidentState:
    """With one anomaly more, and so many episodes; of the ids the first `MAX_ANOMALY_IDS` are kept."""
    ids = state.anomaly_ids
    if anomaly_id not in ids:
        ids = (*ids, anomaly_id)[:MAX_ANOMALY_IDS]
    return replace(state, n_anomalies=state.n_anomalies + 1, n_episodes=state.n_episodes + n_episodes, anomaly_ids=ids)


def make_room(state: IncidentState, episode: TrackedEpisode, max_series: int) -> tuple[IncidentState, bool]:
    """Drop an ended episode of the same series, or the oldest ended one if there are too many.

    Parameters
    ----------
    state : IncidentState
    episode : TrackedEpisode
        For which there is to be room.
    max_series : int
        See `IncidentSettings`; `MAX_TRACKED` if that is more.

    Returns
    -------
    (IncidentState, bool)
        False: there is no room.
    """

    def identity(one: TrackedEpisode) -> tuple[object, ...]:
        return (one.facts.series, one.facts.detector, one.facts.kind)

    ended = [one for one in state.members if not one.facts.is_open]
    dropped = [one for one in ended if identity(one) == identity(episode)]
    limit = max(MAX_TRACKED, max_series)
    if not dropped and len(state.episodes) >= limit:
        # A muted episode makes way rather than that a suspicion goes unheard.
        dropped = ended[:1] or [one for one in state.episodes if one.is_muted][:1]
    floors = [one.facts.severity for one in dropped if not one.is_muted] + ([] if state.floor is None else [state.floor])
    state = replace(forget_episodes(state, tuple(dropped)), floor=most_severe(floors) if floors else None)
    return state, len(state.episodes) < limit


def forget_episodes(state: IncidentState, episodes: tuple[TrackedEpisode, ...]) -> IncidentState:
    """Without these episodes, but for what is needed to know their messages again."""
    ids = {episode.id for episode in episodes}
    closed, forgotten = close_episodes(state.closed, state.forgotten, tuple(map(_close, episodes)))
    kept = tuple(one for one in state.episodes if one.id not in ids)
    return replace(state, episodes=kept, closed=closed, forgotten=forgotten)


def _close(episode: TrackedEpisode) -> ClosedEpisode:
    facts = episode.facts
    return ClosedEpisode(
        episode.id, f"{facts.topic}/{episode.partition}", episode.offset, episode.position, facts.last_ns, episode.is_final
    )
