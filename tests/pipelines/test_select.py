from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.suppression import Suppression
from pipelines import select
from pipelines.cluster_winner import choose
from pipelines.exchange import Exchange
from pipelines.parts import AttemptPlace, read_rows, write_part
from pipelines.select import (
    OrderPartition,
    SelectRules,
    by_cluster,
    by_image_url,
    by_key,
    key_range,
)
from pipelines.stage import Attempt, StagePlan
from pipelines.storage import join
from pipelines.suppression_list import compile_list
from pipelines.workflow import Select
from schemas.records import (
    Chosen,
    ClusterRow,
    ConceptCount,
    ImageRow,
    OutcomeRow,
    ScreenedRow,
    SelectedRow,
)

NO_FILTERS = Select(filters=())


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


def test_the_samples_of_a_range_are_written_in_the_order_of_their_keys(tmp_path, contender):
    place = AttemptPlace(str(tmp_path), "attempt-1")
    chosen = [
        found
        for identity in "3c1a"
        for found in choose([contender._replace(screened=contender.screened._replace(candidate_id=identity * 32))])
    ]
    exchange = Exchange(place.exchange, Chosen, by_key, 1, key_range)
    handles = exchange.write(chosen[:2]) + exchange.write(chosen[2:])
    writer = OrderPartition(place, SelectRules(NO_FILTERS), parts_from=40)
    (done,) = writer.process((2, [piece for _, piece in handles]))
    selected, outcomes, concepts = done.parts
    rows = list(read_rows(str(tmp_path / selected.path), SelectedRow))
    assert [row.key[0] for row in rows] == ["1", "3", "a", "c"]
    assert sorted(rows) == sorted(found.sample for found in chosen)
    assert (outcomes.table, outcomes.partition) == ("outcomes", 42)
    told = list(read_rows(str(tmp_path / outcomes.path), OutcomeRow))
    assert told == sorted(found.outcome for found in chosen)
    assert dict(done.tallies) == {"in": 4, "keep": 4}
    counted = list(read_rows(str(tmp_path / concepts.path), ConceptCount))
    assert counted == [ConceptCount("문화유산", "", 4), ConceptCount("문화유산", "돌하르방", 4)]


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
    rules = config if isinstance(config, SelectRules) else SelectRules(config)
    done = attempt.run(lambda p: select.expand(p, inputs, place=attempt.place, rules=rules, partitions=5))
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
    takedowns = compile_list(Suppression(urls=(urls[6],)), str(tmp_path), key="select.takedowns", radius=6)
    config = SelectRules(Select(filters=()), takedowns=takedowns)
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


def rows_of(screened, image, cluster, captions):
    """Return the three tables of candidates with ``captions`` of distinct images, the later the larger."""
    numbered = list(enumerate(captions))
    rows = [
        screened._replace(
            candidate_id=f"{(n * 7919) % 9973:04x}" * 8, image_url=f"http://a.test/{n}.jpg", caption=caption
        )
        for n, caption in numbered
    ]
    images = [
        image._replace(image_url=row.image_url, original_width=n + 1)
        for (n, _), row in zip(numbered, rows, strict=True)
    ]
    clusters = [
        cluster._replace(image_url=row.image_url, cluster=f"c{n}") for (n, _), row in zip(numbered, rows, strict=True)
    ]
    return rows, images, clusters


@pytest.mark.parametrize(
    ("limits", "kept", "same", "near"),
    [
        ({}, [0, 1, 2, 3, 4, 5], 0, 0),
        ({"max_same_caption": 3}, [0, 1, 2, 3, 4, 5], 0, 0),
        ({"max_same_caption": 2}, [1, 2, 3, 4, 5], 1, 0),
        ({"max_near_captions": 5}, [0, 1, 2, 3, 4, 5], 0, 0),
        ({"max_near_captions": 4}, [1, 2, 3, 4, 5], 0, 1),
        ({"max_same_caption": 1, "max_near_captions": 2}, [3, 4, 5], 2, 1),
        ({"max_same_caption": 1, "max_near_captions": 1}, [4, 5], 2, 2),
    ],
)
def test_a_caption_is_on_no_more_samples_than_the_workflow_allows(
    tmp_path, screened, image, cluster, limits, kept, same, near
):
    tables = rows_of(screened, image, cluster, ["전경 1", "전경 1", "전경 1", "전경 2", "전경, 3", "돌하르방"])
    config = Select(filters=(), **limits)
    outcomes, selected, tallies = select_all(tmp_path, tables, 1, config)
    again = select_all(tmp_path, [table[::-1] for table in tables], 3, config)
    assert (sorted(outcomes), selected, tallies) == (sorted(again[0]), again[1], again[2])
    assert {row.key for row in selected} == {tables[0][n].candidate_id for n in kept}
    assert sorted(row.candidate_id for row in outcomes) == sorted(row.candidate_id for row in tables[0])
    assert (tallies.get("drop:caption_repeated", 0), tallies.get("drop:caption_near_repeated", 0)) == (same, near)
    assert (tallies["in"], tallies["keep"]) == (6, len(kept))


def test_only_samples_that_would_be_kept_count_against_a_cap(tmp_path, screened, image, cluster):
    rows, images, clusters = rows_of(screened, image, cluster, ["전경", "전경", "전경", "전경"])
    rows[3] = rows[3]._replace(outcome="drop", reason="caption_url")
    clusters[2] = clusters[2]._replace(cluster="c1")
    _, selected, tallies = select_all(
        tmp_path, (rows, images, clusters), 1, Select(filters=(), max_same_caption=2, max_near_captions=2)
    )
    assert len(selected) == 2
    assert tallies == {"in": 4, "keep": 2, "drop:caption_url": 1, "drop:duplicate_exact": 1}


@pytest.mark.parametrize(("captions", "kept"), [("best", 2), ("list", 2), ("each", 4)])
def test_the_captions_of_a_cluster_become_one_sample_or_several(tmp_path, screened, image, cluster, captions, kept):
    rows, images, clusters = rows_of(screened, image, cluster, ["탑", "절", "절!", "탑", "돌하르방"])
    clusters = [row._replace(cluster="c0" if n < 3 else "c1") for n, row in enumerate(clusters)]
    config = Select(filters=(), captions=captions)
    outcomes, selected, tallies = select_all(tmp_path, (rows, images, clusters), 1, config)
    again = select_all(tmp_path, (rows[::-1], images, clusters), 2, config)
    assert (sorted(outcomes), selected, tallies) == (sorted(again[0]), again[1], again[2])
    assert (tallies["in"], tallies["keep"], len({row.key for row in selected})) == (5, kept, kept)
    assert len({row.lineage.image_url for row in selected}) == 2
