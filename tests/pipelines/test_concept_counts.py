import pytest

from filters.concepts import LEXICON_VERSION
from pipelines.concept_counts import ConceptCounts, SampleTally, facts_of, read_table, table_bytes, total
from pipelines.parts import Done, write_part
from schemas.identity import canonical_json
from schemas.records import ConceptCount

CATEGORIES = {"김치": "음식", "떡국": "음식", "돌하르방": "문화유산"}


def metadata(*names):
    return canonical_json({"concepts": ", ".join(names), "sha256": "a" * 64, "details": "{}"})


def test_the_facts_of_a_sample_are_read_from_its_metadata():
    assert facts_of(metadata("김치", "떡국")).names() == ["김치", "떡국"]
    assert facts_of(metadata()).names() == []
    assert facts_of(metadata().encode()).sha256 == "a" * 64


def test_a_sample_counts_once_for_each_concept_and_once_for_a_category():
    tally = SampleTally(CATEGORIES)
    tally.add([metadata("김치", "떡국"), metadata("김치", "돌하르방"), metadata()])
    assert tally.rows() == [
        ConceptCount("문화유산", "", 1),
        ConceptCount("문화유산", "돌하르방", 1),
        ConceptCount("음식", "", 2),
        ConceptCount("음식", "김치", 2),
        ConceptCount("음식", "떡국", 1),
    ]
    assert SampleTally(CATEGORIES).rows() == []


def test_the_parts_of_a_stage_add_up_and_every_entry_has_its_row(attempt):
    parts = []
    for number, named in enumerate(([("김치",), ("김치", "떡국")], [("김치",)], [])):
        tally = SampleTally(CATEGORIES)
        tally.add(metadata(*names) for names in named)
        parts.append(write_part(attempt.place, "concepts", number, ConceptCount, tally.rows()))
    counts = total(attempt.commit(Done(parts, [])), CATEGORIES)
    assert counts == ConceptCounts(
        (
            ConceptCount("문화유산", "돌하르방", 0),
            ConceptCount("음식", "김치", 3),
            ConceptCount("음식", "떡국", 1),
        ),
        {"문화유산": 0, "음식": 3},
    )
    assert counts.samples() == {"돌하르방": 0, "김치": 3, "떡국": 1}
    assert counts.met() == {"음식": 2}
    assert [entry.name for entry in counts.most_named("음식", 1)] == ["김치"]
    assert counts.most_named("문화유산", 9) == []


def test_a_table_is_read_as_it_was_written():
    rows = [ConceptCount("음식", "김치", 3), ConceptCount("음식", "떡국", 0)]
    assert read_table(table_bytes(rows)) == (LEXICON_VERSION, rows)
    assert table_bytes(rows) == table_bytes(list(rows))


@pytest.mark.parametrize("data", [b"", b"PAR1", table_bytes([])[:-9]])
def test_what_is_no_table_is_refused(data):
    with pytest.raises(ValueError, match="not a table of concepts"):
        read_table(data)
