from __future__ import annotations

import pytest

from filters.robots_tag import header_consent, line_refuses, meta_consent
from schemas.records import Consent


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", False),
        ("noai", True),
        ("NoAI, noimageai", True),
        ("googlebot: noindex", False),
        ("noindex, unavailable_after: 25 Jun 2027 15:00:00 PST", True),
        ("noai, max-snippet:0", True),
        ("max-image-preview:none, noai", True),
        ("max-image-preview:none", False),
        ("max-image-preview: none", False),
        ("none", True),
        ("harubang : noai", True),
        ("otherbot: index, harubang: noai", True),
        ("harubang: index, otherbot: noai", False),
        ("otherbot: noindex, noai", False),
        ("unavailable_after: Friday, 25-Jun-27 15:00:00 KST, noai", True),
        ("unavailable_after: Friday, 2027-06-25T15:00, noai", True),
        ("unavailable_after: 25 Jun 2027 15:00:00 PST", False),
        ("noai;noimageai", True),
        ("max-snippet:0 noai", True),
        ("index: yes, noai", True),
        ("notranslate: x, noai", True),
        ("noindex: true", True),
        ("all", False),
        ("noindexing", False),
        ("no-index", False),
        (",,:,;", False),
        (":noai", True),
        ("otherbot: noindex; harubang: noai", True),
        ("otherbot: noindex harubang: noai", True),
        ("otherbot: index; nofollow, noai", False),
        ("unavailable-after: 25 Jun 2030 15:00:00 PST, noai", True),
        ("max-image-preview=none", False),
        ("max-image-preview=none, noai", True),
        ("max-audio-preview:none", False),
        ("content-ai:no, noai", True),
        ("rating: adult, noai", True),
        ("otherbot: rating, noai", True),
        ("x:y:noai", True),
        ("noai=1", True),
        ("\u3000noai\u00a0", True),
        ("another bot: noai", True),
    ],
)
def test_lines(line, expected):
    assert line_refuses(line, "harubang") is expected
    assert line_refuses(line.upper(), "harubang") is expected


def test_every_header_line_counts_and_the_refusing_ones_are_the_evidence():
    assert header_consent(["index", "noai", "otherbot: noai", "None"], "harubang") == Consent(
        "x-robots-tag", "noai\nNone", allowed=False
    )
    assert header_consent(["index"], "harubang") is None
    assert header_consent([], "harubang") is None


def test_metas_that_name_robots_or_us():
    refusal = Consent("meta-robots", "NOINDEX, follow", allowed=False)
    for name in (
        "robots",
        "ROBOTS",
        " Robots ",
        "harubang",
        "X-Robots-Tag",
        "googlebot,robots",
        "x; Harubang",
        "\u200brobots",
    ):
        assert meta_consent([("description", "noai"), (name, "NOINDEX, follow")], "harubang") == refusal
    assert meta_consent([("googlebot", "noindex"), ("robots", "index"), ("keywords", "none")], "harubang") is None
    assert meta_consent([], "harubang") is None
