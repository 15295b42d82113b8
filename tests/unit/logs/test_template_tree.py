"""The template tree against Drain as its authors' successors ship it, against a naive one, and restored at any point."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Any

import pytest
from drain3.drain import Drain
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import StateError
from pipeline.logs.template_tree import TemplateTree
from tests.unit.logs.naive_miner import NaiveTree, alike_lines

_tokens = st.one_of(
    st.sampled_from(["a", "b", "c", "d", "<num>", "x1", "7"]),
    st.sampled_from([f"w{chr(97 + i)}{chr(97 + j)}" for i in range(12) for j in range(12)]),
)
_lines = st.lists(st.lists(_tokens, min_size=1, max_size=5).map(tuple), max_size=60)
_alike = st.integers(0, 10**6).map(alike_lines)
_similarity = st.sampled_from([0.2, 0.4, 0.5, 0.75])


def ordinals(found: list[Any]) -> list[int]:
    order: dict[Any, int] = {}
    return [order.setdefault(one, len(order)) for one in found]


@settings(max_examples=600, deadline=None)
@given(st.one_of(_lines, _alike), _similarity)
def test_groups_lines_as_drain3_does(lines: list[tuple[str, ...]], similarity: float) -> None:
    drain, tree = Drain(sim_th=similarity), TemplateTree(similarity, 10_000)
    theirs = [drain.add_log_message(" ".join(line))[0] for line in lines]
    ours = [tree.learn(line).template for line in lines]
    assert ordinals([one.cluster_id for one in theirs]) == ordinals([one.id for one in ours if one is not None])
    for cluster, template in zip(theirs, ours, strict=True):
        assert template is not None
        assert (cluster.get_template(), cluster.size) == (template.text, template.n_lines)


@settings(max_examples=300, deadline=None)
@given(st.one_of(_lines, _alike), _similarity, st.integers(1, 12))
def test_groups_lines_as_the_naive_tree_does_up_to_the_ceiling(
    lines: list[tuple[str, ...]], similarity: float, max_templates: int
) -> None:
    naive, tree = NaiveTree(similarity, max_templates), TemplateTree(similarity, max_templates)
    made: dict[str, int] = {}
    for line in [*lines, *lines]:
        ordinal = naive.learn(list(line))
        learned = tree.learn(line)
        assert (learned.template is None) == (ordinal is None)
        if learned.template is not None:
            assert learned.is_new == (learned.template.id not in made)
            assert made.setdefault(learned.template.id, len(made)) == ordinal
    assert [one.text.split(" ") for one in map(tree.get, made) if one is not None] == naive.templates
    assert len(tree) <= max_templates


@settings(max_examples=300, deadline=None)
@given(st.one_of(_lines, _alike), st.one_of(_lines, _alike), _similarity)
def test_restored_it_goes_on_as_if_never_stopped(
    before: list[tuple[str, ...]], after: list[tuple[str, ...]], similarity: float
) -> None:
    tree, copy = TemplateTree(similarity, 30), TemplateTree(similarity, 30)
    for line in before:
        tree.learn(line)
    copy.restore(json.loads(json.dumps(tree.snapshot())))
    for line in after:
        one, other = tree.learn(line), copy.learn(line)
        assert one.is_new == other.is_new
        assert (one.template is None) == (other.template is None)
        if one.template is not None and other.template is not None:
            assert one.template.id == other.template.id
    assert tree.snapshot() == copy.snapshot()


def test_many_first_words_share_a_branch() -> None:
    lines = [(f"w{chr(97 + i % 26)}{chr(97 + i // 26)}", "b", "c") for i in range(150)]
    drain, tree = Drain(sim_th=0.4), TemplateTree(0.4, 10_000)
    theirs = [drain.add_log_message(" ".join(line))[0].cluster_id for line in lines + lines]
    ours = [tree.learn(line).template for line in lines + lines]
    assert ordinals(theirs) == ordinals([one.id for one in ours if one is not None])
    assert len(tree) < 150


def test_an_id_depends_on_the_first_line_alone_and_stays() -> None:
    one, other = TemplateTree(0.4, 10), TemplateTree(0.4, 10)
    other.learn(("something", "else"))
    first = one.learn(("user", "bob", "logged", "in")).template
    second = other.learn(("user", "bob", "logged", "in")).template
    assert first is not None
    assert second is not None
    assert first.id == second.id
    one.learn(("user", "eve", "logged", "in"))
    assert first.text == "user <*> logged in"
    assert first.id == second.id


@settings(max_examples=200, deadline=None)
@given(st.one_of(_lines, _alike), _similarity)
def test_a_line_that_made_a_template_never_makes_another(lines: list[tuple[str, ...]], similarity: float) -> None:
    tree = TemplateTree(similarity, 10_000)
    makers = [line for line in lines if tree.learn(line).is_new]
    assert len(set(makers)) == len(makers) == len(tree)
    assert not any(tree.learn(line).is_new for line in makers)


def test_two_first_lines_of_one_hash_get_two_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.logs import template_tree

    def same_for_all_lines(text: bytes, digest_size: int) -> Any:
        return blake2b(text[len(text.rstrip(b"\x00")) :], digest_size=digest_size)

    monkeypatch.setattr(template_tree, "blake2b", same_for_all_lines)
    tree = TemplateTree(0.4, 10)
    ids = [one.id for line in (("a", "x"), ("b", "b", "x"), ("c", "c", "c", "x")) if (one := tree.learn(line).template)]
    assert len(set(ids)) == 3


@pytest.mark.parametrize("damage", [lambda rows: rows + rows[:1], lambda rows: [*rows, ["id", "a", 1, []]]])
def test_a_damaged_snapshot_is_refused(damage: Any) -> None:
    tree = TemplateTree(0.4, 10)
    tree.learn(("a", "b"))
    with pytest.raises(StateError, match="damaged"):
        TemplateTree(0.4, 10).restore(damage(tree.snapshot()))
