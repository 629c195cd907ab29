"""CPU time per image of the image path against the bare codec loop and against img2dataset's own steps.

    python tests/bench/image_path.py [IMAGES]

Every way sees each chunk of the same seeded, web-like JPEGs (long side 250 to 2,400 px) in turn; read the ratios, not
the milliseconds. "pool" counts parent and children, without their start. Below, what our path spends step by step, the
fastest of three turns at each image. All runs with the memory settings of a decoder process.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
import time
from pathlib import Path

from pipelines import decoder

SURROUNDINGS = decoder._SINGLE_THREADED | decoder._KEEPS_MEMORY  # read by libraries as they start
if __name__ == "__main__" and not SURROUNDINGS.items() <= os.environ.items():
    os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | SURROUNDINGS)

import cv2  # noqa: E402
import msgspec  # noqa: E402
import numpy as np  # noqa: E402
import simplejpeg  # noqa: E402

from filters.content_credentials import training_consent  # noqa: E402
from filters.image import measure  # noqa: E402
from filters.jpeg import read_header, strip_metadata  # noqa: E402
from filters.perceptual import perceptual_hashes, trimmed_hashes  # noqa: E402
from pipelines import pixels as path  # noqa: E402
from pipelines.decoder import DecoderPool, ImageSettings  # noqa: E402
from pipelines.pixels import process  # noqa: E402

SETTINGS = ImageSettings(processes=2)
CHUNK = 25
QUALITY = [cv2.IMWRITE_JPEG_QUALITY, SETTINGS.quality]


def web_images(count: int) -> list[bytes]:
    """Draw pictures with a natural spectrum (noise of every octave) in web-like sizes."""
    generator = np.random.default_rng(20260101)
    images = []
    for _ in range(count):
        long = int(np.clip(np.exp(generator.normal(np.log(735), 0.45)), 250, 2400))
        short = int(long * generator.uniform(0.5, 1.0))
        picture = np.full((short, long, 3), 128, np.float32)
        for octave in range(1, 9):
            side = 2**octave
            noise = generator.normal(0, 60 / octave, (max(2, side * short // long), side, 3)).astype(np.float32)
            picture += cv2.resize(noise, (long, short), interpolation=cv2.INTER_CUBIC)
        pixels = np.clip(picture, 0, 255).astype(np.uint8)
        images.append(simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), 85, "RGB", "420"))
    return images


def target_size(width: int, height: int) -> tuple[int, int]:
    scale = SETTINGS.max_side / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def bare(data: bytes) -> bytes:
    """Decode, resize, encode: the floor."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    height, width = pixels.shape[:2]
    if max(height, width) > SETTINGS.max_side:
        pixels = cv2.resize(pixels, target_size(width, height), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", pixels, QUALITY)[1].tobytes()


def img2dataset_like(data: bytes) -> bytes:
    """What img2dataset does between download and write at its defaults: sha256, EXIF read apart, decode, encode."""
    hashlib.sha256(data).hexdigest()
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    height, width = pixels.shape[:2]
    if max(height, width) > SETTINGS.max_side:
        pixels = cv2.resize(pixels, target_size(width, height), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", pixels, QUALITY)[1].tobytes()


def steps(data: bytes) -> dict[str, float]:
    """Return the CPU seconds of every step that `process` takes."""
    took = {}

    def timed(name, step, *given):
        start = time.process_time()
        result = step(*given)
        took[name] = took.get(name, 0.0) + time.process_time() - start
        return result

    timed("sha256, of both", hashlib.sha256, data)
    timed("content credentials", training_consent, data, "JPEG")
    header = timed("header", read_header, data)
    jpeg = timed("strip", strip_metadata, data, header)
    pixels = timed("decode", path._decode_jpeg, jpeg, header, SETTINGS).pixels
    height, width = pixels.shape[:2]
    pixels = timed("resize", path.resized, pixels, SETTINGS.max_side)
    if max(height, width) > SETTINGS.max_side:
        jpeg = timed("encode", path.encode, pixels, SETTINGS.quality)
    luma = timed("luma", cv2.cvtColor, pixels, cv2.COLOR_RGB2GRAY)
    timed("hashes", perceptual_hashes, luma)
    timed("hashes without margins", trimmed_hashes, luma)
    timed("sha256, of both", hashlib.sha256, jpeg)
    timed("scores", lambda: measure(pixels, luma, raw_bytes=len(data), original=(width, height)))
    timed("answer", msgspec.msgpack.encode, process(data, SETTINGS))
    return took


def loop_seconds(way, images: list[bytes]) -> float:
    start = time.process_time()
    for data in images:
        way(data)
    return time.process_time() - start


def used_seconds() -> float:
    """Return the CPU seconds of this process and its living children."""
    ticks = 0
    for child in Path("/proc/self/task").glob("*/children"):
        for pid in child.read_text().split():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


async def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    cv2.setNumThreads(1)
    images = web_images(count)
    floor, pooled = "bare loop (cv2)", "our path, through the pool"
    ways = {
        floor: bare,
        "img2dataset's steps (cv2)": img2dataset_like,
        "our path, in process": lambda data: process(data, SETTINGS),
    }
    spent = dict.fromkeys([*ways, pooled], 0.0)
    async with DecoderPool(SETTINGS) as pool:
        for start in range(0, count, CHUNK):
            chunk = images[start : start + CHUNK]
            for name, way in ways.items():
                spent[name] += loop_seconds(way, chunk)
            before = used_seconds()
            answers = await asyncio.gather(*(pool.decode(data) for data in chunk))
            spent[pooled] += used_seconds() - before
            assert not any(answer.reason for answer in answers)
    print(f"{count} JPEGs, mean {sum(map(len, images)) / count / 1000:.0f} kB, to at most {SETTINGS.max_side} px")
    print(f"{'way':30s} {'CPU ms/image':>13s} {'speed / bare loop':>18s}")
    for name, seconds in spent.items():
        print(f"{name:30s} {seconds / count * 1000:13.2f} {spent[floor] / seconds:18.2f}")
    least: dict[str, float] = {}
    for data in images:
        turns = [steps(data) for _ in range(3)]
        for name in turns[0]:
            least[name] = least.get(name, 0.0) + min(turn[name] for turn in turns)
    for name, seconds in least.items():
        print(f"  {name:28s} {seconds / count * 1000:13.3f}")


if __name__ == "__main__":
    asyncio.run(main())
