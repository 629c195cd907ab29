"""Which images are copies of one another: proposed by pHash, confirmed by a longer hash, clustered, and explained.

The rule. An image has two *views*: the whole picture, and the picture without its plain margins (the same, if it has
none). Two images are *equal* if their bytes are. They are *near* if a view of the one and a view of the other are at
most ``radius`` bits apart by 64-bit pHash and at most ``verify_radius`` by 256-bit pHash. Equal and near are joined
transitively; then the best image of each component takes the members of which the closest view is at most
``max_spread`` bits of the 256 from one of its own, and whose tones agree there to ``agreement`` at least
(`filters.tones`); the best of the rest takes its own, and so on. So no image is dropped for one that it does not
resemble, however long the chain between them. A view too plain for its pHash to mean anything does not count, and an
image without another is matched by its bytes alone.

Every step works on columns and may run on a part of the data: `views` on any rows, `follow_leaders` on whole groups of
equal pHash, `filters.hamming.pairs_in_bucket` and `confirmed` on one bucket, `filters.union_find` on any split
of the edges, `representatives` on whole components. `clusters` is all of them in one process. The result depends on the
set of images only, not on order or partition.

What was released before ranks first and stays as it is: a new view follows the leaders that its pHash has in the
release (`follow_released`) before it may lead, is looked up among the released views, and joins their components, in
which the released representatives lead first, each of them. So the new images that are kept are those that would be,
had the released ones been part of the run and had the first pick.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from filters.hamming import BITS, Hashes, Pairs, Rows, distances, near_pairs
from filters.sorted_ids import Ids
from filters.tones import Tones
from filters.tones import agreement as agreement_of
from filters.union_find import add_edges, empty, labels

UNIQUE: Final = "unique"
EXACT: Final = "exact"
NEAR: Final = "near"
TRIMMED: Final = "trimmed"
"""Near by a view that is not the whole picture."""
EVIDENCE: Final = {
    UNIQUE: ("", ""),
    EXACT: ("sha256", "sha256"),
    NEAR: ("phash", "phash256"),
    TRIMMED: ("trimmed_phash", "trimmed_phash256"),
}
"""Which hash proposed and which confirmed each kind of match. (A `NEAR` member whose own pair with the representative
is beyond ``radius`` was proposed by the chain between them.)"""

_AGREEMENT_DIGITS: Final = 4
_TONES_AT_ONCE: Final = 4096
"""Pairs whose tones are compared at a time, in some 100 MB."""

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
    verify_radius: int = 32
    """Bits of 256 between longer pHashes that confirm it; 0 to 256."""
    max_spread: int = 36
    """Bits of 256 between a member and its cluster's representative; ``verify_radius`` to 256."""
    agreement: float = 0.9
    """How well the tones of a member and its cluster's representative agree at least; -1, which all do, to 1."""
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
        if not -1 <= self.agreement <= 1:
            raise ValueError(f"agreement is {self.agreement}: expected -1 to 1")


class Images(NamedTuple):
    """Columns, one row per image. Rows with one ``ids`` value are the same bytes and agree in every column.

    The second axis of the hashes is the view: the whole picture first. An image without margins has it twice, or the
    axis is 1 long.
    """

    ids: Ids
    phash: Hashes
    """Shape (rows, views)."""
    phash256: Hashes
    """Shape (rows, views, 4), the first 64 bits first."""
    clear_bits: npt.NDArray[np.int64]
    """Shape (rows, views)."""
    pixels: npt.NDArray[np.int64]
    """Width times height of the original."""
    tones: Tones
    """Shape (rows, views, `filters.tones.BYTES`)."""


class Views(NamedTuple):
    """Columns, one row per view that can be matched; no two rows agree in ``ids`` and ``phash``."""

    ids: Ids
    phash: Hashes
    phash256: Hashes
    """Shape (rows, 4)."""


class Clusters(NamedTuple):
    """Columns, one row per row of the `Images` asked about.

    ``representative`` is the id of the cluster's representative, whose content hash names the cluster. ``distance`` (of
    64 bits), ``verify_distance`` (of 256) and ``agreement`` (of tones, four digits) are those of the closest views.
    ``match`` is `UNIQUE`, `EXACT`, `NEAR` or `TRIMMED`; ``size`` counts rows.
    """

    representative: Ids
    distance: npt.NDArray[np.int64]
    verify_distance: npt.NDArray[np.int64]
    match: npt.NDArray[np.str_]
    size: npt.NDArray[np.int64]
    agreement: npt.NDArray[np.float64]


class Closest(NamedTuple):
    """Columns, one row per pair of images: what is between their closest views, and whether those are whole.

    ``view`` numbers the pair of views: that of the one image times their count, and that of the other.
    """

    view: Rows
    distance: npt.NDArray[np.int64]
    verify_distance: npt.NDArray[np.int64]
    whole: npt.NDArray[np.bool_]


def content_ids(sha256s: Sequence[str]) -> Ids:
    """Return the first 63 bits of each digest, given as 64 hex digits: a node id for `filters.union_find`.

    Two of 10 million contents share an id with a chance of 1 in 180,000; the caller that keeps the digests can tell.

    Raises:
        ValueError: a text is not 64 hex digits.
    """
    return first_bits(hash_words(sha256s, 256))


def first_bits(digests: npt.NDArray[np.uint64]) -> Ids:
    """Return the `content_ids` of digests in words, one row each."""
    return (digests[:, 0] >> np.uint64(1)).astype(np.int64)


def hash_words(texts: Sequence[str], bits: int) -> npt.NDArray[np.uint64]:
    """Return hashes of ``bits`` bits in hex as an array of shape (texts, bits / 64).

    Raises:
        ValueError: a text does not have bits / 4 hex digits.
    """
    if set(map(len, texts)) - {bits // 4}:
        wrong = next(text for text in texts if len(text) != bits // 4)
        raise ValueError(f"hash {wrong!r}: expected {bits // 4} hex digits")
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


View = tuple[str, str, int]
"""One view of an image: its pHash and the longer one in hex, and how many bits of the pHash are clear."""


def closest_bits(one: Sequence[View], other: Sequence[View], rules: DuplicateRules) -> tuple[int, int]:
    """Return the bits of 64 and of 256 between the closest views of two images, the whole picture first in each.

    As in `closest`, plain views do not count where an image has a clear one, and of plain ones the whole picture does.
    """
    sides = ([view for view in views if view[2] >= rules.min_clear_bits] or views[:1] for views in (one, other))
    mine, theirs = sides
    return min((bits_apart(a[1], b[1]), bits_apart(a[0], b[0])) for a in mine for b in theirs)[::-1]


def views(images: Images, rules: DuplicateRules) -> Views:
    """Return what can be matched of ``images``: every clear view, and of two with one pHash the whole picture."""
    usable = images.clear_bits >= rules.min_clear_bits
    for later in range(1, usable.shape[1]):
        usable[:, later] &= ~(usable[:, :later] & (images.phash[:, :later] == images.phash[:, later : later + 1])).any(
            1
        )
    rows, number = np.nonzero(usable)
    return distinct(Views(images.ids[rows], images.phash[rows, number], images.phash256[rows, number]))


def distinct(seen: Views) -> Views:
    """Return ``seen`` without repeated rows, in the order of ids and pHashes."""
    order = np.lexsort((seen.phash, seen.ids))
    ids, phash = seen.ids[order], seen.phash[order]
    fresh = np.r_[True, (ids[1:] != ids[:-1]) | (phash[1:] != phash[:-1])][: order.size]
    return Views(ids[fresh], phash[fresh], seen.phash256[order[fresh]])


def follow_leaders(
    seen: Views, rules: DuplicateRules, led_before: Rows | None = None
) -> tuple[Rows, npt.NDArray[np.bool_]]:
    """Return (leader, searchable) per row, for views with every view of each pHash among them.

    Views of one pHash, a million equal placeholders as it may be, need no search: in the order of ids, the first leads
    and those within ``verify_radius`` follow it, then the first of the rest. The edges are each row with its leader.
    Only ``searchable`` rows need to be looked up by `filters.hamming`: a leader speaks for its followers.
    ``led_before`` is how many leaders each row's pHash has in releases, which count for `MAX_LEADERS`.
    """
    rows = np.lexsort((seen.ids, seen.phash))
    leader, led = np.empty(rows.size, np.int64), np.empty(rows.size, np.bool_)
    before = None if led_before is None else led_before[rows]

    def near(a: Rows, b: Rows) -> npt.NDArray[np.bool_]:
        return distances(seen.phash256[a], seen.phash256[b]) <= rules.verify_radius

    leader[rows], led[rows] = _led(rows, seen.phash[rows], near, led_before=before)
    return leader, (leader == np.arange(leader.size)) & led


def follow_released(seen: Views, released: Views, rules: DuplicateRules) -> tuple[Rows, Rows]:
    """Return the row of ``released`` that each row of ``seen`` follows, or -1, and how many have its pHash.

    ``released`` are the searchable views of releases in the order of pHashes, all of each pHash of ``seen``. The first
    of one pHash that a view is within ``verify_radius`` of leads it, as in `follow_leaders`.
    """
    order = np.argsort(seen.phash)  # what is looked up in order is found near the last: a tenth of the time
    at, end = np.empty((2, order.size), np.int64)
    at[order] = np.searchsorted(released.phash, seen.phash[order], side="left")
    end[order] = np.searchsorted(released.phash, seen.phash[order], side="right")
    leader, leaders = np.full(seen.ids.size, -1, np.int64), end - at
    left = np.flatnonzero(at < end)
    while left.size > 0:
        front = at[left]
        follows = distances(seen.phash256[left], released.phash256[front]) <= rules.verify_radius
        leader[left[follows]] = front[follows]
        left = left[~follows]
        at[left] += 1
        left = left[at[left] < end[left]]
    return leader, leaders


def confirmed(seen: Views, pairs: Pairs, rules: DuplicateRules) -> npt.NDArray[np.bool_]:
    """Return which proposed pairs of rows the longer hash confirms."""
    return distances(seen.phash256[pairs.left], seen.phash256[pairs.right]) <= rules.verify_radius


def representatives(
    images: Images, roots: Ids, rules: DuplicateRules, released: npt.NDArray[np.bool_] | None = None
) -> Rows:
    """Return each row's representative, for distinct contents with every member of each component among them.

    ``roots`` names each row's component. The representative has the most pixels, then the smallest id; members beyond
    ``max_spread`` of it, or whose tones do not agree with its, form clusters of their own in the same way. Rows that
    are ``released`` represent themselves, and are asked before the others in the same order.
    """
    fixed = np.zeros(images.ids.size, np.bool_) if released is None else released
    rows = np.lexsort((images.ids, -images.pixels, ~fixed, roots))
    chosen = np.empty(rows.size, np.int64)

    def near(a: Rows, b: Rows) -> npt.NDArray[np.bool_]:
        found = closest(images, a, b, rules)
        follows = found.verify_distance <= rules.max_spread
        asked = np.flatnonzero(follows & (a != b))
        follows[asked] = agreements(images, a[asked], b[asked], found.view[asked], rules) >= rules.agreement
        return follows

    chosen[rows], _ = _led(rows, roots[rows], near, fixed)
    return chosen


def clusters(images: Images, rules: DuplicateRules) -> Clusters:
    """Return every image's cluster, in one process: all steps of this module in order."""
    ids, first, inverse = np.unique(images.ids, return_index=True, return_inverse=True)
    contents = _rows(images, first)
    seen = views(contents, rules)
    leader, searchable = follow_leaders(seen, rules)
    rows = np.flatnonzero(searchable)
    pairs = near_pairs(seen.phash[rows], rules.radius)
    pairs = Pairs(rows[pairs.left], rows[pairs.right], pairs.distance)
    joined = confirmed(seen, pairs, rules)
    forest = add_edges(empty(), seen.ids, seen.ids[leader])
    forest = add_edges(forest, seen.ids[pairs.left[joined]], seen.ids[pairs.right[joined]])
    nodes, found = labels(forest)
    roots = ids.copy()
    roots[np.searchsorted(ids, nodes)] = found
    return explain(images, roots[inverse], rules)


def explain(
    images: Images, roots: Ids, rules: DuplicateRules, released: npt.NDArray[np.bool_] | None = None
) -> Clusters:
    """Return every image's cluster and evidence, for every image of each component; ``roots`` names the components.

    ``released`` marks the representatives of earlier releases, of which each component's are all given; rows of one
    content agree in it.
    """
    ids, first, inverse, copies = np.unique(images.ids, return_index=True, return_inverse=True, return_counts=True)
    contents = _rows(images, first)
    chosen = representatives(contents, roots[first], rules, None if released is None else released[first])
    sizes = np.bincount(chosen, weights=copies, minlength=ids.size).astype(np.int64)[chosen]
    every = np.arange(ids.size)
    same = chosen == every
    found = closest(contents, every, chosen, rules)
    agreed = np.ones(ids.size)
    others = np.flatnonzero(~same)
    agreed[others] = agreements(contents, others, chosen[others], found.view[others], rules).round(_AGREEMENT_DIGITS)
    match = np.where(sizes == 1, UNIQUE, np.where(same, EXACT, np.where(found.whole, NEAR, TRIMMED)))
    return Clusters(
        ids[chosen][inverse],
        found.distance[inverse],
        found.verify_distance[inverse],
        match[inverse],
        sizes[inverse],
        agreed[inverse],
    )


def closest(images: Images, a: Rows, b: Rows, rules: DuplicateRules) -> Closest:
    """Return how far apart the closest views of row ``a[i]`` and row ``b[i]`` are.

    Closest are the fewest of the 256 bits, then of the 64, then the whole pictures.
    """
    mine, theirs = (_clear_views(images.clear_bits[rows], rules) for rows in (a, b))
    short, longer = [], []
    for one in mine.T:
        for other in theirs.T:
            short.append(distances(images.phash[a, one], images.phash[b, other]))
            longer.append(distances(images.phash256[a, one], images.phash256[b, other]))
    apart, verified = np.stack(short, axis=1), np.stack(longer, axis=1)
    best = np.argmin(verified * (BITS + 1) + apart, axis=1)
    at = np.arange(a.size), best
    whole = (best == 0) & (images.clear_bits[a, 0] >= rules.min_clear_bits)
    whole &= images.clear_bits[b, 0] >= rules.min_clear_bits
    return Closest(best, apart[at], verified[at], whole)


def agreements(images: Images, a: Rows, b: Rows, view: Rows, rules: DuplicateRules) -> npt.NDArray[np.float64]:
    """Return how well the tones of row ``a[i]`` and row ``b[i]`` agree in the pair of views that `closest` named."""
    one, other = divmod(view, images.clear_bits.shape[1])
    pairs = np.arange(a.size)
    mine = _clear_views(images.clear_bits[a], rules)[pairs, one]
    theirs = _clear_views(images.clear_bits[b], rules)[pairs, other]
    found = np.empty(a.size)
    for start in range(0, a.size, _TONES_AT_ONCE):
        some = slice(start, start + _TONES_AT_ONCE)
        found[some] = agreement_of(images.tones[a[some], mine[some]], images.tones[b[some], theirs[some]])
    return found


def _clear_views(clear_bits: Rows, rules: DuplicateRules) -> Rows:
    """Return the number of each view, or of the first clear one in the place of a plain one: shape (rows, views)."""
    plain = clear_bits < rules.min_clear_bits
    return np.where(plain, np.argmin(plain, axis=1)[:, None], np.arange(plain.shape[1]))


def _rows(images: Images, rows: Rows) -> Images:
    ids, phash, longer, clear, pixels, tones = images
    return Images(ids[rows], phash[rows], longer[rows], clear[rows], pixels[rows], tones[rows])


def _led(
    rows: Rows,
    groups: npt.NDArray[np.generic],
    near: Callable[[Rows, Rows], npt.NDArray[np.bool_]],
    fixed: npt.NDArray[np.bool_] | None = None,
    led_before: Rows | None = None,
) -> tuple[Rows, npt.NDArray[np.bool_]]:
    """Return (leader row, whether it was given one) for ``rows`` sorted by group and then by precedence.

    In each round the first row left of each group leads, and the rows of its group that are ``near`` it follow, but for
    those that are ``fixed``, which lead only. After `MAX_LEADERS` rounds, less ``led_before``, the rows left lead only
    themselves.
    """
    leader, led = rows.copy(), np.zeros(rows.size, np.bool_)
    left = np.arange(rows.size)
    for number in range(MAX_LEADERS):
        if led_before is not None:
            left = left[led_before[left] + number < MAX_LEADERS]
        if left.size == 0:
            break
        starts = np.flatnonzero(np.r_[True, groups[left[1:]] != groups[left[:-1]]])
        front = np.repeat(left[starts], np.diff(np.r_[starts, left.size]))
        follows = near(rows[left], rows[front])
        if fixed is not None:
            follows &= ~fixed[rows[left]] | (left == front)
        taken = left[follows]
        leader[taken], led[taken] = rows[front[follows]], True
        left = left[~follows]
    return leader, led
