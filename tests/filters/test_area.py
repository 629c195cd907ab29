import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.area import area_average

SIDE = st.integers(1, 120)


@settings(max_examples=60, deadline=None)
@given(SIDE, SIDE, st.floats(0.01, 1), st.floats(0.01, 1), st.sampled_from([(), (3,), (4,)]), st.integers(0, 2**32))
def test_it_is_opencvs_within_three_levels(width, height, across, down, channels, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, *channels), dtype=np.uint8)
    size = (max(1, round(width * across)), max(1, round(height * down)))
    ours = area_average(pixels, size)
    theirs = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    assert ours.shape == theirs.shape
    # Each of the two passes rounds its weights, to 1/512 of a level per level of contrast, and its result.
    assert np.abs(ours.astype(int) - theirs).max() <= 3


@pytest.mark.parametrize("size", [(512, 307), (1280, 767), (160, 96)])
def test_a_picture_of_several_blocks_is_opencvs_too(size):
    pixels = np.random.default_rng(5).integers(0, 256, (768, 1281, 3), dtype=np.uint8)
    theirs = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    assert np.abs(area_average(pixels, size).astype(int) - theirs).max() <= 3


def test_a_flat_picture_stays_flat():
    for level in (0, 1, 127, 255):
        assert (area_average(np.full((733, 611, 3), level, np.uint8), (301, 407)) == level).all()


def test_the_same_size_is_the_same_picture():
    pixels = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    assert np.array_equal(area_average(pixels, (5, 4)), pixels)


def test_a_whole_factor_is_the_plain_mean():
    pixels = np.array([[0, 2, 10, 10], [4, 6, 10, 30]], np.uint8)
    assert area_average(pixels, (2, 1)).tolist() == [[3, 15]]


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1)])
def test_one_pixel_sides(size):
    pixels = np.full((50, 50), 9, np.uint8)
    assert area_average(pixels, size).shape == (size[1], size[0])
