"""Who gets which partition: every topic spread evenly over the workers, and as few partitions moved as that allows.

A partition that moves is a lane that must be restored elsewhere, so each worker tells what it holds.  Each topic is spread by
itself, because the partitions of a source topic are work and those of the internal topics hardly any: a spread of the sum could give
one worker all the work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata

__all__ = ["Claim", "EvenAssignor", "spread"]

Claim = tuple[int, Mapping[str, Sequence[int]]]
"""What a member says it holds: the generation of the group in which it got it, and partitions by topic."""

_VERSION = 0


def spread(
    n_partitions: Sequence[tuple[str, int]], claims: Mapping[str, Claim], wants: Mapping[str, Iterable[str]]
) -> dict[str, dict[str, list[int]]]:
    """Spread partitions over members.

    Parameters
    ----------
    n_partitions : sequence of (str, int)
        Topics and their number of partitions; those that matter most first (the remainders of later ones even out the earlier).
    claims : mapping of str to Claim
        What each member holds.
    wants : mapping of str to topics
        What each member has subscribed to.

    Returns
    -------
    dict of str to (dict of str to list of int)
        Partitions by topic, by member.

    Examples
    --------
    >>> held = {"a": (3, {"metrics": [0, 1, 2, 3]}), "b": (0, {})}
    >>> spread([("metrics", 4)], held, {"a": ["metrics"], "b": ["metrics"]})
    {'a': {'metrics': [0, 1]}, 'b': {'metrics': [2, 3]}}
    >>> alone = {"a": (0, {}), "b": (0, {})}
    >>> spread([("metrics", 1), ("logs", 1)], alone, {name: ["metrics", "logs"] for name in alone})
    {'a': {'metrics': [0]}, 'b': {'logs': [0]}}
    """
    given: dict[str, dict[str, list[int]]] = {member: {} for member in sorted(claims)}
    load = dict.fromkeys(given, 0)
    for topic, n in n_partitions:
        members = [member for member in given if topic in set(wants[member])]
        if not members:
            continue
        held = _settle_claims(topic, n, members, claims)
        least, extra = divmod(n, len(members))
        favoured = sorted(members, key=lambda member: (load[member], -len(held[member]), member))[:extra]
        quota = {member: least + (member in favoured) for member in members}
        kept = {member: held[member][: quota[member]] for member in members}
        taken = {partition for partitions in kept.values() for partition in partitions}
        free = [partition for partition in range(n) if partition not in taken]
        for member in members:
            n_missing = quota[member] - len(kept[member])
            partitions, free = sorted([*kept[member], *free[:n_missing]]), free[n_missing:]
            load[member] += len(partitions)
            if partitions:
                given[member][topic] = partitions
    return given


def _settle_claims(topic: str, n: int, members: Sequence[str], claims: Mapping[str, Claim]) -> dict[str, list[int]]:
    """Partitions each member holds; of two that claim one, the one whose claim is younger."""
    holder: dict[int, tuple[int, str]] = {}
    for member in members:
        generation, partitions = claims[member]
        for partition in partitions.get(topic, ()):
            if partition < n and (partition not in holder or holder[partition][0] < generation):
                holder[partition] = (generation, member)
    held: dict[str, list[int]] = {member: [] for member in members}
    for partition, (_, member) in sorted(holder.items()):
        held[member].append(partition)
    return held


class EvenAssignor(AbstractPartitionAssignor):  # type: ignore[misc]
    """`spread`, as aiokafka asks for it.

    Parameters
    ----------
    sources : sequence of str
        Topics that are work, spread first.
    generation : callable
        Generation of the group this worker is in.
    """

    name = "streamwarden-even"

    def __init__(self, sources: Sequence[str], generation: Callable[[], int]) -> None:
        self._sources = list(sources)
        self._generation = generation
        self._held: dict[str, list[int]] = {}
        self._held_since = 0

    def assign(self, cluster: Any, members: Mapping[str, Any]) -> dict[str, Any]:
        """Assignment of every member."""
        topics = {topic for member in members.values() for topic in member.subscription}
        order = sorted(topics, key=lambda topic: (topic not in self._sources, topic))
        counts = [(topic, len(cluster.partitions_for_topic(topic) or ())) for topic in order]
        given = spread(
            counts,
            {member: _read_claim(metadata.user_data) for member, metadata in members.items()},
            {member: metadata.subscription for member, metadata in members.items()},
        )
        return {
            member: ConsumerProtocolMemberAssignment(_VERSION, list(by_topic.items()), b"") for member, by_topic in given.items()
        }

    def metadata(self, topics: Iterable[str]) -> Any:
        """What this worker tells of itself when it joins."""
        claim = orjson.dumps({"generation": self._held_since, "held": self._held})
        return ConsumerProtocolMemberMetadata(_VERSION, sorted(topics), claim)

    def on_assignment(self, assignment: Any) -> None:
        """Remember what was given."""
        self._held = {topic: sorted(partitions) for topic, partitions in assignment.assignment}
        self._held_since = self._generation()


def _read_claim(user_data: bytes | None) -> Claim:
    try:
        data = orjson.loads(user_data or b"")
        return int(data["generation"]), {str(topic): [int(one) for one in found] for topic, found in data["held"].items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        return 0, {}
