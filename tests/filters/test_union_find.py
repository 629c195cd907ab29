from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import union_find
from filters.union_find import Forest, add_edges, empty, labels

Edge = tuple[int, int]


def roots_by_hand(edges: Iterable[Edge]) -> dict[int, int]:
    """The plain dictionary union-find: every linked node and the smallest node of its component."""
    parent: dict[int, int] = {}

    def find(node: int) -> int:
        while parent.setdefault(node, node) != node:
            node = parent[node]
        return node

    for a, b in edges:
        if a != b:
            low, high = sorted((find(a), find(b)))
            parent[high] = low
    return {node: find(node) for node in list(parent)}


def grown(edges: list[Edge]) -> Forest:
    return add_edges(empty(), [a for a, _ in edges], [b for _, b in edges])


def as_dict(forest: Forest) -> dict[int, int]:
    nodes, roots = labels(forest)
    assert np.all(nodes[1:] > nodes[:-1]), "nodes are ascending and distinct"
    return dict(zip(nodes.tolist(), roots.tolist(), strict=True))


def chain(length: int) -> list[Edge]:
    return [(i, i + 1) for i in range(length)]


SHAPES = {
    "chain": chain(500),
    "chain, far ends first": [(i, i + 1) for i in [*range(0, 500, 2), *range(1, 500, 2)]],
    "star": [(7, i) for i in range(100)],
    "clique": [(i, j) for i in range(20) for j in range(i)],
    "duplicated and reversed": [*chain(30), *chain(30), *((b, a) for a, b in chain(30))],
    "self loops only": [(i, i) for i in range(10)],
    "self loops among edges": [(1, 1), (1, 2), (5, 5), (2, 3)],
    "widest ids": [(-(2**63), 2**63 - 1), (0, 2**63 - 1), (5, 6)],
    "two components": [(1, 2), (3, 4), (10, 2), (11, 4)],
}


@pytest.mark.parametrize("edges", SHAPES.values(), ids=SHAPES.keys())
def test_labels_are_those_of_the_plain_union_find(edges):
    assert as_dict(grown(edges)) == roots_by_hand(edges)


def test_nothing_in_nothing_out():
    assert as_dict(empty()) == {}
    assert as_dict(add_edges(empty(), [], [])) == {}


def test_a_node_without_an_edge_to_another_is_not_in_the_forest():
    assert as_dict(grown([(4, 4), (1, 2)])) == {1: 1, 2: 1}


def test_the_root_is_the_smallest_member():
    assert as_dict(grown([(9, 5), (5, 7), (7, 3)])) == {3: 3, 5: 3, 7: 3, 9: 3}


@pytest.mark.parametrize(("a", "b"), [([1, 2], [1]), ([[1]], [[2]])])
def test_edges_of_unequal_shape_are_refused(a, b):
    with pytest.raises(ValueError, match="two arrays of one length"):
        add_edges(empty(), a, b)


def test_pending_edges_are_folded_in_and_bounded(monkeypatch):
    monkeypatch.setattr(union_find, "COMPACT_AFTER", 10)
    forest = empty()
    edges = [(i % 40, (i * 7) % 40) for i in range(1000)]
    for a, b in edges:
        forest = add_edges(forest, [a], [b])
        assert sum(pair[0].size for pair in forest.pending) <= max(10, forest.nodes.size)
    assert as_dict(forest) == roots_by_hand(edges)


nodes = st.integers(0, 30) | st.sampled_from([-(2**63), 2**63 - 1])
edge_lists = st.lists(st.tuples(nodes, nodes), max_size=60)


@settings(max_examples=100, deadline=None)
@given(edges=edge_lists, data=st.data())
def test_order_and_partitioning_change_nothing(edges, data):
    want = roots_by_hand(edges)
    shuffled = data.draw(st.permutations(edges))
    turned = [(b, a) if data.draw(st.booleans()) else (a, b) for a, b in shuffled]
    parts = data.draw(st.integers(1, 5))
    forest = empty()
    for part in data.draw(st.permutations(range(parts))):
        forest = add_edges(forest, *zip(*turned[part::parts], strict=True)) if turned[part::parts] else forest
        if data.draw(st.booleans()):
            forest = Forest(*labels(forest))
    assert as_dict(forest) == want
