"""Decontamination: evaluation sets read once into small tables, and every image and caption held against them.

The tables are met in pieces of bounded size, columnar, so that memory depends neither on the sets nor on the corpus.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import count, islice
from typing import Any, Final, NamedTuple

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from filters.evaluation import EvaluationImages, Pictures, caption_id, evaluation_images, nearest
from filters.near_duplicates import DuplicateRules, content_ids, hash_words
from filters.sorted_ids import find_ids
from pipelines import coders, storage
from pipelines.decoder import DecodingDoFn, ImageSettings
from pipelines.evaluation_sets import EvaluationFile, Item, read_items, refused
from pipelines.exchange import Exchange, Slice
from pipelines.parts import AttemptPlace, Done, read_batches, write_part
from pipelines.progress import ProgressNotes
from pipelines.stage import Attempt
from pipelines.unit_of_work import reported
from schemas.arrow import arrow_schema
from schemas.reasons import Outcome
from schemas.records import EvaluationCaption, EvaluationHit, EvaluationImage

IMAGES: Final = "evaluation_images"
CAPTIONS: Final = "evaluation_captions"
NEAR: Final = "near evaluation"
SAID: Final = "evaluation captions"
ROWS_PER_PIECE: Final = 1_000_000
"""Evaluation rows that a worker holds at a time: 200 to 300 MB of hashes, index and names."""

_FILES_PER_UNIT: Final = 500
_ROWS_PER_PART: Final = 50_000
_DECODED_AT_ONCE: Final = 32
_CLEAR_BITS_UNKNOWN: Final = 64


class Unit(NamedTuple):
    """Files that one worker reads into one part of each table."""

    number: int
    files: list[EvaluationFile]


class Meeting(NamedTuple):
    """A piece of an evaluation table, by the paths of its parts, and one part of the corpus to hold against it."""

    piece: list[str]
    part: str


coders.register(Unit)
coders.register(Meeting)


class EvaluationTables(NamedTuple):
    """The pieces of the tables of evaluation images and captions, and the rules that say what is near."""

    images: Sequence[list[str]] = ()
    captions: Sequence[list[str]] = ()
    rules: DuplicateRules = DuplicateRules()


NO_TABLES: Final = EvaluationTables()


def read_tables(
    attempt: Attempt, files: list[EvaluationFile], settings: ImageSettings, rules: DuplicateRules
) -> tuple[Done, EvaluationTables]:
    """Read evaluation sets into tables of the attempt; return their parts, and the tables to `meet`.

    Raises:
        InputRefused: something in them cannot be read. What cannot be excluded would leak.
    """
    if not files:
        return Done([], []), EvaluationTables(rules=rules)
    units = units_of(files)

    def read(pipeline: beam.Pipeline) -> beam.PCollection[Done]:
        done: beam.PCollection[Done] = (
            pipeline | "units" >> beam.Create(units) | "read" >> beam.ParDo(ReadEvaluation(attempt.place, settings))
        )
        return done

    done = attempt.run(read, unit="evaluation images")
    refuse_unreadable(done, attempt.place.folder)
    images, captions = (pieces_of(done, attempt.place.folder, table) for table in (IMAGES, CAPTIONS))
    return done, EvaluationTables(images, captions, rules)


def units_of(files: list[EvaluationFile]) -> list[Unit]:
    """Return ``files`` in units: tables one by one, images and the captions beside them many at a time."""
    groups: list[list[EvaluationFile]] = []
    for file in files:
        small = file.kind in ("image", "captions")
        if small and groups and len(groups[-1]) < _FILES_PER_UNIT and groups[-1][0].kind in ("image", "captions"):
            groups[-1].append(file)
        else:
            groups.append([file])
    return [Unit(number, group) for number, group in enumerate(groups)]


class ReadEvaluation(DecodingDoFn):
    """Reads evaluation files: images go through the decoder that fetched images go through."""

    def __init__(self, place: AttemptPlace, settings: ImageSettings) -> None:
        super().__init__(settings)
        self._place = place

    @reported("evaluation")
    def process(self, unit: Unit) -> Iterator[Done]:
        """Write the images and the captions of one unit."""
        notes = ProgressNotes(self._place.path)
        rows = self._rows(item for file in unit.files for item in read_items(file))
        for number in count(unit.number << 20):
            chunk = list(islice(rows, _ROWS_PER_PART))
            if not chunk:
                return
            images = [row for row in chunk if isinstance(row, EvaluationImage)]
            captions = [row for row in chunk if isinstance(row, EvaluationCaption)]
            notes.advance(len(images))
            notes.finish()
            yield Done(
                [
                    write_part(self._place, IMAGES, number, EvaluationImage, images),
                    write_part(self._place, CAPTIONS, number, EvaluationCaption, captions),
                ],
                [],
            )

    def _rows(self, items: Iterator[Item]) -> Iterator[EvaluationImage | EvaluationCaption]:
        while chunk := list(islice(items, _DECODED_AT_ONCE)):
            yield from self._loop.run_until_complete(self._read(chunk))

    async def _read(self, items: list[Item]) -> list[EvaluationImage | EvaluationCaption]:
        return list(await asyncio.gather(*map(self._row, items)))

    async def _row(self, item: Item) -> EvaluationImage | EvaluationCaption:
        if item.caption is not None:
            return EvaluationCaption(item.set_name, item.item, caption_id(item.caption))
        row = EvaluationImage(
            set_name=item.set_name,
            item=item.item,
            raw_sha256="",
            stored_sha256="",
            phash=item.phash,
            phash256=item.phash256,
            clear_bits=_CLEAR_BITS_UNKNOWN,
            trimmed_phash="",
            trimmed_phash256="",
            trimmed_clear_bits=0,
            problem=item.problem,
        )
        if not item.image:
            return row
        decoded = await self._pool.decode(item.image)
        if decoded.reason:
            return row._replace(problem=f"{decoded.reason} {decoded.detail}".strip())
        return row._replace(
            raw_sha256=decoded.raw_sha256,
            stored_sha256=decoded.stored_sha256,
            phash=decoded.phash,
            phash256=decoded.phash256,
            clear_bits=decoded.clear_bits,
            trimmed_phash=decoded.trimmed_phash,
            trimmed_phash256=decoded.trimmed_phash256,
            trimmed_clear_bits=decoded.trimmed_clear_bits,
        )


def refuse_unreadable(done: Done, folder: str) -> None:
    """Raise InputRefused where the evaluation sets hold something that could not be read."""
    problems: list[tuple[str, str, str]] = []
    for part in done.parts:
        if part.table == IMAGES and part.rows:
            for batch in read_batches(storage.join(folder, part.path), ["set_name", "item", "problem"]):
                bad = batch.filter(pc.not_equal(batch.column("problem"), ""))
                problems += zip(*(column.to_pylist() for column in bad.columns), strict=True)
    if problems:
        name, item, problem = min(problems)
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise refused(name, item, problem + more)


def pieces_of(done: Done, folder: str, table: str) -> list[list[str]]:
    """Return the parts of ``table`` by their paths, in pieces of `ROWS_PER_PIECE` rows at the most."""
    pieces: list[list[str]] = []
    room = 0
    for part in sorted((part for part in done.parts if part.table == table and part.rows), key=lambda p: p.partition):
        if part.rows > room:
            pieces.append([])
            room = ROWS_PER_PIECE
        pieces[-1].append(storage.join(folder, part.path))
        room -= part.rows
    return pieces


class _MeetEvaluation(beam.DoFn):
    """Holds parts of a corpus against pieces of an evaluation table. The piece met last stays in memory."""

    def __init__(self, hits: Exchange, source: str) -> None:
        self._hits = hits
        self._source = source
        self._paths: list[str] = []
        self._piece: Any = None

    def process(self, meeting: Meeting) -> Iterator[tuple[int, Slice]]:
        """Yield the handles of what was found."""
        if meeting.piece != self._paths:
            self._piece = None  # before the next one is read
            self._piece, self._paths = self._read(meeting.piece), meeting.piece
        yield from self._hits.write(self._found(meeting.part), source=self._source)

    def _read(self, paths: list[str]) -> Any:
        raise NotImplementedError

    def _found(self, path: str) -> Iterator[EvaluationHit]:
        raise NotImplementedError


class MeetImages(_MeetEvaluation):
    """Finds the images that are in or near an evaluation set."""

    def __init__(self, hits: Exchange, source: str, rules: DuplicateRules) -> None:
        super().__init__(hits, source)
        self._rules = rules

    def _read(self, paths: list[str]) -> tuple[pa.Table, EvaluationImages]:
        table = _sorted_table(paths, EvaluationImage)
        return table.select(["set_name", "item"]), evaluation_images(pictures_of(table), self._rules)

    def _found(self, path: str) -> Iterator[EvaluationHit]:
        names, evaluation = self._piece
        for batch in read_batches(path, ["image_url", "outcome", *_PICTURE_COLUMNS]):
            rows = pa.Table.from_batches([batch])
            rows = rows.filter(pc.equal(rows["outcome"], Outcome.KEEP.value))
            found = nearest(pictures_of(rows), evaluation, self._rules)
            urls = rows["image_url"].take(found.row).to_pylist()
            told = names.take(found.evaluation_row)
            sets, items = told["set_name"].to_pylist(), told["item"].to_pylist()
            numbers = (found.exact.tolist(), found.distance.tolist(), found.verify_distance.tolist())
            for url, name, item, exact, apart, verified in zip(urls, sets, items, *numbers, strict=True):
                yield EvaluationHit(url, "", "", name, item, exact, apart, verified)


class MeetCaptions(_MeetEvaluation):
    """Finds the candidates whose caption is one of an evaluation set."""

    def _read(self, paths: list[str]) -> tuple[pa.Table, npt.NDArray[np.int64]]:
        table = _sorted_table(paths, EvaluationCaption)
        table = table.filter(pc.not_equal(table["caption_id"], -1))
        ids, first = np.unique(table["caption_id"].to_numpy(), return_index=True)
        return table.take(first), ids

    def _found(self, path: str) -> Iterator[EvaluationHit]:
        told, ids = self._piece
        for batch in read_batches(path, ["candidate_id", "image_url", "caption", "outcome"]):
            rows = batch.filter(pc.equal(batch.column("outcome"), Outcome.KEEP.value))
            asked = np.fromiter(map(caption_id, rows.column("caption").to_pylist()), np.int64, rows.num_rows)
            known, places = find_ids(asked, ids)
            for row in np.flatnonzero(known).tolist():
                at = int(places[row])
                yield EvaluationHit(
                    rows.column("image_url")[row].as_py(),
                    rows.column("candidate_id")[row].as_py(),
                    "",
                    told["set_name"][at].as_py(),
                    told["item"][at].as_py(),
                    True,
                    0,
                    0,
                )


_HASHES: Final = ("phash", "phash256", "clear_bits")
_PICTURE_COLUMNS: Final = ["raw_sha256", "stored_sha256", *_HASHES, *(f"trimmed_{name}" for name in _HASHES)]


def pictures_of(rows: pa.Table) -> Pictures:
    """Return the views of fetched or evaluation images, the whole pictures first; texts that are empty are unknown."""
    images = rows.num_rows
    short, longer, clear = ([*rows[name].to_pylist(), *rows[f"trimmed_{name}"].to_pylist()] for name in _HASHES)
    views = [*range(images), *(row for row in range(images, 2 * images) if short[row])]
    ids = np.full((len(views), 2), -1, np.int64)
    ids[:images] = np.column_stack([_ids(rows[name].to_pylist()) for name in ("raw_sha256", "stored_sha256")])
    return Pictures(
        image=np.array(views, np.int64) % max(images, 1),
        bytes_ids=ids,
        phash=hash_words([short[view] for view in views], 64)[:, 0],
        phash256=hash_words([longer[view] or "0" * 64 for view in views], 256),
        verifiable=np.array([bool(longer[view]) for view in views], np.bool_),
        clear_bits=np.array([clear[view] for view in views], np.int64),
    )


def _ids(digests: list[str]) -> npt.NDArray[np.int64]:
    known = np.array([bool(digest) for digest in digests], np.bool_)
    return np.where(known, content_ids([digest or "0" * 64 for digest in digests]), -1)


def _sorted_table(paths: list[str], record: type) -> pa.Table:
    """Return the rows of one piece in the order of sets and items, which settles what is told of equals."""
    tables = []
    for path in paths:
        with storage.open_to_read(path) as file:
            tables.append(pq.read_table(file, schema=arrow_schema(record)))
    return pa.concat_tables(tables).sort_by([("set_name", "ascending"), ("item", "ascending")])


def meet(
    pipeline: beam.Pipeline, tables: EvaluationTables, hits: Exchange, *, images: list[str], screened: list[str]
) -> list[beam.PCollection[Any]]:
    """Wire the meetings of ``tables`` with the parts of images and screened candidates: the handles of all hits."""
    met = (
        ("images", MeetImages(hits, NEAR, tables.rules), tables.images, images),
        ("captions", MeetCaptions(hits, SAID), tables.captions, screened),
    )
    return [
        pipeline
        | f"evaluation {name}" >> beam.Create([Meeting(piece, path) for piece in pieces for path in corpus])
        | f"meet evaluation {name}" >> beam.ParDo(do_fn)
        for name, do_fn, pieces, corpus in met
        if pieces
    ]


def by_hit_url(hit: EvaluationHit) -> str:
    """The key by which a hit meets its image and its candidates."""
    return hit.image_url


def by_hit_cluster(hit: EvaluationHit) -> str:
    """The key by which a hit meets its image's copies."""
    return hit.cluster
