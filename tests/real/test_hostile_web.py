"""A whole run over a web of hostile and mutated images and pages, with good ones among them.

``HARUBANG_MUTANTS`` is the number of mutated images (default 150, with a part of the files at ../shared/data; 10,000
is what the project promises, with all of them); there is a mutated page for every eighth.
"""

import io
import json
import os
import random
import subprocess
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.parts import read_rows
from pipelines.stage import read_manifest
from pipelines.status import current_ledger
from pipelines.verify import verify
from schemas.reasons import Reason
from schemas.records import ImageRow, OutcomeRow, PageRow

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("HARUBANG_DATA") or ROOT.parent / "shared" / "data")
MUTANTS = int(os.environ.get("HARUBANG_MUTANTS", "150"))
EVERY = 1 if MUTANTS >= 10_000 else 15  # of the files at DATA
HOSTS = [f"h{number}.hostile.test" for number in range(8)]
ON_A_PAGE = 30

OF_IMAGES = {
    Reason.IMAGE_FORMAT_REFUSED,
    Reason.IMAGE_TOO_MANY_PIXELS,
    Reason.IMAGE_UNDECODABLE,
    Reason.HTTP_STATUS,  # a damaged page points to what is not there
    Reason.ROBOTS_UNREACHABLE,  # or to a site that speaks TLS, which this one does not
}
OF_PAGES = {"", Reason.PAGE_UNDECODABLE, Reason.PAGE_OPTED_OUT, Reason.PAGE_IDENTIFIER, Reason.BODY_INVALID}


def picture(seed, kind="JPEG"):
    rough = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(rough).resize((240, 180), Image.Resampling.BICUBIC).save(out, kind)
    return out.getvalue()


def mutated(data, generator):
    mutant = bytearray(data)
    for _ in range(generator.randint(1, 12)):
        position = generator.randrange(min(len(mutant), generator.choice((64, 1024, len(mutant)))))
        if generator.random() < 0.5:
            mutant[position] ^= 1 << generator.randrange(8)
        else:
            mutant[position] = generator.randrange(256)
    if generator.random() < 0.2:
        del mutant[generator.randrange(len(mutant)) :]
    return bytes(mutant)


def hostile_images(generator):
    """Yield the files at DATA that are there, then mutants of good images, in one order."""
    for path in sorted((DATA / "hostile_images").rglob("*"))[::EVERY]:
        if path.is_file():
            yield path.read_bytes()
    good = [picture(1_000_000 + n, kind) for n, kind in enumerate(("JPEG", "PNG", "WEBP", "GIF"))]
    real = [path for path in sorted((DATA / "sites").rglob("*.*")) if path.suffix in (".jpg", ".png", ".gif")]
    good += [path.read_bytes() for path in real[::25] if path.stat().st_size < 60_000]
    for number in range(MUTANTS):
        yield mutated(good[number % len(good)], generator)


def html_page(shown, title):
    figures = "".join(
        f"<figure><img src='{name}' alt='{title}의 사진'>"
        f"<figcaption>제주 바닷가 {title}에서 만난 돌담과 오름 풍경 {name[1:-4]}</figcaption></figure>"
        for name in shown
    )
    return f"<html><head><meta charset={{}}><title>{title}</title></head><body><h1>{title}</h1>{figures}</body></html>"


def hostile_pages(generator):
    """Yield (content type, body) of the files at DATA, then of mutants of a Korean page in several encodings."""
    for number, path in enumerate(sorted((DATA / "hostile_html").rglob("*"))[::EVERY]):
        if path.is_file():
            yield ("text/html; charset=utf-8", "text/html", "text/html; charset=euc-kr")[number % 3], path.read_bytes()
    charsets = ("utf-8", "euc-kr", "cp949", "utf-16", "johab", "iso-2022-kr")
    for number in range(max(MUTANTS // 8, 2 * len(charsets))):
        charset = charsets[number % len(charsets)]
        page = html_page([f"/of-{number}-{place}.jpg" for place in range(2)], f"마을 {number}").format(charset)
        kind = "text/html" if number % 2 else f"text/html; charset={charset}"
        yield kind, mutated(page.encode(charset), generator)


def web():
    """Return what is served, by host and path, and the URLs of the good images and of the hostile ones."""
    generator = random.Random(20260101)
    routes, good, hostile, pages = {}, [], [], []
    bodies = list(hostile_images(generator))
    for number in range(0, len(bodies), ON_A_PAGE - 1):
        host = HOSTS[len(pages) % len(HOSTS)]
        shown = [f"/x{n}.jpg" for n in range(number, min(number + ON_A_PAGE - 1, len(bodies)))]
        hostile += [f"http://{host}{name}" for name in shown]
        routes |= {f"{host}{name}": ("image/jpeg", bodies[int(name[2:-4])]) for name in shown}
        shown.insert(generator.randrange(len(shown) + 1), f"/good{number}.jpg")
        good.append(f"http://{host}/good{number}.jpg")
        routes[f"{host}/good{number}.jpg"] = "image/jpeg", picture(number)
        body = html_page(shown, f"{len(pages)}번 마을").format("utf-8").encode()
        pages.append(f"http://{host}/p{number}")
        routes[f"{host}/p{number}"] = "text/html", body
    for number, page in enumerate(hostile_pages(generator)):
        host = HOSTS[number % len(HOSTS)]
        pages.append(f"http://{host}/hostile{number}")
        routes[f"{host}/hostile{number}"] = page
    links = "".join(f"<a href='{page}'>{page[-5:]}</a>" for page in pages)
    routes[f"{HOSTS[0]}/"] = "text/html", f"<html><body>{links}</body></html>".encode()
    return routes, good, hostile, pages


@pytest.fixture(scope="module")
def served():
    routes, good, hostile, pages = web()
    asked = Counter()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            name = self.headers["Host"].partition(":")[0] + self.path
            asked[name] += 1
            kind, body = routes.get(name, ("text/plain", b""))
            self.send_response(200 if name in routes else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *arguments: None
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}", asked, good, hostile, pages
    server.shutdown()
    server.server_close()
    thread.join()


def in_session(session):
    """Return the processes of a session that live."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


def rows_of(out, stage, table, record):
    folder = json.loads((out / "run.json").read_bytes())["folders"][stage]
    manifest = read_manifest(str(out / "stages" / folder / "manifest.json"))
    return [
        row for part in manifest.table(table) for row in read_rows(str(out / "stages" / folder / part.path), record)
    ]


def test_a_hostile_web_costs_what_is_hostile_only(served, tmp_path):
    address, asked, good, hostile, pages = served
    workflow, out = tmp_path / "hostile.yaml", tmp_path / "out"
    settings = {
        "name": "hostile",
        "sources": {
            "crawl": {"seeds": [f"http://{HOSTS[0]}/"], "scope": ["http://*.hostile.test/"], "depth": 1},
        },
        "network": {
            "allow_loopback": True,
            "connect_to": {"*": address},
            "delay_seconds": 0,
            "backoff_seconds": 0.01,
            "max_tries": 1,
            "consent_files": [],
        },
        "screen": {"filters": []},
        "fetch": {"processes": 2},
        "select": {"filters": []},
    }
    workflow.write_text(json.dumps(settings))
    arguments = [sys.executable, "-m", "pipelines", "run", str(workflow), "--out", str(out)]
    with subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.PIPE, start_new_session=True) as run:
        said = run.communicate(timeout=120 + MUTANTS / 10)[1].decode()
    assert run.returncode == 0, said[-3000:]
    assert in_session(run.pid) == []

    crawled = {row.page_url: row for row in rows_of(out, "crawl", "pages", PageRow)}
    assert set(pages) <= crawled.keys()
    assert {row.reason for row in crawled.values()} <= OF_PAGES
    images = rows_of(out, "fetch", "images", ImageRow)
    by_url = {row.image_url: row for row in images}
    assert len(by_url) == len(images)
    assert {url for url in (*good, *hostile) if url not in by_url} == set()
    assert {url: row.detail for url, row in by_url.items() if row.reason and row.reason not in OF_IMAGES} == {}
    assert {url: by_url[url].reason for url in good if by_url[url].reason} == {}
    assert {url: asked[url.removeprefix("http://")] for url in good + hostile if asked[url[7:]] != 1} == {}

    outcomes = rows_of(out, "select", "outcomes", OutcomeRow)
    ends = Counter(row.reason for row in outcomes)
    assert not {Reason.RECORD_RAISED, Reason.UNKNOWN, Reason.SOURCE_UNREADABLE} & ends.keys()
    assert {row.image_url for row in outcomes if row.outcome == "keep"} >= set(good)
    assert ends[Reason.IMAGE_UNDECODABLE] > MUTANTS // 10
    assert current_ledger(str(out)).balanced
    assert verify(str(out)).ok
    sys.stdout.write(f"{len(crawled)} pages, {len(images)} images: {dict(ends)}\n")
