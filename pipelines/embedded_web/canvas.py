"""Colours, seeded random numbers and a pen that draws in a frame of its own.

Every shape is a polygon, so that one affine frame (place, scale, turn, mirror) serves all of them.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from functools import cache

from PIL import ImageDraw

Colour = tuple[int, ...]
"""Red, green, blue in 0..255, and optionally alpha: a colour with alpha is blended over what is there."""
Point = tuple[float, float]

BLACK: Colour = (28, 26, 30)
WHITE: Colour = (250, 248, 244)


def generator(*names: object) -> random.Random:
    """Return a random generator seeded by ``names``: the same names give the same numbers on every machine."""
    return random.Random("/".join(map(str, names)))  # noqa: S311 - pictures, not secrets


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """Return the colour at ``share`` (0..1) of the way from ``one`` to ``other``."""
    return tuple(round(a + (b - a) * share) for a, b in zip(one[:3], other[:3], strict=True))


def light(colour: Colour, share: float = 0.3) -> Colour:
    """Return ``colour`` moved towards white by ``share`` (0..1)."""
    return mix(colour, (255, 255, 255), share)


def dark(colour: Colour, share: float = 0.3) -> Colour:
    """Return ``colour`` moved towards black by ``share`` (0..1)."""
    return mix(colour, (12, 10, 16), share)


def clear(colour: Colour, alpha: int) -> Colour:
    """Return ``colour`` with ``alpha`` (0 invisible, 255 solid)."""
    return (*colour[:3], alpha)


@cache
def _circle(steps: int) -> tuple[Point, ...]:
    return tuple((math.cos(2 * math.pi * i / steps), math.sin(2 * math.pi * i / steps)) for i in range(steps))


def smooth(points: Sequence[Point], steps: int = 5) -> list[Point]:
    """Return a closed Catmull-Rom curve through ``points``, ``steps`` points a segment."""
    count, curve = len(points), []
    for i in range(count):
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = (points[(i + k) % count] for k in (-1, 0, 1, 2))
        for step in range(steps):
            t = step / steps
            t2, t3 = t * t, t * t * t
            curve.append(
                (
                    0.5
                    * (
                        2 * bx + (cx - ax) * t + (2 * ax - 5 * bx + 4 * cx - dx) * t2 + (3 * bx - ax - 3 * cx + dx) * t3
                    ),
                    0.5
                    * (
                        2 * by + (cy - ay) * t + (2 * ay - 5 * by + 4 * cy - dy) * t2 + (3 * by - ay - 3 * cy + dy) * t3
                    ),
                )
            )
    return curve


def arch(x: float, y: float, rx: float, ry: float, start: float, end: float, steps: int = 14) -> list[Point]:
    """Return points on an ellipse about (x, y) from ``start`` to ``end`` degrees; 0 is right, 90 is down."""
    return [
        (
            x + rx * math.cos(math.radians(start + (end - start) * i / steps)),
            y + ry * math.sin(math.radians(start + (end - start) * i / steps)),
        )
        for i in range(steps + 1)
    ]


class Pen:
    """Draws on an image in a frame whose origin is at (x, y) pixels and whose unit is ``scale`` pixels; y is down."""

    def __init__(
        self,
        plain: ImageDraw.ImageDraw,
        blended: ImageDraw.ImageDraw,
        matrix: tuple[float, float, float, float, float, float],
    ) -> None:
        self._plain, self._blended, self._matrix = plain, blended, matrix
        self.unit = math.hypot(matrix[0], matrix[3])

    def at(self, x: float, y: float, scale: float = 1.0, *, turn: float = 0.0, flip: bool = False) -> Pen:
        """Return a pen whose frame stands at (x, y) of this one, scaled, turned by degrees clockwise, mirrored."""
        a, b, left, c, d, top = self._matrix
        cos, sin = math.cos(math.radians(turn)) * scale, math.sin(math.radians(turn)) * scale
        side = -1.0 if flip else 1.0
        return Pen(
            self._plain,
            self._blended,
            (
                (a * cos + b * sin) * side,
                b * cos - a * sin,
                a * x + b * y + left,
                (c * cos + d * sin) * side,
                d * cos - c * sin,
                c * x + d * y + top,
            ),
        )

    def _pixels(self, points: Sequence[Point]) -> list[Point]:
        a, b, left, c, d, top = self._matrix
        return [(a * x + b * y + left, c * x + d * y + top) for x, y in points]

    def poly(self, points: Sequence[Point], fill: Colour) -> None:
        """Fill the polygon through ``points``."""
        (self._plain if len(fill) == 3 else self._blended).polygon(self._pixels(points), fill=fill)

    def curve(self, points: Sequence[Point], fill: Colour) -> None:
        """Fill the smooth closed shape through ``points``."""
        self.poly(smooth(points), fill)

    def oval(self, x: float, y: float, rx: float, ry: float, fill: Colour, turn: float = 0.0) -> None:
        """Fill an ellipse about (x, y), turned by degrees."""
        steps = 12 if max(rx, ry) * self.unit < 8 else 36
        cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        self.poly(
            [(x + u * rx * cos - v * ry * sin, y + u * rx * sin + v * ry * cos) for u, v in _circle(steps)],
            fill,
        )

    def rect(self, left: float, top: float, right: float, bottom: float, fill: Colour) -> None:
        """Fill a rectangle."""
        self.poly([(left, top), (right, top), (right, bottom), (left, bottom)], fill)

    def line(self, points: Sequence[Point], fill: Colour, width: float) -> None:
        """Draw a line of ``width`` units through ``points``."""
        pixels = max(1, round(width * self.unit))
        (self._plain if len(fill) == 3 else self._blended).line(self._pixels(points), fill, pixels, joint="curve")

    def ball(self, x: float, y: float, rx: float, ry: float, fill: Colour, turn: float = 0.0) -> None:
        """Fill an ellipse shaded as a ball lit from the upper left."""
        self.oval(x, y, rx, ry, dark(fill, 0.28), turn)
        self.oval(x - rx * 0.06, y - ry * 0.07, rx * 0.92, ry * 0.91, fill, turn)
        self.oval(x - rx * 0.2, y - ry * 0.24, rx * 0.62, ry * 0.58, light(fill, 0.12), turn)
        self.oval(x - rx * 0.32, y - ry * 0.38, rx * 0.28, ry * 0.22, light(fill, 0.4), turn)

    def shadow(self, x: float, y: float, rx: float, ry: float) -> None:
        """Darken the ground under a thing."""
        self.oval(x, y, rx, ry, (20, 16, 24, 60))
        self.oval(x, y, rx * 0.8, ry * 0.75, (20, 16, 24, 50))
