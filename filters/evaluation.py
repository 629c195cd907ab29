"""What of a corpus is in an evaluation set: pictures near its images, texts equal to its captions.

A model that has seen its test is not tested. The rule for pictures is that of `filters.near_duplicates`: equal bytes,
or a view of each (the whole picture, and the picture without its plain margins) whose pHashes are within ``radius`` and
that the longer hash confirms; a set known by pHashes alone is believed without. Views too plain for their pHash to mean
anything do not count.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from filters.caption_corpus import text_key
from filters.clean import clean
from filters.hamming import Hashes, Index, Rows, distances, index_of, near_in
from filters.near_duplicates import DuplicateRules
from filters.sorted_ids import Ids
from schemas.identity import sha256_hex

NAME: Final = "exclude_near"
VERSION: Final = 2
"""Grows with every change of what is near an evaluation set."""

NO_DISTANCE: Final = -1
"""The verify distance to an image of which only the pHash is known."""

_HASHES: Final = re.compile(r"([0-9a-fA-F]{16})(?:[\s,;]+([0-9a-fA-F]{64}))?")


class Pictures(NamedTuple):
    """Columns, one row per view of an image; ``image`` is the row of a table that it is a view of.

    ``bytes_ids`` is of shape (rows, 2): the `filters.near_duplicates.content_ids` of the image's bytes as they came
    and as they are stored, -1 where they are not known. ``phash256`` is of shape (rows, 4) and means nothing where
    ``verifiable`` is False. ``clear_bits`` is as in `filters.perceptual`.
    """

    image: Rows
    bytes_ids: Ids
    phash: Hashes
    phash256: npt.NDArray[np.uint64]
    verifiable: npt.NDArray[np.bool_]
    clear_bits: npt.NDArray[np.int64]


class EvaluationImages(NamedTuple):
    """Images of evaluation sets, ready for `nearest`."""

    ids: Ids
    id_rows: Rows
    searched: Index
    searched_rows: Rows
    pictures: Pictures


class Nearest(NamedTuple):
    """Columns, one row per image that is in or near a set: its row, the evaluation image's, and distances.

    ``distance`` is in bits of 64, ``verify_distance`` in bits of 256 or `NO_DISTANCE`; both are 0 where ``exact``.
    """

    row: Rows
    evaluation_row: Rows
    exact: npt.NDArray[np.bool_]
    distance: npt.NDArray[np.int64]
    verify_distance: npt.NDArray[np.int64]


def evaluation_images(pictures: Pictures, rules: DuplicateRules) -> EvaluationImages:
    """Return ``pictures`` ready to be looked up. Of those with equal hashes the first row stands for all."""
    rows, sides = np.nonzero(pictures.bytes_ids >= 0)
    ids = pictures.bytes_ids[rows, sides]
    order = np.lexsort((rows, ids))
    clear = np.flatnonzero(pictures.clear_bits >= rules.min_clear_bits)
    searched = clear[_first_of_equals(pictures.phash[clear], pictures.phash256[clear], pictures.verifiable[clear])]
    return EvaluationImages(
        ids[order], rows[order], index_of(pictures.phash[searched], rules.radius), searched, pictures
    )


def _first_of_equals(phash: Hashes, longer: npt.NDArray[np.uint64], verifiable: npt.NDArray[np.bool_]) -> Rows:
    """Return, ascending, the first row of each group that agrees in all columns."""
    columns = [verifiable, *longer.T, phash]
    order = np.lexsort(columns)  # stable: the first of equals stays first
    fresh = np.ones(order.size, np.bool_)
    if order.size:
        fresh[1:] = np.any([column[order[1:]] != column[order[:-1]] for column in columns], axis=0)
    return np.sort(order[fresh])


def nearest(images: Pictures, evaluation: EvaluationImages, rules: DuplicateRules) -> Nearest:
    """Return the nearest evaluation image of each of ``images`` that is in or near a set, by row.

    Equal bytes come first, then the fewest bits of 64, then of 256, then the smaller row.
    """
    exact_row, exact_other = _same_bytes(images, evaluation)
    near = _near(images, evaluation, rules)
    row = images.image[np.concatenate([exact_row, near.row])]
    none = np.zeros(exact_row.size, np.int64)
    found = Nearest(
        row,
        evaluation.pictures.image[np.concatenate([exact_other, near.evaluation_row])],
        np.arange(row.size) < exact_row.size,
        np.concatenate([none, near.distance]),
        np.concatenate([none, near.verify_distance]),
    )
    order = np.lexsort((found.evaluation_row, found.verify_distance, found.distance, ~found.exact, row))
    _, first = np.unique(row[order], return_index=True)
    best = order[first]
    return Nearest(
        found.row[best],
        found.evaluation_row[best],
        found.exact[best],
        found.distance[best],
        found.verify_distance[best],
    )


def _same_bytes(images: Pictures, evaluation: EvaluationImages) -> tuple[Rows, Rows]:
    rows, sides = np.nonzero(images.bytes_ids >= 0)
    ids = images.bytes_ids[rows, sides]
    places = np.searchsorted(evaluation.ids, ids)
    places[places == evaluation.ids.size] = 0
    same = np.flatnonzero(evaluation.ids[places] == ids) if evaluation.ids.size else np.empty(0, np.int64)
    return rows[same], evaluation.id_rows[places[same]]


def _near(images: Pictures, evaluation: EvaluationImages, rules: DuplicateRules) -> Nearest:
    clear = np.flatnonzero(images.clear_bits >= rules.min_clear_bits)
    pairs = near_in(evaluation.searched, images.phash[clear])
    rows, others = clear[pairs.left], evaluation.searched_rows[pairs.right]
    apart = distances(images.phash256[rows], evaluation.pictures.phash256[others])
    verifiable = images.verifiable[rows] & evaluation.pictures.verifiable[others]
    verified = np.where(verifiable, apart, NO_DISTANCE)
    sure = verified <= rules.verify_radius
    size = int(np.count_nonzero(sure))
    bits = pairs.distance[sure].astype(np.int64)
    return Nearest(rows[sure], others[sure], np.zeros(size, np.bool_), bits, verified[sure])


def caption_id(caption: str) -> int:
    """Return what captions share that are equal once cleaned, but for spaces, signs and case: 63 bits of a sha256.

    -1 stands for a text of which nothing is left, which equals no other.
    """
    key = text_key(clean(caption).text)
    return int(sha256_hex(key.encode())[:16], 16) >> 1 if key else -1


def parse_hashes(line: str) -> tuple[str, str] | None:
    """Return (pHash, 256-bit pHash or "") of a line of a hash list, in lower-case hex; None where it holds no hash."""
    match = _HASHES.fullmatch(line.strip())
    return (match[1].lower(), (match[2] or "").lower()) if match else None
