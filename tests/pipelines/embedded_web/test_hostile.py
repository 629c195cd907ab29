import io

import pytest
from PIL import Image

from filters.jpeg import read_header
from pipelines.embedded_web import hostile
from pipelines.embedded_web.canvas import generator
from pipelines.embedded_web.drawing import draw, random_look

MAKERS = (
    hostile.huge_png_header,
    hostile.greedy_jpeg,
    hostile.slow_gif,
    hostile.many_scans_jpeg,
    hostile.bitmap,
    hostile.blank,
    hostile.two_tone_sign,
    hostile.screenshot,
    hostile.icon,
)


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_small_and_the_same_every_time(make):
    data = make()
    assert data == make()
    assert len(data) < 3 * 2**20  # the body limit of the demo


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_the_huge_png_declares_what_it_says():
    with pytest.raises(Image.DecompressionBombError):
        Image.open(io.BytesIO(hostile.huge_png_header()))


def test_the_greedy_jpeg_is_a_valid_header_below_the_pixel_limit():
    header = read_header(hostile.greedy_jpeg())
    assert (header.width, header.height, header.components) == (hostile.GREEDY_SIDE, hostile.GREEDY_SIDE, 4)
    assert header.width * header.height < 40_000_000


def test_the_many_scans_are_counted_as_scans():
    header = read_header(hostile.many_scans_jpeg())
    assert (header.scans, header.width) == (883, hostile.SCANS_SIDE)


def test_the_many_scans_decode_when_the_frame_is_small(monkeypatch):
    monkeypatch.setattr(hostile, "SCANS_SIDE", 1032)  # 16,641 blocks: one run of symbol 14
    with Image.open(io.BytesIO(hostile.many_scans_jpeg())) as image:
        image.load()
        assert image.getextrema() == (128, 128)


def test_the_slow_gif_opens_when_its_comments_are_few(monkeypatch):
    monkeypatch.setattr(hostile, "SLOW_COMMENTS", 3)
    with Image.open(io.BytesIO(hostile.slow_gif())) as image:
        image.load()
        assert image.info["comment"] == b"ha\nha\nha"


def test_letterbox_and_blur_keep_what_they_are_given():
    picture = draw(random_look("hanok", generator("hostile"), "hostile"), 320, 180)
    with Image.open(io.BytesIO(hostile.letterboxed(picture))) as image:
        assert image.size == (320, 540)
        assert max(image.getpixel((160, 20))) < 12
    with Image.open(io.BytesIO(hostile.blurred(picture))) as image:
        assert image.size == (320, 180)
