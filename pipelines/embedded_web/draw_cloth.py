"""Clothes, fans and the flag. Each is drawn in a frame of -1..1, its foot at y = 1."""

from __future__ import annotations

import math
import random

from pipelines.embedded_web.canvas import BLACK, WHITE, Colour, Pen, Point, arch, dark, light, mix

RED: Colour = (204, 46, 58)
BLUE: Colour = (34, 78, 162)
SKIN: Colour = (244, 208, 176)


def hanbok(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """A woman in hanbok: a bell of a skirt, a short jacket with a white collar and a long ribbon."""
    jacket = rng.choice(((246, 226, 120), (250, 240, 232), (150, 204, 180), (244, 186, 196), (120, 160, 214)))
    ribbon = rng.choice((RED, (120, 46, 110), (30, 84, 140)))
    pen.shadow(0.06, 0.97, 0.8, 0.08)
    pen.curve(
        [
            (-0.16, -0.2),
            (0.16, -0.2),
            (0.5, 0.3),
            (0.72, 0.86),
            (0.6, 0.99),
            (0, 1.02),
            (-0.6, 0.99),
            (-0.72, 0.86),
            (-0.5, 0.3),
        ],
        tint,
    )
    for k in range(-4, 5):
        fold = dark(tint, 0.2) if k % 2 else light(tint, 0.16)
        pen.line([(k * 0.03, -0.16), (k * 0.1, 0.4), (k * 0.15, 0.96)], fold, 0.03)
    if rng.random() < 0.6:
        pen.line([(-0.66, 0.88), (-0.3, 0.95), (0, 0.96), (0.3, 0.95), (0.66, 0.88)], (232, 196, 96), 0.06)
    for side in (-1, 1):
        pen.curve(
            [
                (side * 0.14, -0.5),
                (side * 0.34, -0.42),
                (side * 0.62, 0.0),
                (side * 0.54, 0.2),
                (side * 0.3, 0.12),
                (side * 0.16, -0.16),
            ],
            jacket,
        )
        cuff = [(side * 0.62, -0.01), (side * 0.56, 0.2), (side * 0.46, 0.18), (side * 0.53, -0.06)]
        pen.poly(cuff, ribbon)
        pen.oval(side * 0.5, 0.2, 0.06, 0.05, SKIN)
    pen.curve([(-0.24, -0.5), (0.24, -0.5), (0.27, -0.18), (0, -0.12), (-0.27, -0.18)], jacket)
    pen.line([(-0.15, -0.53), (0.06, -0.26)], WHITE, 0.055)
    pen.line([(0.15, -0.53), (0.02, -0.34)], WHITE, 0.055)
    pen.line([(0.04, -0.26), (0.1, 0.1), (0.06, 0.52)], ribbon, 0.06)
    pen.line([(0.04, -0.26), (0.18, 0.02), (0.2, 0.36)], ribbon, 0.055)
    pen.oval(0.05, -0.25, 0.06, 0.045, dark(ribbon, 0.2))
    _head(pen, 0, -0.74)
    pen.line([(-0.22, -0.7), (-0.34, -0.66)], (226, 190, 80), 0.04)


def _head(pen: Pen, x: float, y: float) -> None:
    head = pen.at(x, y)
    head.ball(0.13, 0.12, 0.1, 0.08, BLACK)
    head.oval(0, -0.03, 0.2, 0.21, BLACK)
    head.rect(-0.06, 0.1, 0.06, 0.24, dark(SKIN, 0.1))
    head.curve([(-0.15, -0.06), (0, -0.13), (0.15, -0.06), (0.14, 0.08), (0, 0.18), (-0.14, 0.08)], SKIN)
    head.line([(0, -0.24), (0, -0.12)], (90, 80, 84), 0.012)
    for side in (-1, 1):
        head.line(arch(side * 0.065, 0.02, 0.035, 0.02, 190, 350, 5), BLACK, 0.018)
        head.oval(side * 0.09, 0.07, 0.03, 0.022, (244, 170, 156))
    head.line(arch(0, 0.085, 0.04, 0.02, 20, 160, 5), (196, 60, 66), 0.02)


def seonbi(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """A scholar in a long coat and a horsehair hat."""
    pen.shadow(0.06, 0.97, 0.5, 0.07)
    pen.curve([(-0.24, -0.42), (0.24, -0.42), (0.36, 0.2), (0.46, 0.92), (0, 1), (-0.46, 0.92), (-0.36, 0.2)], tint)
    pen.poly([(0.02, -0.3), (0.2, -0.4), (0.34, 0.2), (0.42, 0.93), (0.14, 0.97)], dark(tint, 0.12))
    for side in (-1, 1):
        pen.curve(
            [
                (side * 0.2, -0.4),
                (side * 0.4, -0.2),
                (side * 0.56, 0.26),
                (side * 0.3, 0.42),
                (side * 0.12, 0.16),
                (side * 0.2, -0.1),
            ],
            light(tint, 0.12),
        )
        pen.line([(side * 0.34, 0.38), (side * 0.55, 0.26)], dark(tint, 0.3), 0.02)
    pen.oval(0, 0.2, 0.1, 0.07, SKIN)
    pen.line([(-0.14, -0.44), (0.06, -0.12)], WHITE, 0.06)
    pen.line([(0.14, -0.44), (0.02, -0.24)], WHITE, 0.06)
    pen.line([(-0.3, -0.02), (0.3, -0.02)], rng.choice((BLUE, RED, (90, 60, 100))), 0.05)
    pen.line([(0.04, 0), (0.08, 0.5)], rng.choice((BLUE, RED)), 0.04)
    _head(pen, 0, -0.66)
    pen.curve([(-0.06, -0.5), (0.06, -0.5), (0, -0.34)], (60, 54, 56))
    pen.oval(0, -0.76, 0.5, 0.1, (40, 38, 44))
    pen.oval(0, -0.775, 0.44, 0.07, (64, 60, 68))
    pen.poly([(-0.19, -0.76), (-0.15, -1.02), (0.15, -1.02), (0.19, -0.76)], (34, 32, 38))
    pen.line([(-0.2, -0.72), (-0.16, -0.4), (-0.1, -0.2)], (50, 46, 52), 0.015)
    pen.line([(0.2, -0.72), (0.16, -0.4), (0.1, -0.2)], (50, 46, 52), 0.015)


def gomusin(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """A pair of rubber shoes with turned-up toes, seen from above."""
    for side in (-1, 1):
        shoe = pen.at(side * 0.42, 0, turn=side * rng.uniform(2, 14), flip=side < 0)
        outline: list[Point] = [
            (0, -0.98),
            (0.2, -0.72),
            (0.31, -0.3),
            (0.25, 0.3),
            (0.27, 0.7),
            (0, 0.92),
            (-0.27, 0.7),
            (-0.25, 0.3),
            (-0.31, -0.3),
            (-0.2, -0.72),
        ]
        shoe.at(0.07, 0.06).curve(outline, (20, 16, 24, 70))
        shoe.curve(outline, tint)
        shoe.curve(
            [
                (0, -0.34),
                (0.19, -0.1),
                (0.17, 0.4),
                (0.16, 0.66),
                (0, 0.76),
                (-0.16, 0.66),
                (-0.17, 0.4),
                (-0.19, -0.1),
            ],
            dark(tint, 0.5),
        )
        shoe.curve(
            [(0, -0.2), (0.13, 0), (0.12, 0.4), (0.1, 0.62), (0, 0.7), (-0.1, 0.62), (-0.12, 0.4), (-0.13, 0)],
            mix(tint, (230, 214, 190), 0.6),
        )
        shoe.curve([(-0.1, -0.8), (0, -0.94), (0.04, -0.8), (-0.04, -0.56), (-0.16, -0.5)], light(tint, 0.45))
        if rng.random() < 0.6:
            for k in range(5):
                shoe.oval(0.05 * math.cos(k * 1.257), -0.56 + 0.05 * math.sin(k * 1.257), 0.04, 0.04, (226, 80, 100))
            shoe.oval(0, -0.56, 0.03, 0.03, (250, 214, 90))


def buchae(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """A folding fan, open, with bamboo ribs and a plum branch painted on the paper."""
    fan = pen.at(0, 0.72, turn=rng.uniform(-22, 22))
    outer, inner, count = 1.5, 0.62, 22
    fan.at(0.05, 0.06).poly(
        [*arch(0, 0, outer, outer, 198, 342, 30), *reversed(arch(0, 0, inner, inner, 198, 342, 30))], (20, 16, 20, 60)
    )
    for k in range(count):
        start = 198 + 144 * k / count
        shade = light(tint, 0.18) if k % 2 else dark(tint, 0.08)
        fan.poly(
            [
                *arch(0, 0, outer, outer, start, start + 144 / count, 2),
                *reversed(arch(0, 0, inner, inner, start, start + 144 / count, 2)),
            ],
            shade,
        )
        angle = math.radians(start)
        fan.line([(0, 0), (inner * math.cos(angle), inner * math.sin(angle))], (170, 120, 70), 0.035)
    for angle in (198, 342):
        end = math.radians(angle)
        fan.line(
            [(-0.1 * math.cos(end), -0.1 * math.sin(end)), (outer * math.cos(end), outer * math.sin(end))],
            (84, 50, 36),
            0.07,
        )
    fan.line([(-0.8, -0.62), (-0.4, -0.98), (0.1, -1.0), (0.55, -1.16)], (76, 56, 50), 0.035)
    fan.line([(-0.2, -1.0), (0.02, -1.26)], (76, 56, 50), 0.025)
    petal = rng.choice(((222, 70, 90), (244, 150, 170), (250, 214, 110), (90, 110, 190)))
    for _ in range(9):
        x, y = rng.uniform(-0.7, 0.6), rng.uniform(-1.24, -0.86)
        for k in range(5):
            fan.oval(x + 0.055 * math.cos(k * 1.257), y + 0.055 * math.sin(k * 1.257), 0.042, 0.042, petal)
        fan.oval(x, y, 0.028, 0.028, (250, 220, 120))
    fan.ball(0, 0, 0.06, 0.06, (200, 170, 90))
    fan.line([(0, 0.02), (0.04, 0.26)], RED, 0.03)


def taegeuk(pen: Pen, radius: float, upper: Colour = RED, lower: Colour = BLUE) -> None:
    """Draw the two-fold taegeuk about the origin."""
    pen.oval(0, 0, radius, radius, lower)
    pen.poly(arch(0, 0, radius, radius, 180, 360, 28), upper)
    pen.oval(-radius / 2, 0, radius / 2, radius / 2, upper)
    pen.oval(radius / 2, 0, radius / 2, radius / 2, lower)


def taegeukseon(pen: Pen, rng: random.Random, _tint: Colour) -> None:
    """A round fan with the three-fold taegeuk in red, blue and yellow."""
    fan = pen.at(0, -0.2, turn=rng.uniform(-25, 25))
    fan.at(0.05, 0.06).oval(0, 0, 0.78, 0.78, (20, 16, 20, 60))
    fan.rect(-0.06, 0.6, 0.06, 1.25, (120, 74, 44))
    fan.oval(0, 0, 0.79, 0.79, (90, 60, 40))
    fan.oval(0, 0, 0.75, 0.75, BLUE)
    for turn, colour in ((0, RED), (120, (248, 200, 60)), (240, BLUE)):
        part = fan.at(0, 0, turn=turn)
        part.poly([(0, 0), *arch(0, 0, 0.75, 0.75, 180, 300, 16)], colour)
    for turn, colour in ((0, RED), (120, (248, 200, 60)), (240, BLUE)):
        part = fan.at(0, 0, turn=turn)
        part.poly(arch(-0.375, 0, 0.375, 0.375, 0, 180, 16), colour)
    for k in range(12):
        angle = k * math.pi / 6
        fan.line(
            [(0.1 * math.cos(angle), 0.1 * math.sin(angle)), (0.74 * math.cos(angle), 0.74 * math.sin(angle))],
            (255, 255, 255, 50),
            0.012,
        )
    fan.line([(0, 1.2), (0.14, 1.4), (0.06, 1.6)], RED, 0.05)


def taegeukgi(pen: Pen, rng: random.Random, _tint: Colour) -> None:
    """The national flag on a pole: the taegeuk between four trigrams."""
    pen.line([(-0.96, -1), (-0.96, 1.1)], (176, 160, 130), 0.05)
    pen.ball(-0.96, -1.02, 0.07, 0.07, (226, 186, 80))
    flag = pen.at(-0.02, -0.3, 0.92, turn=rng.uniform(-7, 7))
    flag.at(0.03, 0.04).rect(-1, -0.66, 1, 0.66, (10, 10, 20, 60))
    flag.rect(-1, -0.66, 1, 0.66, WHITE)
    taegeuk(flag.at(0, 0, turn=33), 0.34)
    for x, y, turn, bars in (
        (-0.62, -0.4, -56, (1, 1, 1)),
        (0.62, 0.4, -56, (0, 0, 0)),
        (0.62, -0.4, 56, (0, 1, 0)),
        (-0.62, 0.4, 56, (1, 0, 1)),
    ):
        sign = flag.at(x, y, turn=turn)
        for k, whole in enumerate(bars):
            top = -0.12 + k * 0.095
            sign.rect(-0.17, top, 0.17, top + 0.062, BLACK)
            if not whole:
                sign.rect(-0.018, top, 0.018, top + 0.062, WHITE)
    for k in range(3):
        x = rng.uniform(-0.8, 0.8)
        flag.poly([(x, -0.66), (x + 0.16, -0.66), (x + 0.1 + k * 0.02, 0.66), (x - 0.06, 0.66)], (60, 60, 90, 22))
