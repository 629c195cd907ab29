"""What the report's contact sheets show: a fair draw of rows, the same every time, and small pictures of them.

Ids are hashes of content, so the rows with the smallest ids are a fair draw that needs no chance and no memory beyond
the draw itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from filters.identifiers import find_identifiers, redact, redact_url
from pipelines import storage
from pipelines.parts import read_batches
from pipelines.pixels import resized
from pipelines.report_page import DroppedSample, ReasonSheet, Thumbnail
from schemas.reasons import NO_REASON, Outcome, Reason, Stage

PER_REASON: Final = 12
"""Dropped candidates that are shown for each stage and reason."""

THUMBNAIL_SIDE: Final = 160
"""Longest side of a thumbnail in pixels."""

_QUALITIES: Final = (70, 50, 30)
_THUMBNAIL_BYTES: Final = 9_000  # 60 kept and 12 of each reason then stay under 3 MB as base64
_HIDDEN: Final = frozenset({Reason.TAKEDOWN, Reason.OPT_OUT_LISTED, Reason.PAGE_IDENTIFIER})  # the id alone is shown
_WITHHELD: Final = _HIDDEN | {Reason.CAPTION_IDENTIFIER, Reason.URL_IDENTIFIER}  # no text and no picture
_LONGEST_ADDRESS: Final = 80

DROPPED_COLUMNS: Final = ["candidate_id", "image_url", "page_url", "caption", "detail", "winner_id", "verdicts"]
"""Columns of the outcomes table that a sheet is made of, besides those that name its stage and reason."""


class Smallest:
    """The ``most`` rows with the smallest values of ``by``, gathered batch by batch."""

    def __init__(self, most: int, by: Sequence[str]) -> None:
        self._most = most
        self._by = list(by)
        self.rows: list[dict[str, Any]] = []

    def offer(self, table: pa.Table) -> None:
        """Take the rows of ``table`` that belong among the smallest so far."""
        first = self._by[0]
        if len(self.rows) == self._most:
            table = table.filter(pc.less_equal(table.column(first), self.rows[-1][first]))
        if not table.num_rows:
            return
        best = table.sort_by([(name, "ascending") for name in self._by]).slice(0, self._most)
        self.rows = sorted([*self.rows, *best.to_pylist()], key=lambda row: [row[name] for name in self._by])
        del self.rows[self._most :]


class DroppedDraw:
    """A few dropped candidates of every stage and reason, gathered from batches of the outcomes table."""

    def __init__(self, most: int = PER_REASON) -> None:
        self._most = most
        self._drawn: dict[tuple[str, str], Smallest] = {}

    def offer(self, table: pa.Table) -> None:
        """Take what belongs into the draw; ``table`` has `DROPPED_COLUMNS`, stage, outcome and reason."""
        dropped = table.filter(pc.not_equal(table.column("outcome"), str(Outcome.KEEP)))
        pairs = dropped.select(["stage", "reason"]).group_by(["stage", "reason"]).aggregate([]).to_pylist()
        for pair in pairs:
            stage, reason = pair["stage"], pair["reason"]
            mine = pc.and_(pc.equal(dropped.column("stage"), stage), pc.equal(dropped.column("reason"), reason))
            draw = self._drawn.setdefault((stage, reason), Smallest(self._most, DROPPED_COLUMNS[:-1]))
            draw.offer(dropped.filter(mine).select(DROPPED_COLUMNS))

    def rows(self) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
        """Yield (stage, reason, rows), in a fixed order."""
        for (stage, reason), draw in sorted(self._drawn.items()):
            yield stage, reason, draw.rows

    def images_wanted(self) -> set[str]:
        """Return the image URLs whose stored image a sheet shows."""
        return {row["image_url"] for stage, reason, rows in self.rows() if _has_image(stage, reason) for row in rows}

    def winners_wanted(self) -> set[str]:
        """Return the keys of the samples that duplicates lost to."""
        return {row["winner_id"] for _, _, rows in self.rows() for row in rows if row["winner_id"]}

    def texts_wanted(self) -> set[str]:
        """Return the ids of the candidates whose raw caption a sheet shows."""
        return {row["candidate_id"] for stage, _, rows in self.rows() if stage == Stage.SCREEN for row in rows}


def _has_image(stage: str, reason: str) -> bool:
    return stage in (Stage.DEDUPE, Stage.SELECT) and reason not in _WITHHELD


def sheets(
    draw: DroppedDraw,
    numbers: Mapping[tuple[str, str], int],
    texts: Mapping[tuple[str, str], Mapping[str, Any]],
    pictures: Mapping[str, Thumbnail | None],
) -> tuple[ReasonSheet, ...]:
    """Return the sheets by stage, the most frequent reason first.

    Args:
        draw: the candidates.
        numbers: how many there are of each (stage, reason).
        texts: rows of the screened table by (candidate id, reason).
        pictures: thumbnails by image URL, and of winners by key.
    """
    order = {stage: place for place, stage in enumerate(Stage)}
    made = [
        ReasonSheet(
            stage,
            reason,
            numbers[stage, reason],
            tuple(_dropped_sample(stage, reason, row, texts, pictures) for row in rows),
        )
        for stage, reason, rows in draw.rows()
    ]
    return tuple(sorted(made, key=lambda sheet: (order[Stage(sheet.stage)], -sheet.number, sheet.reason)))


def _dropped_sample(
    stage: str,
    reason: str,
    row: Mapping[str, Any],
    texts: Mapping[tuple[str, str], Mapping[str, Any]],
    pictures: Mapping[str, Thumbnail | None],
) -> DroppedSample:
    identity = row["candidate_id"]
    if reason in _HIDDEN:
        return DroppedSample(identity, "", "", "", "", ())
    found = texts.get((identity, reason)) or texts.get((identity, NO_REASON)) or {}
    raw = row["caption"] if reason in _WITHHELD else found.get("caption_raw") or row["caption"]
    shown: tuple[Thumbnail | None, ...] = ()
    if _has_image(stage, reason):
        # A winner that was balanced out itself is no sample and has no picture.
        urls = [row["image_url"], *(key for key in [row["winner_id"]] if key in pictures)]
        shown = tuple(pictures.get(url) for url in urls)
    return DroppedSample(
        candidate_id=identity,
        text="" if reason in _WITHHELD else without_identifiers(raw),
        kind=found.get("caption_kind", ""),
        address=short_address(row["image_url"] or row["page_url"]),
        evidence=evidence_of(reason, row["verdicts"], without_identifiers(row["detail"])),
        pictures=shown,
    )


def without_identifiers(text: str) -> str:
    """Return ``text`` with every personal identifier in it replaced: a report may be shown around."""
    return redact(text, find_identifiers(text))


def short_address(url: str) -> str:
    """Return host and path of ``url`` to be read: decoded, with no query and no identifier, cut in the middle."""
    place = unquote(redact_url(url.split("://", 1)[-1].split("?", 1)[0].split("#", 1)[0]))
    if len(place) <= _LONGEST_ADDRESS:
        return place
    half = _LONGEST_ADDRESS // 2
    return f"{place[:half]}…{place[-half:]}"


def evidence_of(reason: str, verdicts: Iterable[Mapping[str, Any]], detail: str) -> str:
    """Return what a candidate was dropped on: the deciding filter with its score and threshold, or the detail."""
    for verdict in verdicts:
        if verdict["reason"] == reason and verdict["outcome"] == Outcome.DROP:
            score, threshold = verdict["score"], verdict["threshold"]
            held = "" if score is None or threshold is None else f" {score:.4g}, threshold {threshold:.4g}"
            return f"{verdict['filter_id'].split('@')[0]}{held}"
    return detail


def rows_with(path: str, column: str, wanted: Iterable[str], columns: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a Parquet file whose ``column`` holds one of the ``wanted`` values."""
    values = pa.array(sorted(wanted), pa.string())
    if not len(values):
        return
    for batch in read_batches(path, columns):
        yield from batch.filter(pc.is_in(batch.column(column), value_set=values)).to_pylist()


def staged_thumbnail(folder: str, row: Mapping[str, Any]) -> Thumbnail | None:
    """Return a thumbnail of the image that ``row`` places in a staging tar below ``folder``; None if unreadable."""
    try:
        jpeg = storage.read_range(storage.join(folder, row["staging"]), row["staging_offset"], row["staging_length"])
    except OSError:  # staging may have been cleared away after packing; the page says that the picture is missing
        return None
    return thumbnail(jpeg)


def thumbnail(jpeg: bytes) -> Thumbnail | None:
    """Return a small copy of ``jpeg`` with nothing of its metadata, or None if it cannot be decoded."""
    pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) if jpeg else None
    if pixels is None:
        return None
    small = resized(np.asarray(pixels, np.uint8), THUMBNAIL_SIDE)
    data = b""
    for quality in _QUALITIES:
        data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        if len(data) <= _THUMBNAIL_BYTES:
            break
    return Thumbnail(data, small.shape[1], small.shape[0])
