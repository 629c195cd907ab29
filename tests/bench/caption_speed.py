"""Captions a second per core: the engine against Kiwi called on each caption alone, in the same run.

    python tests/bench/caption_speed.py [DATA] [--repeat 3] [--rounds 3]

The web mix is every caption candidate, of every kind, that a crawl of ``DATA/sites`` harvests, non-Korean ones
included; a caption counts as done when its image is decided. The process stays on one core, the two sides take turns,
and the best round of each counts, since other programs only ever add time. The engine forgets everything before each
round. What was loaded is kept from the garbage collector for both sides, as the screen stage does.
"""

from __future__ import annotations

import argparse
import gc
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
DATA = Path(os.environ.get("HARUBANG_DATA", Path(__file__).parents[3] / "shared" / "data"))


def web_mix(data: Path) -> list[CaptionInput]:
    """Return every image of every page of the sites with its caption candidates, in order."""
    images = []
    for path in sorted((data / "sites").glob("*/site/**/*.htm*")):
        page = decode_page(path.read_bytes(), "text/html")
        if page is not None:
            url = f"http://{path.parts[-3]}.kr/{path.name}"
            found = harvest(page.text, url)
            images += [CaptionInput(image.captions, found.title, url, image.url) for image in found.images]
    return images


def lines(texts: Sequence[str]) -> list[CaptionInput]:
    """Return each text as the only caption of an image."""
    return [CaptionInput((CaptionCandidate("alt", text, "/"),)) for text in texts]


def engine(images: Sequence[CaptionInput]) -> None:
    """Judge every image in batches, remembering nothing from an earlier round."""
    forget()
    for start in range(0, len(images), BATCH):
        judge(images[start : start + BATCH])


def seconds(work: Callable[[], object]) -> float:
    """Return the CPU seconds of one call."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def main() -> None:
    """Print one line a mix."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", nargs="?", type=Path, default=DATA)
    parser.add_argument("--repeat", type=int, default=3, help="how often a mix is repeated")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    images = web_mix(options.data)
    if not images:
        parser.error(f"no pages under {options.data}/sites: name the folder that holds sites/")
    texts = [caption.text for image in images for caption in image.captions]
    distinct = list(dict.fromkeys(texts))
    korean = [text for text in distinct if HANGUL.search(text)]
    standing = [text for text in texts if HANGUL.search(text)]
    kiwi = Kiwi(num_workers=1)
    list(map(kiwi.analyze, korean[:200]))
    gc.collect()
    gc.freeze()
    print(f"{'':40}{'captions':>10}{'Kiwi alone/s':>14}{'engine/s':>12}{'ratio':>8}")
    for name, mix, alone in (
        ("web mix by image", images, texts),
        (f"web mix by image, {options.repeat} times", images * options.repeat, texts * options.repeat),
        ("web mix, each distinct text alone", lines(distinct), distinct),
        ("Korean captions as they stand", lines(standing), standing),
        ("Korean captions, each distinct text alone", lines(korean), korean),
        (f"Korean captions, {options.repeat} times", lines(korean) * options.repeat, korean * options.repeat),
    ):
        best_alone = best_engine = float("inf")
        for _ in range(options.rounds):
            best_alone = min(best_alone, seconds(lambda alone=alone: [kiwi.analyze(text) for text in alone]))
            best_engine = min(best_engine, seconds(lambda mix=mix: engine(mix)))
        rate, ours = len(alone) / best_alone, len(alone) / best_engine
        print(f"{name:40}{len(alone):>10,}{rate:>14,.0f}{ours:>12,.0f}{ours / rate:>8.2f}", flush=True)


if __name__ == "__main__":
    main()
