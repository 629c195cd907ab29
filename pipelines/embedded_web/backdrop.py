"""Where a thing stands: sky, hills, sea, courtyard, room, table; and the light and weather over all of it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping

from PIL import Image, ImageChops

from pipelines.embedded_web.canvas import Colour, Pen, Point, clear, dark, light, mix

Light = str
"""dawn, day, dusk or night."""

_SKIES: Mapping[Light, tuple[tuple[Colour, Colour], ...]] = {
    "dawn": (((118, 140, 190), (250, 208, 180)), ((160, 150, 200), (255, 226, 190)), ((96, 130, 178), (246, 190, 190))),
    "day": (((92, 158, 222), (208, 232, 246)), ((60, 130, 210), (190, 222, 240)), ((140, 190, 220), (232, 240, 240))),
    "dusk": (((86, 72, 128), (248, 146, 92)), ((60, 70, 130), (250, 180, 96)), ((120, 70, 110), (255, 200, 130))),
    "night": (((14, 20, 52), (52, 62, 110)), ((22, 24, 46), (84, 78, 120)), ((8, 26, 48), (40, 84, 110))),
}
_TINTS: Mapping[Light, tuple[float, float, float]] = {
    "dawn": (1.0, 0.94, 0.93),
    "day": (1.0, 1.0, 1.0),
    "dusk": (0.98, 0.84, 0.76),
    "night": (0.68, 0.71, 0.86),
}
_GRASS: Mapping[str, tuple[Colour, ...]] = {
    "봄": ((142, 176, 84), (160, 190, 100)),
    "여름": ((86, 146, 66), (70, 128, 70)),
    "가을": ((186, 160, 84), (170, 120, 70)),
    "겨울": ((206, 212, 216), (178, 170, 150)),
}


class Stage:
    """What a backdrop is drawn with: a pen whose unit square is the picture's height, and the picture's own choices.

    The frame of ``pen`` runs 0..``ratio`` to the right and 0..1 down.
    """

    def __init__(self, image: Image.Image, pen: Pen, rng: random.Random, season: str, hour: Light) -> None:
        self.image, self.pen, self.rng, self.season, self.hour = image, pen, rng, season, hour
        self.ratio = image.width / image.height
        self.horizon = rng.uniform(0.42, 0.68)


def gradient(image: Image.Image, top: float, bottom: float, first: Colour, last: Colour) -> None:
    """Fill the rows between ``top`` and ``bottom`` (shares of the height) from colour ``first`` down to ``last``."""
    start, end = round(top * image.height), round(bottom * image.height)
    if end <= start:
        return
    steps = 48
    strip = Image.new("RGB", (1, steps))
    strip.putdata([mix(first, last, i / (steps - 1)) for i in range(steps)])
    column = strip.resize((1, end - start), Image.Resampling.BILINEAR)
    image.paste(column.resize((image.width, end - start), Image.Resampling.NEAREST), (0, start))


def _sky(stage: Stage, down_to: float) -> None:
    rng, pen = stage.rng, stage.pen
    top, bottom = rng.choice(_SKIES[stage.hour])
    gradient(stage.image, 0, down_to, top, bottom)
    x, y = rng.uniform(0.08, 0.92) * stage.ratio, rng.uniform(0.06, down_to * 0.6)
    if stage.hour == "night":
        for _ in range(rng.randint(20, 50)):
            pen.oval(rng.uniform(0, stage.ratio), rng.uniform(0, down_to), 0.003, 0.003, (255, 255, 230))
        pen.oval(x, y, 0.06, 0.06, (250, 244, 214))
        pen.oval(x + rng.uniform(-0.04, 0.05), y - 0.01, 0.052, 0.052, mix(top, bottom, y / down_to))
    elif rng.random() < 0.7:
        for radius, alpha in ((0.16, 36), (0.1, 60), (0.065, 255)):
            pen.oval(x, y, radius, radius, clear((255, 246, 214), alpha))
    for _ in range(rng.randint(0, 4)):
        _cloud(pen, rng, rng.uniform(0, stage.ratio), rng.uniform(0.04, down_to * 0.75), light(bottom, 0.5))


def _cloud(pen: Pen, rng: random.Random, x: float, y: float, colour: Colour) -> None:
    size = rng.uniform(0.06, 0.15)
    for _ in range(rng.randint(4, 7)):
        width = size * rng.uniform(0.5, 1.1)
        pen.oval(
            x + rng.uniform(-1.4, 1.4) * size,
            y + rng.uniform(-0.2, 0.2) * size,
            width,
            width * 0.42,
            clear(colour, 120),
        )


def ridge(rng: random.Random, ratio: float, level: float, height: float, steps: int = 40) -> list[Point]:
    """Return the outline of a chain of hills about ``level``, closed at the bottom of the picture."""
    waves = [(rng.uniform(1, 2.4) * (k + 1), rng.uniform(0, 6.3), height / (k + 1) ** 1.2) for k in range(4)]
    line = [
        (
            ratio * i / steps,
            level - sum((math.sin(f * i / steps * 3.1 + p) * 0.5 + 0.5) * h for f, p, h in waves) * 0.6,
        )
        for i in range(steps + 1)
    ]
    return [*line, (ratio, 1.0), (0.0, 1.0)]


def _hills(stage: Stage, level: float) -> None:
    rng = stage.rng
    near = rng.choice(_GRASS[stage.season])
    far = mix((120, 140, 170), near, 0.2)
    layers = rng.randint(1, 4)
    for layer in range(layers):
        share = (layer + 1) / layers
        colour = mix(far, dark(near, 0.25), share)
        height = rng.uniform(0.06, 0.34) * (1.15 - share * 0.7)
        stage.pen.poly(ridge(rng, stage.ratio, level + 0.03 * share, height), colour)


def _ground(stage: Stage, level: float, colour: Colour) -> None:
    rng, pen = stage.rng, stage.pen
    gradient(stage.image, level, 1.0, light(colour, 0.16), dark(colour, 0.18))
    for _ in range(rng.randint(2, 5)):
        y = rng.uniform(level + 0.03, 1.0)
        pen.oval(
            rng.uniform(0, stage.ratio),
            y,
            rng.uniform(0.1, 0.4),
            0.02 + 0.05 * (y - level),
            clear(dark(colour, 0.4), 50),
        )
    for _ in range(70):
        y = level + (1 - level) * rng.random() ** 0.8
        x, size = rng.uniform(0, stage.ratio), 0.004 + 0.014 * (y - level)
        pen.line(
            [(x, y), (x + rng.uniform(-1, 1) * size, y - 2 * size)],
            rng.choice((light(colour, 0.3), dark(colour, 0.3))),
            0.003,
        )


def _trees(stage: Stage, level: float) -> None:
    rng, pen = stage.rng, stage.pen
    leaf = {"봄": (236, 176, 190), "여름": (58, 112, 60), "가을": (204, 98, 46), "겨울": (120, 110, 104)}[stage.season]
    for _ in range(rng.randint(0, 6)):
        x, size = rng.uniform(0, stage.ratio), rng.uniform(0.04, 0.13)
        y = level + rng.uniform(0, 0.06)
        pen.line([(x, y), (x, y - size)], (92, 70, 56), size * 0.14)
        for _ in range(5):
            pen.oval(
                x + rng.uniform(-0.5, 0.5) * size,
                y - size * rng.uniform(0.8, 1.6),
                size * 0.42,
                size * 0.38,
                mix(leaf, dark(leaf, 0.4), rng.random()),
            )


def field(stage: Stage) -> None:
    """Sky, hills, trees and grass."""
    _sky(stage, stage.horizon)
    _hills(stage, stage.horizon)
    _ground(stage, stage.horizon, stage.rng.choice(_GRASS[stage.season]))
    _trees(stage, stage.horizon + 0.02)


def sea(stage: Stage) -> None:
    """Sky over open water with waves."""
    rng = stage.rng
    _sky(stage, stage.horizon)
    top, bottom = rng.choice(
        (((74, 140, 180), (24, 84, 130)), ((60, 150, 160), (20, 96, 112)), ((96, 130, 170), (40, 66, 110)))
    )
    gradient(stage.image, stage.horizon, 1.0, top, bottom)
    if rng.random() < 0.6:
        start, width = rng.uniform(-0.3, 0.8) * stage.ratio, rng.uniform(0.3, 0.8)
        island = ridge(rng, width, 0.0, rng.uniform(0.05, 0.16))[:-2]
        stage.pen.at(start, stage.horizon).poly(
            [(0, 0), *((x, min(y, 0)) for x, y in island), (width, 0)], (86, 108, 112)
        )
    for _ in range(60):
        y = stage.horizon + (1 - stage.horizon) * rng.random()
        x, size = rng.uniform(0, stage.ratio), 0.02 + 0.1 * (y - stage.horizon)
        stage.pen.line([(x, y), (x + size, y - size * 0.1), (x + 2 * size, y)], clear((255, 255, 255), 90), 0.004)


def coast(stage: Stage) -> None:
    """A strip of sea behind, dark rock or sand in front."""
    rng = stage.rng
    sea(stage)
    level = min(0.86, stage.horizon + rng.uniform(0.1, 0.2))
    shore = rng.choice(((92, 90, 92), (214, 196, 160), (110, 140, 80)))
    outline = ridge(rng, stage.ratio, level, 0.06)
    stage.pen.poly([(x, y - 0.015) for x, y in outline], (236, 242, 244, 150))
    stage.pen.poly(outline, shore)
    for _ in range(40):
        stage.pen.oval(
            rng.uniform(0, stage.ratio), rng.uniform(level, 1), 0.02, 0.012, mix(shore, dark(shore), rng.random())
        )


def yard(stage: Stage) -> None:
    """A courtyard: earth in front of a low stone wall with a tiled top, hills behind."""
    rng, pen = stage.rng, stage.pen
    _sky(stage, stage.horizon)
    _hills(stage, stage.horizon - 0.05)
    _trees(stage, stage.horizon)
    height = rng.uniform(0.1, 0.2)
    top = stage.horizon - height * 0.4
    wall = rng.choice(((190, 168, 138), (168, 150, 132), (206, 196, 180)))
    pen.rect(0, top, stage.ratio, top + height, wall)
    for row in range(4):
        for column in range(int(stage.ratio * 14)):
            x = (column + 0.5 * (row % 2) + rng.uniform(0, 0.4)) / 14
            pen.oval(
                x, top + height * (0.3 + row * 0.2), 0.03, height * 0.09, mix(wall, (110, 104, 100), rng.random() * 0.7)
            )
    pen.rect(0, top - 0.025, stage.ratio, top + 0.015, (76, 80, 88))
    for column in range(int(stage.ratio * 22)):
        pen.oval((column + 0.5) / 22, top + 0.015, 0.016, 0.014, (98, 102, 110))
    earth = (
        (222, 222, 226) if stage.season == "겨울" else rng.choice(((204, 180, 146), (190, 172, 150), (176, 160, 120)))
    )
    _ground(stage, top + height, earth)


def room(stage: Stage) -> None:
    """A room with a papered wall, sometimes a lattice door, and a wooden floor."""
    rng, pen = stage.rng, stage.pen
    wall = rng.choice(
        ((236, 226, 204), (214, 220, 208), (226, 208, 190), (190, 200, 210), (150, 130, 120), (96, 104, 120))
    )
    level = rng.uniform(0.62, 0.84)
    gradient(stage.image, 0, level, light(wall, 0.15), dark(wall, 0.2))
    for _ in range(rng.randint(0, 3)):
        left, width = rng.uniform(-0.1, 0.8) * stage.ratio, rng.uniform(0.24, 0.5)
        top = rng.uniform(0.02, 0.18)
        pen.rect(left - 0.02, top - 0.02, left + width + 0.02, level, (96, 66, 48))
        pen.rect(left, top, left + width, level - 0.02, (246, 238, 218))
        for k in range(1, 6):
            pen.line([(left + width * k / 6, top), (left + width * k / 6, level)], (120, 86, 62), 0.006)
            pen.line(
                [(left, top + (level - top) * k / 6), (left + width, top + (level - top) * k / 6)], (120, 86, 62), 0.006
            )
    wood = rng.choice(((168, 118, 76), (196, 148, 96), (120, 84, 64), (200, 184, 150)))
    _planks(stage, level, wood)


def _planks(stage: Stage, level: float, wood: Colour) -> None:
    rng = stage.rng
    gradient(stage.image, level, 1.0, light(wood, 0.14), dark(wood, 0.2))
    vanish = rng.uniform(0.2, 0.8) * stage.ratio
    for k in range(-8, 9):
        x = vanish + k * 0.22
        stage.pen.line([(vanish + k * 0.12, level), (x + k * 0.16, 1.0)], dark(wood, 0.35), 0.004)


def table(stage: Stage) -> None:
    """A table top seen from above, of wood or covered with a patterned cloth."""
    rng, pen = stage.rng, stage.pen
    base = rng.choice(
        (
            (178, 132, 90),
            (110, 78, 60),
            (220, 206, 180),
            (206, 214, 220),
            (150, 60, 58),
            (70, 94, 110),
            (226, 190, 150),
            (92, 110, 84),
        )
    )
    gradient(stage.image, 0, 1, light(base, 0.2), dark(base, 0.12))
    turned = pen.at(stage.ratio / 2, 0.5, turn=rng.uniform(-50, 50))
    other, pattern, step = rng.choice((light(base, 0.35), dark(base, 0.3))), rng.randint(0, 3), rng.uniform(0.12, 0.34)
    for k in range(-7, 8):
        if pattern == 0:
            turned.rect(-2, k * step, 2, k * step + step * 0.45, other)
        elif pattern == 1:
            turned.rect(-2, k * step, 2, k * step + step * 0.3, clear(other, 130))
            turned.rect(k * step, -2, k * step + step * 0.3, 2, clear(other, 130))
        elif pattern == 2:
            for m in range(-7, 8):
                turned.oval(k * step, m * step + (k % 2) * step / 2, step * 0.22, step * 0.22, other)
        else:
            turned.rect(-2, k * step, 2, k * step + 0.008, dark(base, 0.45))
            shade = clear(rng.choice((light(base), dark(base))), rng.randint(20, 90))
            turned.rect(-2, k * step, 2, k * step + step, shade)
    for _ in range(rng.randint(1, 3)):
        edge = rng.choice((-0.05, stage.ratio + 0.05))
        pen.ball(edge, rng.uniform(0, 1), 0.16, 0.16, rng.choice(((240, 238, 230), (80, 110, 140), (170, 90, 70))))


def gallery(stage: Stage) -> None:
    """A dark exhibition room with a lamp's cone and a plinth."""
    rng, pen = stage.rng, stage.pen
    wall = rng.choice(((58, 60, 70), (92, 74, 70), (50, 74, 80), (120, 116, 110), (206, 200, 192), (84, 92, 74)))
    level = rng.uniform(0.66, 0.86)
    gradient(stage.image, 0, level, dark(wall, 0.3), light(wall, 0.12))
    gradient(stage.image, level, 1, dark(wall, 0.15), dark(wall, 0.5))
    x = rng.uniform(0.25, 0.75) * stage.ratio
    for width in (0.7, 0.5, 0.3):
        pen.poly([(x - 0.04, -0.05), (x + 0.04, -0.05), (x + width, level), (x - width, level)], (255, 244, 214, 26))
    for _ in range(rng.randint(0, 3)):
        left, top = rng.uniform(0, 0.9) * stage.ratio, rng.uniform(0.05, 0.3)
        width, height = rng.uniform(0.1, 0.3), rng.uniform(0.15, 0.35)
        pen.rect(left, top, left + width, top + height, dark(wall, 0.45))
        pen.rect(left + 0.015, top + 0.015, left + width - 0.015, top + height - 0.015, mix(wall, (214, 190, 150), 0.6))


def open_sky(stage: Stage) -> None:
    """Sky over nearly all of the picture, a low skyline below."""
    stage.horizon = stage.rng.uniform(0.84, 0.94)
    _sky(stage, stage.horizon)
    _hills(stage, stage.horizon)
    _ground(stage, stage.horizon, stage.rng.choice(_GRASS[stage.season]))


BACKDROPS: Mapping[str, Callable[[Stage], None]] = {
    "field": field,
    "sea": sea,
    "coast": coast,
    "yard": yard,
    "room": room,
    "table": table,
    "gallery": gallery,
    "sky": open_sky,
}
OUTDOORS = frozenset(("field", "sea", "coast", "yard", "sky"))


def weather(stage: Stage, kind: str) -> None:
    """Draw rain, snow or mist over the picture; "clear" draws nothing."""
    rng, pen = stage.rng, stage.pen
    if kind == "rain":
        slant = rng.uniform(-0.03, 0.03)
        for _ in range(90):
            x, y, length = rng.uniform(0, stage.ratio), rng.random(), rng.uniform(0.03, 0.09)
            pen.line([(x, y), (x + slant, y + length)], (224, 234, 244, 120), 0.003)
    elif kind == "snow":
        for _ in range(110):
            radius = rng.uniform(0.003, 0.011)
            pen.oval(rng.uniform(0, stage.ratio), rng.random(), radius, radius, (255, 255, 255))
    elif kind == "mist":
        for _ in range(4):
            y = rng.uniform(0.2, 0.9)
            pen.oval(rng.uniform(0, stage.ratio), y, rng.uniform(0.5, 1.0), rng.uniform(0.04, 0.1), (244, 246, 248, 60))


def _grain(size: tuple[int, int], rng: random.Random) -> Image.Image:
    """Return noise as of film, without which flat areas pass for those of a screenshot."""
    width, height = size[0] // 2, size[1] // 2
    grain = Image.frombytes("L", (width, height), rng.randbytes(width * height)).resize(size, Image.Resampling.BILINEAR)
    return Image.merge("RGB", (grain, grain, grain))


def finish(image: Image.Image, rng: random.Random, hour: Light, *, outdoors: bool) -> Image.Image:
    """Return ``image`` under uneven light: the hour's tint, soft patches and a slope of brightness.

    The patches are low-frequency, so they part the perceptual hashes of pictures with a like composition.
    """
    patches = Image.frombytes("L", (5, 4), bytes(56 + value * 144 // 255 for value in rng.randbytes(20)))
    fine = Image.frombytes("L", (48, 36), bytes(108 + value * 40 // 255 for value in rng.randbytes(48 * 36)))
    small = ImageChops.overlay(
        patches.resize((96, 72), Image.Resampling.BICUBIC), fine.resize((96, 72), Image.Resampling.BILINEAR)
    )
    veil = small.resize(image.size, Image.Resampling.BILINEAR)
    lit = ImageChops.soft_light(image, Image.merge("RGB", (veil, veil, veil)))
    lit = Image.blend(lit, _grain(image.size, rng), 0.055)
    red, green, blue = _TINTS[hour if outdoors else "day"]
    if (red, green, blue) == (1.0, 1.0, 1.0):
        return lit
    return lit.convert("RGB", (red, 0, 0, 0, 0, green, 0, 0, 0, 0, blue, 0))
