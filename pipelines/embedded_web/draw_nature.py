"""Mountains, plants, animals and the sea with those who work in it, each in a frame of -1..1 with its foot at y = 1."""

from __future__ import annotations

import math
import random
from itertools import pairwise

from pipelines.embedded_web.canvas import BLACK, WHITE, Colour, Pen, Point, arch, clear, dark, light, mix


def hallasan(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """The broad shield of Mount Halla with its crater rim, snow about the top, lesser cones before it."""
    peak = rng.uniform(-0.3, 0.3)
    rim = [
        (peak - 0.3, -0.16),
        (peak - 0.16, -0.27),
        (peak - 0.05, -0.2),
        (peak + 0.08, -0.21),
        (peak + 0.2, -0.29),
        (peak + 0.34, -0.15),
    ]
    left: list[Point] = [(-3.4, 1), (-3.4, 0.66), (-2.0, 0.42), (peak - 0.8, 0.1)]
    right: list[Point] = [(peak + 0.9, 0.12), (2.0, 0.44), (3.4, 0.7), (3.4, 1)]
    pen.poly([*left, *rim, *right], tint)
    pen.poly([(peak, -0.2), *rim[3:], *right, (peak + 0.4, 1), (peak + 0.15, 0.3)], dark(tint, 0.18))
    edge = [(peak + 0.7 - k * 0.14, 0.06 + (0.12 if k % 2 else 0) + rng.uniform(-0.03, 0.03)) for k in range(11)]
    if rng.random() < 0.75:
        pen.poly([*rim, *edge], (246, 248, 252))
        pen.poly(
            [(peak + 0.02, -0.17), *rim[3:], (peak + 0.46, -0.06), (peak + 0.24, 0.08), (peak + 0.12, 0.0)],
            (208, 218, 232),
        )
    for _ in range(26):
        x, y = rng.uniform(-1.8, 1.8), rng.uniform(0.45, 0.85)
        pen.line(
            [(x, y), (x + rng.uniform(-0.1, 0.1), y + 0.12)], clear(rng.choice((dark(tint), light(tint))), 90), 0.04
        )
    for _ in range(rng.randint(1, 4)):
        x, size = rng.uniform(-1.5, 1.5), rng.uniform(0.2, 0.5)
        cone = pen.at(x, 0.95, size)
        green = rng.choice(((98, 140, 74), (130, 150, 80), (84, 120, 92)))
        cone.curve([(-1.4, 0.3), (-0.8, -0.3), (-0.3, -0.7), (0, -0.62), (0.3, -0.72), (0.8, -0.3), (1.4, 0.3)], green)
        cone.curve([(0.1, 0.2), (0.1, -0.5), (0.3, -0.7), (0.8, -0.3), (1.3, 0.28)], dark(green, 0.16))


def seongsan(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """Sunrise Peak: a steep crater crown of rock rising from the sea, green on its flank."""
    teeth: list[Point] = []
    count = 11
    for k in range(count):
        x = -0.72 + 1.44 * k / (count - 1)
        teeth.append(
            (x, -0.34 - 0.1 * math.sin(3.14 * k / (count - 1)) + (0.09 if k % 2 else 0) * rng.uniform(0.6, 1.3))
        )
    rock: list[Point] = [(-1.15, 0.62), (-0.98, 0.3), (-0.84, -0.1), *teeth, (0.84, -0.08), (1.0, 0.3), (1.12, 0.62)]
    pen.poly(rock, tint)
    pen.poly([(0.12, 0.62), (0.2, -0.3), *teeth[6:], (0.84, -0.08), (1.0, 0.3), (1.12, 0.62)], dark(tint, 0.24))
    for _ in range(26):
        x = rng.uniform(-0.86, 0.9)
        pen.line(
            [(x, rng.uniform(-0.22, 0)), (x * 1.08, rng.uniform(0.2, 0.56))],
            clear(rng.choice((dark(tint, 0.4), light(tint, 0.3))), 150),
            0.03,
        )
    green = rng.choice(((112, 156, 72), (140, 168, 84), (90, 136, 80)))
    pen.curve(
        [
            (-2.0, 0.7),
            (-1.5, 0.46),
            (-0.9, 0.28),
            (-0.4, 0.14),
            (-0.1, 0.3),
            (0.3, 0.5),
            (1.0, 0.6),
            (1.3, 0.72),
            (-0.3, 0.8),
        ],
        green,
    )
    pen.line(
        [(-1.4, 0.56), (-0.9, 0.42), (-0.62, 0.36), (-0.5, 0.2), (-0.42, 0.0), (-0.34, -0.2)], (226, 206, 166), 0.03
    )
    for k in range(-6, 7):
        pen.line([(k * 0.2 - 0.1, 0.78), (k * 0.2, 0.74), (k * 0.2 + 0.12, 0.79)], (250, 252, 252), 0.025)


def pine(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """An old red pine: a bent trunk, scaly bark, flat clouds of needles."""
    bend = rng.uniform(0.1, 0.32)
    pen.shadow(0.1, 0.98, 0.6, 0.06)
    trunk = [(0.0, 1.0), (bend * 0.6, 0.5), (-bend * 0.4, 0.1), (bend, -0.3), (bend * 0.4, -0.7)]
    bark = (146, 88, 62)
    for width, (one, other) in zip((0.19, 0.16, 0.13, 0.09), pairwise(trunk), strict=True):
        pen.line([one, other], dark(bark, 0.3), width)
        pen.line([(one[0] - 0.02, one[1]), (other[0] - 0.02, other[1])], bark, width * 0.62)
        pen.oval(*other, width / 2, width / 2, dark(bark, 0.2))
    for _ in range(22):
        y = rng.uniform(-0.2, 0.95)
        pen.line(arch(rng.uniform(-0.02, 0.1), y, 0.05, 0.03, 20, 160, 4), dark(bark, 0.5), 0.012)
    clouds = [
        (bend * 0.4, -0.78, 0.52),
        (-0.5, -0.36, 0.42),
        (0.62, -0.42, 0.42),
        (-0.62, 0.06, 0.34),
        (0.66, 0.0, 0.34),
    ]
    for x, y, size in clouds[: rng.randint(3, 5)]:
        y += rng.uniform(-0.08, 0.08)
        pen.line([(bend * 0.3, y + 0.3), (x, y + 0.06)], dark(bark, 0.2), 0.06)
        for shade, lift, share in ((dark(tint, 0.42), 0.05, 1.0), (tint, 0, 0.9), (light(tint, 0.14), -0.05, 0.7)):
            for k in range(7):
                pen.oval(
                    x + (k - 3) / 3 * size * share * 0.75,
                    y + lift + 0.05 * math.sin(k * 2.1),
                    size * 0.3,
                    size * 0.2,
                    shade,
                )
        for _ in range(26):
            px, py, turn = x + rng.uniform(-0.9, 0.9) * size, y + rng.uniform(-0.14, 0.12), rng.uniform(3.5, 6)
            pen.line(
                [(px, py), (px + 0.09 * math.cos(turn), py + 0.09 * math.sin(turn))],
                rng.choice((dark(tint, 0.3), light(tint, 0.25))),
                0.014,
            )


def _leaf(pen: Pen, x: float, y: float, size: float, turn: float, colour: Colour) -> None:
    leaf = pen.at(x, y, size, turn=turn)
    leaf.curve([(0, 0), (0.3, -0.36), (0.8, -0.3), (1.15, 0), (0.8, 0.3), (0.3, 0.36)], colour)
    leaf.line([(0, 0), (1.05, 0)], light(colour, 0.3), 0.05)


def mugunghwa(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """Roses of Sharon: five broad petals, a crimson eye, a long pale stamen."""
    green = rng.choice(((72, 124, 62), (90, 140, 70), (56, 106, 66)))
    pen.line([(rng.uniform(-0.3, 0.3), 1.6), (0, 0.2)], dark(green, 0.3), 0.08)
    for _ in range(9):
        _leaf(
            pen,
            rng.uniform(-0.5, 0.5),
            rng.uniform(-0.4, 0.7),
            rng.uniform(0.35, 0.6),
            rng.uniform(0, 360),
            mix(green, dark(green), rng.random()),
        )
    flower = pen.at(0, 0, turn=rng.uniform(0, 72))
    for k in range(5):
        petal = flower.at(0, 0, turn=72 * k)
        petal.curve(
            [
                (0, 0),
                (-0.4, -0.36),
                (-0.44, -0.76),
                (-0.16, -0.92),
                (0.08, -0.86),
                (0.36, -0.84),
                (0.42, -0.5),
                (0.24, -0.2),
            ],
            dark(tint, 0.1),
        )
        petal.curve(
            [
                (0, 0),
                (-0.34, -0.36),
                (-0.38, -0.72),
                (-0.14, -0.87),
                (0.06, -0.8),
                (0.3, -0.78),
                (0.34, -0.5),
                (0.2, -0.2),
            ],
            tint,
        )
        for x in (-0.2, -0.04, 0.14):
            petal.line([(0, -0.2), (x, -0.76)], light(tint, 0.35), 0.018)
        petal.poly([(0, 0), (-0.2, -0.24), (-0.06, -0.5), (0, -0.34), (0.1, -0.46), (0.16, -0.2)], (176, 24, 70))
    flower.oval(0, 0, 0.13, 0.13, (140, 14, 52))
    flower.line([(0, 0), (0.1, -0.34)], (252, 236, 180), 0.08)
    for _ in range(14):
        share = rng.uniform(0.3, 1)
        flower.oval(
            0.1 * share + rng.uniform(-0.06, 0.06),
            -0.34 * share + rng.uniform(-0.05, 0.05),
            0.028,
            0.028,
            (250, 226, 130),
        )


def tiger(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """A sitting tiger as in folk painting: round head, wide eyes, stripes, a raised tail."""
    belly, stripe = (252, 240, 214), (50, 36, 32)
    pen.shadow(0.1, 0.98, 0.8, 0.08)
    pen.line([(0.5, 0.8), (0.9, 0.6), (0.86, 0.1), (1.06, -0.2), (0.98, -0.44)], tint, 0.15)
    for x, y in ((0.88, 0.5), (0.86, 0.2), (0.98, -0.06), (1.02, -0.34)):
        pen.line([(x - 0.08, y), (x + 0.08, y + 0.03)], stripe, 0.05)
    pen.curve([(-0.42, -0.1), (0.42, -0.1), (0.66, 0.5), (0.62, 0.94), (0, 1), (-0.62, 0.94), (-0.66, 0.5)], tint)
    pen.curve([(-0.24, 0), (0.24, 0), (0.3, 0.6), (0, 0.84), (-0.3, 0.6)], belly)
    for side in (-1, 1):
        for y in (0.2, 0.38, 0.56, 0.74):
            pen.poly(
                [(side * (0.5 + y * 0.16), y - 0.05), (side * 0.3, y + 0.02), (side * (0.52 + y * 0.16), y + 0.05)],
                stripe,
            )
        pen.curve(
            [
                (side * 0.12, 0.3),
                (side * 0.36, 0.3),
                (side * 0.38, 0.9),
                (side * 0.3, 1.0),
                (side * 0.1, 1.0),
                (side * 0.06, 0.9),
            ],
            light(tint, 0.1),
        )
        for claw in range(3):
            pen.line([(side * (0.14 + claw * 0.08), 0.92), (side * (0.14 + claw * 0.08), 0.99)], stripe, 0.02)
    head = pen.at(rng.uniform(-0.08, 0.08), -0.42, turn=rng.uniform(-10, 10))
    for side in (-1, 1):
        head.ball(side * 0.38, -0.4, 0.17, 0.17, tint)
        head.oval(side * 0.38, -0.39, 0.09, 0.09, (240, 180, 170))
    head.curve(
        [(-0.54, 0.1), (-0.5, -0.3), (-0.2, -0.52), (0.2, -0.52), (0.5, -0.3), (0.54, 0.1), (0.3, 0.42), (-0.3, 0.42)],
        tint,
    )
    for side in (-1, 1):
        head.oval(side * 0.16, 0.2, 0.22, 0.18, belly)
        head.oval(side * 0.24, -0.1, 0.15, 0.15, WHITE)
        head.oval(side * 0.24, -0.1, 0.12, 0.12, (238, 196, 60))
        head.oval(side * 0.22, -0.09, 0.055, 0.065, BLACK)
        head.oval(side * 0.2, -0.12, 0.02, 0.02, WHITE)
        head.line(arch(side * 0.25, -0.18, 0.17, 0.14, 215, 325), stripe, 0.05)
        for y in (-0.02, 0.12, 0.26):
            head.poly([(side * 0.54, y - 0.05), (side * 0.38, y), (side * 0.52, y + 0.04)], stripe)
        for k in range(3):
            head.line([(side * 0.2, 0.2 + k * 0.05), (side * 0.66, 0.14 + k * 0.1)], (255, 255, 255), 0.014)
    for y, half in ((-0.46, 0.13), (-0.36, 0.17), (-0.26, 0.1)):
        head.line([(-half, y), (0, y + 0.04), (half, y)], stripe, 0.045)
    head.line([(0, -0.48), (0, -0.22)], stripe, 0.04)
    head.poly([(-0.1, 0.04), (0.1, 0.04), (0, 0.16)], (200, 80, 84))
    head.line([(0, 0.14), (0, 0.24)], stripe, 0.03)
    head.line([(-0.2, 0.24), (-0.08, 0.32), (0, 0.24), (0.08, 0.32), (0.2, 0.24)], stripe, 0.035)


def magpie(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """A magpie on a bough: black and white with a long tail."""
    pen.line([(-1.6, 0.78), (-0.6, 0.66), (0.3, 0.72), (1.6, 0.5)], (92, 68, 54), 0.13)
    pen.line([(0.5, 0.7), (0.9, 0.3), (1.1, -0.1)], (92, 68, 54), 0.06)
    fruit = rng.random() < 0.5
    for _ in range(8):
        x, y = rng.choice(
            ((rng.uniform(-1.3, -0.5), rng.uniform(0.5, 1.0)), (rng.uniform(0.7, 1.3), rng.uniform(-0.1, 0.9)))
        )
        if fruit:
            pen.ball(x, y, 0.13, 0.12, (232, 96, 30))
        else:
            _leaf(pen, x, y, 0.24, rng.uniform(0, 360), rng.choice(((98, 142, 70), (206, 120, 50))))
    pen.poly([(-0.2, 0.3), (-0.46, 0.4), (-1.1, 1.02), (-0.96, 1.08)], dark(tint, 0.2))
    pen.curve([(-0.46, 0.36), (-0.3, -0.1), (0.08, -0.38), (0.4, -0.32), (0.4, 0.1), (0.2, 0.44), (-0.1, 0.56)], tint)
    pen.curve([(-0.1, 0.54), (0.05, 0.16), (0.3, 0.0), (0.38, 0.1), (0.2, 0.44)], WHITE)
    pen.curve([(-0.5, 0.4), (-0.24, -0.06), (0.04, -0.2), (0.1, 0.06), (-0.16, 0.3)], (36, 62, 110))
    pen.curve([(-0.1, 0.0), (0.06, -0.2), (0.14, -0.08), (0.02, 0.14)], WHITE)
    pen.ball(0.34, -0.46, 0.23, 0.21, light(tint, 0.04))
    pen.poly([(0.52, -0.54), (0.82, -0.4), (0.53, -0.36)], (44, 40, 44))
    pen.oval(0.4, -0.5, 0.045, 0.045, WHITE)
    pen.oval(0.41, -0.5, 0.028, 0.028, BLACK)
    for x in (0.0, 0.16):
        pen.line([(x, 0.48), (x + 0.03, 0.7)], (50, 44, 46), 0.03)


def yuchae(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """Rows of rape in flower, running to the horizon."""
    pen.poly([(-5, -0.1), (5, -0.1), (5, 1.4), (-5, 1.4)], (140, 160, 50))
    vanish = rng.uniform(-0.6, 0.6)
    for k in range(-24, 25):
        pen.poly(
            [
                (vanish + k * 0.12, -0.1),
                (vanish + k * 0.12 + 0.08, -0.1),
                (vanish + k * 0.9 + 0.62, 1.4),
                (vanish + k * 0.9, 1.4),
            ],
            mix(tint, (190, 170, 30), rng.random() * 0.3),
        )
    for _ in range(280):
        depth = rng.random() ** 0.7
        x, y = rng.uniform(-2.4, 2.4), -0.08 + depth * 1.3
        size = 0.012 + 0.05 * depth
        if depth > 0.7:
            pen.line([(x, y), (x, y + size * 3)], (90, 130, 50), size * 0.4)
        for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            pen.oval(x + dx * size * 0.7, y + dy * size * 0.7, size * 0.6, size * 0.6, light(tint, rng.uniform(0, 0.4)))


def haenyeo(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """A diving woman in the water: black suit, round mask, an orange float with its net."""
    pen.oval(0, 0.74, 1.2, 0.16, (240, 250, 252, 90))
    pen.curve([(-0.5, 0.8), (-0.46, 0.4), (-0.2, 0.16), (0.2, 0.16), (0.46, 0.4), (0.5, 0.8)], (36, 38, 46))
    pen.curve([(0.3, 0.34), (0.6, 0.2), (0.9, 0.34), (0.84, 0.48), (0.56, 0.4), (0.4, 0.6)], (44, 46, 56))
    pen.oval(0, -0.16, 0.33, 0.38, (30, 32, 40))
    pen.oval(0.02, -0.1, 0.25, 0.28, (236, 196, 160))
    pen.oval(0.02, -0.17, 0.25, 0.15, (180, 46, 40) if rng.random() < 0.4 else (50, 54, 60))
    pen.oval(0.02, -0.17, 0.21, 0.115, (150, 206, 224))
    for side in (-1, 1):
        pen.oval(0.02 + side * 0.09, -0.15, 0.025, 0.03, BLACK)
    pen.poly([(-0.14, -0.22), (-0.06, -0.26), (-0.1, -0.1), (-0.16, -0.12)], (255, 255, 255, 130))
    pen.line(arch(0.02, 0.04, 0.09, 0.06, 20, 160, 6), (160, 60, 56), 0.03)
    taewak = pen.at(rng.choice((-0.86, 0.95)), 0.42, 0.42)
    taewak.line([(-0.8, 0.6), (-0.5, 1.1), (0.5, 1.1), (0.8, 0.6)], (90, 130, 110), 0.1)
    for k in range(-3, 4):
        taewak.line([(k * 0.22, 0.4), (k * 0.16, 1.1)], (110, 150, 126), 0.05)
    taewak.ball(0, 0, 0.92, 0.8, tint)
    taewak.line(arch(0, 0, 0.9, 0.3, 0, 180), dark(tint, 0.4), 0.06)
    taewak.line([(0, -0.8), (0, 0.8)], dark(tint, 0.4), 0.06)
    for k in range(9):
        y = 0.76 + rng.uniform(-0.05, 0.16)
        x = -1.2 + k * 0.3
        pen.line([(x, y), (x + 0.12, y - 0.05), (x + 0.28, y)], (250, 252, 254), 0.035)
    pen.rect(-1.3, 0.86, 1.3, 1.0, clear((60, 130, 160), 60))


def geobukseon(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """A turtle ship: a spiked shell over a broad hull, oars out, a dragon's head breathing smoke."""
    for mast in (-0.3, 0.34):
        pen.line([(mast, 0.0), (mast, -0.98)], (98, 68, 48), 0.05)
        pen.poly(
            [(mast - 0.22, -0.9), (mast + 0.24, -0.94), (mast + 0.26, -0.36), (mast - 0.2, -0.34)], (230, 210, 168)
        )
        for k in range(4):
            pen.line([(mast - 0.21, -0.76 + k * 0.12), (mast + 0.25, -0.79 + k * 0.12)], (170, 140, 100), 0.014)
    pen.curve([(-0.96, 0.36), (-0.8, -0.02), (-0.4, -0.28), (0.1, -0.32), (0.6, -0.2), (0.86, 0.06), (0.9, 0.36)], tint)
    for row in range(4):
        for k in range(10):
            x, y = -0.74 + k * 0.165 + (row % 2) * 0.08, -0.2 + row * 0.13
            if abs(x) < 0.86 - (3 - row) * 0.12:
                pen.poly(
                    [(x + 0.075 * math.cos(a * 1.047), y + 0.06 * math.sin(a * 1.047)) for a in range(6)],
                    light(tint, 0.16) if (k + row) % 2 else dark(tint, 0.18),
                )
                pen.poly([(x - 0.016, y), (x + 0.016, y), (x, y - 0.1)], (214, 214, 220))
    hull = (146, 96, 60)
    pen.curve([(-1.1, 0.34), (0, 0.38), (1.0, 0.3), (0.9, 0.66), (0.6, 0.86), (-0.66, 0.86), (-0.96, 0.66)], hull)
    for k in range(3):
        pen.line([(-1.0 + k * 0.06, 0.48 + k * 0.12), (0.94 - k * 0.08, 0.46 + k * 0.12)], dark(hull, 0.34), 0.02)
    for k in range(6):
        x = -0.72 + k * 0.28
        pen.oval(x, 0.5, 0.06, 0.06, (40, 34, 36))
        pen.line([(x + 0.1, 0.66), (x - 0.16, 1.02)], (188, 140, 92), 0.035)
    pen.line([(0.86, 0.24), (1.06, 0.0), (1.16, -0.14)], (80, 128, 84), 0.17)
    head = pen.at(1.2, -0.2, 0.26)
    head.curve(
        [(-0.7, -0.3), (0, -0.6), (0.9, -0.2), (1.1, 0.1), (0.4, 0.1), (0.9, 0.4), (0.2, 0.6), (-0.6, 0.4)],
        (92, 148, 92),
    )
    head.oval(0, -0.3, 0.16, 0.16, WHITE)
    head.oval(0.04, -0.3, 0.08, 0.08, BLACK)
    head.line([(-0.3, -0.5), (-0.7, -1.0)], (226, 190, 90), 0.14)
    head.line([(0.9, 0.1), (0.4, 0.1)], (200, 40, 40), 0.14)
    for k in range(5):
        pen.oval(
            1.5 + k * 0.13,
            -0.22 - k * 0.05 + rng.uniform(-0.04, 0.04),
            0.08 + k * 0.03,
            0.06 + k * 0.025,
            (236, 236, 240, 130),
        )
    for k in range(11):
        pen.line([(-1.3 + k * 0.26, 0.9), (-1.2 + k * 0.26, 0.84), (-1.06 + k * 0.26, 0.91)], (250, 252, 254), 0.03)


def sotdae(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """Tall poles, a carved wooden bird on each."""
    for k in range(rng.randint(2, 4)):
        x, top = (k - 1.2) * 0.62 + rng.uniform(-0.1, 0.1), -0.7 + rng.uniform(-0.2, 0.3)
        lean = rng.uniform(-0.06, 0.06)
        pen.line([(x, 1), (x + lean, top)], dark(tint, 0.25), 0.065)
        pen.line([(x - 0.012, 1), (x + lean - 0.012, top)], light(tint, 0.12), 0.024)
        bird = pen.at(x + lean, top - 0.08, rng.uniform(0.38, 0.5), flip=rng.random() < 0.3)
        bird.curve([(-0.9, -0.1), (-0.4, 0.25), (0.2, 0.28), (0.5, 0.05), (0.2, -0.14), (-0.4, -0.12)], tint)
        bird.line([(0.36, 0.06), (0.5, -0.36), (0.62, -0.58)], tint, 0.2)
        bird.ball(0.66, -0.62, 0.19, 0.15, tint)
        bird.poly([(0.78, -0.7), (1.16, -0.6), (0.78, -0.52)], dark(tint, 0.4))
        bird.poly([(-0.7, -0.06), (-1.25, -0.3), (-1.15, 0.1)], dark(tint, 0.25))
        bird.line([(-0.4, 0.02), (0.2, 0.1)], dark(tint, 0.4), 0.05)
    for _ in range(14):
        pen.ball(
            rng.uniform(-1, 1),
            0.98 + rng.uniform(-0.06, 0.04),
            0.1,
            0.06,
            rng.choice(((150, 146, 140), (126, 120, 116))),
        )
