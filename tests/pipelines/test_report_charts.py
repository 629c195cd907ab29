import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.report_charts import (
    Bar,
    BinCounts,
    Histogram,
    Scale,
    Series,
    bar_list,
    histogram,
    linear,
    logarithmic,
    short_number,
    stacked,
)

SCALE = linear(5, 3, tick=1, unit="characters")


def svg_of(chart):
    return ET.fromstring(re.search(r"<svg.*</svg>", histogram(chart)).group())


def test_a_linear_scale_ends_in_a_bin_for_all_above():
    assert SCALE.edges == (0, 5, 10, 15, math.inf)
    assert SCALE.ticks == ((0, "0"), (5, "5"), (10, "10"), (15, "15+"))


def test_a_logarithmic_scale_labels_its_powers():
    scale = logarithmic(10, 2, 2, 4, unit="bytes")
    assert [round(edge) for edge in scale.edges] == [100, 316, 1000, 3162, 10000]
    assert [label for _, label in scale.ticks] == ["100", "1 k", "10 k"]


def test_short_numbers():
    given_and_shown = {512: "512", 1000: "1 k", 1024: "1024", 16384: "16.4 k", 1e7: "10 M", 2e9: "2 G", 0.1: "0.1"}
    assert {value: short_number(value) for value in given_and_shown} == given_and_shown


def test_a_value_on_an_edge_is_in_the_upper_bin_and_strays_are_in_the_outer_ones():
    counts = BinCounts(SCALE)
    counts.add([-1, 0, 4.9, 5, 10, 15, 999, math.nan])
    assert counts.series("kept") == Series("kept", (3, 1, 1, 2))


def test_counting_nothing():
    counts = BinCounts(SCALE)
    counts.add(np.empty(0))
    assert counts.series("kept").counts == (0, 0, 0, 0)
    assert "<svg" not in histogram(Histogram("Length", SCALE, counts.series("kept")))


@settings(max_examples=50)
@given(st.lists(st.floats(-10, 100)), st.integers(0, 20))
def test_counts_do_not_depend_on_the_batches(values, cut):
    at_once, in_two = BinCounts(SCALE), BinCounts(SCALE)
    at_once.add(values)
    in_two.add(values[:cut])
    in_two.add(values[cut:])
    assert at_once.series("") == in_two.series("")
    assert sum(at_once.series("").counts) == len(values)


def test_bars_are_shares_of_their_own_group():
    svg = svg_of(Histogram("Length", SCALE, Series("kept", (1, 3, 0, 0)), Series("dropped", (50, 0, 0, 50))))
    heights = [float(rect.get("height")) for rect in svg.findall("rect[@class='kept']")]
    assert len(heights) == 2
    assert heights[1] == pytest.approx(3 * heights[0], abs=0.2)
    assert svg.find("path[@class='others']") is not None
    assert [t.text for t in svg.iter("title")][3] == "15 and more: 0 kept, 50 dropped"
    assert svg.get("aria-label") == "Length: kept, median from 5; dropped, median from 0"


def test_empty_ends_are_not_drawn():
    scale = linear(1, 100, tick=1, unit="")
    svg = svg_of(Histogram("Length", scale, Series("kept", tuple(int(20 <= n < 40) for n in range(101)))))
    ticks = [tick.text for tick in svg.findall("text[@class='tick']")]
    assert (ticks[0], ticks[-1]) == ("19", "41")


def test_a_drawing_stays_inside_its_frame():
    scale = Scale(tuple(range(11)), ((0, "0"), (10, "10")), "")
    svg = svg_of(Histogram("t", scale, Series("kept", (1,) * 10)))
    for rect in svg.findall("rect"):
        assert float(rect.get("x")) + float(rect.get("width")) <= 320
        assert float(rect.get("y")) + float(rect.get("height")) <= 150


def test_stacked_bars_are_percent_of_the_longest():
    assert stacked(25, 100, 200) == '<i class="kept" style="width:12.50%"></i><i class="rest" style="width:37.50%"></i>'
    assert stacked(0, 0, 0) == ""


def test_a_bar_list_escapes_its_labels_and_shows_both_numbers():
    shown = bar_list("Sites", [Bar("<b>x", 1_000, 2_000)], note="1 & 2", heads=("kept", "candidates"))
    assert "&lt;b&gt;x" in shown
    assert "<b>x" not in shown
    assert "1 &amp; 2" in shown
    assert re.findall(r'<td class="number">([\d,]+)</td>', shown) == ["1,000", "2,000"]


def test_a_bar_list_of_nothing_says_so():
    assert "none" in bar_list("Sites", [])
