"""Which images are copies of one another: proposed by pHash, confirmed by a longer hash, clustered, and explained.

The rule. Two images are *equal* if their bytes are. They are *near* if their 64-bit pHashes are at most ``radius`` bits
apart and their 256-bit pHashes at most ``verify_radius``. Equal and near are joined transitively; then the best image
of each component takes the members at most ``max_spread`` bits of the 256 from itself, the best of the rest takes its
own, and so on. So no image is dropped for one that it does not resemble, however long the chain between them.
An image too plain for its pHash to mean anything is matched by its bytes alone.

Every step works on columns and may run on a part of the data: `follow_leaders` on whole groups of equal pHash,
`filters.hamming.pairs_in_bucket` and `confirmed` on one bucket, `filters.union_find` on any split of the edges,
`representatives` on whole components. `clusters` is all of them in one process. The result depends on the set of
images only, not on order or partition.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from filters.hamming import Hashes, Pairs, Rows, distances, near_pairs
from filters.union_find import Ids, add_edges, empty, labels

UNIQUE: Final = "unique"
EXACT: Final = "exact"
NEAR: Final = "near"
EVIDENCE: Final = {UNIQUE: ("", ""), EXACT: ("sha256", "sha256"), NEAR: ("phash", "phash256")}
"""Which hash proposed and which confirmed each kind of match. (A `NEAR` member whose own pair with the representative
is beyond ``radius`` was proposed by the chain between them.)"""

MAX_LEADERS: Final = 64
"""Leaders that one group may have before its remaining members are left alone (kept apart, never matched by accident).
It bounds the cost of a hot group at this many comparisons per member."""


class DuplicateRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When two images are copies. Defaults as measured by tests/bench/near_duplicate_quality.py.

    Raises:
        ValueError: a threshold is out of its range, or ``max_spread`` is less than ``verify_radius``.
    """

    radius: int = 6
    """Bits of 64 between pHashes that propose a pair; 0 to 16."""
    verify_radius: int = 20
    """Bits of 256 between longer pHashes that confirm it; 0 to 256."""
    max_spread: int = 24
    """Bits of 256 between a member and its cluster's representative; ``verify_radius`` to 256."""
    min_clear_bits: int = 32
    """pHash bits, of 64, that must be clear (see `filters.perceptual`) to be matched by more than bytes."""

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("radius", self.radius, 0, 16),
            ("verify_radius", self.verify_radius, 0, 256),
            ("max_spread", self.max_spread, self.verify_radius, 256),
            ("min_clear_bits", self.min_clear_bits, 0, 64),
        ):
            if not low <= value <= high:
                raise ValueError(f"{name} is {value}: expected {low} to {high} bits")


class Images(NamedTuple):
    """Columns, one row per image. Rows with one ``ids`` value are the same bytes and agree in every column."""

    ids: Ids
    phash: Hashes
    phash256: npt.NDArray[np.uint64]
    """Shape (rows, 4), the first 64 bits first."""
    clear_bits: npt.NDArray[np.int64]
    pixels: npt.NDArray[np.int64]
    """Width times height of the original."""


class Clusters(NamedTuple):
    """Columns, one row per row of the `Images` asked about.

    ``representative`` is the id of the cluster's representative, whose content hash names the cluster. ``distance`` (of
    64 bits) and ``verify_distance`` (of 256) are to it. ``match`` is `UNIQUE`, `EXACT` or `NEAR`; ``size`` counts rows.
    """

    representative: Ids
    distance: npt.NDArray[np.int64]
    verify_distance: npt.NDArray[np.int64]
    match: npt.NDArray[np.str_]
    size: npt.NDArray[np.int64]


def content_ids(sha256s: Sequence[str]) -> Ids:
    """Return the first 63 bits of each digest, given as 64 hex digits: a node id for `filters.union_find`.

    Two of 10 million contents share an id with a chance of 1 in 180,000; the caller that keeps the digests can tell.

    Raises:
        ValueError: a text is not 64 hex digits.
    """
    return (hash_words(sha256s, 256)[:, 0] >> np.uint64(1)).astype(np.int64)


def hash_words(texts: Sequence[str], bits: int) -> npt.NDArray[np.uint64]:
    """Return hashes of ``bits`` bits in hex as an array of shape (texts, bits / 64).

    Raises:
        ValueError: a text does not have bits / 4 hex digits.
    """
    for text in texts:
        if len(text) != bits // 4:
            raise ValueError(f"hash {text!r}: expected {bits // 4} hex digits")
    packed = bytes.fromhex("".join(texts))
    if len(packed) * 8 != bits * len(texts):  # fromhex passes over blanks
        raise ValueError(f"a hash has other than {bits // 4} hex digits")
    return np.frombuffer(packed, ">u8").astype(np.uint64).reshape(len(texts), bits // 64)


Rank = tuple[int, bool, int, int, str]
"""What `winner_key` gives."""


def winner_key(*, pixels: int, morphemes: int, candidate_id: str, consent: int = 0, listed: bool = False) -> Rank:
    """Return the key by which the winner of a cluster sorts first: a total order where ``candidate_id`` is distinct.

    More original pixels first; then a page of the image's own before one where it is ``listed`` (links to another page
    of the site, an article that its text is the headline of); then the richer caption, counted in morphemes; then the
    stronger consent evidence (a grade, higher is better); then the smaller id, which says nothing and settles the rest.
    """
    return -pixels, listed, -morphemes, -consent, candidate_id


def bits_apart(one: str, other: str) -> int:
    """Return the Hamming distance in bits of two hashes of one length, given in hex."""
    return (int(one, 16) ^ int(other, 16)).bit_count()


def follow_leaders(images: Images, rules: DuplicateRules) -> tuple[Rows, npt.NDArray[np.bool_]]:
    """Return (leader, searchable) per row, for distinct contents with every image of each pHash among them.

    Images of one pHash, a million blank thumbnails as it may be, need no search: in the order of ids, the first leads
    and those within ``verify_radius`` follow it, then the first of the rest. The edges are each row with its leader.
    Only ``searchable`` rows need to be looked up by `filters.hamming`: a leader speaks for its followers.
    """
    leader, led = np.arange(images.ids.size), np.zeros(images.ids.size, np.bool_)
    plain = images.clear_bits < rules.min_clear_bits
    rows = np.flatnonzero(~plain)
    rows = rows[np.lexsort((images.ids[rows], images.phash[rows]))]
    leader[rows], led[rows] = _led(rows, images.phash[rows], images.phash256, rules.verify_radius)
    return leader, (leader == np.arange(leader.size)) & led


def confirmed(images: Images, pairs: Pairs, rules: DuplicateRules) -> npt.NDArray[np.bool_]:
    """Return which proposed pairs of rows the longer hash confirms."""
    return distances(images.phash256[pairs.left], images.phash256[pairs.right]) <= rules.verify_radius


def representatives(images: Images, roots: Ids, rules: DuplicateRules) -> Rows:
    """Return each row's representative, for distinct contents with every member of each component among them.

    ``roots`` names each row's component. The representative has the most pixels, then the smallest id; members beyond
    ``max_spread`` of it form clusters of their own in the same way.
    """
    rows = np.lexsort((images.ids, -images.pixels, roots))
    chosen = np.empty(rows.size, np.int64)
    chosen[rows], _ = _led(rows, roots[rows], images.phash256, rules.max_spread)
    return chosen


def clusters(images: Images, rules: DuplicateRules) -> Clusters:
    """Return every image's cluster, in one process: all steps of this module in order."""
    ids, first, inverse = np.unique(images.ids, return_index=True, return_inverse=True)
    contents = _rows(images, first)
    leader, searchable = follow_leaders(contents, rules)
    rows = np.flatnonzero(searchable)
    pairs = near_pairs(contents.phash[rows], rules.radius)
    pairs = Pairs(rows[pairs.left], rows[pairs.right], pairs.distance)
    joined = confirmed(contents, pairs, rules)
    forest = add_edges(empty(), ids, ids[leader])
    forest = add_edges(forest, ids[pairs.left[joined]], ids[pairs.right[joined]])
    nodes, found = labels(forest)
    roots = ids.copy()
    roots[np.searchsorted(ids, nodes)] = found
    return explain(images, roots[inverse], rules)


def explain(images: Images, roots: Ids, rules: DuplicateRules) -> Clusters:
    """Return every image's cluster and evidence, for every image of each component; ``roots`` names the components."""
    ids, first, inverse, copies = np.unique(images.ids, return_index=True, return_inverse=True, return_counts=True)
    contents = _rows(images, first)
    chosen = representatives(contents, roots[first], rules)
    sizes = np.bincount(chosen, weights=copies, minlength=ids.size).astype(np.int64)[chosen]
    same = chosen == np.arange(ids.size)
    match = np.where(sizes == 1, UNIQUE, np.where(same, EXACT, NEAR))
    apart = distances(contents.phash, contents.phash[chosen])
    verified = distances(contents.phash256, contents.phash256[chosen])
    return Clusters(ids[chosen][inverse], apart[inverse], verified[inverse], match[inverse], sizes[inverse])


def _rows(images: Images, rows: Rows) -> Images:
    ids, phash, longer, clear, pixels = images
    return Images(ids[rows], phash[rows], longer[rows], clear[rows], pixels[rows])


def _led(
    rows: Rows, groups: npt.NDArray[np.generic], words: npt.NDArray[np.uint64], limit: int
) -> tuple[Rows, npt.NDArray[np.bool_]]:
    """Return (leader row, whether it was given one) for ``rows`` sorted by group and then by precedence.

    In each round the first row left of each group leads, and the rows of its group within ``limit`` bits of it follow.
    After `MAX_LEADERS` rounds the rows left lead only themselves.
    """
    leader, led = rows.copy(), np.zeros(rows.size, np.bool_)
    left = np.arange(rows.size)
    for _ in range(MAX_LEADERS):
        if left.size == 0:
            break
        starts = np.flatnonzero(np.r_[True, groups[left[1:]] != groups[left[:-1]]])
        front = np.repeat(left[starts], np.diff(np.r_[starts, left.size]))
        follows = distances(words[rows[left]], words[rows[front]]) <= limit
        taken = left[follows]
        leader[taken], led[taken] = rows[front[follows]], True
        left = left[~follows]
    return leader, led
