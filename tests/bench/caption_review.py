"""Print the kept pairs of a run for a reader, and draw them on contact sheets; or a draw of what was dropped.

    python tests/bench/caption_review.py RUN [--dropped N] [--sheets FOLDER --font FONT]

RUN is the output folder of ``harubang run``. A line is: number, caption, kind, page, image (of what was dropped, the
reason and the raw texts too). Pairs are in the order of their keys, which are hashes: the first N are a fair draw.
``--dropped`` shows, in place of kept pairs, N candidates dropped for their caption though a text of theirs has Hangul,
in equal parts for each reason. ``--sheets`` writes PNGs of 24 numbered pairs, drawn with a font file that has Hangul.
Then count: a pair is good where the caption is clean and about the image.
"""

from __future__ import annotations

import argparse
import io
import re
import textwrap
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice, zip_longest
from pathlib import Path
from typing import NamedTuple

import msgspec
import pyarrow.parquet as pq
from PIL import Image, ImageDraw, ImageFont

from pipelines.parts import read_rows
from pipelines.run import recorded_run
from pipelines.status import committed_at
from schemas.reasons import Reason, Stage
from schemas.records import ScreenedRow

COLUMNS, ROWS, WIDTH, PICTURE, TEXT = 4, 6, 400, 220, 80
HANGUL = re.compile("[가-힣]{2}")
WITHHELD = frozenset({Reason.CAPTION_IDENTIFIER, Reason.CAPTION_SPAM, Reason.CAPTION_ABUSE})


class Pair(NamedTuple):
    """One kept pair."""

    caption: str
    kind: str
    page: str
    image: str
    data: bytes


def kept(run: Path) -> Iterator[Pair]:
    """Yield the kept pairs in the order of their keys."""
    for path in sorted((run / "dataset" / "parquet").glob("*.parquet")):
        for row in pq.read_table(path).to_pylist():
            said = msgspec.json.decode(row["metadata"])
            yield Pair(row["caption"], said["caption_kind"], row["page_url"], row["url"], row["image"]["bytes"])


def dropped(run: Path) -> Iterator[ScreenedRow]:
    """Yield candidates that were dropped for their caption and have a text with Hangul, the reasons taking turns."""
    by_reason: dict[str, list[ScreenedRow]] = defaultdict(list)
    folder = recorded_run(str(run)).folders[Stage.SCREEN]
    for path in committed_at(str(run), folder).paths("screened"):
        for row in read_rows(path, ScreenedRow):
            texts = [text.text for text in row.captions if text.kind not in ("file_name", "heading", "og_title")]
            if row.reason.startswith("caption_") and row.reason not in WITHHELD and HANGUL.search(" ".join(texts)):
                by_reason[row.reason].append(row)
    for rows in by_reason.values():
        rows.sort(key=lambda row: row.candidate_id)
    for turn in zip_longest(*(by_reason[reason] for reason in sorted(by_reason))):
        yield from (row for row in turn if row is not None)


def sheet(pairs: Sequence[tuple[int, Pair]], font: ImageFont.FreeTypeFont) -> Image.Image:
    """Return one contact sheet of numbered pairs."""
    canvas = Image.new("RGB", (COLUMNS * WIDTH, ROWS * (PICTURE + TEXT)), "white")
    draw = ImageDraw.Draw(canvas)
    for place, (number, pair) in enumerate(pairs):
        left, top = place % COLUMNS * WIDTH, place // COLUMNS * (PICTURE + TEXT)
        picture = Image.open(io.BytesIO(pair.data)).convert("RGB")
        picture.thumbnail((WIDTH - 12, PICTURE - 8))
        canvas.paste(picture, (left + 6, top + 4))
        words = textwrap.wrap(f"{number}. [{pair.kind}] {pair.caption}", 27)[:4]
        draw.multiline_text((left + 6, top + PICTURE), "\n".join(words), fill="black", font=font)
        draw.rectangle((left, top, left + WIDTH - 1, top + PICTURE + TEXT - 1), outline="grey")
    return canvas


def main() -> None:
    """Print the table; write the sheets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="?", type=Path)
    parser.add_argument("--dropped", type=int, metavar="N")
    parser.add_argument("--sheets", type=Path, metavar="FOLDER")
    parser.add_argument("--font", type=Path, help="a font file with Hangul")
    options = parser.parse_args()
    if options.run is None:
        print("no run to review: give the output folder of one")
        return
    if options.dropped is not None:
        for number, row in enumerate(islice(dropped(options.run), options.dropped), 1):
            texts = " / ".join(f"{text.kind}: {text.text[:120]}" for text in row.captions)
            print(number, row.reason, row.caption[:120], row.why, row.page_url, row.image_url, texts, sep="\t")
        return
    pairs = list(enumerate(kept(options.run), 1))
    for number, pair in pairs:
        print(number, pair.caption, pair.kind, pair.page, pair.image, sep="\t")
    if options.sheets is not None:
        if options.font is None:
            parser.error("--sheets needs --font: a font file with Hangul")
        options.sheets.mkdir(parents=True, exist_ok=True)
        font = ImageFont.truetype(str(options.font), 15)
        for start in range(0, len(pairs), COLUMNS * ROWS):
            path = options.sheets / f"{start // (COLUMNS * ROWS) + 1:03}.png"
            sheet(pairs[start : start + COLUMNS * ROWS], font).save(path)


if __name__ == "__main__":
    main()
