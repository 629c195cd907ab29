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

from filters.suppression import SuppressionTable
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
from pipelines.suppression_list import NOTHING_LISTED, ListFile
from pipelines.tar import TarWriter
from pipelines.web_client import Fetched, WebClient, heard, listed, listed_consent
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
    """An image URL that a screened candidate points to; in ``source`` at ``offset`` where it is there already.

    ``listed`` is the evidence that its page is on the opt-out list, empty where a page shows it that is not.
    """

    image_url: str
    source: str = ""
    offset: int | None = None
    listed: str = ""


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
    wanted: Sequence[Wanted],
    network: Network,
    opt_outs: SuppressionTable | None,
    pool: DecoderPool,
    tar: TarWriter,
    notes: ProgressNotes,
) -> list[ImageRow]:
    """Fetch, decode and stage every URL that is not listed; return one row each, sorted by URL."""
    rows = [image_row(listed(row.image_url, row.listed), None, staging_offset=0) for row in wanted if row.listed]
    async with WebClient(network, opt_outs) as client:

        async def work(url: str) -> None:
            rows.append(await _fetch_one(url, client, pool, tar, opt_outs))
            notes.advance()

        await for_each_by_host(
            sorted(row.image_url for row in wanted if not row.listed),
            work,
            hosts_at_once=HOSTS_PER_CONNECTION * network.connections,
            lanes_per_host=network.connections_per_host,
        )
    return sorted(rows)


async def _fetch_one(
    url: str, client: WebClient, pool: DecoderPool, tar: TarWriter, opt_outs: SuppressionTable | None
) -> ImageRow:
    decoded: Decoded | None = None

    async def listen(body: bytes) -> Sequence[Consent]:
        nonlocal decoded
        decoded = await pool.decode(body)
        return _says(decoded, opt_outs)

    fetched = await client.get(url, accept=ACCEPT, listen=listen)
    return _staged(fetched, decoded, tar)


async def read_all(
    wanted: Iterable[Wanted],
    settings: ImageSettings,
    opt_outs: SuppressionTable | None,
    pool: DecoderPool,
    tar: TarWriter,
    notes: ProgressNotes,
) -> list[ImageRow]:
    """Read, decode and stage every image from its place; return one row each, sorted by URL. ``wanted`` by place."""
    rows: list[ImageRow] = []
    places = iter(wanted)

    async def lane(images: ImageReader) -> None:
        for place in places:
            rows.append(await _read_one(place, images, opt_outs, pool, tar))
            notes.advance()

    with ImageReader(settings.max_bytes) as images:
        async with asyncio.TaskGroup() as lanes:
            for _ in range(READ_LANES):
                lanes.create_task(lane(images))
    return sorted(rows)


async def _read_one(
    place: Wanted, images: ImageReader, opt_outs: SuppressionTable | None, pool: DecoderPool, tar: TarWriter
) -> ImageRow:
    why = place.listed or (opt_outs.url(place.image_url) if opt_outs is not None else "")
    if why:
        return image_row(listed(place.image_url, why), None, staging_offset=0)
    found = Fetched(place.image_url, place.image_url, "", "", None, (), b"", NO_REASON, "", (), ())
    try:
        image = images.read(place.source, place.offset)
    except OSError as error:
        return image_row(found._replace(reason=Reason.IMAGE_MISSING, detail=str(error)[:200]), None, staging_offset=0)
    decoded = await pool.decode(image.upright())
    decoded = decoded._replace(raw_sha256=sha256_hex(image.data))
    return _staged(heard(found._replace(body=image.data), _says(decoded, opt_outs)), decoded, tar)


def _says(decoded: Decoded, opt_outs: SuppressionTable | None) -> list[Consent]:
    """Return what is said on the use of an image that is at hand: by itself, and by an opt-out list."""
    named = opt_outs.image((decoded.raw_sha256, decoded.stored_sha256), decoded.phash) if opt_outs is not None else ""
    return [*decoded.consent, *([listed_consent(named)] if named else [])]


def _staged(fetched: Fetched, decoded: Decoded | None, tar: TarWriter) -> ImageRow:
    if fetched.reason and decoded is not None:  # refused for what it is: nothing of it is kept but its name
        decoded = Decoded(reason=fetched.reason, raw_sha256=decoded.raw_sha256, raw_format=decoded.raw_format)
    if decoded is None or decoded.reason:
        return image_row(fetched, decoded, staging_offset=0)
    offset = tar.add(f"{fingerprint(fetched.url)[:32]}.jpg", decoded.jpeg)
    return image_row(fetched, decoded, staging_offset=offset)


def place_order(row: Wanted) -> tuple[str, int, str]:
    """The order in which images that are there already are read, and the first of two places of one URL."""
    return row.source, row.offset or 0, row.image_url


def one_a_url(rows: Iterable[Wanted]) -> list[Wanted]:
    """Return one row a URL: at the first place where it lies, if any; listed only if every page that shows it is."""
    found: dict[str, Wanted] = {}
    for row in sorted(rows, key=place_order):
        known = found.get(row.image_url, row)
        found[row.image_url] = (known if known.source else row)._replace(listed=min(known.listed, row.listed))
    return list(found.values())


class RegroupWanted(beam.DoFn):
    """Spreads the image URLs of kept candidates over the partitions of an exchange by host."""

    def __init__(self, exchange: Exchange, opt_outs: ListFile = NOTHING_LISTED) -> None:
        self._exchange = exchange
        self._opt_outs = opt_outs

    def process(self, path: str) -> Iterator[tuple[int, Slice]]:
        """Yield the handles of one screened part's slices."""
        opt_outs = self._opt_outs.load()
        wanted: set[Wanted] = set()
        names = ["image_url", "page_url", "outcome", "source_kind", "source", "source_offset"]
        for batch in read_batches(path, names):
            columns = (batch.column(name).to_pylist() for name in names)
            for url, page, outcome, kind, source, offset in zip(*columns, strict=True):
                if outcome == Outcome.KEEP:
                    why = opt_outs.url(page) if opt_outs is not None else ""
                    wanted.add(Wanted(url, source, offset, why) if kind == DOWNLOADED else Wanted(url, listed=why))
        ordered = sorted(wanted, key=place_order)
        yield from self._exchange.write(ordered)


class _DecodingDoFn(beam.DoFn):
    """Stages images. One event loop and one pool of decoding children serve a worker's life."""

    def __init__(self, place: AttemptPlace, settings: ImageSettings, opt_outs: ListFile) -> None:
        self._opt_outs = opt_outs
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

    def __init__(
        self,
        place: AttemptPlace,
        network: Network,
        settings: ImageSettings,
        there: Exchange,
        opt_outs: ListFile = NOTHING_LISTED,
    ) -> None:
        super().__init__(place, settings, opt_outs)
        self._network = network
        self._there = there

    def process(self, element: tuple[int, Iterable[Slice]]) -> Iterator[beam.pvalue.TaggedOutput]:
        """Yield the report, tagged "done", and the handles of images that are there already."""
        partition, slices = element
        rows: Iterable[Wanted] = read_slices(slices, Wanted)
        wanted = one_a_url(rows)
        for handle in self._there.write(row for row in wanted if row.source):
            yield beam.pvalue.TaggedOutput("handles", handle)
        rest = [row for row in wanted if not row.source]
        if rest:
            done = self._stage(partition, partial(fetch_all, rest, self._network, self._opt_outs.load()))
            yield beam.pvalue.TaggedOutput("done", done)


class ReadPartition(_DecodingDoFn):
    """Reads the images of one partition from where they lie. ``first`` is the number of its first part."""

    def __init__(
        self, place: AttemptPlace, settings: ImageSettings, opt_outs: ListFile = NOTHING_LISTED, *, first: int
    ) -> None:
        super().__init__(place, settings, opt_outs)
        self._first = first

    def process(self, element: tuple[int, Iterable[Slice]]) -> Iterator[Done]:
        """Yield the report."""
        partition, slices = element
        rows: Iterable[Wanted] = read_slices(slices, Wanted)
        wanted = sorted(rows, key=place_order)
        yield self._stage(self._first + partition, partial(read_all, wanted, self._settings, self._opt_outs.load()))


def expand(
    pipeline: beam.Pipeline,
    paths: list[str],
    *,
    place: AttemptPlace,
    network: Network,
    settings: ImageSettings,
    partitions: int,
    opt_outs: ListFile = NOTHING_LISTED,
) -> beam.PCollection[Done]:
    """Wire the stage: screened parts, distinct URLs regrouped by host, those there already by place."""
    hosts = Exchange(place.exchange, Wanted, by_host, partitions)
    there = Exchange(place.exchange, Wanted, by_place, partitions)
    handles = pipeline | "parts" >> beam.Create(paths) | "regroup" >> beam.ParDo(RegroupWanted(hosts, opt_outs))
    fetched = group(handles, "group") | "fetch" >> beam.ParDo(
        FetchPartition(place, network, settings, there, opt_outs)
    ).with_outputs("done", "handles")
    read = group(fetched.handles, "there") | "read" >> beam.ParDo(
        ReadPartition(place, settings, opt_outs, first=partitions)
    )
    done: beam.PCollection[Done] = (fetched.done, read) | "reports" >> beam.Flatten()
    return done
