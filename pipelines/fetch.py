"""The fetch stage: one row per distinct image URL, its pixels decoded once into a staging tar.

URLs are regrouped by host, so that one host is asked by one worker at a time. Images go from the network to a decoding
child process to the tar; they never pass through Beam.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import apache_beam as beam

from filters.url import host_of
from pipelines import storage
from pipelines.decoded import Decoded, ImageSettings
from pipelines.decoder import DecoderPool
from pipelines.exchange import Exchange, Slice, group, read_slices
from pipelines.host_queue import for_each_by_host
from pipelines.network import Network
from pipelines.parts import AttemptPlace, Done, read_batches, write_part
from pipelines.progress import ProgressNotes
from pipelines.stage import outcome_tallies
from pipelines.tar import TarWriter
from pipelines.web_client import Fetched, WebClient
from schemas.identity import fingerprint
from schemas.reasons import NO_REASON, Outcome
from schemas.records import Consent, ImageRow

VERSION = 2
"""Grows with every change of what this stage records or stores."""

HOSTS_PER_CONNECTION = 4
"""Hosts waited for at a time, as a multiple of the connections: most of them are between two requests."""
ACCEPT = "image/jpeg,image/png,image/webp,image/gif;q=0.9,*/*;q=0.1"


class Wanted(NamedTuple):
    """An image URL that a screened candidate points to."""

    image_url: str


def by_host(row: Wanted) -> str:
    """The key of the fetch's exchange."""
    return host_of(row.image_url)


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
    if decoded is None or decoded.reason:
        return image_row(fetched, decoded, staging_offset=0)
    offset = tar.add(f"{fingerprint(url)[:32]}.jpg", decoded.jpeg)
    return image_row(fetched, decoded, staging_offset=offset)


class RegroupWanted(beam.DoFn):
    """Spreads the image URLs of kept candidates over the partitions of an exchange by host."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def process(self, path: str) -> Iterator[tuple[int, Slice]]:
        """Yield the handles of one screened part's slices."""
        urls: set[str] = set()
        for batch in read_batches(path, ["image_url", "outcome"]):
            pairs = zip(batch.column("image_url").to_pylist(), batch.column("outcome").to_pylist(), strict=True)
            urls.update(url for url, outcome in pairs if outcome == Outcome.KEEP)
        yield from self._exchange.write(Wanted(url) for url in sorted(urls))


class FetchPartition(beam.DoFn):
    """Fetches the hosts of one partition. One event loop and one pool of decoding children serve a worker's life."""

    def __init__(self, place: AttemptPlace, network: Network, settings: ImageSettings) -> None:
        self._place = place
        self._network = network
        self._settings = settings

    def setup(self) -> None:
        """Start the worker's event loop and its decoding children."""
        self._loop = asyncio.new_event_loop()
        self._pool = self._loop.run_until_complete(DecoderPool(self._settings).__aenter__())

    def teardown(self) -> None:
        """Stop the children."""
        self._loop.run_until_complete(self._pool.__aexit__(None, None, None))
        self._loop.close()

    def process(self, element: tuple[int, Iterable[Slice]]) -> Iterator[Done]:
        """Fetch one partition; report its rows and its staging tar."""
        partition, slices = element
        urls = [row.image_url for row in read_slices(slices, Wanted)]
        notes = ProgressNotes(self._place.path)
        with storage.ContentFile(self._place.path) as content:
            tar = TarWriter(content.file)
            rows = self._loop.run_until_complete(fetch_all(urls, self._network, self._pool, tar, notes))
            tar.close()
            published = content.publish(f"staging-{partition:05d}", ".tar")
        notes.flush()
        staged_rows = sum(row.outcome == Outcome.KEEP for row in rows)
        staging = self._place.part("staging", partition, published, staged_rows)
        staged = [row._replace(staging=staging.path) if row.outcome == Outcome.KEEP else row for row in rows]
        images = write_part(self._place, "images", partition, ImageRow, staged)
        books: Counter[tuple[str, str]] = Counter((row.outcome, row.reason) for row in rows)
        yield Done([images, staging], outcome_tallies(books))


def expand(pipeline: beam.Pipeline, paths: list[str], exchange: Exchange, do_fn: beam.DoFn) -> beam.PCollection[Done]:
    """Wire the stage: screened parts, distinct URLs regrouped by host, one worker a partition."""
    handles = pipeline | "parts" >> beam.Create(paths) | "regroup" >> beam.ParDo(RegroupWanted(exchange))
    done: beam.PCollection[Done] = group(handles, "group") | "fetch" >> beam.ParDo(do_fn)
    return done
