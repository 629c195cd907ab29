"""The report's charts: counted distributions as inline SVG, and bars in rows as HTML. Pure: numbers in, markup out."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from html import escape
from itertools import accumulate
from math import inf, isinf
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_WIDTH, _HEIGHT = 320, 150  # of the drawing, in its own units; one is about one CSS pixel
_LEFT, _RIGHT, _TOP, _BOTTOM = 34, 16, 10, 22
_FLOOR = _HEIGHT - _BOTTOM
_FEWEST_BINS = 8

Values = NDArray[np.float64] | Sequence[float]


class Scale(NamedTuple):
    """The horizontal axis of a histogram.

    ``edges`` has one more value than there are bins; a bin holds its lower edge and not its upper. The first bin also
    holds what is below it and the last what is above. ``ticks`` are (edge value, label).
    """

    edges: tuple[float, ...]
    ticks: tuple[tuple[float, str], ...]
    unit: str


class Series(NamedTuple):
    """One group's counts on a scale."""

    label: str
    counts: tuple[int, ...]


class Histogram(NamedTuple):
    """One distribution: the kept as filled bars, and a group to compare with as an outline.

    Each is drawn as shares of its own group, so that a few kept can be seen beside many others.
    """

    title: str
    scale: Scale
    kept: Series
    others: Series | None = None


class Bar(NamedTuple):
    """One row of a bar list: ``part`` of ``whole``."""

    label: str
    part: int
    whole: int


def linear(step: float, bins: int, *, start: float = 0.0, tick: int, unit: str) -> Scale:
    """Return ``bins`` bins of width ``step`` from ``start`` and one for all above; a label every ``tick`` bins."""
    edges = [round(start + step * n, 6) for n in range(bins + 1)]
    ticks = [(edge, f"{edge:g}" + ("+" if n == bins else "")) for n, edge in enumerate(edges) if n % tick == 0]
    return Scale((*edges, inf), tuple(ticks), unit)


def logarithmic(base: float, per_tick: int, first: int, last: int, *, unit: str) -> Scale:
    """Return bins from ``base``**first to ``base``**last, ``per_tick`` to each power, labelled 1, 10 k, 1 M."""
    powers = range(first * per_tick, last * per_tick + 1)
    edges = tuple(float(base ** (power / per_tick)) for power in powers)
    return Scale(edges, tuple((edges[n], short_number(edges[n])) for n in range(0, len(edges), per_tick)), unit)


def short_number(value: float) -> str:
    """Return ``value`` in a few characters: 512, 1 k, 16.4 k, 10 M."""
    for unit, suffix in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= 10 * unit or (value >= unit and value % unit == 0):
            return f"{value / unit:.3g}{suffix}"
    return f"{value:g}"


class BinCounts:
    """Counts values on a scale batch by batch; memory is the bins alone."""

    def __init__(self, scale: Scale) -> None:
        self._edges = np.array(scale.edges)
        self._counts = np.zeros(len(scale.edges) - 1, np.int64)

    def add(self, values: Values) -> None:
        """Count ``values``; NaN is not counted."""
        numbers = np.asarray(values, np.float64)
        numbers = numbers[~np.isnan(numbers)]
        bins = np.searchsorted(self._edges, numbers, side="right") - 1
        self._counts += np.bincount(bins.clip(0, len(self._counts) - 1), minlength=len(self._counts))

    def series(self, label: str) -> Series:
        """Return what was counted."""
        return Series(label, tuple(int(count) for count in self._counts))


def histogram(chart: Histogram) -> str:
    """Return the chart as a figure with its drawing and legend."""
    groups = [group for group in (chart.kept, chart.others) if group is not None]
    legend = " ".join(
        f'<span class="{mark}">{escape(group.label)} <b>{sum(group.counts):,}</b></span>'
        for mark, group in zip(("of-kept", "of-others"), groups, strict=False)
    )
    drawing = _drawing(chart, groups) if any(sum(group.counts) for group in groups) else '<p class="none">none</p>'
    return (
        f'<figure class="chart"><figcaption><b>{escape(chart.title)}</b> <span class="unit">{escape(chart.scale.unit)}'
        f'</span></figcaption>{drawing}<p class="legend">{legend}</p></figure>'
    )


class _Frame(NamedTuple):
    """Where bins ``first`` to ``last`` (exclusive) and shares up to ``top`` lie in the drawing."""

    first: int
    last: int
    top: float

    @property
    def step(self) -> float:
        return (_WIDTH - _LEFT - _RIGHT) / (self.last - self.first)

    def x(self, edge: int) -> str:
        return _number(_LEFT + self.step * (edge - self.first))

    def y(self, share: float) -> str:
        return _number(_FLOOR - (_FLOOR - _TOP) * share / self.top)


def _drawing(chart: Histogram, groups: list[Series]) -> str:
    first, last = _shown_bins(groups)
    kept = _shares(chart.kept.counts)
    others = _shares(chart.others.counts) if chart.others is not None else []
    frame = _Frame(first, last, _nice_top(max([*kept, *others])))
    parts = [_level(frame, frame.top * part) for part in (0.5, 1.0)]
    parts += [_filled(frame, edge, kept[edge]) for edge in range(first, last) if kept[edge] > 0]
    if others:
        line = "".join(f"V{frame.y(others[edge])}H{frame.x(edge + 1)}" for edge in range(first, last))
        parts.append(f'<path class="others" d="M{_LEFT} {_FLOOR}{line}V{_FLOOR}"/>')
    parts.append(f'<path class="axis" d="M{_LEFT} {_FLOOR}H{_WIDTH - _RIGHT}"/>')
    for value, label in chart.scale.ticks:
        edge = bisect_right(chart.scale.edges, value) - 1
        if first <= edge <= last:
            parts.append(f'<text class="tick" x="{frame.x(edge)}" y="{_FLOOR + 14}">{escape(label)}</text>')
    parts += [_hover(frame, edge, _bin_text(chart.scale.edges, edge, groups)) for edge in range(first, last)]
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(_summary(chart, groups))}">'
        f"{''.join(parts)}</svg>"
    )


def _filled(frame: _Frame, edge: int, share: float) -> str:
    height = _number((_FLOOR - _TOP) * share / frame.top)
    width = _number(max(frame.step - 1, 1))
    return f'<rect class="kept" x="{frame.x(edge)}" y="{frame.y(share)}" width="{width}" height="{height}"/>'


def _hover(frame: _Frame, edge: int, words: str) -> str:
    return (
        f'<rect class="hover" x="{frame.x(edge)}" y="{_TOP}" width="{_number(frame.step)}" height="{_FLOOR - _TOP}">'
        f"<title>{escape(words)}</title></rect>"
    )


def _level(frame: _Frame, share: float) -> str:
    y = _number(float(frame.y(share)) + 3.5)
    return (
        f'<path class="level" d="M{_LEFT} {frame.y(share)}H{_WIDTH - _RIGHT}"/>'
        f'<text class="level-text" x="{_LEFT - 5}" y="{y}">{share * 100:g}%</text>'
    )


def _shown_bins(groups: Iterable[Series]) -> tuple[int, int]:
    """Return the range of bins to draw: those with something in them, one more on each side, and not too few."""
    totals = [sum(column) for column in zip(*(group.counts for group in groups), strict=True)]
    filled = [place for place, total in enumerate(totals) if total]
    first, last = max(0, filled[0] - 1), min(len(totals), filled[-1] + 2)
    last = min(len(totals), max(last, first + _FEWEST_BINS))
    return max(0, min(first, last - _FEWEST_BINS)), last


def _shares(counts: Sequence[int]) -> list[float]:
    total = sum(counts)
    return [count / total if total else 0.0 for count in counts]


def _nice_top(share: float) -> float:
    return next(top for top in (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0) if share <= top or top == 1.0)


def _bin_text(edges: Sequence[float], place: int, groups: Iterable[Series]) -> str:
    low, high = edges[place], edges[place + 1]
    span = f"{low:,.4g} and more" if isinf(high) else f"{low:,.4g} to {high:,.4g}"
    return f"{span}: " + ", ".join(f"{group.counts[place]:,} {group.label}" for group in groups)


def _summary(chart: Histogram, groups: Iterable[Series]) -> str:
    return f"{chart.title}: " + "; ".join(f"{group.label}, median {_median(chart.scale, group)}" for group in groups)


def _median(scale: Scale, group: Series) -> str:
    """Return the bin that holds the group's median, in words."""
    total = sum(group.counts)
    if not total:
        return "of none"
    place = next(n for n, seen in enumerate(accumulate(group.counts)) if 2 * seen >= total)
    return f"from {scale.edges[place]:,.4g}"


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def bar_list(
    title: str, bars: Sequence[Bar], *, note: str = "", heads: tuple[str, str] = ("kept", ""), wide: bool = False
) -> str:
    """Return ``bars`` as a table of labels, bars and numbers; with a second head, ``whole`` too."""
    longest = max((bar.whole for bar in bars), default=0)
    both = bool(heads[1])
    head = "".join(f'<th scope="col" class="number">{escape(name)}</th>' for name in heads if name)
    rows = "".join(
        f'<tr><th scope="row">{escape(bar.label)}</th><td class="bar">{stacked(bar.part, bar.whole, longest)}</td>'
        f'<td class="number">{bar.part:,}</td>' + (f'<td class="number">{bar.whole:,}</td>' if both else "") + "</tr>"
        for bar in bars
    )
    body = (
        f'<table class="bars"><thead><tr><th></th><th></th>{head}</tr></thead><tbody>{rows}</tbody></table>'
        if bars
        else '<p class="none">none</p>'
    )
    foot = f'<p class="legend">{escape(note)}</p>' if note else ""
    shape = "chart wide" if wide else "chart"
    return f'<figure class="{shape}"><figcaption><b>{escape(title)}</b></figcaption>{body}{foot}</figure>'


def stacked(part: int, whole: int, longest: int) -> str:
    """Return one bar: ``part`` in the accent colour, the rest of ``whole`` muted, 100 % being ``longest``."""
    scale = 100 / longest if longest else 0
    pieces = [("kept", part * scale), ("rest", (whole - part) * scale)]
    return "".join(f'<i class="{name}" style="width:{width:.2f}%"></i>' for name, width in pieces if width > 0)
