from __future__ import annotations

import pytest

from filters.markup_guard import MAX_ATTRIBUTES, MAX_REPEATED, tame


@pytest.mark.parametrize(
    "html",
    [
        "",
        "<p>돌하르방",
        "<p><b>가</b>나</p>" * 5_000,
        "<select>" + "<option>x" * (MAX_REPEATED - 1),
        "<p a=1 b=2>x</p>" * 9_000,
    ],
)
def test_pages_as_they_are_found_stay_unchanged(html: str) -> None:
    assert tame(html) == html


def test_formatting_that_would_be_reopened_is_taken_out() -> None:
    html = "<p>" + "".join(f"<FONT color={i}>" for i in range(1_500)) + "<p>가<i>나</i><img src=a>" * 1_500
    tamed = tame(html)
    assert "<font" not in tamed.lower()
    assert "<i>" not in tamed
    assert tamed.count("<img src=a>") == 1_500
    assert tamed.count("가") == tamed.count("나") == 1_500


def test_cut_tags_do_not_make_new_ones() -> None:
    html = "".join(f"<b {i}>" for i in range(2_500)) + "<fo<b>nt x>" + "<p>" * 2_500
    assert "<font" not in tame(html)


def test_repeated_options_are_renamed() -> None:
    assert tame("<select>" + "<option>x" * MAX_REPEATED) == "<select>" + "<option>x" * MAX_REPEATED
    assert "<option" not in tame("<select>" + "<option>x" * (MAX_REPEATED + 1))


def test_crowded_tags_are_emptied() -> None:
    crowded = "<p " + " ".join(f"attribute{i}=1" for i in range(MAX_ATTRIBUTES + 1)) + ">"
    assert tame("<b c=1>" + crowded + "<img src=a alt='b > c'>") == "<b c=1><x-crowded><img src=a alt='b > c'>"
