import pytest

from pipelines.ledger import Ledger, ledger_of
from pipelines.stage import Committed, StageManifest
from schemas.reasons import Stage


def committed(tallies):
    manifest = StageManifest(stage="select", fingerprint="", covers={}, parts=[], tallies=tallies)
    return Committed(folder="", manifest=manifest)


@pytest.mark.parametrize(
    ("tallies", "ledger"),
    [
        ({}, Ledger(0, 0, {}, True)),
        ({"in": 3, "keep": 3}, Ledger(3, 3, {}, True)),
        (
            {"keep": 1, "in": 6, "drop:takedown": 2, "drop:caption_url": 3},
            Ledger(6, 1, {"caption_url": 3, "takedown": 2}, True),
        ),
        ({"in": 3, "keep": 2}, Ledger(3, 2, {}, False)),
        ({"in": 3, "keep": 2, "drop:takedown": 2}, Ledger(3, 2, {"takedown": 2}, False)),
        ({"drop:takedown": 1}, Ledger(0, 0, {"takedown": 1}, False)),
    ],
)
def test_candidates_are_kept_and_dropped_or_the_books_do_not_balance(tallies, ledger):
    assert ledger_of(committed(tallies)) == ledger


def test_reasons_stand_in_their_order():
    assert list(ledger_of(committed({"drop:b": 1, "drop:a": 1, "in": 2})).dropped) == ["a", "b"]


def test_other_headings_are_not_candidates():
    assert ledger_of(committed({"in": 2, "keep": 2, "pages:keep": 9, "pages:drop": 4})) == Ledger(2, 2, {}, True)


def test_the_ledger_of_a_run_is_that_of_its_select_stage(output):
    assert (
        ledger_of(output.stages[Stage.SELECT]) == output.manifest.ledger == Ledger(3, 2, {"caption_too_short": 1}, True)
    )
