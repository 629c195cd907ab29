import math

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines import estimate as module
from pipelines import source_sample
from pipelines.download_shards import Download
from pipelines.estimate import Number, asking, estimate, fetched_before, scaled, tell
from pipelines.extract import ExtractUnit
from pipelines.extract import expand as expand_extract
from pipelines.network import Network
from pipelines.parts import Done, Tally, write_part
from pipelines.plan import find_sources, plan_run
from pipelines.source_sample import FileSample, SourceSample
from pipelines.stage import StagePlan, new_attempt
from pipelines.warc import WarcWriter
from pipelines.workflow import Crawl, Sources, Workflow
from schemas.identity import partition_of
from schemas.reasons import Stage
from schemas.records import ImageRow
from tests.pipelines.download_maker import picture, sample, write_download

THINGS = ["돌하르방", "해녀", "한옥", "항아리", "감귤", "오름", "장독대", "초가"]
FILES, PAGES, IMAGES = 6, 30, 3


def write_warc(path, number):
    """Write pages of images on one host a page; every third image has no caption."""
    with path.open("wb") as file:
        writer = WarcWriter(file)
        for page in range(PAGES):
            seed = number * PAGES + page
            shown = "".join(
                f"<figure><img src='/{seed}-{n}.jpg'>"
                + (
                    f"<figcaption>제주 바닷가 마을에서 만난 {THINGS[(seed + n) % 8]} 풍경 {seed}</figcaption>"
                    if n
                    else ""
                )
                + "</figure>"
                for n in range(IMAGES)
            )
            writer.add(
                url=f"http://h{seed % 7}.kr/p{seed}",
                fetched_at="2026-01-01T00:00:00Z",
                address="",
                status=200,
                headers=[("Content-Type", "text/html; charset=utf-8")],
                body=f"<html><body><h1>마을 {seed}</h1>{shown}{seed**9 * 7919 ** (seed % 40)}</body></html>".encode(),
            )


@pytest.fixture
def workflow(tmp_path):
    for number in range(FILES):
        write_warc(tmp_path / f"{number}.warc.gz", number)
    network = Network(contact="http://a.kr/bot", delay_seconds=2.0)
    return Workflow(name="x", sources=Sources(warc=(str(tmp_path / "*.warc.gz"),)), network=network)


def estimated(workflow, out):
    plan = plan_run(workflow, str(out), find_sources(workflow))
    return estimate(workflow, plan, str(out)), plan


def sampled(*files, of_bytes):
    """Return a sample of files of (bytes read, pages)."""
    return SourceSample([FileSample(9999, read, pages, []) for read, pages in files], len(files), of_bytes, [])


# Scaling up


def test_what_was_read_whole_is_counted():
    found = scaled(sampled((10, 3), (20, 4), of_bytes=30), lambda file: file.pages)
    assert found == Number(7, 7, 7, "counted")


def test_the_rest_goes_by_the_bytes_with_two_standard_errors():
    found = scaled(sampled((10, 3), (20, 4), of_bytes=90), lambda file: file.pages)
    ratio = 7 / 30
    spread = (3 - 10 * ratio) ** 2 + (4 - 20 * ratio) ** 2
    error = 2 * 90 * math.sqrt((1 - 30 / 90) * spread / 2) / 15
    assert found.value == pytest.approx(21)
    assert (found.low, found.high) == (pytest.approx(21 - error), pytest.approx(21 + error))
    assert found.rests == "sampled"


def test_the_lower_bound_is_never_less_than_was_seen():
    found = scaled(sampled((10, 0), (10, 40), of_bytes=40), lambda file: file.pages)
    assert (found.value, found.low) == (80, 40)


def test_one_file_read_in_part_has_no_bounds():
    assert scaled(sampled((10, 3), of_bytes=20), lambda file: file.pages) == Number(6, None, None, "sampled")


def test_nothing_is_nothing():
    assert scaled(sampled(of_bytes=0), lambda file: file.pages) == Number(0, 0, 0, "counted")


# Asking politely


def test_the_busiest_host_bounds_the_time_and_one_worker_takes_partitions_one_after_the_other():
    hosts = {"a.kr": 60, "c.kr": 30, "f.kr": 10}
    assert len({partition_of(host, 8) for host in hosts}) == 3
    urls = [f"http://{host}/{n}" for host, number in hosts.items() for n in range(number)]
    found = asking(urls, 1000, Network(delay_seconds=3.6, consent_files=()))
    assert (found.hosts, found.busiest_host, found.busiest_urls) == (3, "a.kr", 600)
    assert found.hours_at_least == pytest.approx(0.601)  # and robots.txt
    assert found.hours_one_worker == pytest.approx(1.003)


def test_hosts_of_one_partition_are_asked_side_by_side():
    names = [f"h{n}.kr" for n in range(40)]
    one, other = [name for name in names if partition_of(name, 8) == partition_of(names[0], 8)][:2]
    found = asking([f"http://{one}/1", f"http://{other}/1", f"http://{other}/2"], 3, Network(delay_seconds=3600.0))
    assert found.hours_one_worker == found.hours_at_least == pytest.approx(2 + 3)


def test_nothing_to_ask_for_takes_no_time():
    assert asking([], 0, Network()) is None


# What became of URLs before


def test_an_earlier_fetch_of_the_output_says_what_becomes_of_urls(tmp_path, image):
    assert fetched_before(str(tmp_path), 384) == (0.79, 192_000, 37_600, "published")
    assert fetched_before(str(tmp_path), 768).stored_bytes == 4 * 37_600
    attempt = new_attempt(StagePlan(stage="fetch", covers={}, root=str(tmp_path)), PipelineOptions([]))
    gone = image._replace(image_url="http://a.test/2.jpg", outcome="drop", reason="http_status", raw_bytes=0)
    part = write_part(attempt.place, "images", 0, ImageRow, [image, image, gone, gone])
    attempt.commit(Done([part], [Tally("in", 4), Tally("keep", 2), Tally("drop:http_status", 2)]))
    assert fetched_before(str(tmp_path), 384) == (0.5, 1000, 900, "earlier")


# The whole


def test_all_that_fits_in_the_sample_is_counted(workflow, tmp_path):
    found, _ = estimated(workflow, tmp_path / "out")
    assert (found.sampled_files, found.of_files, found.sampled_bytes) == (FILES, FILES, found.of_bytes)
    assert found.pages.value == FILES * PAGES
    assert found.candidates == Number(540, 540, 540, "counted")
    assert found.kept == Number(360, 360, 360, "counted")
    assert found.urls.value == 360
    assert found.images.value == pytest.approx(0.79 * 360)
    assert found.raw_bytes.value == pytest.approx(0.79 * 360 * 192_000)
    assert found.asking.hosts == 7
    assert found.asking.busiest_urls == 52
    assert found.asking.hours_at_least == pytest.approx((52 + 3) * 2 / 3600)
    assert found.core_hours.keys() == {"extract", "screen", "fetch", "dedupe", "select", "pack"}
    assert not (tmp_path / "out").exists()


def test_a_sample_comes_near_and_says_so(workflow, tmp_path, monkeypatch):
    whole, _ = estimated(workflow, tmp_path / "out")
    monkeypatch.setattr(source_sample, "BYTES", 3000)
    monkeypatch.setattr(source_sample, "FILES", 4)
    monkeypatch.setattr(module, "SCREENED", 60)
    found, _ = estimated(workflow, tmp_path / "out")
    assert found.sampled_files == 4
    assert 8_000 < found.sampled_bytes <= 12_000
    for name in ("pages", "candidates", "kept", "urls"):
        part, truth = getattr(found, name), getattr(whole, name)
        assert part.rests == "sampled"
        assert part.low < part.value < part.high
        assert part.value == pytest.approx(truth.value, rel=0.2)
    assert estimated(workflow, tmp_path / "out")[0] == found
    assert any("beginning of a file" in line for line in found.assumed)


def test_the_sample_does_not_depend_on_where_files_lie(workflow, tmp_path, monkeypatch):
    monkeypatch.setattr(source_sample, "BYTES", 3000)
    monkeypatch.setattr(source_sample, "FILES", 2)
    (tmp_path / "zz").mkdir()
    for path in tmp_path.glob("*.gz"):
        (tmp_path / "zz" / path.name).write_bytes(path.read_bytes())
    units = [file.unit for file in find_sources(workflow)]
    moved = [unit._replace(path=unit.path.replace(str(tmp_path), str(tmp_path / "zz"))) for unit in units]
    one, other = (source_sample.sample_sources(u, agent="harubang") for u in (units, moved[::-1]))
    assert [file[:3] for file in one.files] == [file[:3] for file in other.files]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet", "a.csv.gz", "a.txt", "a.json"])
def test_tables_are_sampled_too(tmp_path, monkeypatch, name):
    import pandas

    frame = pandas.DataFrame({"url": [f"http://a.kr/{n}.jpg" for n in range(2000)], "caption": "제주 돌하르방 두 기"})
    path = tmp_path / name
    if name == "a.parquet":
        frame.to_parquet(path)
    elif name.startswith("a.csv"):
        frame.to_csv(path, index=False)
    elif name == "a.txt":
        path.write_text("\n".join(frame["url"]))
    else:
        frame.to_json(path, orient="records", lines=name == "a.jsonl", force_ascii=False)
    monkeypatch.setattr(source_sample, "BYTES", 4000)
    monkeypatch.setattr(source_sample, "ROWS", 100)
    unit = source_sample.SourceUnit("table", str(path), path.stat().st_size, "url", "caption")
    found = source_sample.sample_sources([unit], agent="harubang")
    assert len(found.files[0].candidates) >= 50
    assert scaled(found, lambda file: len(file.candidates)).value == pytest.approx(2000, rel=0.25)


def test_an_array_too_large_to_look_into_is_named(tmp_path, monkeypatch):
    (tmp_path / "a.json").write_text('[{"url": "http://a.kr/1.jpg"}]')
    monkeypatch.setattr(source_sample, "WHOLE", 5)
    unit = source_sample.SourceUnit("table", str(tmp_path / "a.json"), 30, "url", "caption")
    found = source_sample.sample_sources([unit], agent="harubang")
    assert (found.files, found.unread) == ([], [unit.path])


def test_images_of_a_download_are_there_and_nobody_is_asked(tmp_path):
    write_download(tmp_path / "d", "webdataset", [sample(n, picture(n)) for n in range(3)])
    workflow = Workflow(name="x", sources=Sources(img2dataset=(Download(path=str(tmp_path / "d")),)))
    found, _ = estimated(workflow, tmp_path / "out")
    assert found.candidates.value == 3
    assert found.images.value == found.urls.value
    assert found.asking is None


def test_what_a_crawl_will_find_is_not_known(tmp_path):
    workflow = Workflow(name="x", sources=Sources(crawl=Crawl(seeds=("http://a.kr/",), max_pages=50)))
    found, _ = estimated(workflow, tmp_path / "out")
    assert found.candidates == found.images == module.UNKNOWN
    assert found.core_hours == {}
    assert found.assumed[0] == "what the crawl will find is not known before it (at most 50 pages) and not counted"
    assert {"  candidates       not known", "  core-hours       not known"} <= set(tell(found))


def test_what_is_committed_is_counted_and_nothing_is_estimated_once_images_are_there(workflow, tmp_path):
    out = tmp_path / "out"
    _, plan = estimated(workflow, out)
    attempt = new_attempt(plan.of(Stage.EXTRACT), PipelineOptions([]))
    units = [file.unit for file in plan.files]
    do_fn = ExtractUnit(attempt.place, agent="harubang")
    attempt.commit(attempt.run(lambda p: expand_extract(p, units, do_fn)))
    found, _ = estimated(workflow, out)
    assert found.candidates == Number(540, 540, 540, "counted")
    assert found.pages.value == FILES * PAGES
    assert "extract" not in found.core_hours
    new_attempt(plan.of(Stage.FETCH), PipelineOptions([])).commit(Done([], []))
    assert estimated(workflow, out)[0] is None


def test_a_file_that_is_no_archive_is_a_candidate_that_is_lost(tmp_path):
    (tmp_path / "a.warc.gz").write_bytes(b"\x1f\x8b not an archive")
    workflow = Workflow(name="x", sources=Sources(warc=(str(tmp_path / "a.warc.gz"),)))
    found, _ = estimated(workflow, tmp_path / "out")
    assert (found.candidates.value, found.kept.value) == (1, 0)


def test_the_estimate_in_words(workflow, tmp_path, monkeypatch):
    monkeypatch.setattr(source_sample, "BYTES", 3000)
    found, _ = estimated(workflow, tmp_path / "out")
    lines = list(tell(found))
    assert lines[0].startswith("estimate from 6 of 6 files, 0.0 of 0.1 MB")
    assert [line[2:19].strip() for line in lines[1:10]] == [
        *("pages", "candidates", "pass the screen", "URLs to ask for", "images"),
        *("bytes to come", "bytes to store", "core-hours", "hours of asking"),
    ]
    assert "sampled)" in lines[1]
    assert all(line.startswith("  assumed: ") for line in lines[10:])
