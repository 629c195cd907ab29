import json
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import select
from pipelines.exchange import write_slices
from pipelines.parts import AttemptPlace, read_rows, write_part
from pipelines.select import (
    OrderPartition,
    by_cluster,
    by_image_url,
    choose,
    key_range,
)
from pipelines.stage import Attempt, StagePlan
from pipelines.storage import join
from pipelines.workflow import Select, Takedowns
from schemas.records import (
    ClusterRow,
    Contender,
    ImageRow,
    OutcomeRow,
    ScreenedRow,
    SelectedRow,
    Verdict,
)

NO_FILTERS = Select(filters=())


# One cluster


def contender(screened, image, cluster, identity, *, pixels=(800, 600), morphemes=5, raw="a", match="near"):
    return Contender(
        screened._replace(candidate_id=identity * 32, morphemes=morphemes, caption=f"돌하르방 {identity}"),
        image._replace(original_width=pixels[0], original_height=pixels[1], raw_sha256=raw * 64),
        cluster._replace(match=match, distance=3),
        [Verdict("image_min_side@1", "keep", "", 300.0, 200.0)],
    )


@pytest.fixture
def three(screened, image, cluster):
    return [
        contender(screened, image, cluster, "1", pixels=(10, 10)),
        contender(screened, image, cluster, "2", raw="c"),
        contender(screened, image, cluster, "3", pixels=(10, 10), raw="c"),
    ]


@pytest.mark.parametrize(
    ("one", "other", "winner"),
    [
        ({"morphemes": 99}, {"pixels": (801, 600)}, "2"),
        ({"morphemes": 5}, {"pixels": (600, 800), "morphemes": 6}, "2"),
        ({}, {}, "1"),
    ],
)
def test_more_pixels_win_then_more_morphemes_then_the_smaller_id(screened, image, cluster, one, other, winner):
    pair = [contender(screened, image, cluster, "1", **one), contender(screened, image, cluster, "2", **other)]
    for contenders in (pair, pair[::-1]):
        outcomes = [outcome for outcome, _ in choose(contenders)]
        assert [o.candidate_id[0] for o in outcomes if o.outcome == "keep"] == [winner]


def test_a_page_of_the_image_s_own_wins_over_one_that_lists_it(screened, image, cluster):
    listed = contender(screened, image, cluster, "1", morphemes=9)
    listed = listed._replace(screened=listed.screened._replace(linked_page="http://a.test/article"))
    own = contender(screened, image, cluster, "2", morphemes=3)
    for order in ([listed, own], [own, listed]):
        kept, dropped = (outcome for outcome, _ in choose(order))
        assert (kept.candidate_id[0], kept.outcome) == ("2", "keep")
        assert (dropped.candidate_id[0], dropped.winner_id) == ("1", kept.candidate_id)


def test_losers_name_their_winner_and_how_they_are_its_copies(three):
    (winner, sample), (one, none), (other, _) = choose(three)
    assert (winner.candidate_id, winner.outcome, winner.stage, winner.reason) == ("2" * 32, "keep", "select", "")
    assert (winner.winner_id, none) == ("", None)
    assert (one.candidate_id, one.stage, one.reason, one.winner_id) == ("1" * 32, "dedupe", "duplicate_near", "2" * 32)
    assert one.detail == "near, 3 bits from http://a.test/1.jpg"
    assert (other.candidate_id, other.reason, other.detail) == ("3" * 32, "duplicate_exact", "")
    assert one.verdicts[-1].filter_id == "image_min_side@1"
    assert sample.key == "2" * 32


def test_one_contender_wins(three):
    ((outcome, sample),) = choose(three[:1])
    assert outcome.outcome == "keep"
    assert json.loads(json.loads(sample.metadata)["details"])["duplicates"] == []


# Partitions


@settings(max_examples=100, deadline=None)
@given(
    keys=st.lists(st.integers(0, 2**128 - 1).map("{:032x}".format), min_size=1, max_size=9),
    partitions=st.integers(1, 99),
)
def test_ranges_in_order_hold_keys_in_order(keys, partitions):
    places = [key_range(key, partitions) for key in sorted(keys)]
    assert places == sorted(places)
    assert set(places) <= set(range(partitions))


def test_the_first_and_the_last_key_are_in_the_first_and_the_last_range():
    assert (key_range("0" * 32, 8), key_range("f" * 32, 8)) == (0, 7)


def test_rows_meet_by_image_and_by_cluster(screened, image, cluster, contender):
    assert by_image_url(screened) == by_image_url(image) == by_image_url(cluster) == "http://a.test/1.jpg"
    assert by_cluster(contender) == "c1"


# The stage


def test_the_samples_of_a_range_are_written_in_the_order_of_their_keys(tmp_path, screened, image, cluster):
    place = AttemptPlace(str(tmp_path), "attempt-1")
    samples = [next(choose([contender(screened, image, cluster, identity)]))[1] for identity in "3c1a"]
    samples[0] = samples[0]._replace(caption="가")
    handles = write_slices(place.exchange, SelectedRow, {0: samples[:2]})
    handles += write_slices(place.exchange, SelectedRow, {0: samples[2:]})
    (done,) = OrderPartition(place).process((0, [piece for _, piece in handles]))
    rows = list(read_rows(str(tmp_path / done.parts[0].path), SelectedRow))
    assert [row.key[0] for row in rows] == ["1", "3", "a", "c"]
    assert sorted(rows) == sorted(samples)


def select_all(root, tables, cuts, config):
    """Run the stage over ``tables`` (screened, images, clusters), each cut into ``cuts`` parts."""
    plan = StagePlan(stage="select", covers={"cuts": cuts}, root=str(root))
    attempt = Attempt(plan=plan, name="attempt-1", options=PipelineOptions([]))
    inputs = []
    for (name, record), rows in zip(
        (("screened", ScreenedRow), ("images", ImageRow), ("clusters", ClusterRow)), tables, strict=True
    ):
        parts = [write_part(attempt.place, name, cut, record, rows[cut::cuts]) for cut in range(cuts)]
        inputs.append((name, record, [join(plan.folder, part.path) for part in parts]))
    done = attempt.run(lambda p: select.expand(p, inputs, place=attempt.place, select=config, partitions=5))
    committed = attempt.commit(done, expected=len(tables[0]))

    def rows_of(table, record):
        return [row for path in committed.paths(table) for row in read_rows(path, record)]

    assert not (Path(attempt.place.path) / "exchange").exists()
    return rows_of("outcomes", OutcomeRow), rows_of("selected", SelectedRow), committed.manifest.tallies


def test_the_stage_gives_one_outcome_a_candidate_and_samples_in_the_order_of_their_keys(
    tmp_path, screened, image, cluster
):
    urls = [f"http://a.test/{n}.jpg" for n in range(8)]
    rows = [
        screened._replace(candidate_id=f"{(n * 7919) % 97:02x}" * 16, image_url=urls[n % 8], caption=f"돌하르방 {n}")
        for n in range(12)
    ]
    rows.append(
        screened._replace(candidate_id="f" * 32, image_url="", unit="page", outcome="drop", reason="page_opted_out")
    )
    rows.append(screened._replace(candidate_id="e" * 32, outcome="drop", reason="caption_url"))
    images = [image._replace(image_url=url, raw_sha256=f"{n}" * 64) for n, url in enumerate(urls)]
    images[7] = images[7]._replace(outcome="drop", reason="timed_out")
    clusters = [cluster._replace(image_url=url, cluster=f"c{n // 2}") for n, url in enumerate(urls[:7])]
    config = Select(filters=(), takedowns=Takedowns(urls=(urls[6],)))
    tables = (rows, images, clusters)
    outcomes, selected, tallies = select_all(tmp_path, tables, 1, config)
    again = select_all(tmp_path, [table[::-1] for table in tables], 3, config)
    assert (sorted(outcomes), selected, tallies) == (sorted(again[0]), again[1], again[2])

    assert sorted(row.candidate_id for row in outcomes) == sorted(row.candidate_id for row in rows)
    assert [row.key for row in selected] == sorted(row.key for row in selected)
    assert len(selected) == 3
    assert tallies == {
        "in": 14,
        "keep": 3,
        "drop:caption_url": 1,
        "drop:duplicate_exact": 2,
        "drop:duplicate_near": 5,
        "drop:page_opted_out": 1,
        "drop:takedown": 1,
        "drop:timed_out": 1,
    }
    winners = {row.candidate_id for row in outcomes if row.outcome == "keep"}
    assert {row.key for row in selected} == winners
    assert {row.winner_id for row in outcomes if row.reason.startswith("duplicate_")} == winners


def test_no_candidates_no_samples(tmp_path):
    assert select_all(tmp_path, ([], [], []), 1, NO_FILTERS) == ([], [], {})
