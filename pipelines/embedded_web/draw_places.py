"""Buildings and monuments. Each is drawn in a frame of -1..1, its foot at y = 1."""

from __future__ import annotations

import random

from pipelines.embedded_web.canvas import BLACK, Colour, Pen, arch, clear, dark, light, mix

STONE: Colour = (168, 164, 156)
TILE: Colour = (74, 80, 90)
PINEWOOD: Colour = (146, 74, 48)


def dolhareubang(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """A basalt grandfather of Jeju: brimmed hat, bulging eyes, broad nose, hands on the belly."""
    pen.shadow(0.1, 0.98, 0.62, 0.1)
    pen.curve(
        [(-0.5, 1), (-0.56, 0.5), (-0.5, 0.05), (-0.4, -0.12), (0.4, -0.12), (0.5, 0.05), (0.56, 0.5), (0.5, 1)], tint
    )
    pen.curve([(0.12, 1), (0.2, 0.4), (0.14, -0.1), (0.4, -0.12), (0.5, 0.05), (0.56, 0.5), (0.5, 1)], dark(tint, 0.2))
    pen.curve(
        [(-0.42, 0), (-0.46, -0.4), (-0.38, -0.62), (0.38, -0.62), (0.46, -0.4), (0.42, 0), (0, 0.12)],
        light(tint, 0.08),
    )
    pen.curve(
        [(-0.5, -0.55), (-0.42, -0.66), (-0.36, -0.9), (0, -1), (0.36, -0.9), (0.42, -0.66), (0.5, -0.55), (0, -0.46)],
        dark(tint, 0.14),
    )
    pen.curve([(-0.34, -0.68), (-0.28, -0.88), (0, -0.95), (0.1, -0.88), (-0.1, -0.7)], light(tint, 0.12))
    for side in (-1, 1):
        pen.oval(side * 0.2, -0.33, 0.15, 0.13, dark(tint, 0.5))
        pen.ball(side * 0.2, -0.33, 0.115, 0.1, light(tint, 0.2))
        pen.oval(side * 0.2, -0.32, 0.035, 0.035, dark(tint, 0.6))
    pen.curve([(-0.06, -0.4), (0.06, -0.4), (0.14, -0.1), (0, -0.04), (-0.14, -0.1)], light(tint, 0.22))
    pen.line(arch(0.03, -0.14, 0.13, 0.1, 20, 100), dark(tint, 0.5), 0.025)
    pen.line(arch(0, -0.02, 0.2, 0.07, 20, 160), dark(tint, 0.65), 0.045)
    for side, y in ((-1, 0.34), (1, 0.58)):
        pen.curve(
            [
                (side * 0.52, 0.12),
                (side * 0.58, y),
                (side * 0.08, y + 0.13),
                (side * 0.04, y - 0.06),
                (side * 0.36, y - 0.12),
            ],
            light(tint, 0.14),
        )
        pen.line(arch(side * 0.2, y + 0.04, 0.3, 0.11, 30, 150), dark(tint, 0.5), 0.03)
        for finger in range(3):
            pen.line(
                [(side * 0.06, y - 0.02 + finger * 0.05), (side * 0.16, y - 0.03 + finger * 0.05)],
                dark(tint, 0.4),
                0.015,
            )
    for _ in range(70):
        x, y, size = rng.uniform(-0.48, 0.48), rng.uniform(-0.9, 0.96), rng.uniform(0.006, 0.02)
        if abs(x) < 0.32 + 0.16 * (y > 0):
            pen.oval(x, y, size, size * 0.8, clear(dark(tint, 0.6), 150))


def cheomseongdae(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """The bottle-shaped observatory of Gyeongju: round courses of stone, a square window, crossed beams on top."""
    pen.shadow(0.1, 0.97, 0.9, 0.09)
    pen.rect(-0.72, 0.86, 0.72, 1, dark(tint, 0.1))
    pen.rect(-0.64, 0.76, 0.64, 0.87, light(tint, 0.05))
    courses, top, bottom = 22, -0.74, 0.76
    for course in range(courses):
        share = course / (courses - 1)
        y = top + (bottom - top) * course / courses
        half = 0.3 + 0.27 * share**1.7 + (0.02 if course < 2 else 0)
        height = (bottom - top) / courses
        base = mix(tint, dark(tint, 0.25), rng.random() * 0.35)
        pen.curve(
            [(-half, y), (0, y + 0.02), (half, y), (half, y + height), (0, y + height + 0.02), (-half, y + height)],
            base,
        )
        pen.rect(-half * 0.75, y + 0.01, -half * 0.25, y + height, light(base, 0.16))
        pen.rect(half * 0.55, y, half, y + height, dark(base, 0.24))
        pen.line([(-half, y + height), (0, y + height + 0.025), (half, y + height)], dark(tint, 0.5), 0.012)
        offset = 0.12 * (course % 2)
        for joint in range(-2, 3):
            x = half * (joint * 0.36 + offset)
            pen.line([(x, y + 0.01), (x, y + height)], dark(tint, 0.45), 0.01)
    pen.rect(-0.13, -0.2, 0.13, 0.08, dark(tint, 0.75))
    pen.line([(-0.13, 0.08), (-0.13, -0.2), (0.13, -0.2), (0.13, 0.08), (-0.13, 0.08)], light(tint, 0.2), 0.03)
    for level in (-0.84, -0.94):
        pen.rect(-0.36, level, 0.36, level + 0.09, light(tint, 0.1))
        pen.rect(0.1, level, 0.36, level + 0.09, dark(tint, 0.14))
        pen.line([(-0.36, level + 0.09), (0.36, level + 0.09)], dark(tint, 0.5), 0.012)


def tiled_roof(pen: Pen, left: float, right: float, eave: float, ridge: float, tile: Colour) -> None:
    """Draw a tiled roof whose corners turn up, from the ``eave`` line to the ``ridge`` line."""
    inset, middle = (right - left) * 0.17, (left + right) / 2
    outline = [(left, eave - 0.07), *arch(middle, eave - 0.07, (right - left) / 2, 0.07, 180, 0), (right, eave - 0.07)]
    pen.poly([*outline, (right - inset, ridge), (left + inset, ridge)], tile)
    rows = max(8, int((right - left) * 11))
    for row in range(rows + 1):
        share = row / rows
        x = left + (right - left) * share
        drop = eave - 0.07 + 0.07 * (1 - (2 * share - 1) ** 2) ** 0.5
        pen.line([(left + inset + (right - left - 2 * inset) * share, ridge), (x, drop)], light(tile, 0.17), 0.018)
        pen.oval(x, drop, 0.016, 0.016, light(tile, 0.4))
    pen.poly(
        [
            (left + inset - 0.05, ridge - 0.06),
            (right - inset + 0.05, ridge - 0.06),
            (right - inset, ridge + 0.03),
            (left + inset, ridge + 0.03),
        ],
        dark(tile, 0.3),
    )
    pen.line([(left + inset, ridge - 0.02), (right - inset, ridge - 0.02)], light(tile, 0.5), 0.012)


def _lattice(pen: Pen, left: float, top: float, right: float, bottom: float, paper: Colour) -> None:
    pen.rect(left, top, right, bottom, paper)
    for k in range(5):
        x, y = left + (right - left) * k / 4, top + (bottom - top) * k / 4
        pen.line([(x, top), (x, bottom)], (110, 72, 48), 0.014)
        pen.line([(left, y), (right, y)], (110, 72, 48), 0.014)


def hanok(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """A tiled house: upturned eaves, white walls between wooden posts, papered lattice doors, a stone platform."""
    pen.shadow(0, 0.98, 1.05, 0.07)
    pen.rect(-0.92, 0.8, 0.92, 1, STONE)
    for k in range(9):
        pen.line([(-0.92 + k * 0.21, 0.8), (-0.92 + k * 0.21, 1)], dark(STONE), 0.012)
    pen.rect(-0.82, 0.02, 0.82, 0.8, (240, 232, 214))
    bays, lit = rng.choice((4, 5, 6)), rng.random() < 0.5
    paper = (255, 226, 160) if lit else (248, 242, 226)
    for bay in range(bays):
        left, right = -0.82 + 1.64 * bay / bays, -0.82 + 1.64 * (bay + 1) / bays
        style = rng.random()
        if style < 0.6:
            _lattice(pen, left + 0.07, 0.22, right - 0.07, 0.74, paper)
        elif style < 0.8:
            pen.rect(left + 0.02, 0.16, right - 0.02, 0.8, (88, 58, 44))
        else:
            pen.rect(left + 0.04, 0.5, right - 0.04, 0.78, (188, 152, 116))
    pen.rect(-0.84, 0.72, 0.84, 0.8, tint)
    for bay in range(bays + 1):
        x = -0.82 + 1.64 * bay / bays
        pen.rect(x - 0.035, 0.02, x + 0.035, 0.82, tint)
        pen.rect(x - 0.05, 0.8, x + 0.05, 0.85, light(STONE))
    pen.rect(-0.84, 0.0, 0.84, 0.09, dark(tint, 0.2))
    for k in range(26):
        pen.oval(-0.98 + k * 0.0784, 0.03, 0.025, 0.025, (196, 150, 100))
    tiled_roof(pen, -1.16, 1.16, 0.02, -0.52, TILE)


def chogajip(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """A farmhouse with a rounded straw roof tied down with ropes, mud walls and small doors."""
    pen.shadow(0, 0.98, 1, 0.07)
    pen.rect(-0.8, 0.1, 0.8, 1, (198, 160, 114))
    for _ in range(24):
        pen.oval(rng.uniform(-0.78, 0.78), rng.uniform(0.2, 0.96), 0.05, 0.02, (184, 144, 98))
    for x in (-0.8, -0.28, 0.26, 0.8):
        pen.rect(x - 0.035, 0.1, x + 0.035, 1, (108, 76, 54))
    _lattice(pen, -0.14, 0.42, 0.14, 0.94, (246, 236, 208))
    _lattice(pen, -0.66, 0.46, -0.42, 0.76, (246, 236, 208))
    pen.rect(0.38, 0.42, 0.68, 0.96, (96, 68, 50))
    pen.curve(
        [
            (-1.06, 0.3),
            (-0.98, -0.1),
            (-0.62, -0.48),
            (0, -0.58),
            (0.62, -0.48),
            (0.98, -0.1),
            (1.06, 0.3),
            (0.5, 0.24),
            (0, 0.26),
            (-0.5, 0.24),
        ],
        tint,
    )
    pen.curve([(-0.8, -0.1), (-0.5, -0.42), (0, -0.53), (0.3, -0.46), (0, -0.3), (-0.5, -0.16)], light(tint, 0.22))
    for _ in range(70):
        x = rng.uniform(-0.9, 0.9)
        y = rng.uniform(-0.45 + 0.5 * abs(x) ** 2, 0.2)
        pen.line([(x, y), (x * 1.06, y + 0.1)], rng.choice((dark(tint, 0.2), light(tint, 0.3))), 0.01)
    for level in (-0.34, -0.16, 0.02):
        pen.line(arch(0, level + 0.2, 1.02, 0.2 + 0.06, 188, 352), dark(tint, 0.42), 0.014)
    if rng.random() < 0.5:
        for _ in range(3):
            pen.ball(rng.uniform(-0.6, 0.6), rng.uniform(-0.35, 0), 0.11, 0.08, (226, 206, 130))


def jangseung(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """Two wooden guardian posts with carved, grinning faces, the one capped, the other crowned."""
    for side, colour in ((-1, tint), (1, mix(tint, (150, 70, 50), 0.45))):
        post = pen.at(side * 0.46, 0, 1, turn=rng.uniform(-5, 5), flip=side > 0)
        post.shadow(0.1, 0.98, 0.4, 0.06)
        post.curve(
            [
                (-0.24, 1),
                (-0.25, 0.2),
                (-0.3, -0.5),
                (-0.22, -0.78),
                (0.22, -0.78),
                (0.3, -0.5),
                (0.25, 0.2),
                (0.24, 1),
            ],
            colour,
        )
        post.poly([(0.08, 1), (0.1, -0.76), (0.22, -0.78), (0.28, -0.5), (0.25, 0.2), (0.24, 1)], dark(colour, 0.2))
        for _ in range(7):
            x = rng.uniform(-0.2, 0.2)
            post.line([(x, 0.1), (x + rng.uniform(-0.02, 0.02), 0.96)], dark(colour, 0.34), 0.012)
        if side < 0:
            post.poly(
                [(-0.36, -0.66), (0.36, -0.66), (0.24, -0.76), (0.2, -1), (-0.2, -1), (-0.24, -0.76)], (54, 46, 48)
            )
            post.poly([(-0.24, -0.82), (-0.6, -0.94), (-0.6, -0.84), (-0.24, -0.74)], (54, 46, 48))
        else:
            post.poly(
                [(-0.28, -0.68), (-0.3, -0.98), (-0.14, -0.84), (0, -1), (0.14, -0.84), (0.3, -0.98), (0.28, -0.68)],
                (178, 64, 48),
            )
        for eye in (-1, 1):
            post.oval(eye * 0.13, -0.42, 0.12, 0.13, (248, 240, 220))
            post.oval(eye * 0.12, -0.4, 0.055, 0.06, BLACK)
            post.line([(eye * 0.02, -0.52), (eye * 0.14, -0.62), (eye * 0.26, -0.58)], BLACK, 0.05)
        post.curve([(-0.05, -0.4), (0.05, -0.4), (0.13, -0.14), (0, -0.1), (-0.13, -0.14)], light(colour, 0.22))
        post.curve([(-0.22, -0.04), (0, -0.08), (0.22, -0.04), (0.16, 0.12), (0, 0.16), (-0.16, 0.12)], (150, 36, 34))
        for tooth in range(5):
            post.rect(-0.17 + tooth * 0.07, -0.05, -0.115 + tooth * 0.07, 0.04, (250, 246, 230))
        post.line([(-0.1, 0.2), (0, 0.36), (0.1, 0.2)], (60, 50, 48), 0.03)
        post.rect(-0.13, 0.46, 0.13, 0.88, light(colour, 0.42))


def seokgatap(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """The three-storeyed stone pagoda of Bulguksa: a double base, three roofs one above another, a finial."""
    pen.shadow(0.1, 0.98, 0.85, 0.07)
    for left, top, bottom, shade in (
        (0.74, 0.88, 1, 0.16),
        (0.6, 0.66, 0.9, 0),
        (0.66, 0.6, 0.68, -0.14),
        (0.46, 0.38, 0.62, 0),
        (0.54, 0.32, 0.4, -0.14),
    ):
        colour = dark(tint, shade) if shade > 0 else light(tint, -shade)
        pen.rect(-left, top, left, bottom, colour)
        pen.rect(left * 0.3, top, left, bottom, dark(colour, 0.16))
    for x in (-0.42, 0, 0.42):
        pen.rect(x - 0.03, 0.42, x + 0.03, 0.6, light(tint, 0.2))
    for storey, (top, half, body) in enumerate(((0.0, 0.58, 0.3), (-0.3, 0.48, 0.25), (-0.56, 0.4, 0.21))):
        foot = (0.32, 0.02, -0.27)[storey]
        pen.rect(-body, top, body, foot, tint)
        pen.rect(body * 0.25, top, body, foot, dark(tint, 0.2))
        pen.rect(-body * 0.5, top + 0.1, body * 0.1, foot - 0.02, dark(tint, 0.12))
        for step in range(3):
            pen.rect(
                -half * (0.62 + 0.1 * step),
                top + 0.04 - step * 0.03,
                half * (0.62 + 0.1 * step),
                top + 0.07 - step * 0.03,
                dark(tint, 0.1),
            )
        pen.poly(
            [
                (-half, top - 0.04),
                (half, top - 0.04),
                (half * 1.02, top - 0.09),
                (half * 0.5, top - 0.17),
                (-half * 0.5, top - 0.17),
                (-half * 1.02, top - 0.09),
            ],
            light(tint, 0.12),
        )
        pen.poly(
            [(0, top - 0.04), (half, top - 0.04), (half * 1.02, top - 0.09), (half * 0.5, top - 0.17), (0, top - 0.17)],
            dark(tint, 0.1),
        )
    pen.line([(0, -0.7), (0, -1)], dark(tint, 0.4), 0.03)
    for y, half in ((-0.76, 0.11), (-0.84, 0.09), (-0.91, 0.06), (-0.98, 0.04)):
        pen.ball(0, y, half, 0.03, tint)
    for _ in range(30):
        pen.oval(rng.uniform(-0.5, 0.5), rng.uniform(0.4, 0.98), 0.02, 0.012, clear((90, 104, 80), 90))


def sungnyemun(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """The south gate of Seoul: a stone base with an arch, two painted storeys under tiled roofs."""
    pen.shadow(0, 0.98, 1.1, 0.06)
    pen.poly([(-1.06, 1), (-1, 0.3), (1, 0.3), (1.06, 1)], STONE)
    for row in range(7):
        y = 0.3 + row * 0.1
        pen.line([(-1.04, y), (1.04, y)], dark(STONE, 0.24), 0.01)
        for k in range(12):
            x = -1 + (k + 0.5 * (row % 2)) / 6
            pen.line([(x, y), (x, y + 0.1)], dark(STONE, 0.24), 0.01)
    pen.poly([(-0.26, 1), *arch(0, 0.66, 0.26, 0.26, 180, 360), (0.26, 1)], (44, 36, 40))
    pen.line([(-0.28, 1), *arch(0, 0.66, 0.28, 0.28, 180, 360), (0.28, 1)], light(STONE, 0.3), 0.035)
    if rng.random() < 0.5:
        pen.rect(-0.22, 0.7, 0, 1, (130, 40, 36))
    for top, bottom, half in ((-0.5, -0.26, 0.66), (0.02, 0.3, 0.84)):
        pen.rect(-half, top, half, bottom, (54, 96, 84))
        for k in range(9):
            x = -half + 2 * half * k / 8
            pen.rect(x - 0.03, top, x + 0.03, bottom, tint)
        pen.rect(-half, bottom - 0.06, half, bottom, dark(tint, 0.2))
        pen.rect(-half, top, half, top + 0.06, (70, 140, 120))
        for k in range(20):
            pen.oval(-half + 2 * half * k / 19, top + 0.03, 0.02, 0.02, (236, 190, 90))
    tiled_roof(pen, -1.08, 1.08, 0.06, -0.26, TILE)
    tiled_roof(pen, -0.9, 0.9, -0.46, -0.86, TILE)


def lighthouse(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """A harbour lighthouse on rocks, with a gallery and a lamp."""
    pen.curve([(-0.9, 1), (-0.6, 0.76), (-0.2, 0.7), (0.3, 0.72), (0.8, 0.84), (0.95, 1)], (86, 82, 84))
    for _ in range(12):
        pen.oval(rng.uniform(-0.7, 0.7), rng.uniform(0.8, 0.98), 0.1, 0.05, rng.choice(((104, 98, 98), (66, 64, 68))))
    pen.poly([(-0.3, 0.78), (-0.18, -0.52), (0.18, -0.52), (0.3, 0.78)], tint)
    for top, bottom in ((-0.2, 0.06), (0.34, 0.58)):
        left, right = 0.18 + 0.12 * (top + 0.52) / 1.3, 0.18 + 0.12 * (bottom + 0.52) / 1.3
        pen.poly(
            [(-left, top), (left, top), (right, bottom), (-right, bottom)],
            (250, 248, 244) if tint[1] < 200 else (214, 52, 44),
        )
    pen.poly([(0.06, 0.78), (0.04, -0.52), (0.18, -0.52), (0.3, 0.78)], (20, 20, 30, 50))
    pen.rect(-0.26, -0.58, 0.26, -0.5, (60, 62, 70))
    pen.rect(-0.14, -0.8, 0.14, -0.58, (255, 236, 150))
    pen.line([(0, -0.8), (0, -0.58)], (60, 62, 70), 0.02)
    pen.poly([(-0.19, -0.8), (0.19, -0.8), (0, -1)], (190, 44, 40))
    for side in (-1, 1):
        pen.poly(
            [(side * 0.14, -0.72), (side * 1.7, -1.0), (side * 1.7, -0.5), (side * 0.14, -0.66)], (255, 246, 190, 60)
        )
    pen.rect(-0.08, 0.58, 0.08, 0.78, (70, 56, 50))
