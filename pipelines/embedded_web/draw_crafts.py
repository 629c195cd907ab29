"""Vessels, masks, instruments and toys. Each is drawn in a frame of -1..1, its foot at y = 1."""

from __future__ import annotations

import random

from pipelines.embedded_web.canvas import BLACK, WHITE, Colour, Pen, Point, arch, clear, dark, light, mix

RED: Colour = (204, 46, 58)
BLUE: Colour = (34, 78, 162)


def _jar(pen: Pen, x: float, foot: float, size: float, colour: Colour) -> None:
    jar = pen.at(x, foot - size, size)
    jar.shadow(0.15, 0.98, 0.8, 0.12)
    jar.curve(
        [
            (-0.42, -0.66),
            (0.42, -0.66),
            (0.78, -0.2),
            (0.8, 0.2),
            (0.5, 0.96),
            (0, 1),
            (-0.5, 0.96),
            (-0.8, 0.2),
            (-0.78, -0.2),
        ],
        colour,
    )
    jar.curve(
        [(0.2, -0.6), (0.44, -0.62), (0.78, -0.2), (0.8, 0.2), (0.5, 0.96), (0.2, 0.98), (0.5, 0.3)], dark(colour, 0.3)
    )
    jar.curve([(-0.6, -0.2), (-0.42, -0.46), (-0.36, -0.1), (-0.5, 0.4), (-0.62, 0.2)], light(colour, 0.26))
    for y in (-0.3, 0.1):
        half = 0.74 if y < 0 else 0.8
        jar.line(arch(0, y, half, 0.1, 10, 170), dark(colour, 0.36), 0.03)
    jar.oval(0, -0.64, 0.52, 0.13, dark(colour, 0.42))
    jar.curve([(-0.62, -0.68), (-0.3, -0.86), (0.3, -0.86), (0.62, -0.68), (0, -0.58)], light(colour, 0.08))
    jar.oval(0, -0.86, 0.14, 0.06, dark(colour, 0.2))


def jangdokdae(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """A terrace of brown glazed jars, big ones behind and small ones in front."""
    pen.poly([(-1.15, 1), (-1.0, 0.62), (1.0, 0.62), (1.15, 1)], (182, 174, 164))
    for row, (foot, size, count) in enumerate(((0.72, 0.42, 3), (0.84, 0.32, 4), (0.97, 0.22, 5))):
        for k in range(count):
            x = (k - (count - 1) / 2) * (1.75 / count) + rng.uniform(-0.06, 0.06)
            if row and rng.random() < 0.14:
                continue
            _jar(
                pen,
                x,
                foot,
                size * rng.uniform(0.86, 1.12),
                mix(tint, rng.choice(((160, 90, 56), (60, 40, 38))), rng.uniform(0, 0.4)),
            )


def dalhangari(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """A moon jar: a round white vessel, a little askew, with a low mouth and foot."""
    lean = rng.uniform(-0.06, 0.06)
    pen.shadow(0.16, 0.95, 0.66, 0.1)
    pen.rect(-0.34, 0.8, 0.34, 0.97, dark(tint, 0.24))
    pen.curve(
        [
            (-0.36, -0.72),
            (0.36, -0.72),
            (0.82 + lean, -0.3),
            (0.88, 0.12),
            (0.68, 0.6),
            (0.36, 0.9),
            (-0.36, 0.9),
            (-0.7, 0.6),
            (-0.88, 0.12),
            (-0.82 + lean, -0.3),
        ],
        dark(tint, 0.1),
    )
    for step in range(5):
        share = 1 - step * 0.17
        pen.oval(
            -0.1 - step * 0.045,
            0.02 - step * 0.06,
            0.84 * share,
            0.78 * share,
            mix(dark(tint, 0.06), light(tint, 0.6), step / 5),
        )
    pen.line(arch(0, 0.13, 0.87, 0.1, 8, 172), dark(tint, 0.2), 0.014)
    pen.oval(0, -0.76, 0.4, 0.09, tint)
    pen.oval(0, -0.78, 0.33, 0.06, dark(tint, 0.45))


def cheongja(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """A celadon plum vase, wide of shoulder, inlaid with cranes in rings among clouds."""
    pen.shadow(0.12, 0.98, 0.46, 0.07)
    outline: list[Point] = [
        (-0.15, -0.84),
        (0.15, -0.84),
        (0.52, -0.56),
        (0.56, -0.2),
        (0.34, 0.4),
        (0.3, 0.8),
        (0.36, 1),
        (-0.36, 1),
        (-0.3, 0.8),
        (-0.34, 0.4),
        (-0.56, -0.2),
        (-0.52, -0.56),
    ]
    pen.curve(outline, tint)
    pen.curve(
        [
            (0.08, -0.82),
            (0.52, -0.56),
            (0.56, -0.2),
            (0.34, 0.4),
            (0.3, 0.8),
            (0.36, 1),
            (0.12, 1),
            (0.16, 0.4),
            (0.3, -0.2),
        ],
        dark(tint, 0.22),
    )
    pen.curve([(-0.36, -0.56), (-0.2, -0.66), (-0.24, -0.2), (-0.22, 0.5), (-0.3, 0.2)], light(tint, 0.34))
    pen.rect(-0.13, -1, 0.13, -0.8, tint)
    pen.oval(0, -0.99, 0.2, 0.05, light(tint, 0.2))
    pen.oval(0, -1, 0.13, 0.03, dark(tint, 0.5))
    for row, (y, count) in enumerate(((-0.42, 3), (-0.12, 3), (0.18, 2))):
        for k in range(count):
            spot = pen.at((k - (count - 1) / 2) * 0.32 + 0.03 * row, y, 0.13, flip=rng.random() < 0.5)
            spot.oval(0, 0, 1, 1, light(tint, 0.7))
            spot.oval(0, 0, 0.86, 0.86, dark(tint, 0.06))
            spot.curve([(-0.6, 0.1), (0, -0.2), (0.3, -0.6), (0.2, 0.1), (0.6, 0.3), (0, 0.4)], WHITE)
            spot.line([(-0.5, 0.1), (-0.75, -0.3)], (70, 80, 80), 0.07)
            spot.line([(0.2, 0.3), (0.6, 0.6)], (70, 80, 80), 0.06)
    for k in range(7):
        pen.line([(-0.3 + k * 0.1, 0.98), (-0.28 + k * 0.095, 0.62)], light(tint, 0.35), 0.02)


def hahoetal(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """A Hahoe mask, laughing: crescent eyes, a great nose, wrinkles and a hanging jaw."""
    pen.curve(
        [
            (-0.62, -0.5),
            (-0.4, -0.9),
            (0, -1),
            (0.4, -0.9),
            (0.62, -0.5),
            (0.62, 0.1),
            (0.48, 0.56),
            (0, 0.7),
            (-0.48, 0.56),
            (-0.62, 0.1),
        ],
        dark(tint, 0.3),
    )
    pen.curve(
        [
            (-0.57, -0.5),
            (-0.38, -0.86),
            (0, -0.95),
            (0.36, -0.86),
            (0.55, -0.5),
            (0.55, 0.06),
            (0.42, 0.5),
            (0, 0.63),
            (-0.44, 0.5),
            (-0.58, 0.06),
        ],
        tint,
    )
    pen.curve([(-0.4, -0.6), (-0.2, -0.84), (0.1, -0.86), (0.2, -0.7), (-0.1, -0.62)], light(tint, 0.26))
    for side in (-1, 1):
        pen.ball(side * 0.36, 0.02, 0.17, 0.16, light(tint, 0.1))
        pen.line(arch(side * 0.27, -0.28, 0.19, 0.15, 200, 340), BLACK, 0.06)
        pen.line(arch(side * 0.27, -0.46, 0.25, 0.16, 205, 335), dark(tint, 0.65), 0.07)
        pen.line(
            arch(side * 0.2, 0.24, 0.3, 0.34, 290 if side > 0 else 180, 370 if side > 0 else 250),
            dark(tint, 0.45),
            0.03,
        )
    for y in (-0.7, -0.62):
        pen.line(arch(0, y + 0.1, 0.3, 0.12, 215, 325), dark(tint, 0.4), 0.025)
    pen.curve([(-0.08, -0.44), (0.08, -0.44), (0.2, -0.02), (0.1, 0.08), (-0.1, 0.08), (-0.2, -0.02)], dark(tint, 0.18))
    pen.curve([(-0.07, -0.42), (0.03, -0.42), (0.08, 0), (-0.04, 0.05), (-0.15, -0.02)], light(tint, 0.2))
    pen.curve([(-0.34, 0.22), (0, 0.3), (0.34, 0.22), (0.26, 0.42), (0, 0.48), (-0.26, 0.42)], (70, 24, 26))
    jaw = rng.uniform(0.02, 0.12)
    pen.at(0, jaw).curve(
        [(-0.32, 0.5), (0, 0.58), (0.32, 0.5), (0.26, 0.82), (0, 0.92), (-0.26, 0.82)], mix(tint, (150, 60, 40), 0.15)
    )
    pen.at(0, jaw).line(arch(0, 0.62, 0.16, 0.08, 20, 160), dark(tint, 0.5), 0.03)
    for side in (-1, 1):
        pen.line([(side * 0.58, -0.3), (side * 0.85, 0.2), (side * 0.8, 0.9)], rng.choice((RED, (60, 60, 66))), 0.03)


def kite(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """A shield kite with its round hole and painted forehead, on a string."""
    flown = pen.at(0, -0.1, turn=rng.uniform(-24, 24))
    flown.line([(0, 0.1), (0.5, 1.3), (1.3, 2.6)], (250, 250, 250, 160), 0.012)
    flown.rect(-0.56, -0.76, 0.56, 0.76, WHITE)
    style = rng.randint(0, 2)
    if style == 0:
        flown.rect(-0.56, -0.76, 0.56, -0.44, tint)
        flown.poly([(-0.56, 0.76), (-0.56, 0.3), (0, 0.76)], tint)
        flown.poly([(0.56, 0.76), (0.56, 0.3), (0, 0.76)], dark(tint, 0.2))
    elif style == 1:
        flown.rect(-0.56, 0.2, 0.56, 0.76, tint)
        flown.poly(arch(0, -0.44, 0.4, 0.2, 180, 360), dark(tint, 0.1))
    else:
        for k in range(3):
            flown.rect(-0.56 + k * 0.42, -0.76, -0.34 + k * 0.42, 0.76, mix(tint, (250, 210, 80), k / 3))
    for line in (
        [(-0.56, -0.76), (0.56, 0.76)],
        [(0.56, -0.76), (-0.56, 0.76)],
        [(0, -0.76), (0, 0.76)],
        [(-0.56, -0.7), (0.56, -0.7)],
    ):
        flown.line(line, (190, 150, 90), 0.022)
    flown.oval(0, 0, 0.26, 0.26, dark(tint, 0.3))
    flown.oval(0, 0, 0.22, 0.22, (176, 210, 236))
    for side in (-1, 1):
        flown.line([(side * 0.5, 0.76), (side * 0.58, 1.0), (side * 0.5, 1.2)], tint, 0.05)


def lantern(pen: Pen, rng: random.Random, _tint: Colour) -> None:
    """A silk lantern, red above and blue below, with a lit belly and a tassel."""
    hung = pen.at(0, 0, turn=rng.uniform(-6, 6))
    for radius, alpha in ((1.1, 30), (0.85, 46)):
        hung.oval(0, 0, radius, radius, (255, 214, 120, alpha))
    hung.line([(0, -1.6), (0, -0.7)], (60, 50, 50), 0.03)
    hung.rect(-0.3, -0.78, 0.3, -0.66, (70, 46, 40))
    hung.curve([(-0.34, -0.66), (0.34, -0.66), (0.52, -0.2), (0.5, 0.1), (-0.5, 0.1), (-0.52, -0.2)], RED)
    hung.curve([(-0.5, 0.02), (0.5, 0.02), (0.48, 0.34), (0.32, 0.66), (-0.32, 0.66), (-0.48, 0.34)], (40, 96, 186))
    hung.oval(-0.04, 0, 0.3, 0.46, (255, 240, 190, 110))
    for k in (-2, -1, 0, 1, 2):
        hung.line([(k * 0.14, -0.66), (k * 0.25, 0), (k * 0.14, 0.66)], (90, 30, 40, 120), 0.014)
    hung.rect(-0.28, 0.64, 0.28, 0.74, (70, 46, 40))
    for k in range(-2, 3):
        hung.line([(k * 0.03, 0.74), (k * 0.06, 1.0)], (226, 186, 80), 0.025)


def janggu(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """An hourglass drum laced from skin to skin."""
    drum = pen.at(0, 0.3, turn=rng.uniform(-14, 14))
    drum.shadow(0, 0.56, 0.9, 0.1)
    drum.curve(
        [
            (-0.76, -0.5),
            (-0.4, -0.3),
            (-0.12, -0.16),
            (0.12, -0.16),
            (0.4, -0.3),
            (0.76, -0.5),
            (0.76, 0.5),
            (0.4, 0.3),
            (0.12, 0.16),
            (-0.12, 0.16),
            (-0.4, 0.3),
            (-0.76, 0.5),
        ],
        tint,
    )
    drum.curve(
        [
            (-0.7, 0.1),
            (-0.12, 0.02),
            (0.12, 0.02),
            (0.7, 0.1),
            (0.74, 0.48),
            (0.4, 0.28),
            (0.12, 0.15),
            (-0.12, 0.15),
            (-0.4, 0.28),
            (-0.74, 0.48),
        ],
        dark(tint, 0.24),
    )
    for k in range(5):
        y = -0.46 + 0.23 * k
        drum.line([(-0.78, y), (0, y * 0.55 + 0.1), (0.78, y)], WHITE, 0.022)
        drum.line([(-0.78, y), (0, y * 0.55 - 0.1), (0.78, y)], WHITE, 0.022)
    for side in (-1, 1):
        drum.oval(side * 0.8, 0, 0.2, 0.62, (110, 76, 54))
        drum.oval(side * 0.83, 0, 0.16, 0.56, (240, 226, 196))
        drum.oval(side * 0.83, 0, 0.09, 0.34, (224, 200, 160))
    drum.oval(0, 0, 0.09, 0.18, (236, 190, 80))


def paengi(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """A spinning wooden top with painted rings."""
    top = pen.at(0, 0, turn=rng.uniform(-16, 16))
    pen.shadow(0.05, 0.97, 0.4, 0.06)
    top.poly(
        [(-0.62, -0.34), (0.62, -0.34), (0.56, -0.06), (0.05, 0.94), (-0.05, 0.94), (-0.56, -0.06)], (204, 156, 104)
    )
    top.poly([(0.1, -0.34), (0.62, -0.34), (0.56, -0.06), (0.05, 0.94), (0, 0.94)], (168, 120, 78))
    for y, half in ((-0.08, 0.58), (0.2, 0.43), (0.42, 0.32)):
        top.poly([(-half, y), (half, y), (half - 0.05, y + 0.1), (-half + 0.05, y + 0.1)], tint)
    for radius, colour in ((0.62, (222, 178, 124)), (0.5, RED), (0.37, (248, 206, 80)), (0.24, BLUE), (0.1, WHITE)):
        top.oval(0, -0.34, radius, radius * 0.34, colour)
    top.ball(0, 0.94, 0.06, 0.06, (150, 150, 160))
    for side in (-1, 1):
        top.line(arch(0, -0.2, 0.86, 0.4, 90 - side * 50, 90 - side * 80), clear(WHITE, 130), 0.025)
