import json
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.image import ImageBlank, ImageMinSide
from pipelines import select
from pipelines.exchange import write_slices
from pipelines.parts import AttemptPlace, read_rows, write_part
from pipelines.select import (
    OrderPartition,
    by_cluster,
    by_image_url,
    choose,
    decide,
    judge_image,
    key_range,
    outcome_row,
    taken_down,
)
from pipelines.stage import Attempt, StagePlan
from pipelines.storage import join
from pipelines.workflow import Select, Takedowns
from schemas.reasons import Reason, Stage
from schemas.records import (
    ClusterRow,
    Contender,
    ImageRow,
    OutcomeRow,
    Score,
    ScreenedRow,
    SelectedRow,
    Verdict,
)

NO_FILTERS = Select(filters=())
SMALL = Select(filters=(ImageMinSide(min_side=301),))
BLANK = Select(filters=(ImageBlank(),))


# One candidate


def test_a_candidate_with_nothing_against_it_contends(screened, image, cluster):
    assert decide(screened, image, cluster, NO_FILTERS) == Contender(screened, image, cluster, [])


@pytest.mark.parametrize(
    ("changes", "stage", "reason"),
    [
        ({"outcome": "drop", "reason": "caption_url"}, Stage.SCREEN, Reason.CAPTION_URL),
        ({"outcome": "drop", "reason": "duplicate_candidate"}, Stage.SCREEN, Reason.DUPLICATE_CANDIDATE),
        ({"outcome": "drop", "reason": "unknown"}, Stage.SCREEN, Reason.UNKNOWN),
        ({"outcome": "unknown", "reason": ""}, Stage.SCREEN, Reason.UNKNOWN),
        ({"outcome": "drop", "reason": "url_refused"}, Stage.EXTRACT, Reason.URL_REFUSED),
        ({"outcome": "drop", "reason": "page_opted_out", "unit": "page"}, Stage.EXTRACT, Reason.PAGE_OPTED_OUT),
        ({"outcome": "drop", "reason": "record_raised", "unit": "page"}, Stage.EXTRACT, Reason.RECORD_RAISED),
        ({"outcome": "drop", "reason": "record_raised"}, Stage.SCREEN, Reason.RECORD_RAISED),
        ({"outcome": "drop", "reason": "source_missing", "unit": "source"}, Stage.EXTRACT, Reason.SOURCE_MISSING),
    ],
)
def test_what_was_dropped_before_keeps_its_reason_and_stage(screened, changes, stage, reason):
    row = screened._replace(**changes, detail="why")
    found = decide(row, None, None, NO_FILTERS)
    assert (found.stage, found.outcome, found.reason, found.detail) == (stage, "drop", reason, "why")
    assert found.verdicts == screened.verdicts


def test_an_image_that_was_not_had_is_dropped_by_the_fetch(screened, image):
    lost = image._replace(outcome="drop", reason="timed_out", detail="over 1 s")
    found = decide(screened, lost, None, NO_FILTERS)
    assert (found.stage, found.outcome, found.reason, found.detail) == (Stage.FETCH, "drop", "timed_out", "over 1 s")


def test_a_row_that_was_lost_on_the_way_fails_the_stage(screened, image):
    with pytest.raises(LookupError, match="passed the screen but was never fetched"):
        decide(screened, None, None, NO_FILTERS)
    with pytest.raises(LookupError, match="was fetched but is in no cluster"):
        decide(screened, image, None, NO_FILTERS)


@pytest.mark.parametrize(("side", "reason"), [(300.0, Reason.IMAGE_TOO_SMALL), (301.0, "")])
def test_a_threshold_holds_where_the_workflow_puts_it(screened, image, cluster, side, reason):
    found = decide(screened, image._replace(scores=[Score("short_side", side)]), cluster, SMALL)
    judged = Verdict("image_min_side@1", "drop" if reason else "keep", reason, side, 301)
    if reason:
        assert (found.stage, found.reason) == (Stage.SELECT, reason)
        assert found.verdicts == [*screened.verdicts, judged]
    else:
        assert found == Contender(screened, image._replace(scores=[Score("short_side", side)]), cluster, [judged])


def test_a_score_that_is_missing_is_unknown_and_the_workflow_says_what_follows(screened, image, cluster):
    unscored = image._replace(scores=[])
    found = decide(screened, unscored, cluster, BLANK)
    assert (found.stage, found.outcome, found.reason) == (Stage.SELECT, "drop", Reason.UNKNOWN)
    assert found.verdicts[-1] == Verdict("image_blank@1", "unknown", "", None, 4.0)
    kept = decide(screened, unscored, cluster, Select(filters=(ImageBlank(),), on_unknown="keep"))
    assert isinstance(kept, Contender)
    assert kept.verdicts[-1].outcome == "unknown"


def test_the_first_filter_that_drops_names_the_reason_and_every_filter_is_told(image):
    judges = (ImageMinSide(min_side=301), ImageBlank(), ImageMinSide(min_side=9))
    scored = image._replace(scores=[Score("short_side", 300.0), Score("grey_std", 0.0)])
    reason, verdicts = judge_image(scored, judges, "drop")
    assert reason == Reason.IMAGE_TOO_SMALL
    assert [verdict.reason for verdict in verdicts] == ["image_too_small", "image_blank", ""]
    assert judge_image(scored, judges[::-1], "drop")[0] == Reason.IMAGE_BLANK
    assert judge_image(image, (), "drop") == ("", [])
    assert judge_image(image, (ImageBlank(), ImageMinSide(min_side=301)), "keep")[0] == Reason.IMAGE_TOO_SMALL
    assert judge_image(image, (ImageBlank(), ImageMinSide(min_side=301)), "drop")[0] == Reason.UNKNOWN


# Takedowns


@pytest.mark.parametrize(
    ("takedowns", "named"),
    [
        (Takedowns(urls=("http://a.test/1.jpg",)), "http://a.test/1.jpg"),
        (Takedowns(urls=("http://final.test/1.jpg",)), "http://final.test/1.jpg"),
        (Takedowns(urls=("http://page.test/",)), "http://page.test/"),
        (Takedowns(hosts=("a.test",)), "a.test"),
        (Takedowns(hosts=("final.test",)), "final.test"),
        (Takedowns(hosts=("page.test",)), "page.test"),
        (Takedowns(sha256=("a" * 64,)), "a" * 64),
        (Takedowns(sha256=("b" * 64,)), "b" * 64),
        (Takedowns(), ""),
        (Takedowns(urls=("http://a.test/",), hosts=("test",), sha256=("c" * 64,)), ""),
    ],
)
def test_a_takedown_names_urls_hosts_and_bytes(screened, image, cluster, takedowns, named):
    row = screened._replace(page_url="http://page.test/")
    moved = image._replace(final_url="http://final.test/1.jpg")
    assert taken_down(row, moved, takedowns) == named
    found = decide(row, moved, cluster, Select(filters=(), takedowns=takedowns))
    if named:
        assert (found.stage, found.outcome, found.reason, found.detail) == (Stage.SELECT, "drop", "takedown", named)
    else:
        assert isinstance(found, Contender)


def test_a_candidate_without_a_page_is_asked_about_by_its_image_alone(screened, image):
    assert taken_down(screened._replace(page_url=""), image, Takedowns(hosts=("",))) == ""


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


def test_a_sample_holds_its_whole_record_and_the_captions_that_lost(three, screened, image):
    sample = next(choose(three))[1]
    metadata = json.loads(sample.metadata)
    assert sample.metadata == json.dumps(metadata, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert (metadata["key"], metadata["caption"], metadata["url"]) == ("2" * 32, "돌하르방 2", "http://a.test/1.jpg")
    assert (metadata["sha256"], metadata["raw_sha256"]) == (image.stored_sha256, "c" * 64)
    assert (metadata["width"], metadata["original_width"], metadata["format"]) == (400, 800, "JPEG")
    assert not any(value is None or isinstance(value, list) for value in metadata.values())
    assert metadata["concepts"] == "돌하르방"
    details = json.loads(metadata["details"])
    assert details["captions"] == [{"dom_path": "/html/body/img", "kind": "alt", "text": "공원에 선 돌하르방"}]
    assert details["consent"] == [{"channel": "robots.txt", "value": "sha256:00", "allowed": True}]
    assert metadata["scores"] == {"short_side": 300.0}
    assert [judged["filter_id"] for judged in details["verdicts"]] == ["caption_length@1", "image_min_side@1"]
    assert [metadata[f"source_{name}"] for name in ("kind", "name", "digest")] == ["warc", "a.warc.gz", "d" * 64]
    assert [(lost["candidate_id"][0], lost["caption"]) for lost in details["duplicates"]] == [
        ("1", "돌하르방 1"),
        ("3", "돌하르방 3"),
    ]
    assert (sample.staging, sample.staging_offset, sample.staging_length) == (image.staging, 512, 900)
    assert (sample.lineage.fetched_at, sample.lineage.source_offset) == (image.fetched_at, 17)


def test_nothing_that_differs_between_two_crawls_of_one_content_is_in_the_metadata(screened, image, cluster):
    one = contender(screened, image, cluster, "1")
    again = one._replace(
        screened=one.screened._replace(captured_at="2027-01-01T00:00:00Z", source="/mnt/a.warc.gz", source_offset=9),
        image=one.image._replace(fetched_at="2027-01-01T00:00:00Z", address="127.0.0.2", staging="x", staging_offset=1),
    )
    first, second = (next(choose([c]))[1] for c in (one, again))
    assert first.metadata == second.metadata
    assert first.lineage != second.lineage


def test_the_files_of_a_crawl_are_not_named_in_the_metadata(screened, image, cluster):
    crawled = contender(screened._replace(source_kind="crawl", source="/x/warc-00001-abc.warc.gz"), image, cluster, "1")
    assert json.loads(next(choose([crawled]))[1].metadata)["source_name"] == "crawl"


def test_an_outcome_carries_where_the_candidate_was_found(screened):
    row = outcome_row(screened, Stage.SELECT, "", "")
    assert (row.outcome, row.source, row.source_offset, row.captured_at) == (
        "keep",
        "/data/a.warc.gz",
        17,
        "2026-01-01T00:00:00Z",
    )
    assert outcome_row(screened, Stage.SELECT, "takedown", "x").outcome == "drop"


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
