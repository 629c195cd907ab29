import math

import pytest
from PIL import Image, ImageDraw

from pipelines.embedded_web.canvas import Pen, clear, dark, generator, light, mix, smooth


def pen(size=100):
    image = Image.new("RGB", (size, size), (255, 255, 255))
    return image, Pen(
        ImageDraw.Draw(image), ImageDraw.Draw(image, "RGBA"), (size / 2, 0, size / 2, 0, size / 2, size / 2)
    )


def test_generator_depends_on_every_name_and_nothing_else():
    assert generator(1, "a").random() == generator(1, "a").random()
    assert generator(1, "a").random() != generator(1, "b").random()
    assert generator(2, "a").random() != generator(1, "a").random()
    assert generator(1, "a").random() == pytest.approx(0.6881244510893788)  # on every machine


def test_colours():
    assert mix((0, 0, 0), (100, 200, 50), 0.5) == (50, 100, 25)
    assert light((100, 100, 100), 0) == (100, 100, 100) == dark((100, 100, 100), 0)
    assert clear((1, 2, 3, 255), 9) == (1, 2, 3, 9)


def test_smooth_passes_through_its_points():
    points = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]
    curve = smooth(points, steps=4)
    assert len(curve) == 16
    assert curve[::4] == points


def test_a_pen_in_a_frame_draws_where_the_frame_is():
    image, whole = pen()
    whole.at(0.5, -0.5, 0.2).rect(-1, -1, 1, 1, (200, 0, 0))
    assert image.getpixel((75, 25)) == (200, 0, 0)
    assert image.getpixel((25, 75)) == (255, 255, 255)


def test_frames_turn_and_mirror():
    image, whole = pen()
    whole.at(0, 0, 0.5, turn=90).rect(0.4, -0.2, 1, 0.2, (0, 0, 200))  # right becomes down
    whole.at(0, 0, 0.5, flip=True).rect(0.4, -0.2, 1, 0.2, (0, 200, 0))  # right becomes left
    assert image.getpixel((50, 70)) == (0, 0, 200)
    assert image.getpixel((30, 50)) == (0, 200, 0)
    assert image.getpixel((70, 50)) == (255, 255, 255)
    assert math.isclose(whole.at(0, 0, 0.5, turn=30).unit, 25)


def test_alpha_blends():
    image, whole = pen()
    whole.rect(-1, -1, 1, 1, (0, 0, 0, 128))
    assert 120 <= image.getpixel((50, 50))[0] <= 135
