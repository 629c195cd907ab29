import imagehash
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter, ImageOps

from filters.perceptual import Content, content, perceptual_hashes, trimmed_hashes


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


@pytest.mark.parametrize(("tone", "noise", "found"), [(0, 0, True), (255, 0, True), (120, 10, True), (120, 21, False)])
def test_plain_margins_are_cut_and_noisy_ones_are_not(tone, noise, found):
    luma = picture(200, 120, 3)
    framed = np.pad(luma, ((10, 20), (30, 40)), constant_values=tone)
    speckled = (np.add.outer(np.arange(150), np.arange(270)) % 3 == 0) & (framed == tone)
    framed[speckled] -= np.uint8(noise)
    if not found:
        assert content(framed) is None
        return
    box = content(framed)
    assert box.top <= 11
    assert (box.top, box.left) >= (10, 30)
    assert (box.bottom, box.right) <= (130, 230)
    assert (box.bottom, box.right) >= (125, 225)
    assert trimmed_hashes(framed) == perceptual_hashes(framed[box.top : box.bottom, box.left : box.right])


def test_letter_box_bars_leave_the_picture():
    luma = picture(200, 120, 3)
    bars = np.pad(luma, ((15, 15), (0, 0)))
    assert content(luma) is None
    assert trimmed_hashes(luma) is None
    assert content(bars) == Content(15, 135, 0, 200)
    assert trimmed_hashes(bars) == perceptual_hashes(luma)


@pytest.mark.parametrize(("side", "cut"), [(30, True), (29, False)])
def test_margins_round_a_detail_stay(side, cut):
    luma = np.full((100, 100), 250, np.uint8)
    luma[40 : 40 + side, 20 : 20 + side] = picture(side, side, 1)
    luma[40, 20 : 20 + side : 2] = luma[39 + side, 20 : 20 + side : 2] = 0
    luma[40 : 40 + side : 2, 20] = luma[40 : 40 + side : 2, 19 + side] = 0
    assert (content(luma) == Content(40, 40 + side, 20, 20 + side)) is cut


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (60, 80)])
def test_a_plain_picture_is_all_content(shape):
    assert content(np.full(shape, 7, np.uint8)) is None
