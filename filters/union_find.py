"""Connected components, a batch of edges at a time: a spanning star forest held in two arrays.

A forest never holds more than one row per node that has an edge, and pending edges. Whatever order edges come in, the
labels are the same.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from filters.sorted_ids import Ids

COMPACT_AFTER: Final = 200_000
"""Pending edges are folded into the forest once there are more than this and more than the forest has nodes, so that
adding costs O(1) per edge over time and pending edges never outgrow the forest by much."""


class Forest(NamedTuple):
    """Components so far: ``roots[i]`` is the smallest member of the component of ``nodes[i]``, plus pending edges.

    ``nodes`` is sorted and distinct, and holds only nodes that have an edge to another node.
    """

    nodes: Ids
    roots: Ids
    pending: tuple[tuple[Ids, Ids], ...] = ()


def empty() -> Forest:
    """Return a forest without nodes."""
    return Forest(np.empty(0, np.int64), np.empty(0, np.int64))


def add_edges(forest: Forest, a: npt.ArrayLike, b: npt.ArrayLike) -> Forest:
    """Return ``forest`` with the edges ``a[i]``-``b[i]``; self loops and repeated edges change nothing.

    Raises:
        ValueError: ``a`` and ``b`` are not of one length, or not one-dimensional.
    """
    left, right = np.asarray(a, np.int64), np.asarray(b, np.int64)
    if left.ndim != 1 or left.shape != right.shape:
        raise ValueError(f"edges need two arrays of one length, got shapes {left.shape} and {right.shape}")
    if left.size == 0:
        return forest
    grown = forest._replace(pending=(*forest.pending, (left, right)))
    waiting = sum(edges[0].size for edges in grown.pending)
    return _compact(grown) if waiting > max(COMPACT_AFTER, forest.nodes.size) else grown


def labels(forest: Forest) -> tuple[Ids, Ids]:
    """Return (nodes, roots): every node that has an edge, ascending, and the smallest node of its component."""
    settled = _compact(forest) if forest.pending else forest
    return settled.nodes, settled.roots


def _compact(forest: Forest) -> Forest:
    edges = [(forest.nodes, forest.roots), *forest.pending]
    left, right = np.concatenate([a for a, _ in edges]), np.concatenate([b for _, b in edges])
    linked = left != right  # a root's row names itself; its members' rows hold it in the forest
    left, right = left[linked], right[linked]
    nodes, index = np.unique(np.concatenate([left, right]), return_inverse=True)
    if nodes.size == 0:
        return empty()
    half = left.size
    ones = np.ones(half, np.bool_)
    graph = coo_array((ones, (index[:half].astype(np.int32), index[half:].astype(np.int32))), (nodes.size, nodes.size))
    _, component = connected_components(graph, directed=False)
    # nodes ascend, so the first node seen of a component is its smallest.
    _, first = np.unique(component, return_index=True)
    return Forest(nodes, nodes[first[component]])
