import os

import msgspec
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from filters.concept_balance import ConceptBalance
from filters.concepts import LEXICON_VERSION
from pipelines.download_shards import Download
from pipelines.errors import InputRefused
from pipelines.fetch import NOT_IN_AN_ANSWER
from pipelines.link_table import LinkTable
from pipelines.parts import Done, write_part
from pipelines.plan import describe_plan, find_sources, plan_run, retries_after
from pipelines.stage import new_attempt
from pipelines.workflow import Crawl, EmbeddedWebSource, Sources, Workflow
from schemas.reasons import Reason, Stage
from schemas.records import ImageRow, PageRow
from tests.pipelines.download_maker import picture, sample, write_download

AFTER_CRAWL = ["extract", "screen", "fetch", "dedupe", "select", "pack"]
AFTER_SCREEN = ["screen", "fetch", "dedupe", "select", "pack"]


@pytest.fixture
def warc(tmp_path):
    path = tmp_path / "a.warc"
    path.write_bytes(b"WARC/1.0\r\n")
    return path


@pytest.fixture
def workflow(warc):
    return Workflow(name="x", sources=Sources(warc=(str(warc),), crawl=Crawl(seeds=("http://a.kr/",))))


def changed(workflow, dotted, value):
    """Return ``workflow`` with one config changed."""
    name, *rest = dotted.split(".")
    inner = value if not rest else changed(getattr(workflow, name), ".".join(rest), value)
    return msgspec.structs.replace(workflow, **{name: inner})


def fingerprints(workflow, out="/out"):
    return {stage.stage: stage.fingerprint for stage in plan_run(workflow, out, find_sources(workflow)).stages}


def different(one, other):
    return [stage for stage in one if one[stage] != other.get(stage)]


# Sources


def test_shards_of_a_download_are_found_with_their_columns(tmp_path):
    write_download(tmp_path / "out", "webdataset", [sample(0, picture(0))])
    write_download(tmp_path / "out", "files", [sample(0, picture(0))], shard=1)
    download = Download(path=str(tmp_path / "out"), caption="text", page="page")
    workflow = Workflow(name="x", sources=Sources(img2dataset=(download,)))
    found = find_sources(workflow)
    assert [(file.unit.kind, file.unit.path.rsplit("/", 1)[1]) for file in found] == [
        ("img2dataset", "00000"),
        ("img2dataset", "00001"),
    ]
    assert found[0].unit[3:] == ("url", "text", "page")
    before = fingerprints(workflow)
    (tmp_path / "out" / "00001" / "000000000.jpg").write_bytes(picture(1))
    assert different(before, fingerprints(workflow)) == AFTER_CRAWL


def test_a_folder_without_shards_is_refused(tmp_path):
    with pytest.raises(InputRefused, match="holds no shard"):
        find_sources(Workflow(name="x", sources=Sources(img2dataset=(Download(path=str(tmp_path)),))))


def test_sources_are_found_in_order_with_their_size_and_columns(tmp_path, warc):
    (tmp_path / "b.warc").write_bytes(b"WARC/1.0\r\n\r\n")
    (tmp_path / "t.csv").write_bytes(b"url\n")
    table = LinkTable(path=str(tmp_path / "t.csv"), url="link", caption="text", page="page")
    found = find_sources(Workflow(name="x", sources=Sources(warc=(str(tmp_path / "*.warc"),), tables=(table,))))
    assert [(file.unit.kind, file.unit.path.rsplit("/", 1)[1], file.unit.size) for file in found] == [
        ("warc", "a.warc", 10),
        ("warc", "b.warc", 12),
        ("table", "t.csv", 4),
    ]
    assert found[2].unit[3:] == ("link", "text", "page")
    assert abs(found[0].modified - warc.stat().st_mtime) < 1


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("none.warc", "there is no such file; mend the path"),
        ("*.none", "there is no such file; mend the path"),
        ("none/*.warc", "there is no such file; mend the path"),
        ("empty.warc", "the file is empty; give one with content"),
        ("folder", "there is no such file; mend the path"),
    ],
)
def test_a_source_that_is_none_is_told(tmp_path, pattern, message):
    (tmp_path / "empty.warc").touch()
    (tmp_path / "folder").mkdir()
    path = str(tmp_path / pattern)
    with pytest.raises(InputRefused) as refused:
        find_sources(Workflow(name="x", sources=Sources(warc=(path,))))
    assert str(refused.value).startswith(f"sources.warc: {path}: {message}")


def test_an_empty_file_among_others_of_a_glob_is_left_to_the_run(tmp_path, warc):
    (tmp_path / "empty.warc").touch()
    assert len(find_sources(Workflow(name="x", sources=Sources(warc=(str(tmp_path / "*.warc"),))))) == 2


def test_a_table_of_no_known_ending_is_told(tmp_path):
    (tmp_path / "t.xlsx").write_bytes(b"x")
    with pytest.raises(InputRefused, match=r"t\.xlsx: not a table this reads"):
        find_sources(Workflow(name="x", sources=Sources(tables=(LinkTable(path=str(tmp_path / "t.xlsx")),))))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told(workflow, warc):
    warc.chmod(0)
    with pytest.raises(InputRefused, match="may not be read; mend its rights"):
        find_sources(workflow)


def test_a_crawl_alone_has_no_files():
    assert find_sources(Workflow(name="x", sources=Sources(crawl=Crawl(seeds=("http://a.kr/",))))) == []


# Fingerprints


def test_the_stages_stand_in_the_order_they_run(workflow, warc):
    assert list(fingerprints(workflow)) == ["crawl", *AFTER_CRAWL]
    only_files = Workflow(name="x", sources=Sources(warc=(str(warc),)))
    assert list(fingerprints(only_files)) == AFTER_CRAWL
    assert list(fingerprints(Workflow(name="x", sources=Sources(embedded_web=EmbeddedWebSource())))) == [
        "crawl",
        *AFTER_CRAWL,
    ]


@pytest.mark.parametrize(
    ("config", "value", "stages"),
    [
        ("name", "y", []),
        ("description", "y", []),
        ("pack.licence", "mit", []),
        ("network.connect_to", {"a.kr": "127.0.0.1:80"}, []),
        ("pack.samples_per_shard", 7, ["pack"]),
        ("select.on_unknown", "keep", ["select", "pack"]),
        ("select.filters", (), ["select", "pack"]),
        ("select.balance", ConceptBalance(concept_count=9), ["select", "pack"]),
        ("select.takedowns.hosts", ("b.kr",), ["select", "pack"]),
        ("network.opt_out.hosts", ("b.kr",), ["select", "pack"]),
        ("dedupe.radius", 5, ["dedupe", "select", "pack"]),
        ("fetch.processes", 1, []),
        ("fetch.max_side", 256, ["fetch", "dedupe", "select", "pack"]),
        ("fetch.engine", "img2dataset", ["fetch", "dedupe", "select", "pack"]),
        ("screen.on_unknown", "keep", AFTER_SCREEN),
        ("screen.filters", (), AFTER_SCREEN),
        ("network.delay_seconds", 9.0, ["crawl", *AFTER_CRAWL]),
        ("network.agent", "otherbot", ["crawl", *AFTER_CRAWL]),
        ("sources.crawl.depth", 9, ["crawl", *AFTER_CRAWL]),
        ("sources.crawl", None, AFTER_CRAWL),
    ],
)
def test_a_config_changes_its_own_stage_and_those_after_it_and_no_other(workflow, config, value, stages):
    one, other = fingerprints(workflow), fingerprints(changed(workflow, config, value))
    assert different(other, one) == stages


def test_the_version_of_img2dataset_is_covered_and_no_part_of_an_answer(workflow, monkeypatch):
    theirs = changed(workflow, "fetch.engine", "img2dataset")
    stages = []
    for number in ("1.47.0", "1.48.0"):
        monkeypatch.setattr("pipelines.plan.installed_version", lambda number=number: number)
        stages.append(plan_run(theirs, "/out", find_sources(theirs)).of(Stage.FETCH))
    ours = plan_run(workflow, "/out", find_sources(workflow)).of(Stage.FETCH)
    assert [stage.covers["engine"] for stage in (ours, *stages)] == [
        "harubang",
        "img2dataset 1.47.0",
        "img2dataset 1.48.0",
    ]
    assert len({stage.fingerprint for stage in (ours, *stages)}) == 3
    answers = [{key: value for key, value in stage.covers.items() if key not in NOT_IN_AN_ANSWER} for stage in stages]
    assert answers == [{key: value for key, value in ours.covers.items() if key not in NOT_IN_AN_ANSWER}] * 2


def test_a_concept_lexicon_is_covered_by_its_content_and_not_by_its_name(workflow, tmp_path):
    text = f"# concepts\tversion {LEXICON_VERSION}\tcategory 음식\n" + "name\taliases\thomographs\tcontext\tunrelated\n"
    for name, row in (("one.tsv", "하르방빵"), ("two.tsv", "하르방빵"), ("three.tsv", "오메기빵")):
        (tmp_path / name).write_text(f"{text}{row}\t\t\t\t\n", encoding="utf-8")
    plain = fingerprints(workflow)
    one, two, three = (
        fingerprints(changed(workflow, "concepts.lexicons", (str(tmp_path / name),)))
        for name in ("one.tsv", "two.tsv", "three.tsv")
    )
    assert one == two
    assert different(plain, one) == different(one, three) == AFTER_SCREEN
    with pytest.raises(InputRefused, match=r"none\.tsv: cannot be read"):
        fingerprints(changed(workflow, "concepts.lexicons", ("none.tsv",)))


def test_a_changed_source_file_changes_what_is_read_from_it_and_not_the_crawl(workflow, warc):
    before = fingerprints(workflow)
    assert fingerprints(workflow) == before
    warc.write_bytes(b"WARC/1.0\r\nmore")
    grown = fingerprints(workflow)
    assert different(before, grown) == AFTER_CRAWL
    os.utime(warc, (1, 1))
    assert different(grown, fingerprints(workflow)) == AFTER_CRAWL


def test_a_list_that_grew_runs_the_selection_and_asks_for_nothing_again(tmp_path, workflow):
    path = tmp_path / "list.txt"
    path.write_text("b.kr\n")
    for key in ("network.opt_out.files", "select.takedowns.files"):
        listed = changed(workflow, key, (str(path),))
        before = fingerprints(listed)
        path.write_text(path.read_text() + "c.kr\n")
        assert different(before, fingerprints(listed)) == ["select", "pack"]


def test_other_columns_of_a_table_are_another_source(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"url\n")
    tables = [LinkTable(path=str(tmp_path / "t.csv"), caption=caption) for caption in ("caption", "text")]
    one, other = (fingerprints(Workflow(name="x", sources=Sources(tables=(table,)))) for table in tables)
    assert different(one, other) == AFTER_CRAWL


def test_the_output_folder_is_not_in_a_fingerprint(workflow):
    assert fingerprints(workflow) == fingerprints(workflow, out="/elsewhere")


def test_the_seed_of_the_embedded_web_is_the_crawl_s():
    one, other = (
        fingerprints(Workflow(name="x", sources=Sources(embedded_web=EmbeddedWebSource(seed=seed)))) for seed in (1, 2)
    )
    assert different(one, other) == ["crawl", *AFTER_CRAWL]


# What a run would do


def test_each_stage_is_told_with_what_would_happen_and_why(workflow, tmp_path):
    out = str(tmp_path / "out")
    plan = plan_run(workflow, out, find_sources(workflow))
    assert {(line.action, line.why) for line in describe_plan(plan, {}, {})} == {("run", "it has not been run here")}

    previous = {stage.stage: stage.fingerprint for stage in plan.stages}
    new_attempt(plan.of(Stage.CRAWL), PipelineOptions([])).commit(Done([], []))
    lines = describe_plan(plan, previous | {"pack": "another"}, {})
    assert [(line.stage, line.action, line.why) for line in lines] == [
        ("crawl", "skip", "it is committed with this fingerprint"),
        *((stage, "run", "it did not finish") for stage in AFTER_CRAWL[:-1]),
        ("pack", "run", "its config, code or inputs changed since the last run"),
    ]
    assert lines[0].folder == plan.of(Stage.CRAWL).folder


def test_a_plan_writes_nothing(workflow, tmp_path):
    describe_plan(plan_run(workflow, str(tmp_path / "out"), find_sources(workflow)), {}, {})
    assert not (tmp_path / "out").exists()


def test_an_evaluation_set_that_changed_runs_the_selection_again(workflow, tmp_path):
    (tmp_path / "ko.txt").write_text("한옥\n", encoding="utf-8")
    excluding = changed(workflow, "select.exclude_near", (str(tmp_path / "ko.txt"),))
    first = fingerprints(excluding)
    assert different(fingerprints(workflow), first) == ["select", "pack"]
    (tmp_path / "ko.txt").write_text("기와\n", encoding="utf-8")
    os.utime(tmp_path / "ko.txt", (1, 1))
    assert different(first, fingerprints(excluding)) == ["select", "pack"]
    with pytest.raises(InputRefused, match=r"select\.exclude_near: gone: no image"):
        fingerprints(changed(workflow, "select.exclude_near", ("gone",)))


def test_a_release_to_dedupe_against_is_covered_by_what_it_holds(workflow, output):
    folder = f"{output.folder}/dataset"
    against = changed(workflow, "dedupe.against", (folder,))
    assert different(fingerprints(workflow), fingerprints(against)) == ["dedupe", "select", "pack"]
    moved = changed(workflow, "dedupe.against", (f"{folder}/",))
    assert fingerprints(against) == fingerprints(moved)
    with pytest.raises(InputRefused, match=r"dedupe\.against: .*is what this run publishes itself"):
        fingerprints(against, out=output.folder)


# Trying again


def fetched(plan, image, *ends):
    """Commit the plan's fetch stage with one image of each (reason, status)."""
    attempt = new_attempt(plan.of(Stage.FETCH), PipelineOptions([]))
    rows = [image._replace(reason=reason, http_status=status) for reason, status in ends]
    part = write_part(attempt.place, "images", 0, ImageRow, rows)
    attempt.commit(Done([part], []))


def test_a_retry_is_a_new_stage_and_so_is_what_follows_it(workflow, tmp_path, image):
    out, files = str(tmp_path / "out"), find_sources(workflow)
    plan = plan_run(workflow, out, files)
    assert retries_after(plan) == {}  # nothing is committed: it is run anyway
    fetched(plan, image, ("", 200), (Reason.OPTED_OUT, 200), (Reason.HTTP_STATUS, 404))
    assert retries_after(plan) == {}

    plan = plan_run(workflow, out, files, {"fetch": 2})
    fetched(plan, image, ("", 200), (Reason.HTTP_STATUS, 503))
    assert retries_after(plan) == {"fetch": 3}
    again = plan_run(workflow, out, files, retries_after(plan))
    before, after = ({stage.stage: stage.fingerprint for stage in p.stages} for p in (plan, again))
    assert different(before, after) == ["fetch", "dedupe", "select", "pack"]
    assert retries_after(again) == {"fetch": 3}  # it is not committed: it goes on
    lines = {line.stage: line.why for line in describe_plan(again, before, plan.retries)}
    assert lines["fetch"] == "what failed for a transient reason is asked for again"
    assert lines["pack"] == "its config, code or inputs changed since the last run"


def test_a_crawl_that_failed_somewhere_is_retried_before_the_images(workflow, tmp_path, image):
    out, files = str(tmp_path / "out"), find_sources(workflow)
    plan = plan_run(workflow, out, files)
    fetched(plan, image, (Reason.TIMED_OUT, None))
    attempt = new_attempt(plan.of(Stage.CRAWL), PipelineOptions([]))
    row = PageRow("http://a.kr/", "crawl", "crawl", None, "", None, "", "", 0, "drop", Reason.ROBOTS_UNREACHABLE, "")
    attempt.commit(Done([write_part(attempt.place, "pages", 0, PageRow, [row])], []))
    assert retries_after(plan) == {"crawl": 1}
    again = plan_run(workflow, out, files, {"crawl": 1})
    assert again.of(Stage.FETCH).fingerprint != plan.of(Stage.FETCH).fingerprint
