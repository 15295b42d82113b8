"""How partitions are spread: evenly topic by topic, completely, and with as few moves as that allows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.service.assignor import Claim, EvenAssignor, spread

members = st.lists(st.sampled_from([f"m{i}" for i in range(8)]), min_size=1, max_size=8, unique=True)
counts = st.lists(st.integers(1, 12), min_size=1, max_size=4)


@st.composite
def groups(draw: st.DrawFn) -> tuple[list[tuple[str, int]], dict[str, Claim]]:
    topics = [(f"t{i}", n) for i, n in enumerate(draw(counts))]
    claims: dict[str, Claim] = {}
    for member in draw(members):
        held = {
            topic: draw(st.lists(st.integers(0, n + 2), max_size=n, unique=True)) for topic, n in topics if draw(st.booleans())
        }
        claims[member] = (draw(st.integers(0, 3)), held)
    return topics, claims


@given(groups())
def test_even_and_complete(group: tuple[list[tuple[str, int]], dict[str, Claim]]) -> None:
    topics, claims = group
    wants = {member: [topic for topic, _ in topics] for member in claims}
    given_out = spread(topics, claims, wants)
    for topic, n in topics:
        shares = [given_out[member].get(topic, []) for member in claims]
        assert sorted(partition for share in shares for partition in share) == list(range(n))
        assert max(map(len, shares)) - min(map(len, shares)) <= 1
    # Asked again, nothing moves.
    again = {member: (9, by_topic) for member, by_topic in given_out.items()}
    assert spread(topics, again, wants) == given_out


@given(st.integers(1, 24), st.integers(1, 6))
def test_who_stays_keeps_what_the_quota_allows(n: int, n_members: int) -> None:
    names = [f"m{i}" for i in range(n_members)]
    alone: dict[str, Claim] = {name: (0, {}) for name in names}
    wants = {name: ["t"] for name in [*names, "new"]}
    before = spread([("t", n)], alone, wants)
    claims = {name: (1, by_topic) for name, by_topic in before.items()} | {"new": (0, {})}
    after = spread([("t", n)], claims, wants)
    for name in names:
        had, has = before[name].get("t", []), after[name].get("t", [])
        assert len(set(had) & set(has)) == min(len(had), len(has))


def test_what_a_member_tells_is_read_back() -> None:
    class Cluster:
        @staticmethod
        def partitions_for_topic(topic: str) -> set[int]:
            return set(range({"metrics": 4, "anomalies": 2}[topic]))

    one, other = (EvenAssignor(["metrics"], lambda: 5) for _ in range(2))
    topics = ["anomalies", "metrics"]
    first = one.assign(Cluster(), {"a": one.metadata(topics)})
    one.on_assignment(first["a"])
    assert first["a"].assignment == [("metrics", [0, 1, 2, 3]), ("anomalies", [0, 1])]
    second = other.assign(Cluster(), {"b": other.metadata(topics), "a": one.metadata(topics)})
    assert dict(second["a"].assignment) == {"metrics": [0, 1], "anomalies": [0]}
    assert dict(second["b"].assignment) == {"metrics": [2, 3], "anomalies": [1]}
