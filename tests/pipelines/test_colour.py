import numpy as np
import pytest
from PIL import Image, ImageCms

from pipelines.colour import is_srgb, to_srgb

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def swapped_primaries():
    """An RGB profile whose red is sRGB's blue and the other way round, by exchanging two tags of the same length."""
    assert SRGB.count(b"rXYZ") == 1
    return SRGB.replace(b"rXYZ", b"\0\0\0\0").replace(b"bXYZ", b"rXYZ").replace(b"\0\0\0\0" + b"\0\0", b"bXYZ\0\0", 1)


def exchanged_primaries():
    table = bytearray(SRGB)
    red, blue = table.index(b"rXYZ"), table.index(b"bXYZ")
    table[red : red + 4], table[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(table)


def test_srgb_is_known_by_what_it_does():
    assert is_srgb(SRGB)
    assert not is_srgb(exchanged_primaries())


@pytest.mark.parametrize("broken", [b"junk", SRGB[:100], SRGB[:-200]], ids=["junk", "head", "cut"])
def test_a_broken_profile_changes_nothing(broken):
    pixels = np.random.default_rng(1).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    assert is_srgb(broken) or broken == SRGB[:-200]
    assert np.array_equal(to_srgb(pixels, broken[:100]), pixels)


def test_a_profile_moves_colours():
    red = np.full((4, 4, 3), (255, 0, 0), np.uint8)
    moved = to_srgb(red, exchanged_primaries())
    assert moved[0, 0, 2] > 200
    assert moved[0, 0, 0] < 60


def test_srgb_and_no_profile_leave_pixels_alone():
    pixels = np.random.default_rng(1).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    assert to_srgb(pixels, b"") is pixels
    assert to_srgb(pixels, SRGB) is pixels


def test_grey_becomes_three_equal_channels():
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
    for icc in (b"", SRGB):  # a profile of another space does not apply
        colours = to_srgb(grey, icc)
        assert colours.shape == (8, 8, 3)
        assert (colours == grey[:, :, None]).all()


def test_cmyk_without_a_profile_is_pillows():
    ink = np.random.default_rng(1).integers(0, 256, (8, 8, 4), dtype=np.uint8)
    expected = np.asarray(Image.frombytes("CMYK", (8, 8), ink.tobytes()).convert("RGB"))
    assert np.array_equal(to_srgb(ink, b""), expected)
    assert (to_srgb(np.zeros((2, 2, 4), np.uint8), b"") == 255).all()
