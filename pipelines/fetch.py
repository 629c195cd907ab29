"""The fetch stage: one row per distinct image URL, its pixels decoded once into a staging tar.

URLs are regrouped by host, so that one host is asked by one worker at a time, and meet what earlier stages of the same
output fetched. Those whose image lies in a download made before are regrouped once more by where it lies, and read from
there. Images go from the network or the disk to a decoding child process to the tar; they never pass through Beam.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

import apache_beam as beam

from filters.suppression import SuppressionTable
from filters.url import host_of
from pipelines.decoded import Decoded, ImageSettings
from pipelines.decoder import DecodingDoFn
from pipelines.download_shards import DOWNLOADED
from pipelines.exchange import Exchange, Slice, by_source, read_slices
from pipelines.host_queue import for_each_by_host
from pipelines.image_row import ACCEPT, in_lanes, said, stage_row
from pipelines.img2dataset_engine import IMG2DATASET, download_each
from pipelines.known_images import NOTHING_KNOWN, ImageDecoder, KnownFiles
from pipelines.network import Network
from pipelines.parts import AttemptPlace, Done, Tally, read_batches
from pipelines.progress import ProgressNotes
from pipelines.screen import Regroup
from pipelines.stage import NOT_DECODED, Committed
from pipelines.staging import EarlierRow, Staging
from pipelines.stored_image import ImageReader
from pipelines.suppression_list import NOTHING_LISTED, ListFile
from pipelines.unit_of_work import reported
from pipelines.web_client import Fetched, WebClient, heard, listed
from schemas.identity import sha256_hex
from schemas.reasons import NO_REASON, Outcome, Reason
from schemas.records import Consent, ImageRow

VERSION = 9
"""Grows with every change of what this stage records or stores."""

HOSTS_PER_CONNECTION = 4
"""Hosts waited for at a time, as a multiple of the connections: most of them are between two requests."""
Engine = Callable[
    [Sequence[str], Network, SuppressionTable | None, ImageDecoder, Staging, ProgressNotes], Awaitable[None]
]
"""What gets, decodes and stages URLs."""
Work = Callable[[ImageDecoder, Staging, ProgressNotes], Awaitable[None]]
"""What does what is missing of a partition."""
NOT_IN_AN_ANSWER = frozenset({"screen", "retries", "engine"})
"""What a fetch stage covers that has no part in what becomes of one URL."""
TABLES = frozenset({"images"})
"""The tables in which a later stage of the same output looks up URLs and images."""
WANTED = "wanted"
"""Source of the slices of `Wanted` rows; those of earlier rows name the folder of their stage."""


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


def by_host(row: Wanted | ImageRow) -> str:
    """The key of the fetch's exchange."""
    return host_of(row.image_url)


def by_place(row: Wanted) -> str:
    """The key of the exchange of images that are there already."""
    return f"{row.source}@{(row.offset or 0) // STRETCH_BYTES}"


async def fetch_each(
    urls: Sequence[str],
    network: Network,
    opt_outs: SuppressionTable | None,
    decoder: ImageDecoder,
    staging: Staging,
    notes: ProgressNotes,
) -> None:
    """Fetch, decode and stage every URL: harubang's own engine."""
    async with WebClient(network, opt_outs, staging.refusals()) as client:

        async def work(url: str) -> None:
            decoded: Decoded | None = None

            async def listen(body: bytes) -> Sequence[Consent]:
                nonlocal decoded
                decoded = await decoder.decode(body)
                return said(decoded, opt_outs)

            fetched = await client.get(url, accept=ACCEPT, listen=listen)
            await stage_row(fetched, decoded, staging)
            notes.advance()

        await for_each_by_host(
            sorted(urls),
            work,
            hosts_at_once=HOSTS_PER_CONNECTION * network.connections,
            lanes_per_host=network.connections_per_host,
        )


ENGINES: Final[Mapping[str, Engine]] = {"harubang": fetch_each, IMG2DATASET: download_each}
"""What ``fetch.engine`` may name."""


async def fetch_all(
    wanted: Sequence[Wanted],
    network: Network,
    opt_outs: SuppressionTable | None,
    decoder: ImageDecoder,
    staging: Staging,
    notes: ProgressNotes,
    engine: Engine = fetch_each,
) -> None:
    """Fetch with ``engine``, decode and stage every URL that ``staging`` misses and that is not listed."""
    missing = set(staging.missing)
    wanted = [row for row in wanted if row.image_url in missing]
    for row in wanted:
        if row.listed:
            await stage_row(listed(row.image_url, row.listed), None, staging)
    await engine([row.image_url for row in wanted if not row.listed], network, opt_outs, decoder, staging, notes)


async def read_all(
    wanted: Iterable[Wanted],
    settings: ImageSettings,
    opt_outs: SuppressionTable | None,
    decoder: ImageDecoder,
    staging: Staging,
    notes: ProgressNotes,
) -> None:
    """Read, decode and stage every image that ``staging`` misses from its place. ``wanted`` by place."""
    missing = set(staging.missing)
    places = [place for place in wanted if place.image_url in missing]
    with ImageReader(settings.max_bytes) as images:

        async def work(place: Wanted) -> None:
            fetched, decoded, raw_sha256 = await _read_one(place, images, opt_outs, decoder)
            await stage_row(fetched, decoded, staging, raw_sha256=raw_sha256)
            notes.advance()

        await in_lanes(places, work)


async def _read_one(
    place: Wanted, images: ImageReader, opt_outs: SuppressionTable | None, decoder: ImageDecoder
) -> tuple[Fetched, Decoded | None, str]:
    why = place.listed or (opt_outs.url(place.image_url) if opt_outs is not None else "")
    if why:
        return listed(place.image_url, why), None, ""
    found = Fetched(place.image_url, place.image_url, "", "", None, (), b"", NO_REASON, "", (), ())
    try:
        image = images.read(place.source, place.offset)
    except OSError as error:
        return found._replace(reason=Reason.IMAGE_MISSING, detail=str(error)[:200]), None, ""
    decoded = await decoder.decode(image.upright())
    raw_sha256 = sha256_hex(image.data)
    told = said(decoded._replace(raw_sha256=raw_sha256), opt_outs)
    return heard(found._replace(body=image.data), told), decoded, raw_sha256


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
        yield from self._exchange.write(ordered, source=WANTED)


class _StagingDoFn(DecodingDoFn):
    """Stages images."""

    def __init__(self, place: AttemptPlace, settings: ImageSettings, opt_outs: ListFile, known: KnownFiles) -> None:
        super().__init__(settings)
        self._known = known
        self._opt_outs = opt_outs
        self._place = place

    def _stage(self, staging: Staging, work: Work) -> Iterator[Done]:
        """Do with ``work`` what ``staging`` misses; yield its report."""
        notes = ProgressNotes(self._place.path)
        notes.reuse(staging.reused)
        recalled = 0
        if staging.missing:
            decoder = ImageDecoder(self._pool, self._known.load())
            self._loop.run_until_complete(work(decoder, staging, notes))
            self._loop.run_until_complete(staging.save())
            recalled = decoder.recalled
        notes.finish()
        for done in staging.done():
            yield done._replace(tallies=done.tallies + ([Tally(NOT_DECODED, recalled)] if recalled else []))


class FetchPartition(_StagingDoFn):
    """Fetches the hosts of one partition, and hands on what is there already."""

    def __init__(
        self,
        place: AttemptPlace,
        network: Network,
        settings: ImageSettings,
        there: Exchange,
        opt_outs: ListFile = NOTHING_LISTED,
        engine: str = "harubang",
        refused: Sequence[str] = (),
        known: KnownFiles = NOTHING_KNOWN,
    ) -> None:
        self._refused = refused
        super().__init__(place, settings, opt_outs, known)
        self._engine = engine
        self._network = network
        self._there = there

    @reported("fetch")
    def process(self, element: tuple[int, Iterable[Slice]]) -> Iterator[beam.pvalue.TaggedOutput]:
        """Yield the report, tagged "done", and the handles of images that are there already."""
        partition, slices = element
        pieces = by_source(slices)
        rows: Iterable[Wanted] = read_slices(pieces.pop(WANTED, []), Wanted)
        wanted = one_a_url(rows)
        for handle in self._there.write(row for row in wanted if row.source):
            yield beam.pvalue.TaggedOutput("handles", handle)
        rest = [row for row in wanted if not row.source]
        with Staging(self._place, partition, (row.image_url for row in rest), self._refused) as staging:
            staging.resume()
            if staging.missing:
                staging.take_over(_earlier_rows(pieces))
            work = partial(fetch_all, rest, self._network, self._opt_outs.load(), engine=ENGINES[self._engine])
            for done in self._stage(staging, work):
                yield beam.pvalue.TaggedOutput("done", done)


def _earlier_rows(pieces: dict[str, list[Slice]]) -> Iterator[EarlierRow]:
    for folder in sorted(pieces):
        for row in read_slices(pieces[folder], ImageRow):
            yield EarlierRow(folder, row)


class ReadPartition(_StagingDoFn):
    """Reads the images of one partition from where they lie. ``first`` is the number of its first part."""

    def __init__(
        self,
        place: AttemptPlace,
        settings: ImageSettings,
        opt_outs: ListFile = NOTHING_LISTED,
        known: KnownFiles = NOTHING_KNOWN,
        *,
        first: int,
    ) -> None:
        super().__init__(place, settings, opt_outs, known)
        self._first = first

    @reported("read")
    def process(self, element: tuple[int, Iterable[Slice]]) -> Iterator[Done]:
        """Yield the report."""
        partition, slices = element
        rows: Iterable[Wanted] = read_slices(slices, Wanted)
        wanted = sorted(rows, key=place_order)
        with Staging(self._place, self._first + partition, (row.image_url for row in wanted)) as staging:
            staging.resume()
            yield from self._stage(staging, partial(read_all, wanted, self._settings, self._opt_outs.load()))


def expand(
    pipeline: beam.Pipeline,
    paths: list[str],
    *,
    place: AttemptPlace,
    network: Network,
    settings: ImageSettings,
    partitions: int,
    opt_outs: ListFile = NOTHING_LISTED,
    earlier: Sequence[Committed] = (),
    refused: Sequence[str] = (),
    engine: str = "harubang",
    known: KnownFiles = NOTHING_KNOWN,
) -> beam.PCollection[Done]:
    """Wire the stage: screened parts, distinct URLs regrouped by host, those there already by place.

    The rows of ``earlier`` fetch stages of the same output, whose answers are as good as new ones, are regrouped
    beside the URLs; ``known`` are their images. ``refused`` are the parts of what was refused to any stage.
    """
    hosts = Exchange(place.exchange, Wanted, by_host, partitions)
    there = Exchange(place.exchange, Wanted, by_place, partitions)
    rows = hosts._replace(record=ImageRow)
    regrouped = [pipeline | "parts" >> beam.Create(paths) | "regroup" >> beam.ParDo(RegroupWanted(hosts, opt_outs))]
    for number, stage in enumerate(earlier):
        parts = pipeline | f"earlier {number}" >> beam.Create(stage.paths("images"))
        regrouped.append(parts | f"regroup earlier {number}" >> beam.ParDo(Regroup(rows, source=stage.folder)))
    handles = regrouped | "meet earlier" >> beam.Flatten()
    fetched = hosts.group(handles, "group") | "fetch" >> beam.ParDo(
        FetchPartition(place, network, settings, there, opt_outs, engine, refused, known)
    ).with_outputs("done", "handles")
    read = there.group(fetched.handles, "there") | "read" >> beam.ParDo(
        ReadPartition(place, settings, opt_outs, known, first=partitions)
    )
    done: beam.PCollection[Done] = (fetched.done, read) | "reports" >> beam.Flatten()
    return done
