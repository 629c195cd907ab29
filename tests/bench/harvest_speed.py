"""How fast pages are read: parsing alone, parsing with harvest, and the test for Hangul. Prints a table of ratios.

python tests/bench/harvest_speed.py [FOLDER OF HTML FILES]
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from resiliparse.parse.html import HTMLTree

from filters.charset import decode_page, has_hangul
from filters.harvest import harvest

DATA = Path(os.environ.get("HARUBANG_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
ROUNDS = 5
Item = TypeVar("Item")


def seconds(work: Callable[[Item], object], items: list[Item]) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        for item in items:
            work(item)
        best = min(best, time.process_time() - start)
    return best


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DATA / "sites"
    bodies = [path.read_bytes() for path in sorted(folder.rglob("*.htm*"))]
    texts = [page.text for page in (decode_page(body, "") for body in bodies) if page is not None]
    url = "http://site.kr/a/page.html"
    parse = seconds(HTMLTree.parse, texts)
    rows = {
        "parse": parse,
        "parse and write out": seconds(lambda text: HTMLTree.parse(text).document.html, texts),
        "harvest, images only": seconds(lambda text: harvest(text, url, with_links=False), texts),
        "harvest": seconds(lambda text: harvest(text, url), texts),
    }
    print(f"{len(texts)} pages, {sum(map(len, texts)) / len(texts):,.0f} characters each")
    for name, spent in rows.items():
        print(f"{name:24} {len(texts) / spent:8,.0f} pages/s  {parse / spent:6.1%} of parse alone")
    plain = [re.sub(rb"[\x80-\xff]+|&#\w+;", b"word", body) for body in bodies]
    for name, pages in (("has_hangul, Korean", bodies), ("has_hangul, none", plain)):
        print(f"{name:24} {sum(map(len, pages)) / seconds(has_hangul, pages) / 1e9:8.2f} GB/s")
    print(f"{'decode_page':24} {sum(map(len, bodies)) / seconds(lambda b: decode_page(b, ''), bodies) / 1e9:8.2f} GB/s")


if __name__ == "__main__":
    main()
