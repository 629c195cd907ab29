"""Captions a second per core: the engine against Kiwi called on each caption alone, in the same run.

    python tests/bench/caption_speed.py [DATA] [--repeat 5]

The web mix is every caption candidate, of every kind, that a crawl of ``DATA/sites`` harvests, non-Korean ones
included. Three shapes of it: as it stands, each text once, and the Korean texts once. The process stays on one core;
the two sides take turns and the best round of each counts, since other programs only ever add time.
"""

from __future__ import annotations

import argparse
import os
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from kiwipiepy import Kiwi

from filters.caption_engine import CaptionInput, forget, judge
from filters.charset import decode_page
from filters.harvest import harvest
from schemas.records import CaptionCandidate

HANGUL = re.compile("[가-힣].*[가-힣]", re.DOTALL)
BATCH = 2_000


def web_mix(data: Path) -> list[str]:
    """Return the text of every caption candidate of every page of the sites, in order."""
    texts = []
    for path in sorted((data / "sites").glob("*/site/**/*.htm*")):
        page = decode_page(path.read_bytes(), "text/html")
        if page is not None:
            for image in harvest(page.text, f"http://example.kr/{path.name}").images:
                texts += [caption.text for caption in image.captions]
    return texts


def engine(texts: Sequence[str]) -> None:
    """Judge every text in batches, remembering nothing from an earlier round."""
    forget()
    for start in range(0, len(texts), BATCH):
        judge([CaptionInput((CaptionCandidate("alt", text, "/"),)) for text in texts[start : start + BATCH]])


def seconds(work: Callable[[], object]) -> float:
    """Return the CPU seconds of one call."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def main() -> None:
    """Print one line a mix."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", nargs="?", type=Path, default=Path(__file__).parents[3] / "shared" / "data")
    parser.add_argument("--repeat", type=int, default=3, help="how often the web mix is repeated")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    mix = web_mix(options.data)
    distinct = list(dict.fromkeys(mix))
    korean = [text for text in distinct if HANGUL.search(text)]
    kiwi = Kiwi(num_workers=1)
    print(f"{'':28}{'captions':>10}{'Kiwi alone/s':>14}{'engine/s':>12}{'ratio':>8}")
    for name, texts in (
        (f"web mix, repeated {options.repeat} times", mix * options.repeat),
        ("web mix as it stands", mix),
        ("web mix, each text once", distinct),
        ("Korean captions, each once", korean),
        (f"Korean, repeated {options.repeat} times", korean * options.repeat),
    ):
        best_alone = best_engine = float("inf")
        for _ in range(options.rounds):
            best_alone = min(best_alone, seconds(lambda texts=texts: [kiwi.analyze(text) for text in texts]))
            best_engine = min(best_engine, seconds(lambda texts=texts: engine(texts)))
        alone, ours = len(texts) / best_alone, len(texts) / best_engine
        print(f"{name:28}{len(texts):>10,}{alone:>14,.0f}{ours:>12,.0f}{ours / alone:>8.2f}")


if __name__ == "__main__":
    main()
