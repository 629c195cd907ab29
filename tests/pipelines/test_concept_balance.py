import json

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from filters.concept_balance import ConceptBalance, draw_of
from pipelines import select
from pipelines.cluster_winner import choose
from pipelines.concept_balance import SumCounts, balanced, with_verdict
from pipelines.parts import read_rows, write_part
from pipelines.stage import Attempt, StagePlan
from pipelines.storage import join
from pipelines.workflow import Select
from schemas.reasons import Reason, Stage
from schemas.records import (
    ClusterRow,
    ConceptCount,
    Contender,
    ImageRow,
    OutcomeRow,
    ScreenedRow,
    SelectedRow,
    Verdict,
)

RULE = ConceptBalance(concept_count=10)


@pytest.fixture
def chosen(contender):
    return next(iter(choose([contender])))


def test_a_kept_chosen_carries_the_verdict_in_its_outcome_and_its_sample(chosen):
    found = balanced(chosen, RULE, {"돌하르방": 4})
    draw = draw_of("b" * 64, "공원에 선 돌하르방", "돌하르방")
    judged = Verdict("concept_balance@1", "keep", "", draw, 1.0)
    assert found.outcome == chosen.outcome._replace(verdicts=[*chosen.outcome.verdicts, judged])
    details = json.loads(json.loads(found.sample.metadata)["details"])
    assert details["verdicts"][-1] == judged._asdict()
    assert found.sample.metadata == with_verdict(chosen.sample.metadata, judged)
    assert found.sample._replace(metadata="") == chosen.sample._replace(metadata="")
    assert found[2:] == chosen[2:]


def test_a_dropped_chosen_says_which_concept_left_it_out(chosen):
    found = balanced(chosen, RULE, {"돌하르방": 10**9})
    assert (found.outcome.stage, found.outcome.outcome, found.outcome.reason) == (
        Stage.SELECT,
        "drop",
        Reason.CONCEPT_BALANCED,
    )
    assert found.outcome.detail == "돌하르방: 1000000000 samples name it"
    assert (found.outcome.verdicts[-1].reason, found.outcome.verdicts[-1].threshold) == ("concept_balanced", 1e-8)


def test_a_chosen_that_names_nothing_is_told_as_such(contender):
    blank = contender._replace(screened=contender.screened._replace(concepts=[]))
    chosen = next(iter(choose([blank])))
    assert balanced(chosen, RULE, {}).outcome.outcome == "keep"
    dropped = balanced(chosen, ConceptBalance(concept_count=1, no_concept="drop"), {}).outcome
    assert (dropped.reason, dropped.detail) == (Reason.CONCEPT_BALANCED, "no concept")


def test_counts_of_partitions_add_up():
    add = SumCounts()
    one = add.add_input(add.create_accumulator(), {"김치": 2})
    other = add.add_input(add.add_input(add.create_accumulator(), {"김치": 1}), {"한복": 1})
    merged = add.merge_accumulators([one, other])
    assert add.extract_output(merged) == {"김치": 3, "한복": 1}
    assert add.extract_output(add.create_accumulator()) == {}


# The stage


def select_all(root, tables, *, cuts, partitions, config):
    """Run the stage; return its outcomes, samples and concept counts as sorted rows, and its tallies."""
    plan = StagePlan(stage="select", covers={"cuts": cuts, "partitions": partitions}, root=str(root))
    attempt = Attempt(plan=plan, name="attempt-1", options=PipelineOptions([]))
    records = {"screened": ScreenedRow, "images": ImageRow, "clusters": ClusterRow}
    inputs = []
    for (name, record), rows in zip(records.items(), tables, strict=True):
        parts = [write_part(attempt.place, name, cut, record, rows[cut::cuts]) for cut in range(cuts)]
        inputs.append((name, record, [join(plan.folder, part.path) for part in parts]))
    done = attempt.run(
        lambda p: select.expand(p, inputs, place=attempt.place, rules=select.SelectRules(config), partitions=partitions)
    )
    committed = attempt.commit(done, expected=len(tables[0]))

    def rows_of(table, record):
        return sorted(row for path in committed.paths(table) for row in read_rows(path, record))

    counts = {}
    for row in rows_of("concepts", ConceptCount):
        counts[row.category, row.name] = counts.get((row.category, row.name), 0) + row.samples
    return rows_of("outcomes", OutcomeRow), rows_of("selected", SelectedRow), counts, committed.manifest.tallies


@pytest.fixture
def tables(screened, image, cluster):
    """30 images: 24 show 김치, the last of which also a 첨성대; 3 show 돌하르방; 3 nothing. The first has a copy."""
    names = [["김치"]] * 23 + [["김치", "첨성대"]] + [["돌하르방"]] * 3 + [[]] * 3
    rows, images, clusters = [], [], []
    for n, concepts in enumerate(names):
        url = f"http://a.test/{n}.jpg"
        caption = f"사진 {n}번"
        rows.append(
            screened._replace(candidate_id=f"{n * 7919:032x}", image_url=url, caption=caption, concepts=concepts)
        )
        images.append(image._replace(image_url=url, stored_sha256=f"{n:064x}", raw_sha256=f"{n:064x}"))
        clusters.append(cluster._replace(image_url=url, cluster=f"c{n}"))
    rows.append(rows[0]._replace(candidate_id="f" * 32, page_url="http://b.test/"))
    return rows, images, clusters


def test_frequent_concepts_are_thinned_out_and_the_books_balance(tmp_path, tables):
    config = Select(filters=(), balance=ConceptBalance(concept_count=6))
    outcomes, samples, counts, tallies = select_all(tmp_path / "one", tables, cuts=1, partitions=5, config=config)
    assert tallies == {
        "in": 31,
        "keep": len(samples),
        "drop:concept_balanced": 30 - len(samples),
        "drop:duplicate_exact": 1,
    }
    captions = {row.caption for row in samples}
    assert {f"사진 {n}번" for n in range(23, 30)} <= captions  # the rare, and those that name nothing
    expected = {n for n in range(23) if draw_of(f"{n:064x}", f"사진 {n}번", "김치") < 6 / 24}
    assert captions == {f"사진 {n}번" for n in {*expected, *range(23, 30)}}
    assert 0 < len(expected) < 23
    # What is counted for the release is what stayed.
    assert counts == {
        ("문화유산", ""): 4,
        ("문화유산", "돌하르방"): 3,
        ("문화유산", "첨성대"): 1,
        ("음식", ""): len(expected) + 1,
        ("음식", "김치"): len(expected) + 1,
    }
    assert {row.candidate_id for row in outcomes if row.outcome == "keep"} == {row.key for row in samples}
    assert {row.winner_id for row in outcomes if row.reason == "duplicate_exact"} == {tables[0][0].candidate_id}


@pytest.mark.parametrize(("cuts", "partitions"), [(3, 5), (2, 1), (1, 13)])
def test_any_partitioning_gives_the_same(tmp_path, tables, cuts, partitions):
    config = Select(filters=(), balance=ConceptBalance(concept_count=6))
    one = select_all(tmp_path / "one", tables, cuts=1, partitions=5, config=config)
    other = select_all(
        tmp_path / "other", [table[::-1] for table in tables], cuts=cuts, partitions=partitions, config=config
    )
    assert one == other


def test_without_a_balance_every_chosen_is_kept_and_no_verdict_added(tmp_path, tables):
    outcomes, samples, counts, tallies = select_all(tmp_path, tables, cuts=1, partitions=5, config=Select(filters=()))
    assert tallies == {"in": 31, "keep": 30, "drop:duplicate_exact": 1}
    rows, images, clusters = tables
    plain = [next(iter(choose([Contender(*row, [])]))).sample for row in zip(rows[:30], images, clusters, strict=True)]
    assert samples[1:] == sorted(plain)[1:]  # the first has a duplicate to tell of
    assert not any(verdict.filter_id.startswith("concept") for row in outcomes for verdict in row.verdicts)
    assert counts["음식", "김치"] == 24


def test_no_candidates_no_counts(tmp_path):
    config = Select(filters=(), balance=ConceptBalance(concept_count=6))
    assert select_all(tmp_path, ([], [], []), cuts=1, partitions=5, config=config) == ([], [], {}, {})
