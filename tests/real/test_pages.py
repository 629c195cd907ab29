"""The reading of pages against real sites, a real charset mess and hostile inputs (see the data folder's README)."""

from __future__ import annotations

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType

from filters.charset import decode_page, has_hangul
from filters.harvest import CaptionKind, harvest
from filters.url import normalize

DATA = Path(os.environ.get("HARUBANG_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no test data at {DATA}")

SITES = ("apache_manual_ko_euckr", "debian_faq_ko", "debian_handbook_ko", "egovframe", "entry_docs", "gimp_help_ko")


def pages_of(site: str) -> list[tuple[Path, bytes]]:
    return [(path, path.read_bytes()) for path in sorted((DATA / "sites" / site / "site").rglob("*.htm*"))]


class PlainReader(HTMLParser):
    """An independent count of images: every img start tag outside of scripts, and its src and alt."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.alts: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            held = dict(reversed(attrs))
            self.sources.append((held.get("src") or "").strip())
            self.alts.add(" ".join((held.get("alt") or "").split()))


@pytest.mark.parametrize("site", SITES)
def test_images_and_alts_as_a_plain_reader_counts_them(site: str) -> None:
    pages = pages_of(site)
    assert pages
    for path, body in pages:
        decoded = decode_page(body, "")
        assert decoded is not None, path
        url = f"http://site.kr/{path.name}"
        plain = PlainReader()
        plain.feed(decoded.text)
        harvested = harvest(decoded.text, url)
        expected = list(dict.fromkeys(normalize(source, url) for source in plain.sources))
        assert [mention.url for mention in harvested.images] == [u for u in expected if u is not None], path
        assert (None in expected) == bool(harvested.refused), path
        mentions = [*harvested.images, *harvested.refused]
        alts = {c.text for mention in mentions for c in mention.captions if c.kind == CaptionKind.ALT}
        assert alts == plain.alts - {""}, path


def test_docbook_figures_have_their_titles() -> None:
    kinds: dict[str, int] = {}
    for path, body in pages_of("gimp_help_ko"):
        for mention in harvest(body.decode(), f"http://site.kr/{path.name}").images:
            kind = next((c.kind for c in mention.captions if c.text.startswith("그림 ")), "")
            kinds[kind] = kinds.get(kind, 0) + 1
    assert kinds[CaptionKind.CAPTION_PARAGRAPH] >= 200
    assert set(kinds) <= {"", CaptionKind.CAPTION_PARAGRAPH, CaptionKind.GROUP_CAPTION}


@pytest.mark.parametrize(
    ("name", "evidence"),
    [("header", {"header", "meta"}), ("metaonly", {"meta"}), ("WRONG_utf8_header", {"meta", "bytes"})],
)
def test_every_euckr_page_is_read_right(name: str, evidence: set[str]) -> None:
    files = {body for _, body in pages_of("apache_manual_ko_euckr")}
    read = 0
    with (DATA / "warc" / f"apache_ko_euckr_{name}.warc.gz").open("rb") as stream:
        for record in ArchiveIterator(stream, record_types=WarcRecordType.response):
            body = record.reader.read()
            assert body in files, record.headers["WARC-Target-URI"]
            decoded = decode_page(body, record.http_headers.get("Content-Type", ""))
            assert decoded is not None
            assert decoded.text == body.decode("cp949")
            if not body.isascii():
                assert has_hangul(body)
                assert (decoded.charset, decoded.evidence in evidence) == ("cp949", True)
            read += 1
    assert read == 108


def test_pages_without_korean_are_passed_over_and_none_with() -> None:
    passed_over = 0
    for site in SITES:
        for path, body in pages_of(site):
            decoded = decode_page(body, "")
            assert decoded is not None
            shown = any("가" <= character <= "힣" for character in decoded.text)
            assert has_hangul(body) or not shown, path
            passed_over += not has_hangul(body)
    assert passed_over < 400


HOSTILE = """
import resource, sys
from pathlib import Path
from filters.charset import decode_page, has_hangul
from filters.harvest import harvest
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
read = 0
for path in sorted(Path(sys.argv[1]).rglob("*")):
    if path.is_file():
        body = path.read_bytes()
        has_hangul(body)
        page = decode_page(body, "text/html")
        texts = [body.decode("latin-1"), body.decode("utf-8", "surrogateescape")]
        for text in texts + ([page.text] if page is not None else []):
            once = harvest(text, "http://site.kr/")
            assert once == harvest(text, "http://site.kr/") and not once.problem
            harvest(f'<base href="{text}"><img src="{text}"><a href="{text}">', "http://site.kr/")
        read += 1
sys.stdout.write(str(read))
"""


def test_hostile_inputs_neither_crash_nor_raise() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HOSTILE, str(DATA / "hostile_html")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) >= 442
