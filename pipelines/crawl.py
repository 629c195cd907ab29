"""The crawl stage: seed pages and sitemaps to WARC files, round by round.

A round fetches its frontier, hosts spread over partitions so that one host is asked by one worker at a time, and
archives the pages it may keep (`pipelines.archive`). The links found make the next frontier, until the depth, the
scope or the page limit ends it. Every URL that was asked for has a row: archived, passed over, refused or failed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple
from urllib.parse import urlsplit

import apache_beam as beam

from filters.caption_safety import holds_forbidden, is_forbidden_url, withheld
from filters.charset import decode_page
from filters.harvest import harvest
from filters.rights import page_refusal
from filters.url import host_of, normalize, origin_of
from pipelines import storage
from pipelines.archive import Archive, Crawled, EarlierCrawl, Link
from pipelines.exchange import Exchange, Slice, read_slices
from pipelines.fetch import HOSTS_PER_CONNECTION
from pipelines.host_queue import for_each_by_host
from pipelines.network import Network
from pipelines.parts import AttemptPlace, Done, read_rows, write_part
from pipelines.progress import ProgressNotes
from pipelines.refusals import refused_before
from pipelines.sitemap import parse_sitemap
from pipelines.stage import Attempt, Committed, merge_done
from pipelines.suppression_list import NOTHING_LISTED, ListFile
from pipelines.unit_of_work import reported
from pipelines.web_client import OPT_OUTS, Fetched, WebClient, heard
from pipelines.workflow import Crawl
from schemas.identity import sha256_hex
from schemas.reasons import NO_REASON, Outcome, Reason
from schemas.records import PageRow

VERSION = 7
"""Grows with every change of what a crawl visits or archives."""

PARTITIONS = 16
"""Over which hosts are spread in a round."""
ACCEPT = "text/html,application/xhtml+xml;q=0.9,application/xml;q=0.8"
NOT_IN_AN_ANSWER = frozenset({"crawl", "retries"})
"""What a crawl stage covers that has no part in what becomes of one URL: where it begins and ends."""
TABLES = frozenset({"pages", "links"})
"""The tables in which a later stage of the same output looks up what became of a URL."""
_MAX_URL = 2_048  # longer links are traps: calendars, session paths


class Visit(NamedTuple):
    """A URL to ask for. ``depth`` is how many links lie between it and a seed; a sitemap's pages are seeds."""

    depth: int
    url: str
    sitemap: bool


class Scope:
    """Which URLs a crawl may visit: those with one of the prefixes, whose host may start with ``*.``.

    Without prefixes: the hosts and ports of the seeds, by http or https.
    """

    def __init__(self, crawl: Crawl) -> None:
        origins = sorted({origin_of(visit.url) for visit in first_frontier(crawl)})
        self._prefixes = [urlsplit(prefix) for prefix in crawl.scope or origins]
        self._any_scheme = not crawl.scope

    def holds(self, url: str) -> bool:
        """Tell whether ``url``, normalised, is inside."""
        parts = urlsplit(url)
        return len(url) <= _MAX_URL and any(
            (self._any_scheme or parts.scheme == prefix.scheme)
            and fnmatchcase(parts.netloc, prefix.netloc)
            and parts.path.startswith(prefix.path or "/")
            for prefix in self._prefixes
        )


def read_answer(fetched: Fetched, *, agent: str, sitemap: bool) -> Crawled:
    """Return what became of a visit: a page to archive, links to follow, or why neither."""
    if fetched.reason:
        return _refused(fetched) if fetched.reason in OPT_OUTS else _passed(fetched, fetched.reason, fetched.detail)
    if sitemap:
        found = parse_sitemap(fetched.body)
        urls = sorted({url for url in (normalize(place, fetched.final_url) for place in found.locations) if url})
        links = [Link(fetched.url, url, 0, found.is_index) for url in urls]
        return _passed(fetched, NO_REASON, f"sitemap of {len(found.locations)} URLs", links)
    crawled = _read_page(fetched, agent)
    if fetched.final_url == fetched.url or crawled.row.reason:
        return crawled
    # Visited under its own name, if that is in scope, so that a page is archived once whatever leads to it.
    links = [Link(fetched.url, fetched.final_url, 0, False)]
    return _passed(fetched, NO_REASON, f"redirects to {fetched.final_url}"[:200], links)


def _read_page(fetched: Fetched, agent: str) -> Crawled:
    kind = next((value for name, value in fetched.headers if name.lower() == "content-type"), "")
    if kind and "html" not in kind.lower():
        return _passed(fetched, NO_REASON, f"not HTML but {kind[:80]}")
    decoded = decode_page(fetched.body, kind)
    # Of what cannot be decoded, digits at least can be read.
    if holds_forbidden(decoded.text if decoded is not None else fetched.body.decode("latin-1")):
        return _passed(fetched, Reason.PAGE_IDENTIFIER, "the page shows a resident number")
    page = harvest(decoded.text, fetched.final_url) if decoded is not None else None
    if page is None:
        return Crawled(_row(fetched, Outcome.KEEP, NO_REASON, ""), [], fetched)
    refusal = page_refusal(fetched.headers, page.robots_meta, agent=agent)
    if refusal is not None:
        return _refused(heard(fetched, [refusal]), fetched.body)
    links = [Link(fetched.url, url, 1, False) for url in sorted(set(page.links))]
    return Crawled(_row(fetched, Outcome.KEEP, NO_REASON, ""), _writable(links), fetched)


def _refused(fetched: Fetched, body: bytes = b"") -> Crawled:
    refusal = next(consent for consent in fetched.consent if not consent.allowed)
    if fetched.reason == Reason.OPTED_OUT:
        reason, detail = Reason.PAGE_OPTED_OUT, f"{refusal.channel}: {refusal.value}"[:200]
    else:
        reason, detail = Reason.OPT_OUT_LISTED, fetched.detail
    return _passed(fetched._replace(body=body), reason, detail)._replace(refusal=fetched)


def _passed(fetched: Fetched, reason: str, detail: str, links: Sequence[Link] = ()) -> Crawled:
    return Crawled(_row(fetched, Outcome.DROP, reason, detail), _writable(links), None)


def _writable(links: Sequence[Link]) -> list[Link]:
    """Leave out the URLs that may not even be written down."""
    return [link for link in links if not is_forbidden_url(link.url)]


def _row(fetched: Fetched, outcome: Outcome, reason: str, detail: str) -> PageRow:
    return PageRow(
        page_url=fetched.url,
        source_kind="crawl",
        source="crawl",
        source_offset=None,
        source_digest=sha256_hex(fetched.body) if fetched.body else "",
        http_status=fetched.status,
        captured_at=fetched.fetched_at,
        charset="",
        images=0,
        outcome=outcome,
        reason=reason,
        detail=withheld(detail),
    )


class CrawlPartition(beam.DoFn):
    """Visits the hosts of one partition in one round.

    ``earlier`` are stages whose answers are as good as new ones, ``refused`` the parts of what was refused before.
    """

    def __init__(
        self,
        place: AttemptPlace,
        network: Network,
        opt_outs: ListFile = NOTHING_LISTED,
        *,
        round_number: int,
        earlier: Sequence[Committed] = (),
        refused: Sequence[str] = (),
    ) -> None:
        self._refused = refused
        self._place = place
        self._network = network
        self._opt_outs = opt_outs
        self._round = round_number
        self._earlier = [EarlierCrawl.of(stage, PARTITIONS) for stage in earlier]

    @reported("crawl")
    def process(self, element: tuple[int, Iterable[Slice]]) -> Iterator[Done]:
        """Fetch, archive, and report the round's parts of this partition."""
        partition, slices = element
        visits = {visit.url: visit for visit in sorted(read_slices(slices, Visit), reverse=True)}
        notes = ProgressNotes(self._place.path)
        number = self._round * PARTITIONS + partition
        with Archive(self._place, number, visits, self._refused) as archive:
            archive.resume()
            archive.take_over(self._earlier, partition)
            notes.reuse(archive.reused)
            if archive.missing:
                asyncio.run(self._visit_all(visits, archive, notes))
            notes.finish()
            done = archive.done()
            found = {
                Visit(visits[link.page_url].depth + link.deeper, link.url, link.sitemap) for link in archive.links()
            }
        following = write_part(self._place, "next", number, Visit, sorted(found))
        yield Done(sorted([*done.parts, following]), done.tallies)

    async def _visit_all(self, visits: dict[str, Visit], archive: Archive, notes: ProgressNotes) -> None:
        async with WebClient(self._network, self._opt_outs.load(), archive.refusals()) as client:

            async def work(url: str) -> None:
                fetched = await client.get(url, accept=ACCEPT)
                crawled = read_answer(fetched, agent=self._network.agent, sitemap=visits[url].sitemap)
                if crawled.refusal is not None:
                    client.remember(crawled.refusal)
                await archive.add(crawled)
                notes.advance()

            await for_each_by_host(
                archive.missing,
                work,
                hosts_at_once=HOSTS_PER_CONNECTION * self._network.connections,
                lanes_per_host=self._network.connections_per_host,
            )
        await archive.save()


def first_frontier(crawl: Crawl) -> list[Visit]:
    """Return the seeds and sitemaps, normalised, as visits of depth 0."""
    pairs = [(url, False) for url in crawl.seeds] + [(url, True) for url in crawl.sitemaps]
    normalised = ((normalize(url), sitemap) for url, sitemap in pairs)
    return sorted({Visit(0, url, sitemap) for url, sitemap in normalised if url is not None})


def next_frontier(found: Iterable[Visit], seen: set[str], scope: Scope, crawl: Crawl) -> list[Visit]:
    """Return what to visit next: new, in scope, not too deep, each URL once, cut in the order (depth, URL).

    The cut is in a total order, so that a page limit leaves out the same pages every time.
    """
    frontier: dict[str, Visit] = {}
    for visit in sorted(found):
        if visit.depth <= crawl.depth and visit.url not in seen and scope.holds(visit.url):
            frontier.setdefault(visit.url, visit)
    return list(frontier.values())[: max(0, crawl.max_pages - len(seen))]


def run_crawl(
    attempt: Attempt,
    crawl: Crawl,
    network: Network,
    opt_outs: ListFile = NOTHING_LISTED,
    earlier: Sequence[Committed] = (),
) -> Done:
    """Crawl round by round until nothing new is in scope; return what all rounds wrote.

    A URL that ``earlier`` stages have an answer for is not asked for, unless it failed for a transient reason; one that
    refused in any stage of the output never is.
    """
    scope = Scope(crawl)
    frontier = first_frontier(crawl)[: crawl.max_pages]
    seen: set[str] = set()
    reports: list[Done] = []
    while frontier:
        seen.update(visit.url for visit in frontier)
        do_fn = CrawlPartition(
            attempt.place,
            network,
            opt_outs,
            round_number=len(reports),
            earlier=earlier,
            refused=refused_before(attempt.plan.root),
        )
        reports.append(_run_round(attempt, frontier, do_fn, label=f"crawl-{len(reports)}"))
        found: set[Visit] = set()
        for part in reports[-1].parts:
            if part.table == "next":
                found.update(read_rows(storage.join(attempt.plan.folder, part.path), Visit))
        frontier = next_frontier(found, seen, scope, crawl)
    return merge_done(reports)


def _run_round(attempt: Attempt, visits: list[Visit], do_fn: CrawlPartition, *, label: str) -> Done:
    exchange = Exchange(attempt.place.exchange, Visit, by_host, PARTITIONS)
    handles = exchange.write(visits)

    def expand(pipeline: beam.Pipeline) -> beam.PCollection[Done]:
        frontier = pipeline | "frontier" >> beam.Create(handles, reshuffle=False)  # one shuffle will do
        done: beam.PCollection[Done] = exchange.group(frontier, "hosts") | "visit" >> beam.ParDo(do_fn)
        return done

    return attempt.run(expand, total=len(visits), unit="pages", partitions=len(handles), label=label)


def by_host(visit: Visit) -> str:
    """The key of a round's exchange."""
    return host_of(visit.url)
