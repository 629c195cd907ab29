import imagehash
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter, ImageOps

from filters.perceptual import perceptual_hashes


def theirs(luma):
    image = Image.fromarray(luma)
    return str(imagehash.phash(image)), str(imagehash.phash(image, hash_size=16)), str(imagehash.dhash(image))


def ours(luma):
    return perceptual_hashes(luma)[:3]


def picture(width, height, seed):
    noise = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    soft = Image.fromarray(noise).filter(ImageFilter.GaussianBlur(min(width, height) / 12))
    return np.asarray(ImageOps.autocontrast(soft))


@settings(max_examples=60, deadline=None)
@given(st.integers(16, 512), st.integers(16, 512), st.integers(0, 2**32))
def test_all_are_imagehashs(width, height, seed):
    luma = picture(width, height, seed)
    # A sum that falls on a half may round the other way, which turns a bit whose coefficient is the median.
    for mine, other in zip(ours(luma), theirs(luma), strict=True):
        assert (int(mine, 16) ^ int(other, 16)).bit_count() <= 2 * len(mine) // 16


def test_they_are_equal_on_most():
    pictures = [picture(300 + 7 * n, 512 - 9 * n, n) for n in range(30)]
    assert sum(ours(luma) == theirs(luma) for luma in pictures) >= 20


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 512), (512, 1), (8, 9), (32, 32)])
def test_a_flat_picture_has_only_its_mean(height, width):
    luma = np.full((height, width), 200, np.uint8)
    assert ours(luma) == ("8" + "0" * 15, "8" + "0" * 63, "0" * 16) == theirs(luma)
    assert perceptual_hashes(luma).clear_bits == 1


def test_a_ramp_to_the_right_sets_every_bit():
    assert perceptual_hashes(np.tile(np.arange(256, dtype=np.uint8), (64, 1))).dhash == "f" * 16
