"""Real sites through the whole pipeline: every page and image a link walker finds, once each; real captions from those
that have them, next to nothing from the other."""

import http.client
import http.server
import json
import os
import re
from collections import Counter
from contextlib import ExitStack
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from filters.charset import decode_page, has_hangul
from filters.url import normalize
from pipelines.parts import read_rows
from pipelines.run import Run
from pipelines.status import committed_at, current_ledger
from pipelines.workflow import load_workflow
from schemas.records import CandidateRow, OutcomeRow, PageRow
from tests.loopback_web import served_folder

DATA = Path(os.environ.get("HARUBANG_DATA") or Path(__file__).parents[2].parent / "shared" / "data")
SITES = ("gimp_help_ko", "egovframe", "entry_docs", "apache_manual_ko_euckr", "debian_faq_ko", "debian_handbook_ko")
WORKFLOW = Path(__file__).parents[2] / "workflows" / "local-site.yaml"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"real data is not at {DATA}; set HARUBANG_DATA")


@pytest.fixture(scope="module")
def served():
    with ExitStack() as stack:
        bases = {name: stack.enter_context(served_folder(DATA / "sites" / name / "site")) for name in SITES}
        yield {name: int(base.rpartition(":")[2]) for name, base in bases.items()}


@pytest.fixture(scope="module")
def crawled(served, tmp_path_factory):
    """Return the output folder of one run over all sites."""
    out = tmp_path_factory.mktemp("sites") / "out"
    seeds = json.dumps([f"http://127.0.0.1:{port}/" for port in served.values()])
    out.mkdir()
    Run(load_workflow(str(WORKFLOW), [f"sources.crawl.seeds={seeds}"]), str(out), PipelineOptions([])).execute()
    assert current_ledger(str(out)).balanced
    return out


def rows_of(out, stage, table, record):
    """Yield the rows of a committed stage's table."""
    (folder,) = (out / "stages").glob(f"{stage}-*")
    for path in committed_at(str(out), folder.name).paths(table):
        yield from read_rows(path, record)


@pytest.fixture(scope="module")
def kept(served, crawled):
    """Return (kept, candidates that are images on pages) by site."""
    by_port = {str(port): name for name, port in served.items()}
    counts = {name: Counter() for name in SITES}
    for row in rows_of(crawled, "select", "outcomes", OutcomeRow):
        if row.unit == "image":
            counts[by_port[re.search(r":(\d+)/", row.page_url)[1]]][row.outcome] += 1
    return counts


class Links(HTMLParser):
    """The addresses a plain reader of a page sees: where it leads and what it shows."""

    def __init__(self, url):
        super().__init__()
        self.base, self.pages, self.images = url, [], []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if tag == "base" and values.get("href"):
            self.base = urljoin(self.base, values["href"])
        for name, found in (("href", self.pages if tag in ("a", "area") else None), ("src", self.images)):
            if found is not None and values.get(name) and (name == "href" or tag == "img"):
                found.append(urldefrag(urljoin(self.base, values[name].strip()))[0])


def walk(port):
    """Return (pages, images on pages with Hangul) that following every link of a site finds, normalised."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    waiting, seen, pages, images = [f"http://127.0.0.1:{port}/"], set(), set(), set()
    while waiting:
        url = waiting.pop()
        if url in seen or urlsplit(url).netloc != f"127.0.0.1:{port}":
            continue
        seen.add(url)
        parts = urlsplit(url)
        connection.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        answer = connection.getresponse()
        body = answer.read()
        if answer.status in (301, 302):
            waiting.append(urljoin(url, answer.headers["Location"]))
        page = decode_page(body, answer.headers["Content-Type"] or "") if answer.status == 200 else None
        if page is None or "html" not in (answer.headers["Content-Type"] or ""):
            continue
        pages.add(url)
        links = Links(url)
        links.feed(page.text)
        waiting += [found for link in links.pages if (found := normalize(link)) is not None]
        if has_hangul(body):
            images |= {found for link in links.images if (found := normalize(link)) is not None}
    connection.close()
    return pages, images


@pytest.mark.parametrize("site", SITES)
def test_every_page_and_image_that_a_link_walker_finds_is_found_once(served, crawled, site):
    pages, images = walk(served[site])
    start = f"http://127.0.0.1:{served[site]}/"
    visited = Counter(row.page_url for row in rows_of(crawled, "crawl", "pages", PageRow) if not row.reason)
    assert pages - visited.keys() == set()
    assert {url: times for url, times in visited.items() if times > 1} == {}
    found = Counter(
        (row.image_url, row.page_url)
        for row in rows_of(crawled, "extract", "candidates", CandidateRow)
        if row.unit == "image" and row.page_url.startswith(start)
    )
    # Python's urljoin makes one slash of "images//a.png"; browsers, and the crawl, keep both.
    assert images - {re.sub("(?<!:)//+", "/", image) for image, _ in found} == set()
    assert {pair: times for pair, times in found.items() if times > 1} == {}


def test_sites_with_captions_give_them(kept):
    assert kept["gimp_help_ko"]["keep"] >= 150
    assert kept["egovframe"]["keep"] >= 90


def test_a_site_whose_alts_are_file_names_gives_next_to_nothing(kept):
    assert kept["entry_docs"]["keep"] <= 0.02 * kept["entry_docs"].total()
