"""Food, seen from above in its dish. Each is drawn in a frame of -1..1."""

from __future__ import annotations

import math
import random

from pipelines.embedded_web.canvas import Colour, Pen, clear, dark, light, mix


def _dish(pen: Pen, rng: random.Random, tint: Colour, depth: float = 0.14) -> None:
    pen.oval(0.06, 0.09, 1.02, 1.02, (20, 16, 20, 70))
    pen.oval(0, 0, 1, 1, dark(tint, 0.22))
    pen.oval(-0.01, -0.02, 0.97, 0.97, light(tint, 0.2))
    pen.oval(0, 0, 1 - depth, 1 - depth, dark(tint, 0.16))
    pen.oval(0.01, 0.02, 0.97 - depth, 0.97 - depth, tint)
    if rng.random() < 0.5:
        ring = dark(rng.choice(((60, 90, 150), (120, 60, 50), (70, 110, 90))), 0.1)
        for k in range(28):
            pen.oval(0.92 * math.cos(k * 0.2244), 0.92 * math.sin(k * 0.2244), 0.03, 0.03, ring)


def _sesame(pen: Pen, rng: random.Random, count: int, reach: float) -> None:
    for _ in range(count):
        angle, distance = rng.uniform(0, 6.283), reach * rng.random() ** 0.6
        pen.oval(
            distance * math.cos(angle), distance * math.sin(angle), 0.028, 0.017, (250, 232, 184), rng.uniform(0, 180)
        )


def _chopsticks(pen: Pen, rng: random.Random) -> None:
    steel = rng.choice(((190, 194, 200), (160, 104, 60), (90, 60, 50)))
    pair = pen.at(rng.choice((-1.25, 1.25)), 0, turn=rng.uniform(-14, 14))
    for x in (-0.05, 0.06):
        pair.line([(x + 0.02, -0.98), (x * 2 + 0.02, 1.02)], (20, 16, 20, 70), 0.05)
        pair.line([(x, -1), (x * 2, 1)], steel, 0.05)


def kimchi(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """Cabbage kimchi, cut and laid in rows: pale ribs, red leaves, spring onion and sesame."""
    _dish(pen, rng, tint)
    _chopsticks(pen, rng)
    heap = pen.at(0, 0, turn=rng.uniform(0, 360))
    heap.oval(0, 0, 0.76, 0.68, (176, 40, 24))
    for row in range(5):
        for k in range(5):
            x, y = (k - 2) * 0.28 + rng.uniform(-0.06, 0.06), (row - 2) * 0.25 + rng.uniform(-0.05, 0.05)
            if x * x + y * y > 0.5:
                continue
            leaf = heap.at(x, y, rng.uniform(0.2, 0.28), turn=rng.uniform(-28, 28))
            red = rng.choice(((214, 58, 30), (196, 40, 26), (226, 84, 40), (184, 50, 30)))
            leaf.curve(
                [(-0.9, -0.5), (0, -0.8), (0.9, -0.5), (1, 0.3), (0.3, 0.8), (-0.5, 0.7), (-1, 0.2)], dark(red, 0.35)
            )
            leaf.curve([(-0.8, -0.5), (0, -0.72), (0.8, -0.5), (0.9, 0.2), (0.2, 0.66), (-0.5, 0.6), (-0.9, 0.1)], red)
            leaf.curve(
                [(-0.5, -0.5), (0, -0.6), (0.4, -0.4), (0.3, 0.3), (0, 0.5), (-0.3, 0.3)],
                mix((250, 226, 170), red, rng.uniform(0.1, 0.6)),
            )
            leaf.line([(-0.1, -0.5), (0, 0.4)], (255, 240, 206), 0.09)
            leaf.line([(0.2, -0.4), (0.5, 0.2)], dark(red, 0.2), 0.06)
    for _ in range(10):
        x, y, turn = rng.uniform(-0.5, 0.5), rng.uniform(-0.5, 0.5), rng.uniform(0, 6.3)
        heap.line(
            [(x, y), (x + 0.2 * math.cos(turn), y + 0.2 * math.sin(turn))],
            rng.choice(((70, 130, 50), (120, 170, 70))),
            0.045,
        )
    for _ in range(26):
        heap.oval(rng.uniform(-0.6, 0.6), rng.uniform(-0.55, 0.55), 0.018, 0.014, (150, 16, 14))
    _sesame(pen, rng, 26, 0.55)


def bibimbap(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """Rice with seasoned vegetables in sectors by colour, an egg in the middle and red pepper paste."""
    _dish(pen, rng, tint, 0.18)
    _chopsticks(pen, rng)
    pen.oval(0, 0, 0.78, 0.78, (248, 244, 232))
    toppings: list[Colour] = [
        (236, 120, 34),
        (74, 124, 48),
        (240, 232, 196),
        (120, 74, 50),
        (150, 176, 70),
        (200, 60, 44),
        (96, 66, 46),
        (244, 206, 90),
    ]
    rng.shuffle(toppings)
    start = rng.uniform(0, 360)
    for k, colour in enumerate(toppings):
        for _ in range(26):
            angle = math.radians(start + 45 * k + rng.uniform(2, 43))
            near, far = rng.uniform(0.26, 0.5), rng.uniform(0.52, 0.76)
            bend = angle + rng.uniform(-0.2, 0.2)
            shade = rng.choice((colour, dark(colour, 0.24), light(colour, 0.2)))
            pen.line(
                [(near * math.cos(angle), near * math.sin(angle)), (far * math.cos(bend), far * math.sin(bend))],
                shade,
                0.05,
            )
    if rng.random() < 0.75:
        pen.curve(
            [(0.34 * math.cos(a), 0.32 * math.sin(a)) for a in (0, 0.9, 1.7, 2.6, 3.4, 4.3, 5.3)], (252, 250, 244)
        )
        pen.ball(0, 0, 0.19, 0.19, (250, 178, 36))
    else:
        pen.ball(0, 0, 0.24, 0.22, (206, 62, 40))
    pen.ball(0.26, 0.2, 0.1, 0.08, (190, 34, 26))
    _sesame(pen, rng, 34, 0.7)


def tteokguk(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """Sliced rice cake in clear broth with strips of egg, laver and spring onion."""
    _dish(pen, rng, tint, 0.16)
    _chopsticks(pen, rng)
    broth = rng.choice(((232, 214, 168), (240, 232, 210), (222, 200, 150)))
    pen.oval(0, 0, 0.8, 0.8, dark(broth, 0.08))
    pen.oval(-0.03, -0.04, 0.74, 0.74, broth)
    for _ in range(24):
        angle, distance = rng.uniform(0, 6.283), 0.62 * rng.random() ** 0.5
        x, y, turn = distance * math.cos(angle), distance * math.sin(angle), rng.uniform(0, 180)
        pen.oval(x + 0.012, y + 0.018, 0.18, 0.105, dark(broth, 0.28), turn)
        pen.oval(x, y, 0.175, 0.1, (252, 250, 244), turn)
        pen.oval(x - 0.02, y - 0.015, 0.12, 0.06, (255, 255, 254), turn)
    for colour, count, width in (
        ((248, 196, 60), 9, 0.06),
        ((250, 246, 236), 4, 0.06),
        ((34, 44, 38), 10, 0.05),
        ((206, 50, 40), 3, 0.04),
    ):
        for _ in range(count):
            x, y, turn = rng.uniform(-0.3, 0.3), rng.uniform(-0.3, 0.3), rng.uniform(0, 6.3)
            pen.line([(x, y), (x + 0.24 * math.cos(turn), y + 0.24 * math.sin(turn))], colour, width)
    for _ in range(9):
        x, y = rng.uniform(-0.45, 0.45), rng.uniform(-0.45, 0.45)
        pen.oval(x, y, 0.055, 0.055, (96, 156, 62))
        pen.oval(x, y, 0.028, 0.028, (226, 236, 190))


def songpyeon(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """Half-moon rice cakes in white, green, pink and yellow on pine needles."""
    _dish(pen, rng, tint, 0.1)
    for _ in range(60):
        angle, distance, turn = rng.uniform(0, 6.283), 0.7 * rng.random() ** 0.5, rng.uniform(0, 6.283)
        x, y = distance * math.cos(angle), distance * math.sin(angle)
        pen.line(
            [(x, y), (x + 0.26 * math.cos(turn), y + 0.26 * math.sin(turn))],
            rng.choice(((46, 100, 52), (70, 128, 62), (34, 80, 48))),
            0.02,
        )
    palette: tuple[Colour, ...] = ((248, 244, 232), (128, 164, 92), (240, 178, 186), (240, 210, 120), (176, 150, 190))
    shades = rng.sample(palette, rng.randint(2, 5))
    for k in range(rng.randint(7, 13)):
        angle, distance = k * 2.4 + rng.uniform(-0.2, 0.2), 0.58 * math.sqrt(k / 12)
        cake = pen.at(
            distance * math.cos(angle), distance * math.sin(angle), rng.uniform(0.24, 0.3), turn=rng.uniform(0, 360)
        )
        colour = rng.choice(shades)
        half = [(-1, 0.25), (-0.7, -0.5), (0, -0.85), (0.7, -0.5), (1, 0.25), (0, 0.5)]
        cake.at(0.08, 0.14).curve(half, (20, 30, 20, 70))
        cake.curve(half, dark(colour, 0.16))
        cake.curve([(x * 0.9, y * 0.88 - 0.04) for x, y in half], colour)
        cake.curve([(-0.6, -0.2), (-0.2, -0.58), (0.3, -0.6), (0, -0.3)], light(colour, 0.5))
        cake.line([(-0.84, 0.2), (0, 0.36), (0.84, 0.2)], dark(colour, 0.3), 0.06)


def gimbap(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """Slices of seaweed roll: black rim, white rice, a bundle of coloured fillings."""
    _dish(pen, rng, tint, 0.1)
    _chopsticks(pen, rng)
    layout = [(0.0, 0.0)] + [(0.55 * math.cos(k * 1.047), 0.55 * math.sin(k * 1.047)) for k in range(6)]
    spin = pen.at(0, 0, turn=rng.uniform(0, 60))
    for x, y in layout[: rng.choice((5, 6, 7, 7))]:
        cut = spin.at(x, y, 0.27, turn=rng.uniform(0, 360))
        cut.oval(0.08, 0.14, 1.02, 1.02, (20, 16, 20, 80))
        cut.oval(0, 0, 1, 0.97, (28, 44, 36))
        cut.oval(0, 0, 0.9, 0.87, (250, 248, 240))
        for _ in range(14):
            cut.oval(rng.uniform(-0.7, 0.7), rng.uniform(-0.6, 0.6), 0.1, 0.06, (232, 228, 214), rng.uniform(0, 180))
        fillings: tuple[Colour, ...] = (
            (240, 128, 40),
            (250, 206, 70),
            (84, 140, 56),
            (230, 140, 130),
            (120, 72, 48),
            (250, 220, 90),
        )
        for k, colour in enumerate(fillings):
            angle = k * 1.047
            cut.at(0.32 * math.cos(angle), 0.32 * math.sin(angle), turn=rng.uniform(0, 90)).rect(
                -0.17, -0.17, 0.17, 0.17, colour
            )
        cut.ball(0, 0, 0.14, 0.14, (150, 90, 60))
    _sesame(pen, rng, 16, 0.7)


def gamgyul(pen: Pen, rng: random.Random, tint: Colour) -> None:
    """Tangerines, whole, with leaves on some, heaped in a basket."""
    pen.oval(0.05, 0.1, 1.02, 0.96, (20, 16, 20, 70))
    pen.oval(0, 0, 1, 0.95, (136, 92, 54))
    for k in range(30):
        angle = k * 0.2094
        pen.oval(
            0.93 * math.cos(angle),
            0.88 * math.sin(angle),
            0.1,
            0.05,
            rng.choice(((190, 140, 86), (160, 112, 66))),
            math.degrees(angle) + 60,
        )
    pen.oval(0, 0, 0.84, 0.8, (92, 62, 40))
    spots = [(0.56 * math.cos(k * 0.785), 0.52 * math.sin(k * 0.785)) for k in range(8)] + [
        (0.24 * math.cos(k * 1.6), 0.24 * math.sin(k * 1.6)) for k in range(4)
    ]
    for x, y in spots:
        fruit = pen.at(
            x + rng.uniform(-0.04, 0.04),
            y + rng.uniform(-0.04, 0.04),
            rng.uniform(0.24, 0.29),
            turn=rng.uniform(-40, 40),
        )
        colour = mix(tint, rng.choice(((250, 190, 50), (226, 96, 20))), rng.uniform(0, 0.4))
        fruit.oval(0.1, 0.16, 1, 0.95, (40, 20, 10, 90))
        fruit.ball(0, 0, 1, 0.93, colour)
        for _ in range(7):
            fruit.oval(rng.uniform(-0.6, 0.6), rng.uniform(-0.5, 0.6), 0.04, 0.04, clear(dark(colour, 0.3), 120))
        fruit.oval(0.05, -0.1, 0.12, 0.1, (110, 140, 60))
        if rng.random() < 0.4:
            fruit.curve([(0.1, -0.1), (0.5, -0.5), (1.1, -0.6), (0.8, -0.1), (0.4, 0)], (56, 120, 48))
            fruit.line([(0.1, -0.1), (1, -0.55)], (150, 190, 100), 0.04)
