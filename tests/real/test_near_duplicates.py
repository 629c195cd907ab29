"""The near-duplicate rules on real pictures that others call duplicates or distinct."""

from __future__ import annotations

import csv
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from filters.near_duplicates import DuplicateRules, Images, clusters, hash_words
from filters.perceptual import perceptual_hashes, trimmed_hashes

SHARED = Path(os.environ.get("HARUBANG_DATA") or Path(__file__).parents[2].parent / "shared" / "data")
DATA = SHARED / "near_duplicates"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the shared test data is not here")

NOT_CLAIMED = {
    "reg-test-input/dih:bridge-2-rotate-90": "turned",
    "reg-test-input/dih:bridge-3-rotate-180": "turned",
    "reg-test-input/dih:bridge-4-rotate-270": "turned",
    "reg-test-input/dih:bridge-5-flipx": "mirrored",
    "reg-test-input/dih:bridge-6-flipy": "mirrored",
    "reg-test-input/dih:bridge-7-flip-plus-1": "mirrored and turned",
    "reg-test-input/dih:bridge-8-flip-minus-1": "mirrored and turned",
    # Upright, these are four photographs of one desk from four places, not four copies of one photograph.
    "exif-rotn-1.jpg": "another shot",
    "exif-rotn-3.jpg": "another shot",
    "exif-rotn-6.jpg": "another shot",
    "exif-rotn-8.jpg": "another shot",
}


def grey(path: Path) -> np.ndarray:
    """The picture as it is stored: upright, on white, at most 512 pixels a side, in grey."""
    with Image.open(path) as opened:
        image = ImageOps.exif_transpose(opened)
        if image.has_transparency_data:
            canvas = Image.new("RGB", image.size, "white")
            layered = image.convert("RGBA")
            canvas.paste(layered, mask=layered.getchannel("A"))
            image = canvas
        image = image.convert("RGB")
        image.thumbnail((512, 512), Image.Resampling.LANCZOS)
        return np.asarray(image.convert("L"))


@pytest.fixture(scope="module")
def truth():
    with (DATA / "truth.tsv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if not row["path"].endswith(".md")]
    greys = [grey(DATA / row["path"]) for row in rows]
    whole = [perceptual_hashes(pixels) for pixels in greys]
    both = [(found, trimmed_hashes(pixels) or found) for found, pixels in zip(whole, greys, strict=True)]
    images = Images(
        np.arange(len(greys)),
        np.stack([hash_words([view.phash for view in views], 64)[:, 0] for views in both]),
        np.stack([hash_words([view.phash256 for view in views], 256) for views in both]),
        np.array([[view.clear_bits for view in views] for views in both]),
        np.array([pixels.size for pixels in greys]),
    )
    return rows, clusters(images, DuplicateRules())


def test_every_group_is_found_whole_but_for_what_is_not_claimed(truth):
    rows, result = truth
    claimed: dict[str, set[int]] = {}
    for row, leader in zip(rows, result.representative.tolist(), strict=True):
        if row["set"] != "pdq_distinct" and row["transform"] not in NOT_CLAIMED:
            claimed.setdefault(row["group"], set()).add(leader)
    assert {group: len(leaders) for group, leaders in claimed.items()} == {"bridge": 1, "Landscape": 1, "Portrait": 1}


def test_no_two_groups_share_a_cluster_and_the_distinct_pictures_are_all_apart(truth):
    rows, result = truth
    groups: dict[int, set[str]] = {}
    for row, leader in zip(rows, result.representative.tolist(), strict=True):
        groups.setdefault(leader, set()).add(row["group"])
    assert all(len(names) == 1 for names in groups.values())
    sizes = [size for row, size in zip(rows, result.size.tolist(), strict=True) if row["set"] == "pdq_distinct"]
    assert sizes == [1] * 7


def test_what_is_not_claimed_is_indeed_not_found(truth):
    rows, result = truth
    alone = {row["transform"] for row, size in zip(rows, result.size.tolist(), strict=True) if size == 1}
    assert alone - {"distinct"} == set(NOT_CLAIMED)
    assert Counter(result.match.tolist()) == {"unique": 18, "near": 42, "exact": 3}
