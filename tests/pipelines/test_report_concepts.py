from xml.etree import ElementTree as ET

import pytest

from pipelines.concept_counts import ConceptCounts
from pipelines.concept_lexicon import NOTHING_ADDED
from pipelines.report_concepts import ConceptField, concept_fields, concepts_section
from schemas.records import ConceptCount

COUNTS = ConceptCounts(
    (
        ConceptCount("문화유산", "돌하르방", 3),
        ConceptCount("문화유산", "첨성대", 0),
        ConceptCount("음식", "김치", 100),
        ConceptCount("음식", "떡국", 100),
        ConceptCount("음식", "몸국", 0),
    ),
    {"문화유산": 3, "음식": 150},
)


def field(named, entries, category="음식"):
    """A category with ``named`` of its ``entries`` concepts named, each once."""
    rows = tuple(ConceptCount(category, f"개념{n}", int(n < named)) for n in range(entries))
    return ConceptField(category, rows, named, ())


def drawing(found):
    page = concepts_section([found])
    return ET.fromstring(page[page.index("<svg") : page.index("</svg>") + 6])


def lines_of(svg):
    """The unnamed squares: how many each dashed line holds, by its row."""
    paths = [path.get("d") for path in svg.findall("path")]
    lines = [line.split() for path in paths for line in path.removeprefix("M").split("M")]
    return {int((float(y.split("H")[0]) - 4.5) / 10): (int(y.split("H")[1]) + 1 - int(x)) // 10 for x, y in lines}


def test_a_field_has_the_most_named_first_and_names_the_well_known_that_are_missing():
    first, second = concept_fields(COUNTS, ["첨성대", "김치"])
    assert [(one.category, one.met, one.samples) for one in (first, second)] == [("음식", 2, 150), ("문화유산", 1, 3)]
    assert [entry.name for entry in first.entries] == ["김치", "떡국", "몸국"]
    assert (first.missing, second.missing) == ((), ("첨성대",))
    assert concept_fields(ConceptCounts((), {})) == ()


def test_every_concept_has_its_square():
    for named, entries in ((0, 1), (1, 1), (0, 32), (32, 32), (31, 33), (32, 33), (33, 97), (5, 903)):
        svg = drawing(field(named, entries))
        lit = svg.findall("rect")
        assert len(lit) == named
        assert sum(lines_of(svg).values()) == entries - named
        height = int(svg.get("viewBox").split()[3])
        assert height == -(-entries // 32) * 10 - 1
        assert all(int(rect.get("x")) < 320 and int(rect.get("y")) < height for rect in lit)
        assert len({(rect.get("x"), rect.get("y")) for rect in lit}) == named


@pytest.mark.parametrize(("samples", "level"), [(1, 1), (2, 2), (9, 2), (10, 3), (99, 3), (100, 4), (10**6, 4)])
def test_a_square_s_strength_tells_the_samples(samples, level):
    row = ConceptCount("음식", "김치", samples)
    (square,) = drawing(ConceptField("음식", (row,), samples, ())).findall("rect")
    assert square.get("class") == f"c{level}"
    assert square.find("title").text == f"김치: {samples:,}"


def test_the_section_says_what_is_covered_and_what_is_not():
    section = concepts_section(concept_fields(COUNTS, ["첨성대"]))
    assert "name: <b>3</b> of the 5 in the lexicon" in section
    assert "2 of 3, in 150 samples" in section
    assert '<span class="w4">김치<small>100</small></span>' in section
    assert '<p class="missing" lang="ko"><span>첨성대</span></p>' in section
    assert section.count("<figure") == section.count("</figure>") == 2
    assert concepts_section([]) == ""


def test_more_missing_ones_than_are_shown_are_counted():
    names = tuple(f"개념{n}" for n in range(14))
    rows = tuple(ConceptCount("음식", name, 0) for name in names)
    assert "<span>and 2 more</span>" in concepts_section([ConceptField("음식", rows, 0, names)])


def test_a_name_from_a_workflow_s_lexicon_is_escaped():
    row = ConceptCount("<빵>", "<b>&", 1)
    section = concepts_section([ConceptField("<빵>", (row, row._replace(samples=0)), 1, ("<i>",))])
    assert "<b>&<" not in section
    assert "<빵>" not in section
    assert "<i></span>" not in section


def test_the_shipped_lexicon_has_well_known_concepts_in_every_category():
    categories = NOTHING_ADDED.categories()
    counts = ConceptCounts(
        tuple(sorted(ConceptCount(category, name, 0) for name, category in categories.items())),
        dict.fromkeys(categories.values(), 0),
    )
    assert all(found.missing and not found.met for found in concept_fields(counts))
