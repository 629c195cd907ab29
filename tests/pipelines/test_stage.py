import importlib
import inspect
import json
import operator
import pkgutil
from pathlib import Path

import apache_beam as beam
import msgspec
import pytest
from apache_beam.internal import pickler
from apache_beam.options.pipeline_options import PipelineOptions
from hypothesis import given, settings
from hypothesis import strategies as st

import pipelines
from filters.caption_caps import caption_caps
from filters.caption_engine import CaptionRules
from filters.caption_safety import CaptionSafety
from filters.near_duplicates import DuplicateRules
from pipelines import (
    crawl,
    decontaminate,
    dedupe,
    extract,
    fetch,
    index_writer,
    known_images,
    pack,
    released,
    saved,
    screen,
    select,
    stage,
    storage,
    text_counts,
)
from pipelines.concept_balance import CountConcepts, SumCounts
from pipelines.decoded import ImageSettings
from pipelines.errors import StageFailed
from pipelines.exchange import Exchange, _Deal
from pipelines.extract import SourceUnit
from pipelines.hash_index import HashIndex, Released
from pipelines.network import PACE_FIELDS, Network
from pipelines.parts import AttemptPlace, Done, Part, Tally, read_rows, write_part
from pipelines.run_log import RunLog
from pipelines.stage import (
    Attempt,
    Committed,
    StageManifest,
    StagePlan,
    balance,
    clear_leftovers,
    committed,
    earlier_stages,
    merge_done,
    new_attempt,
    outcome_tallies,
    read_manifest,
)
from pipelines.workflow import Select
from schemas.identity import fingerprint
from schemas.reasons import Outcome, Reason
from schemas.records import CandidateRow, EvaluationHit, PageRow

PLACE = AttemptPlace("/out/stages/x-1", "attempt-1")
ONWARD = Exchange("/out/x", select.Chosen, select.by_key, 8, select.key_range)
MADE = HashIndex(rules=DuplicateRules(), prefix_bits=0, id_bits=0)
RELEASES = [Released("x 12345678", MADE, {0: "/x/images"}, {(0, 0): "/x/band"}, ["x"], [("/x/images", "0" * 64)])]
MATCHING = dedupe.Matching(DuplicateRules(), 10, RELEASES)
DO_FNS = [
    crawl.CrawlPartition(PLACE, Network(allow_loopback=True), round_number=1),
    decontaminate.ReadEvaluation(PLACE, ImageSettings()),
    decontaminate.MeetImages(Exchange("/out/x", EvaluationHit, decontaminate.by_hit_url, 8), "x", DuplicateRules()),
    decontaminate.MeetCaptions(Exchange("/out/x", EvaluationHit, decontaminate.by_hit_url, 8), "x"),
    dedupe.SpreadViews(PLACE, MATCHING),
    dedupe.SpreadComponents(PLACE, 8, "/out/labels"),
    dedupe.FollowLeaders(PLACE, MATCHING),
    dedupe.SearchBucket(PLACE, MATCHING),
    dedupe.JoinEdges(PLACE),
    dedupe.ExplainPartition(PLACE, MATCHING),
    released.SearchReleased(PLACE, DuplicateRules(), RELEASES),
    released.ConfirmReleased(PLACE, DuplicateRules(), RELEASES),
    released.FindSame(PLACE, RELEASES),
    released.SpreadReleased(PLACE, 8, "/out/labels", RELEASES),
    extract.ExtractUnit(PLACE, agent="harubang"),
    fetch.RegroupWanted(Exchange("/out/x", fetch.Wanted, fetch.by_host, 8)),
    fetch.FetchPartition(
        PLACE, Network(allow_loopback=True), ImageSettings(), Exchange("/out/x", fetch.Wanted, fetch.by_place, 8)
    ),
    fetch.ReadPartition(PLACE, ImageSettings(), first=8),
    known_images.SpreadKnown(PLACE, "/out/known.json", 0),
    known_images.WriteKnown(PLACE),
    pack.PackShard(PLACE, "/out/stages/fetch-1"),
    index_writer.SpreadSamples(PLACE, DuplicateRules(), 9),
    index_writer.WriteImages(PLACE),
    index_writer.WriteViews(PLACE, DuplicateRules(), 9),
    index_writer.WriteBand(PLACE),
    screen.Regroup(Exchange("/out/x", CandidateRow, screen.by_candidate, 8), source="screened"),
    screen.ScreenPartition(PLACE, screen.ScreenRules(CaptionRules(), CaptionSafety()), ["/out/counts"]),
    select.JoinPartition(
        PLACE,
        select.SelectRules(Select()),
        Exchange("/out/x", select.Contender, select.by_cluster, 8),
        Exchange("/out/x", EvaluationHit, decontaminate.by_hit_cluster, 8),
    ),
    select.ChoosePartition(PLACE, "best", parts_from=8, onward=ONWARD, rules=DuplicateRules()),
    select.CapPartition(
        PLACE,
        caption_caps(max_same=1, max_near=None)[0],
        parts_from=16,
        onward=ONWARD,
    ),
    select.OrderPartition(PLACE, select.SelectRules(Select()), parts_from=24),
    CountConcepts(),
    SumCounts(),
    stage._WriteReport("/out/result.json"),
    _Deal("/out/x"),
    text_counts.SpreadPairs(Exchange("/out/x", text_counts.Pair, text_counts.by_counted, 8, operator.mod)),
    text_counts.CountPartition(PLACE),
]

PARTS = st.builds(
    Part, st.sampled_from("ab"), st.integers(0, 3), st.sampled_from("pqr"), st.just(1), st.just("00"), st.just(2)
)
TALLIES = st.builds(Tally, st.sampled_from(["in", "keep", "drop:x"]), st.integers(0, 9))
REPORTS = st.lists(st.builds(Done, st.lists(PARTS, max_size=3), st.lists(TALLIES, max_size=3)), max_size=6)


def plan(tmp_path, name="some", **covers):
    return StagePlan(stage=name, covers=covers, root=str(tmp_path))


# Fingerprints and folders


def test_the_fingerprint_covers_the_stage_and_all_it_is_made_from(tmp_path):
    first = plan(tmp_path, version=1, rules={"a": [1, 2]})
    assert first.fingerprint == plan(tmp_path, rules={"a": [1, 2]}, version=1).fingerprint
    assert first.fingerprint == plan("/elsewhere", version=1, rules={"a": [1, 2]}).fingerprint
    others = [
        plan(tmp_path, version=2, rules={"a": [1, 2]}),
        plan(tmp_path, version=1, rules={"a": [2, 1]}),
        plan(tmp_path, name="other", version=1, rules={"a": [1, 2]}),
    ]
    assert len({first.fingerprint, *(other.fingerprint for other in others)}) == 4
    assert first.folder == f"{tmp_path}/stages/some-{first.fingerprint[:8]}"


def test_a_table_is_in_the_order_of_its_partitions(tmp_path):
    parts = [Part("a", 10, "x", 1, "", 3), Part("b", 1, "y", 1, "", 4), Part("a", 9, "z", 1, "", 5)]
    manifest = StageManifest(stage="some", fingerprint="", covers={}, parts=parts, tallies={})
    assert [part.path for part in manifest.table("a")] == ["z", "x"]
    assert (manifest.rows("a"), manifest.rows("b"), manifest.rows("none")) == (8, 4, 0)
    assert Committed(folder="/out/s", manifest=manifest).paths("a") == ["/out/s/z", "/out/s/x"]


# The books


def test_outcomes_are_counted_under_headings_that_balance():
    books = {(Outcome.KEEP, ""): 3, (Outcome.DROP, Reason.CAPTION_URL): 2, (Outcome.DROP, Reason.TAKEDOWN): 1}
    tallies = outcome_tallies(books)
    assert tallies == [Tally("drop:caption_url", 2), Tally("drop:takedown", 1), Tally("in", 6), Tally("keep", 3)]
    balance("some", dict(tallies), expected=6)


def test_no_records_balance():
    balance("some", {})
    balance("some", {}, expected=0)


@pytest.mark.parametrize(
    ("tallies", "expected", "message"),
    [
        ({"in": 3, "keep": 2}, None, "some: 3 records came in but 2 are accounted for"),
        ({"in": 3, "keep": 2, "drop:x": 2}, 3, "some: 3 records came in but 4 are accounted for"),
        ({"in": 3, "keep": 3}, 4, "some: the inputs hold 4 records but 3 came in"),
        ({"in": 3, "keep": 3}, 0, "some: the inputs hold 0 records but 3 came in"),
        ({}, 1, "some: the inputs hold 1 records but 0 came in"),
    ],
)
def test_books_that_do_not_balance_fail_the_stage(tallies, expected, message):
    with pytest.raises(StageFailed) as failed:
        balance("some", tallies, expected=expected)
    assert str(failed.value) == message


# Reports


@settings(max_examples=60, deadline=None)
@given(reports=REPORTS, cut=st.integers(0, 6))
def test_merging_reports_is_associative_and_commutative(reports, cut):
    whole = merge_done(reports)
    assert merge_done(reversed(reports)) == whole
    assert merge_done([merge_done(reports[:cut]), merge_done(reports[cut:])]) == whole
    assert merge_done([whole, Done([], [])]) == whole


def test_a_part_reported_twice_is_one_part():
    part = Part("a", 0, "p", 1, "00", 2)
    assert merge_done([Done([part], []), Done([part], [])]) == Done([part], [])


# The commit


def test_a_commit_publishes_the_parts_and_clears_what_died_away(attempt):
    part = write_part(attempt.place, "pages", 0, PageRow, [])
    folder = Path(attempt.plan.folder)
    for left in ("attempt-dead/part.parquet", "attempt-1/progress/1-a", "attempt-1/exchange/e.parquet"):
        (folder / left).parent.mkdir(parents=True, exist_ok=True)
        (folder / left).write_text("1")
    assert committed(attempt.plan) is None
    done = attempt.commit(Done([part], [Tally("in", 2), Tally("keep", 2)]), expected=2)
    assert committed(attempt.plan) == done
    assert done.manifest.fingerprint == attempt.plan.fingerprint
    assert done.manifest.parts == [part]
    assert done.manifest.tallies == {"in": 2, "keep": 2}
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    assert found == ["attempt-1", part.path, "manifest.json"]


def test_books_that_do_not_balance_publish_nothing(attempt):
    with pytest.raises(StageFailed, match="accounted for"):
        attempt.commit(Done([], [Tally("in", 1)]))
    assert committed(attempt.plan) is None


def test_a_manifest_of_another_fingerprint_is_refused(attempt):
    attempt.commit(Done([], []))
    path = Path(attempt.plan.folder) / "manifest.json"
    found = json.loads(path.read_text())
    path.write_text(json.dumps(found | {"fingerprint": fingerprint("other")}))
    with pytest.raises(StageFailed, match=r"belongs to fingerprint .* remove it"):
        committed(attempt.plan)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"stage": 1}'])
def test_what_is_no_manifest_is_told(tmp_path, text):
    path = tmp_path / "manifest.json"
    path.write_text(text)
    with pytest.raises(StageFailed, match="not a stage manifest") as failed:
        read_manifest(str(path))
    assert str(path) in str(failed.value)


def test_a_manifest_that_cannot_be_written_fails_the_stage(tmp_path):
    (tmp_path / "stages").write_text("a file where the folder should be")
    with pytest.raises(StageFailed, match=r"some: (NotADirectory|FileExists)Error"):
        new_attempt(plan(tmp_path), PipelineOptions([])).commit(Done([], []))


def test_every_try_has_a_name_of_its_own(tmp_path):
    names = {new_attempt(plan(tmp_path), PipelineOptions([])).name for _ in range(20)}
    assert len(names) == 20
    assert all(name.startswith("attempt-") for name in names)


def test_nothing_is_cleared_where_nothing_died(tmp_path):
    manifest = StageManifest(stage="some", fingerprint="", covers={}, parts=[], tallies={})
    clear_leftovers(Committed(folder=str(tmp_path / "none"), manifest=manifest))
    assert list(tmp_path.iterdir()) == []


# Running


def report(number):
    return Done([Part("a", number, f"p{number}", 1, "00", 1)], [Tally("in", 1), Tally("keep", 1)])


def test_a_job_gathers_what_its_workers_report(attempt, capsys):
    done = attempt.run(lambda p: p | beam.Create([2, 0, 1]) | beam.Map(report).with_output_types(Done), unit="units")
    assert [part.partition for part in done.parts] == [0, 1, 2]
    assert done.tallies == [Tally("in", 3), Tally("keep", 3)]
    assert capsys.readouterr().err.startswith("some     0 units")


def test_a_job_without_work_reports_nothing(attempt):
    assert attempt.run(lambda p: p | beam.Create([]) | beam.Map(report).with_output_types(Done)) == Done([], [])


def test_two_jobs_of_one_attempt_do_not_mix(attempt):
    def job(number):
        return lambda p: p | beam.Create([number]) | beam.Map(report).with_output_types(Done)

    first, second = attempt.run(job(1), label="first"), attempt.run(job(2), label="second")
    assert [part.partition for part in first.parts + second.parts] == [1, 2]


def raises(number):
    raise RuntimeError(f"the {number}th unit\nand more of it")


def test_a_job_that_raises_fails_the_stage_with_one_line(attempt):
    with pytest.raises(StageFailed) as failed:
        attempt.run(lambda p: p | beam.Create([7]) | beam.Map(raises))
    message = str(failed.value)
    assert message.startswith("some: RuntimeError: the 7th unit")
    assert message.endswith("; run the same command to resume")
    assert "\n" not in message
    assert failed.value.exit_code == 3
    assert "and more of it" in (Path(attempt.place.path) / "error.txt").read_text()
    assert committed(attempt.plan) is None


# Worker processes


def test_every_do_fn_of_the_package_is_among_those_below():
    found = set()
    for info in pkgutil.iter_modules(pipelines.__path__, "pipelines."):
        if info.name.rsplit(".", 1)[1] not in ("__main__", "cli", "run", "report", "status", "trace", "verify"):
            module = importlib.import_module(info.name)
            found |= {
                kind
                for _, kind in inspect.getmembers(module, inspect.isclass)
                if issubclass(kind, beam.DoFn | beam.CombineFn)
                and kind.__module__ == info.name
                and (issubclass(kind, beam.CombineFn) or kind.process is not beam.DoFn.process)
            }
    found -= {base for kind in found for base in kind.__bases__}
    assert found == {type(do_fn) for do_fn in DO_FNS}


def test_every_unit_of_work_that_reports_says_how_it_went():
    for do_fn in DO_FNS:
        if isinstance(do_fn, beam.DoFn) and do_fn.process.__annotations__.get("return") == "Iterator[Done]":
            assert hasattr(do_fn.process, "__wrapped__"), type(do_fn).__name__


@pytest.mark.parametrize("do_fn", DO_FNS, ids=lambda do_fn: type(do_fn).__name__)
def test_a_do_fn_goes_to_a_worker_process_and_arrives_whole(do_fn):
    arrived = pickler.loads(pickler.dumps(do_fn))
    assert type(arrived) is type(do_fn)
    assert vars(arrived).keys() == vars(do_fn).keys()
    for name in ("_place", "_rules", "_network", "_settings", "_select", "_exchange", "_bands"):
        assert getattr(arrived, name, None) == getattr(do_fn, name, None)


def test_worker_processes_give_what_one_process_gives(tmp_path):
    units = []
    for number in range(3):
        path = tmp_path / f"{number}.csv"
        path.write_text(f"url,caption\nhttp://a.kr/{number}.jpg,돌하르방\n,없음\n", encoding="utf-8")
        units.append(SourceUnit("table", str(path), 1, "url", "caption"))
    found, log = [], RunLog(str(tmp_path))
    for arguments in ([], ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]):
        options = PipelineOptions(arguments)
        attempt = Attempt(plan=plan(tmp_path, of=len(arguments)), name="attempt-1", options=options, log=log)
        do_fn = extract.ExtractUnit(attempt.place, agent="harubang")
        done = attempt.run(lambda p, do_fn=do_fn: extract.expand(p, units, do_fn), unit="candidates")
        found.append(done)
    assert found[0] == found[1]
    assert dict(found[1].tallies) == {"in": 6, "keep": 3, "drop:table_row_invalid": 3}
    lines = [json.loads(line) for line in Path(log.path).read_bytes().splitlines()]
    assert [line["event"] for line in lines] == 2 * ["started", "unit", "unit", "unit"]
    assert [line["partition"] for line in sorted(lines[5:], key=lambda line: line["partition"])] == [0, 1, 2]
    for line in lines[1:4] + lines[5:]:
        assert (line["stage"], line["job"], line["step"]) == ("some", "some", "extract")
        assert (line["rows"], line["bytes"].keys()) == ({"candidates": 2, "pages": 0}, {"candidates", "pages"})
        assert line["counts"] == {"in": 2, "keep": 1, "drop:table_row_invalid": 1}
    paths = [storage.join(attempt.plan.folder, part.path) for part in found[1].parts if part.table == "candidates"]
    assert [row.image_url for path in paths for row in read_rows(path, CandidateRow)] == [
        text for number in range(3) for text in (f"http://a.kr/{number}.jpg", "")
    ]


# Earlier stages


def test_an_earlier_stage_s_answers_are_good_where_only_the_pace_and_what_was_wanted_differ(tmp_path):
    settings = msgspec.to_builtins(Network(allow_loopback=True))
    assert settings.keys() > PACE_FIELDS
    for number, (field, value) in enumerate(
        [("delay_seconds", 9.0), ("max_tries", 9), ("contact", "x"), ("agent", "other"), ("max_redirects", 1)]
    ):
        other = plan(tmp_path, network={**settings, field: value}, image={"max_side": 512}, screen=str(number))
        new_attempt(other, PipelineOptions([])).commit(Done([], []))
    new_attempt(plan(tmp_path, network=settings, image={"max_side": 256}, screen="z"), PipelineOptions([])).commit(
        Done([], [])
    )
    mine = plan(tmp_path, network=settings, image={"max_side": 512}, screen="mine")
    new_attempt(mine, PipelineOptions([])).commit(Done([], []))
    new_attempt(plan(tmp_path, network=settings, image={"max_side": 512}, screen="not committed"), PipelineOptions([]))
    found = earlier_stages(mine, but=frozenset({"screen"}), tables=frozenset())
    assert sorted(stage.manifest.covers["screen"] for stage in found) == ["0", "1", "2"]
    assert earlier_stages(mine, but=frozenset(), tables=frozenset()) == []


def test_an_earlier_stage_that_lost_a_part_of_its_table_is_left_out(tmp_path):
    earlier = new_attempt(plan(tmp_path, screen=1), PipelineOptions([]))
    earlier.commit(Done([write_part(earlier.place, "images", 0, PageRow, [])], []))
    mine = plan(tmp_path, screen=2)
    but, tables = frozenset({"screen"}), frozenset({"images"})
    (found,) = earlier_stages(mine, but=but, tables=tables)
    Path(found.paths("images")[0]).unlink()
    assert earlier_stages(mine, but=but, tables=tables) == []
    assert earlier_stages(mine, but=but, tables=frozenset({"pages"})) == [found]


def test_a_commit_clears_away_saved_work_that_its_manifest_does_not_list(tmp_path):
    attempt = new_attempt(plan(tmp_path), PipelineOptions([]))
    place = saved.place_of(attempt.place, "00000")
    parts = [write_part(place, "images", number, PageRow, []) for number in range(2)]
    saved.save(place, parts)
    attempt.commit(Done(parts[:1], []))
    left = [path.relative_to(attempt.plan.folder).as_posix() for path in Path(attempt.plan.folder).rglob("saved/*/*")]
    assert left == [parts[0].path]
