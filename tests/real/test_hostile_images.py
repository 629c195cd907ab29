"""Images that nobody in this project made: malformed, oversized, mutated, and plain good ones."""

import asyncio
import csv
import io
import os
import random
from collections import Counter
from pathlib import Path

import cv2
import imagehash
import numpy as np
import pytest
from PIL import Image

from filters.container import sniff
from pipelines.decoder import DecoderPool, ImageSettings
from pipelines.pixels import process
from schemas.reasons import Reason

DATA = Path(os.environ.get("HARUBANG_DATA") or Path(__file__).parents[2].parent / "shared" / "data")
HOSTILE = DATA / "hostile_images"
NEAR = DATA / "near_duplicates"

pytestmark = pytest.mark.skipif(not HOSTILE.is_dir(), reason=f"the real test data is not at {DATA}")

TYPED = {Reason.IMAGE_FORMAT_REFUSED, Reason.IMAGE_TOO_MANY_PIXELS, Reason.IMAGE_UNDECODABLE}
SETTINGS = ImageSettings(processes=2)
MUTANTS = int(os.environ.get("HARUBANG_MUTANTS", "2000"))


def decode_all(images, settings=SETTINGS):
    async def work():
        async with DecoderPool(settings) as pool:
            return await asyncio.gather(*(pool.decode(data) for data in images))

    return asyncio.run(work())


def real_images():
    """Return (path, bytes) of every good image of the sites and the near-duplicate sets, in one order."""
    found = []
    for folder in (DATA / "sites", NEAR):
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".gif", ".webp"):
                data = path.read_bytes()
                if sniff(data) in SETTINGS.formats:
                    found.append((path, data))
    return found


@pytest.fixture(scope="module")
def hostile():
    with (HOSTILE / "manifest.tsv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    rows = [row for row in rows if (HOSTILE / row["path"]).is_file()]
    answers = decode_all([(HOSTILE / row["path"]).read_bytes() for row in rows])
    return list(zip(rows, answers, strict=True))


def test_every_hostile_file_is_stored_or_refused_for_a_reason_of_its_own(hostile):
    assert len(hostile) > 2_500
    assert {answer.reason for _, answer in hostile} == {"", *TYPED}
    for row, answer in hostile:
        assert bool(answer.jpeg) == (answer.reason == ""), row["path"]
        assert bool(answer.detail) == (answer.reason != ""), row["path"]
        assert len(answer.raw_sha256) == 64, row["path"]


def test_what_is_stored_is_a_plain_jpeg_that_pillow_reads(hostile):
    for row, answer in hostile:
        if answer.reason == "":
            image = Image.open(io.BytesIO(answer.jpeg))
            image.load()
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (answer.width, answer.height)), row["path"]
            assert not {"exif", "icc_profile", "xmp", "comment", "photoshop"} & set(image.info), row["path"]


def test_nothing_is_stored_that_pillow_refuses(hostile):
    # The manifest's memory and time limits are another matter than the file itself.
    stored = [row for row, answer in hostile if answer.reason == "" and row["pillow_status"] != "ok"]
    assert [row["path"] for row in stored] == []


def test_what_pillow_reads_and_we_refuse_is_explained(hostile):
    refused = [
        (row, answer)
        for row, answer in hostile
        if row["pillow_status"] == "ok" and answer.reason and answer.raw_format in SETTINGS.formats
    ]
    explained = Counter()
    for row, answer in refused:
        width, height = int(row["width"]), int(row["height"])
        if max(width, height) > SETTINGS.max_dimension or width * height > SETTINGS.max_pixels:
            assert answer.reason == Reason.IMAGE_TOO_MANY_PIXELS
            explained["over our limit of pixels"] += 1
        else:
            # libjpeg fills what it cannot read with grey and warns; Pillow does not listen.
            assert answer.raw_format == "JPEG", row["path"]
            assert answer.reason == Reason.IMAGE_UNDECODABLE, row["path"]
            explained["libjpeg warns of damage"] += 1
    assert explained["over our limit of pixels"] == 8
    assert explained["libjpeg warns of damage"] <= 22


def test_a_chroma_sampling_without_a_name_is_read(hostile):
    answers = {row["path"]: answer.reason for row, answer in hostile if ".410." in row["path"]}
    assert answers == {
        "gofuzz/jpeg/corpus/video-001.q50.410.jpeg": "",
        "gofuzz/jpeg/corpus/video-001.q50.410.progressive.jpeg": "",
    }


def test_mutants_of_good_images_abort_nothing():
    generator = random.Random(20260101)
    parents = sorted((data for _, data in real_images() if len(data) < 60_000), key=len)[::7][:80]
    mutants = []
    for number in range(MUTANTS):
        mutant = bytearray(parents[number % len(parents)])
        for _ in range(generator.randint(1, 12)):
            position = generator.randrange(min(len(mutant), generator.choice((64, 1024, len(mutant)))))
            mutant[position] = generator.randrange(256)
        if number % 5 == 0:
            del mutant[generator.randrange(len(mutant)) :]
        mutants.append(bytes(mutant))
    answers = decode_all(mutants)
    reasons = Counter(answer.reason for answer in answers)
    assert set(reasons) <= {"", *TYPED}
    assert reasons[""] > 0
    assert reasons[Reason.IMAGE_UNDECODABLE] > MUTANTS // 10
    assert sum(reasons.values()) == MUTANTS


@pytest.mark.parametrize("name", ["Landscape", "Portrait"])
def test_all_exif_orientations_show_the_same_picture(name):
    answers = decode_all([(NEAR / "exif_orientation" / f"{name}_{number}.jpg").read_bytes() for number in range(9)])
    assert [answer.orientation for answer in answers] == [1, 1, 2, 3, 4, 5, 6, 7, 8]
    assert (
        len({(answer.width, answer.height, answer.original_width, answer.original_height) for answer in answers}) == 1
    )
    assert len({answer.phash for answer in answers}) == 1
    assert len({answer.dhash for answer in answers}) == 1
    upright = np.asarray(Image.open(io.BytesIO(answers[1].jpeg)), float)
    for answer in answers[2:]:
        other = np.asarray(Image.open(io.BytesIO(answer.jpeg)), float)
        # The samples carry their number in the picture's middle, so that they are not equal to the bit.
        assert np.corrcoef(upright.ravel(), other.ravel())[0, 1] > 0.97


def test_every_good_image_is_stored():
    images = real_images()[::4]
    answers = decode_all([data for _, data in images])
    refused = {path.name: answer.detail for (path, _), answer in zip(images, answers, strict=True) if answer.reason}
    assert len(images) > 250
    assert refused == {}


def test_real_images_come_out_as_img2datasets_do():
    """Same pixels as cv2 decode, INTER_AREA, encode at 95 within JPEG noise, where OpenCV reads the colours right."""
    compared, worst = 0, 99.0
    for path, data in real_images()[::2]:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        if pixels is None or pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
            continue
        decoded = process(data, SETTINGS)
        if decoded.orientation != 1 or Image.open(io.BytesIO(data)).info.get("icc_profile") or path.suffix == ".gif":
            continue
        if max(pixels.shape) > SETTINGS.max_side:
            pixels = cv2.resize(pixels, (decoded.width, decoded.height), interpolation=cv2.INTER_AREA)
        theirs = cv2.imdecode(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])[1], cv2.IMREAD_COLOR)
        if not decoded.reencoded:
            theirs = pixels  # img2dataset with skip_reencode
        ours = np.asarray(Image.open(io.BytesIO(decoded.jpeg)))[..., ::-1]
        error = np.mean((ours.astype(float) - theirs) ** 2)
        worst = min(worst, 10 * np.log10(255**2 / max(error, 1e-9)))
        compared += 1
        if compared == 200:
            break
    assert compared >= 200
    assert worst > 40


def test_the_hashes_are_those_of_the_stored_image():
    distances = Counter()
    for _, data in real_images()[::10]:
        decoded = process(data, SETTINGS)
        image = Image.open(io.BytesIO(decoded.jpeg))
        distances[imagehash.phash(image) - imagehash.hex_to_hash(decoded.phash)] += 1
    near = sum(count for distance, count in distances.items() if distance <= 2)
    assert near / distances.total() >= 0.95
