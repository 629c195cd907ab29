"""The fetch stage: one row per distinct image URL, its pixels decoded once into a staging tar.

URLs are regrouped by host, so that one host is asked by one worker at a time. Those whose image lies in a download
made before are regrouped once more by where it lies, and read from there. Images go from the network or the disk to a
decoding child process to the tar; they never pass through Beam.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import apache_beam as beam

from filters.url import host_of
from pipelines import storage
from pipelines.decoded import Decoded, ImageSettings
from pipelines.decoder import DecoderPool
from pipelines.download_shards import DOWNLOADED
from pipelines.exchange import Exchange, Slice, group, read_slices
from pipelines.host_queue import for_each_by_host
from pipelines.network import Network
from pipelines.parts import AttemptPlace, Done, read_batches, write_part
from pipelines.progress import ProgressNotes
from pipelines.stage import outcome_tallies
from pipelines.stored_image import ImageReader
from pipelines.tar import TarWriter
from pipelines.web_client import Fetched, WebClient
from schemas.identity import fingerprint, sha256_hex
from schemas.reasons import NO_REASON, Outcome, Reason
from schemas.records import Consent, ImageRow

VERSION = 2
"""Grows with every change of what this stage records or stores."""

HOSTS_PER_CONNECTION = 4
"""Hosts waited for at a time, as a multiple of the connections: most of them are between two requests."""
READ_LANES = 16
"""Images read from a download and waiting for a decoder: enough to keep every decoding process busy."""
Work = Callable[[DecoderPool, TarWriter, ProgressNotes], Awaitable[list[ImageRow]]]
"""What fills a staging tar and returns the rows of what it tried."""
ACCEPT = "image/jpeg,image/png,image/webp,image/gif;q=0.9,*/*;q=0.1"


STRETCH_BYTES = 1 << 26
"""Images of one tar that lie as near as this are read by one worker."""


class Wanted(NamedTuple):
    """An image URL that a screened candidate points to; in ``source`` at ``offset`` where it is there already."""

    image_url: str
    source: str = ""
    offset: int | None = None


def by_host(row: Wanted) -> str:
    """The key of the fetch's exchange."""
    return host_of(row.image_url)


def by_place(row: Wanted) -> str:
    """The key of the exchange of images that are there already."""
    return f"{row.source}@{(row.offset or 0) // STRETCH_BYTES}"


def image_row(fetched: Fetched, decoded: Decoded | None, *, staging_offset: int) -> ImageRow:
    """Return the row of one URL from what the network and the decoder gave."""
    reason = fetched.reason or (decoded.reason if decoded is not None else NO_REASON)
    detail = fetched.detail if fetched.reason or decoded is None else decoded.detail
    made = decoded if decoded is not None else Decoded(reason=reason, detail=detail)
    return ImageRow(
        image_url=fetched.url,
        final_url=fetched.final_url,
        fetched_at=fetched.fetched_at,
        http_status=fetched.status,
        address=fetched.address,
        consent=list(fetched.consent),
        outcome=Outcome.DROP if reason else Outcome.KEEP,
        reason=reason,
        detail=detail,
        raw_sha256=made.raw_sha256,
        raw_bytes=len(fetched.body),
        raw_format=made.raw_format,
        stored_sha256=made.stored_sha256,
        stored_bytes=len(made.jpeg),
        width=made.width,
        height=made.height,
        original_width=made.original_width,
        original_height=made.original_height,
        orientation=made.orientation,
        frames=made.frames,
        reencoded=made.reencoded,
        phash=made.phash,
        phash256=made.phash256,
        dhash=made.dhash,
        clear_bits=made.clear_bits,
        scores=list(made.scores),
        staging="",
        staging_offset=staging_offset,
        staging_length=len(made.jpeg),
    )


async def fetch_all(
    urls: Iterable[str], network: Network, pool: DecoderPool, tar: TarWriter, notes: ProgressNotes
) -> list[ImageRow]:
    """Fetch, decode and stage every URL; return one row each, sorted by URL."""
    rows: list[ImageRow] = []
    async with WebClient(network) as client:

        async def work(url: str) -> None:
            rows.append(await _fetch_one(url, client, pool, tar))
            notes.advance()

        await for_each_by_host(
            sorted(set(urls)),
            work,
            hosts_at_once=HOSTS_PER_CONNECTION * network.connections,
            lanes_per_host=network.connections_per_host,
        )
    return sorted(rows)


async def _fetch_one(url: str, client: WebClient, pool: DecoderPool, tar: TarWriter) -> ImageRow:
    decoded: Decoded | None = None

    async def listen(body: bytes) -> Sequence[Consent]:
        nonlocal decoded
        decoded = await pool.decode(body)
        return decoded.consent

    fetched = await client.get(url, accept=ACCEPT, listen=listen)
    return _staged(fetched, decoded, tar)


async def read_all(
    wanted: Iterable[Wanted], settings: ImageSettings, pool: DecoderPool, tar: TarWriter, notes: ProgressNotes
) -> list[ImageRow]:
    """Read, decode and stage every image from its place; return one row each, sorted by URL. ``wanted`` by place."""
    rows: list[ImageRow] = []
    places = iter(wanted)

    async def lane(images: ImageReader) -> None:
        for place in places:
            rows.append(await _read_one(place, images, pool, tar))
            notes.advance()

    with ImageReader(settings.max_bytes) as images:
        async with asyncio.TaskGroup() as lanes:
            for _ in range(READ_LANES):
                lanes.create_task(lane(images))
    return sorted(rows)


async def _read_one(place: Wanted, images: ImageReader, pool: DecoderPool, tar: TarWriter) -> ImageRow:
    found = Fetched(place.image_url, place.image_url, "", "", None, (), b"", NO_REASON, "", (), ())
    try:
        image = images.read(place.source, place.offset)
    except OSError as error:
        return image_row(found._replace(reason=Reason.IMAGE_MISSING, detail=str(error)[:200]), None, staging_offset=0)
    decoded = await pool.decode(image.upright())
    decoded = decoded._replace(raw_sha256=sha256_hex(image.data))
    return _staged(found._replace(body=image.data, consent=tuple(decoded.consent)), decoded, tar)


def _staged(fetched: Fetched, decoded: Decoded | None, tar: TarWriter) -> ImageRow:
    if decoded is None or decoded.reason:
        return image_row(fetched, decoded, staging_offset=0)
    offset = tar.add(f"{fingerprint(fetched.url)[:32]}.jpg", decoded.jpeg)
    return image_row(fetched, decoded, staging_offset=offset)


def place_order(row: Wanted) -> tuple[str, int, str]:
    """The order in which images that are there already are read, and the first of two places of one URL."""
    return row.source, row.offset or 0, row.image_url


class RegroupWanted(beam.DoFn):
    """Spreads the image URLs of kept candidates over the partitions of an exchange by host."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def process(self, path: str) -> Iterator[tuple[int, Slice]]:
        """Yield the handles of one screened part's slices."""
        wanted: set[Wanted] = set()
        names = ["image_url", "outcome", "source_kind", "source", "source_offset"]
        for batch in read_batches(path, names):
            for url, outcome, kind, source, offset in zip(*(batch.column(n).to_pylist() for n in names), strict=True):
                if outcome == Outcome.KEEP:
                    wanted.add(Wanted(url, source, offset) if kind == DOWNLOADED else Wanted(url))
        ordered = sorted(wanted, key=place_order)
        yield from self._exchange.write(ordered)


class _DecodingDoFn(beam.DoFn):
    """Stages images. One event loop and one pool of decoding children serve a worker's life."""

    def __init__(self, place: AttemptPlace, settings: ImageSettings) -> None:
        self._place = place
        self._settings = settings

    def setup(self) -> None:
        """Start the worker's event loop and its decoding children."""
        self._loop = asyncio.new_event_loop()
        self._pool = self._loop.run_until_complete(DecoderPool(self._settings).__aenter__())

    def teardown(self) -> None:
        """Stop the children."""
        self._loop.run_until_complete(self._pool.__aexit__(None, None, None))
        self._loop.close()

    def _stage(self, partition: int, work: Work) -> Done:
        """Run ``work`` with a staging tar to fill; report its rows and the tar."""
        notes = ProgressNotes(self._place.path)
        with storage.ContentFile(self._place.path) as content:
            tar = TarWriter(content.file)
            rows = self._loop.run_until_complete(work(self._pool, tar, notes))
            tar.close()
            published = content.publish(f"staging-{partition:05d}", ".tar")
        notes.flush()
        staged_rows = sum(row.outcome == Outcome.KEEP for row in rows)
        staging = self._place.part("staging", partition, published, staged_rows)
        staged = [row._replace(staging=staging.path) if row.outcome == Outcome.KEEP else row for row in rows]
        images = write_part(self._place, "images", partition, ImageRow, staged)
        books: Counter[tuple[str, str]] = Counter((row.outcome, row.reason) for row in rows)
        return Done([images, staging], outcome_tallies(books))


class FetchPartition(_DecodingDoFn):
    """Fetches the hosts of one partition, and hands on what is there already."""

    def __init__(self, place: AttemptPlace, network: Network, settings: ImageSettings, there: Exchange) -> None:
        super().__init__(place, settings)
        self._network = network
        self._there = there

    def process(self, element: tuple[int, Iterable[Slice]]) -> Iterator[beam.pvalue.TaggedOutput]:
        """Yield the report, tagged "done", and the handles of images that are there already."""
        partition, slices = element
        urls: set[str] = set()
        there: dict[str, Wanted] = {}
        rows: Iterable[Wanted] = read_slices(slices, Wanted)
        for row in sorted(rows, key=place_order):
            urls.add(row.image_url)
            if row.source:
                there.setdefault(row.image_url, row)
        for handle in self._there.write(there.values()):
            yield beam.pvalue.TaggedOutput("handles", handle)
        urls -= there.keys()
        if urls:
            done = self._stage(partition, partial(fetch_all, urls, self._network))
            yield beam.pvalue.TaggedOutput("done", done)


class ReadPartition(_DecodingDoFn):
    """Reads the images of one partition from where they lie. ``first`` is the number of its first part."""

    def __init__(self, place: AttemptPlace, settings: ImageSettings, *, first: int) -> None:
        super().__init__(place, settings)
        self._first = first

    def process(self, element: tuple[int, Iterable[Slice]]) -> Iterator[Done]:
        """Yield the report."""
        partition, slices = element
        rows: Iterable[Wanted] = read_slices(slices, Wanted)
        wanted = sorted(rows, key=place_order)
        yield self._stage(self._first + partition, partial(read_all, wanted, self._settings))


def expand(
    pipeline: beam.Pipeline,
    paths: list[str],
    *,
    place: AttemptPlace,
    network: Network,
    settings: ImageSettings,
    partitions: int,
) -> beam.PCollection[Done]:
    """Wire the stage: screened parts, distinct URLs regrouped by host, those there already by place."""
    hosts = Exchange(place.exchange, Wanted, by_host, partitions)
    there = Exchange(place.exchange, Wanted, by_place, partitions)
    handles = pipeline | "parts" >> beam.Create(paths) | "regroup" >> beam.ParDo(RegroupWanted(hosts))
    fetched = group(handles, "group") | "fetch" >> beam.ParDo(
        FetchPartition(place, network, settings, there)
    ).with_outputs("done", "handles")
    read = group(fetched.handles, "there") | "read" >> beam.ParDo(ReadPartition(place, settings, first=partitions))
    done: beam.PCollection[Done] = (fetched.done, read) | "reports" >> beam.Flatten()
    return done
