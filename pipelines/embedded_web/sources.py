"""Source files that belong to the web: small WARC archives, good and broken, and tables of links. Light to import."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import NamedTuple

from pipelines.embedded_web import markup
from pipelines.embedded_web.markup import Shot
from pipelines.embedded_web.web import url
from pipelines.warc import WarcWriter

CAPTURED_AT = "2021-03-01T00:00:00Z"
"""The date of every record, so that the files are the same whenever they are written."""

SOURCE_PICTURES: tuple[tuple[str, str], ...] = (
    ("/2021/hanok.jpg", "hanok"),
    ("/2022/jangdokdae.jpg", "jangdokdae"),
    ("/table/gimbap.jpg", "gimbap"),
    ("/table/songpyeon.jpg", "songpyeon"),
)
"""Path on the host ``archive`` and kind of each picture that these files name."""


_CUT_BYTES = 60
"""Bytes that the cut archive lacks: enough to end inside the page, too few to reach its record's head."""


class SourceFiles(NamedTuple):
    """Paths of the files: WARC archives and link tables (columns url, caption, page)."""

    warc: tuple[Path, ...]
    tables: tuple[Path, ...]


def write_sources(folder: Path) -> SourceFiles:
    """Write the files into ``folder``, which is made if need be. The bytes are the same every time.

    Raises:
        OSError: they cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    good = _archive(
        _page("/2021/", "전주 한옥마을에 다녀와서", "hanok.jpg", "전주 한옥마을 골목에서 바라본 기와지붕과 높은 처마"),
        (url("archive", "/broken/"), None),
    )
    first = _archive(_page("/2022/", "종가의 장독대", "jangdokdae.jpg", "눈을 맞은 종가 뒤뜰 장독대의 항아리들"))
    last = _archive(_page("/2023/", "끝을 맺지 못한 글", "lost.jpg", "끝내 읽히지 못한 사진의 설명"))
    files = {
        "good.warc.gz": good,
        "cut.warc.gz": first + last[:-_CUT_BYTES],
        "garbage.warc.gz": b"\x1f\x8b\x08\x00" + bytes(range(256)) * 8,
        "links.csv": _csv().encode(),
        "links.jsonl": _jsonl().encode(),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    paths = [folder / name for name in files]
    return SourceFiles(tuple(p for p in paths if ".warc" in p.name), tuple(p for p in paths if ".warc" not in p.name))


def _page(path: str, title: str, image: str, caption: str) -> tuple[str, bytes]:
    body = markup.figcaption(Shot(image, "", caption))
    return url("archive", path), markup.page(title, f"<h1>{title}</h1>{body}")


def _archive(*pages: tuple[str, bytes | None]) -> bytes:
    """Return a WARC of ``pages``; one without a body becomes a record whose block is no HTTP message."""
    out = io.BytesIO()
    writer = WarcWriter(out)
    for page_url, body in pages:
        if body is None:
            _add_headless(out, page_url)
            continue
        headers = [("Content-Type", "text/html; charset=utf-8")]
        writer.add(url=page_url, fetched_at=CAPTURED_AT, address="", status=200, headers=headers, body=body)
    return out.getvalue()


def _add_headless(out: io.BytesIO, page_url: str) -> None:
    block = "머리글이 사라진 기록입니다.\r\n\r\n".encode()
    head = (
        "WARC/1.1\r\nWARC-Type: response\r\n"
        f"WARC-Target-URI: {page_url}\r\nWARC-Date: {CAPTURED_AT}\r\n"
        "WARC-Record-ID: <urn:uuid:00000000-0000-4000-8000-000000000001>\r\n"
        f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(block)}\r\n\r\n"
    )
    out.write(gzip.compress(head.encode() + block + b"\r\n\r\n", 6, mtime=0))


def _rows() -> list[tuple[str, str]]:
    gimbap = (url("archive", "/table/gimbap.jpg"), "소풍날 아침에 싼 김밥을 접시에 가지런히 담았다.")
    return [
        gimbap,
        gimbap,
        ("", "주소가 빠진 줄에 남은 설명"),
        ("ftp://ftp.harubang.test/table.jpg", "내려받을 수 없는 주소의 사진"),
    ]


def _csv() -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("url", "caption", "page"))
    writer.writerows((*row, "") for row in _rows())
    return out.getvalue()


def _jsonl() -> str:
    row = {"url": url("archive", "/table/songpyeon.jpg"), "caption": "솔잎을 깔고 쪄 낸 송편이 소반에 놓여 있다."}
    return json.dumps(row, ensure_ascii=False) + "\n"
