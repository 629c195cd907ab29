import asyncio
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from filters.suppression import Suppression
from pipelines.crawl import Scope, Visit, first_frontier, next_frontier, run_crawl
from pipelines.extract import SourceUnit, extract_unit
from pipelines.parts import read_rows
from pipelines.suppression_list import NOTHING_LISTED, compile_list
from pipelines.workflow import Crawl
from schemas.reasons import Reason
from schemas.records import PageRow
from tests.pipelines.hostile_server import Server, network, redirect, reply

SEEDS = Crawl(seeds=("http://a.kr/", "https://b.kr:8443/news/"))


# Scope


@pytest.mark.parametrize(
    ("url", "inside"),
    [
        ("http://a.kr/", True),
        ("http://a.kr/deep/page?q=1", True),
        ("https://a.kr/", True),
        ("https://b.kr:8443/elsewhere", True),
        ("http://b.kr:8443/", True),
        ("https://b.kr/", False),
        ("http://www.a.kr/", False),
        ("http://a.kr.evil.kr/", False),
        ("http://c.kr/", False),
        ("http://a.kr/" + "x" * 2_036, True),
        ("http://a.kr/" + "x" * 2_037, False),
    ],
)
def test_without_prefixes_the_scope_is_the_sites_of_the_seeds(url, inside):
    assert Scope(SEEDS).holds(url) is inside


@pytest.mark.parametrize(
    ("url", "inside"),
    [
        ("http://a.kr/news/1", True),
        ("http://a.kr/news", False),
        ("http://a.kr/", False),
        ("https://a.kr/news/1", False),
        ("https://blog.c.kr/x", True),
        ("https://a.b.c.kr/x", True),
        ("https://c.kr/x", False),
        ("http://blog.c.kr/x", False),
        ("http://d.kr/anything", True),
    ],
)
def test_prefixes_name_scheme_host_and_path(url, inside):
    scope = Scope(Crawl(seeds=("http://seed.kr/",), scope=("http://a.kr/news/", "https://*.c.kr/", "http://d.kr")))
    assert scope.holds(url) is inside


def test_a_sitemap_s_site_is_in_scope():
    assert Scope(Crawl(sitemaps=("http://a.kr/sitemap.xml",))).holds("http://a.kr/1")


# Frontiers


def test_seeds_and_sitemaps_are_normalised_and_each_once():
    crawl = Crawl(seeds=("HTTP://A.kr:80/x/../", "http://a.kr/", "nonsense"), sitemaps=("http://a.kr/s.xml",))
    assert first_frontier(crawl) == [Visit(0, "http://a.kr/", False), Visit(0, "http://a.kr/s.xml", True)]
    assert first_frontier(Crawl()) == []


def visits(*urls, depth=1):
    return [Visit(depth, url, False) for url in urls]


def test_the_next_round_is_what_is_new_in_scope_and_not_too_deep():
    crawl = Crawl(seeds=("http://a.kr/",), depth=1)
    found = visits("http://a.kr/new", "http://a.kr/seen", "http://b.kr/") + visits("http://a.kr/deep", depth=2)
    assert next_frontier(found, {"http://a.kr/seen"}, Scope(crawl), crawl) == visits("http://a.kr/new")


def test_a_url_found_twice_is_visited_once_by_the_shorter_way():
    crawl = Crawl(seeds=("http://a.kr/",), depth=5)
    found = visits("http://a.kr/1", depth=3) + visits("http://a.kr/1", depth=2)
    assert next_frontier(found, set(), Scope(crawl), crawl) == visits("http://a.kr/1", depth=2)


def test_the_page_limit_leaves_out_the_same_pages_in_whatever_order_they_are_found():
    crawl = Crawl(seeds=("http://a.kr/",), depth=5, max_pages=4)
    found = visits("http://a.kr/3", "http://a.kr/1", depth=2) + visits("http://a.kr/9", "http://a.kr/8", depth=1)
    expected = visits("http://a.kr/8", "http://a.kr/9", depth=1) + visits("http://a.kr/1", depth=2)
    assert next_frontier(found, {"http://a.kr/"}, Scope(crawl), crawl) == expected
    assert next_frontier(reversed(found), {"http://a.kr/"}, Scope(crawl), crawl) == expected
    assert next_frontier(found, {f"http://a.kr/{n}" for n in "abcd"}, Scope(crawl), crawl) == []
    assert next_frontier(found, {f"http://a.kr/{n}" for n in "abcde"}, Scope(crawl), crawl) == []


def test_nothing_found_ends_the_crawl():
    assert next_frontier([], set(), Scope(SEEDS), SEEDS) == []


# A crawl


def page(*links, text="제주의 돌하르방", head=""):
    anchors = "".join(f"<a href='{link}'>x</a>" for link in links)
    return reply(200, f"<html><head>{head}</head><body>{text}{anchors}</body></html>".encode(), HTML)


HTML = "Content-Type: text/html; charset=utf-8"
SITEMAP = b"<urlset><url><loc>http://a.kr/only-in-sitemap</loc></url><url><loc>http://other.kr/</loc></url></urlset>"
ROUTES = {
    "/robots.txt": reply(200, b"User-agent: *\nDisallow: /private/\n", "Content-Type: text/plain"),
    "a.kr/": page("/1", "/private/x", "/moved", "/away", "/file", "/optout", "/header", "/gone", "http://other.kr/"),
    "/1": page("/2", "/", "#top"),
    "/2": page("/3"),
    "/3": page("/4"),
    "/moved": redirect("/target"),
    "/away": redirect("http://other.kr/landing"),
    "/target": page(),
    "other.kr/landing": page(),
    "/file": reply(200, b"%PDF", "Content-Type: application/pdf"),
    "/optout": page("/behind-optout", head="<meta name=robots content=noai>"),
    "/header": reply(200, "한글".encode(), HTML, "X-Robots-Tag: noai"),
    "/s.xml": reply(200, SITEMAP, "Content-Type: application/xml"),
    "/only-in-sitemap": page(),
    "/orphan": page(),
}


@contextmanager
def serving(routes):
    """Serve ``routes`` from another thread; yield the server."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = Server(dict(routes))
    try:
        asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(5)
        yield server
        asyncio.run_coroutine_threadsafe(server.__aexit__(), loop).result(5)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def crawled(attempt, crawl, server, opt_outs=NOTHING_LISTED, **changes):
    """Crawl; return the report and the page rows by URL."""
    done = run_crawl(attempt, crawl, network(server, **changes), opt_outs)
    folder = Path(attempt.plan.folder)
    rows = [row for part in done.parts if part.table == "pages" for row in read_rows(str(folder / part.path), PageRow)]
    assert len({row.page_url for row in rows}) == len(rows)
    return done, {row.page_url: row for row in rows}


@pytest.fixture
def site(attempt):
    """The outcome of one crawl of the site above: the report, the rows, the server, the attempt's folder."""
    crawl = Crawl(seeds=("http://a.kr/",), sitemaps=("http://a.kr/s.xml",), depth=2)
    with serving(ROUTES) as server:
        done, rows = crawled(attempt, crawl, server)
    return done, rows, server, Path(attempt.plan.folder)


def test_a_site_is_crawled_and_every_url_asked_for_has_a_row(site):
    done, rows, server, folder = site
    assert {url: (row.outcome, row.reason, row.detail) for url, row in rows.items() if row.detail != "404"} == {
        "http://a.kr/": ("keep", "", ""),
        "http://a.kr/s.xml": ("drop", "", "sitemap of 2 URLs"),
        "http://a.kr/only-in-sitemap": ("keep", "", ""),
        "http://a.kr/1": ("keep", "", ""),
        "http://a.kr/2": ("keep", "", ""),
        "http://a.kr/private/x": ("drop", Reason.ROBOTS_DISALLOWED, rows["http://a.kr/private/x"].detail),
        "http://a.kr/moved": ("drop", "", "redirects to http://a.kr/target"),
        "http://a.kr/target": ("keep", "", ""),
        "http://a.kr/away": ("drop", "", "redirects to http://other.kr/landing"),
        "http://a.kr/file": ("drop", "", "not HTML but application/pdf"),
        "http://a.kr/optout": ("drop", Reason.PAGE_OPTED_OUT, rows["http://a.kr/optout"].detail),
        "http://a.kr/header": ("drop", Reason.PAGE_OPTED_OUT, "x-robots-tag: noai"),
        "http://a.kr/gone": ("drop", Reason.HTTP_STATUS, rows["http://a.kr/gone"].detail),
    }
    assert "noai" in rows["http://a.kr/optout"].detail
    assert rows["http://a.kr/gone"].http_status == 404

    # What was refused, is out of scope or too deep was not asked for.
    assert not {"a.kr/private/x", "a.kr/3", "a.kr/behind-optout", "a.kr/orphan", "other.kr/"} & set(server.requests)
    assert "a.kr/robots.txt" in server.requests

    # The archive holds the pages that were kept and no others, and others can read it.
    kept = {url for url, row in rows.items() if row.outcome == "keep"}
    archived = {}
    for part in done.parts:
        if part.table == "warc":
            with (folder / part.path).open("rb") as file:
                for found in ArchiveIterator(file, check_digests="raise"):
                    if found.rec_type == "response":
                        archived[found.rec_headers.get_header("WARC-Target-URI")] = found.content_stream().read()
    assert archived.keys() == kept
    assert archived["http://a.kr/target"] == ROUTES["/target"].partition(b"\r\n\r\n")[2]
    units = [SourceUnit("crawl", str(folder / part.path), part.size) for part in done.parts if part.table == "warc"]
    read = [one.page for unit in units for one in extract_unit(unit, agent="harubang")]
    assert {row.page_url for row in read if row.outcome == "keep"} == kept

    # The books are those of the rows.
    tallies = dict(done.tallies)
    assert (tallies["in"], tallies["keep"]) == (len(rows), len(kept))
    assert (tallies["drop:passed_over"], tallies["drop:page_opted_out"], tallies["drop:robots_disallowed"]) == (4, 2, 1)
    assert sum(part.rows for part in done.parts if part.table == "warc") == len(kept)


def test_a_page_limit_ends_a_crawl_at_the_same_pages(attempt):
    crawl = Crawl(seeds=("http://a.kr/",), depth=9, max_pages=3)
    with serving(ROUTES) as server:
        _, rows = crawled(attempt, crawl, server)
    assert sorted(rows) == ["http://a.kr/", "http://a.kr/1", "http://a.kr/away"]


def test_depth_0_is_the_seeds_alone(attempt):
    with serving(ROUTES) as server:
        _, rows = crawled(attempt, Crawl(seeds=("http://a.kr/1",), depth=0), server)
    assert list(rows) == ["http://a.kr/1"]


def test_a_host_that_is_not_there_is_told(attempt):
    with serving({}) as server:
        settings = {"connect_to": {"*": "127.0.0.1:1"}}
        done, rows = crawled(attempt, Crawl(seeds=("http://a.kr/",)), server, **settings)
    assert rows["http://a.kr/"].reason == Reason.ROBOTS_UNREACHABLE
    assert dict(done.tallies) == {"in": 1, "drop:robots_unreachable": 1}


def test_no_seeds_no_crawl(attempt):
    done = run_crawl(attempt, Crawl(), network(None))
    assert (done.parts, done.tallies) == ([], [])


def test_pages_and_hosts_on_an_opt_out_list_are_not_asked_for_and_have_a_row(tmp_path, attempt):
    listed = Suppression(urls=("https://a.kr/1",), hosts=("b.kr",))
    opt_outs = compile_list(listed, str(tmp_path), key="network.opt_out", radius=6)
    crawl = Crawl(seeds=("http://a.kr/", "http://www.b.kr/"), depth=1)
    with serving(ROUTES) as server:
        _, rows = crawled(attempt, crawl, server, opt_outs)
    refused = {url: row.detail for url, row in rows.items() if row.reason == Reason.OPT_OUT_LISTED}
    assert refused == {
        "http://a.kr/1": "url a.kr/1 (network.opt_out.urls:1)",
        "http://www.b.kr/": "host b.kr (network.opt_out.hosts:1)",
    }
    assert "a.kr/1" not in server.requests
    assert not [asked for asked in server.requests if "b.kr" in asked]


def test_no_resident_number_is_archived_nor_written_whatever_hides_it(tmp_path, attempt):
    number = "900101-1234567"  # made up: the check digit does not fit
    routes = {
        "a.kr/": reply(200, b"<a href=/noise>n</a><a href=/to>t</a><a href=/tag>r</a>", "Content-Type: text/html"),
        "a.kr/noise": reply(200, bytes(range(128, 256)) * 20 + f" {number}".encode(), "Content-Type: text/html"),
        "a.kr/to": redirect(f"/{number}"),
        "a.kr/tag": reply(200, b"<p>", "Content-Type: text/html", f"X-Robots-Tag: noai, {number}"),
    }
    with serving(routes) as server:
        _, rows = crawled(attempt, Crawl(seeds=("http://a.kr/",), depth=1), server)
    assert {url.removeprefix("http://a.kr/"): row.reason for url, row in rows.items()} == {
        "": "",
        "noise": Reason.PAGE_IDENTIFIER,
        "to": Reason.REDIRECT_REFUSED,
        "tag": Reason.PAGE_OPTED_OUT,
    }
    assert f"a.kr/{number}" not in server.requests
    assert number not in repr(rows)
    for path in tmp_path.rglob("*.*"):
        assert number.encode() not in path.read_bytes()
