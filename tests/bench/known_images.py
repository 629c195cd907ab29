"""What it costs to recognise an image by its bytes, against decoding it: CPU time, ratios taken in one run.

    python tests/bench/known_images.py [IMAGES] [ROWS]

IMAGES seeded, web-like JPEGs (default 300) are stored as a fetch stage stores them, then decoded and recalled in turn.
ROWS made-up images (default 1,000,000, in parts of 1,000) are indexed as a later fetch stage does it, by one process.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import storage
from pipelines.decoder import DecoderPool
from pipelines.exchange import Slice
from pipelines.image_row import in_lanes, stage_row
from pipelines.known_images import EarlierParts, ImageDecoder, KnownFiles, KnownImages, SpreadKnown, WriteKnown
from pipelines.parts import AttemptPlace, Part
from pipelines.staging import Staging
from pipelines.web_client import Fetched
from schemas.identity import canonical_json
from schemas.reasons import NO_REASON
from tests.bench.image_path import CHUNK, SETTINGS, used_seconds, web_images

PART_ROWS = 1_000
PIECE_PARTS = 200


def indexed(folder: str, stage: str, images: list[Part], tars: list[Part]) -> tuple[KnownFiles, float, float]:
    """Index the parts of a stage; return the files, and the CPU seconds of reading the rows and of writing the file."""
    place = AttemptPlace(folder, "known")
    listing = storage.join(place.path, "known.json")
    named = [[storage.join(stage, part.path), part.size] for part in tars]
    storage.write_bytes(listing, canonical_json(named).encode())
    spread, start = SpreadKnown(place, listing, 0), time.process_time()
    slices: list[Slice] = []
    for first in range(0, len(images), PIECE_PARTS):
        paths = [storage.join(stage, part.path) for part in images[first : first + PIECE_PARTS]]
        slices += [piece for _, piece in spread.process(EarlierParts(stage, paths))]
    read = time.process_time()
    (done,) = WriteKnown(place).process((0, slices))
    wrote = time.process_time()
    return KnownFiles(listing, (storage.join(folder, done.parts[0].path),)), read - start, wrote - read


async def decoded_and_recalled(images: list[bytes], folder: str) -> None:
    """Print the CPU time of an image on both ways through the decoder."""
    urls = [f"http://a.kr/{number:06d}.jpg" for number in range(len(images))]
    async with DecoderPool(SETTINGS) as pool:
        with Staging(AttemptPlace(folder, "attempt"), 0, urls) as staging:
            for url, data in zip(urls, images, strict=True):
                found = Fetched(url, url, "", "", 200, (), data, NO_REASON, "", (), ())
                await stage_row(found, await pool.decode(data), staging)
            await staging.save()
            (done,) = staging.done()
        tables = [[part for part in done.parts if part.table == name] for name in ("images", "staging")]
        known, _, _ = indexed(folder, folder, *tables)
        facts = sum(part.size for part in tables[1]) / len(images)
        ways = {"decoded": ImageDecoder(pool, None), "recalled": ImageDecoder(pool, KnownImages(known))}
        spent = dict.fromkeys(ways, 0.0)
        for first in range(0, len(images), CHUNK):
            for name, decoder in ways.items():
                start = used_seconds()
                await in_lanes(images[first : first + CHUNK], decoder.decode)
                spent[name] += used_seconds() - start
        assert ways["recalled"].recalled == len(images)
    print(f"{len(images)} images of {sum(map(len, images)) / len(images) / 1e3:.0f} kB, stored as {facts / 1e3:.0f} kB")
    for name, seconds in spent.items():
        print(f"{name:10} {seconds / len(images) * 1e3:6.2f} ms of CPU  {seconds / spent['decoded']:6.1%}")


def made_up(rows: int, folder: str) -> list[Part]:
    """Write the columns that are read of ``rows`` rows of images, in parts; every digest is of its number."""
    parts = []
    for first in range(0, rows, PART_ROWS):
        digests = [number.to_bytes(8, "big").hex() * 4 for number in keys(first, first + PART_ROWS)]
        columns = {
            "outcome": ["keep"] * PART_ROWS,
            "raw_sha256": digests,
            "staging": [f"{first}.tar"] * PART_ROWS,
            "staging_offset": np.arange(PART_ROWS) * 51_200,
            "staging_length": np.full(PART_ROWS, 50_000),
        }
        path = f"images-{first}.parquet"
        pq.write_table(pa.table(columns), Path(folder, path), compression="zstd")
        parts.append(Part("images", first, path, 0, "", PART_ROWS))
    return parts


def keys(first: int, last: int) -> list[int]:
    """Return numbers that are spread as digests are."""
    return [int(key) for key in np.arange(first, last, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)]


def microseconds(way: Callable[[bytes], object], digests: list[bytes]) -> float:
    """Return the CPU time of one call."""
    start = time.process_time()
    for digest in digests:
        way(digest)
    return (time.process_time() - start) / len(digests) * 1e6


def looked_up(rows: int, folder: str) -> None:
    """Print what the index of many images takes, and a look-up in it."""
    images = made_up(rows, folder)
    tars = [Part("staging", part.partition, f"{part.partition}.tar", 1 << 26, "", 0) for part in images]
    known, read, wrote = indexed(folder, folder, images, tars)
    size = Path(known.files[0]).stat().st_size
    there = KnownImages(known)
    there.find(bytes(32))
    order = np.random.default_rng(1).permutation(rows)[:100_000]
    all_keys = keys(0, rows)
    hits = [all_keys[number].to_bytes(8, "big") * 4 for number in order]
    misses = [digest[:-1] + bytes([digest[-1] ^ 1]) for digest in (bytes(reversed(digest)) for digest in hits)]
    assert all(there.find(digest) for digest in hits[:1_000])
    print(f"{rows} rows: {size / rows:.1f} bytes an image on disk, {size * 1e8 / rows / 1e9:.1f} GB for 100 million")
    print(f"made with {read / rows * 1e6:.2f} us of CPU an image to read the rows, {wrote / rows * 1e6:.2f} to write")
    found, missed = (microseconds(there.find, digests) for digests in (hits, misses))
    print(f"looked up in {found:.1f} us of CPU where it is there, {missed:.1f} where not")


def main() -> None:
    """Print both tables."""
    images = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    rows = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(decoded_and_recalled(web_images(images), folder))
    with tempfile.TemporaryDirectory() as folder:
        looked_up(rows, folder)


if __name__ == "__main__":
    main()
