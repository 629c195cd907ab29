import asyncio
import io
import time
import traceback

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from PIL import Image

from pipelines import fetch
from pipelines.decoded import ImageSettings
from pipelines.parts import AttemptPlace, Done, Part, Tally, write_part
from pipelines.runner import make_pipeline
from pipelines.unit_of_work import NAMESPACE, by_table, reported
from schemas.records import ScreenedRow
from tests.pipelines.hostile_server import Server, network, reply

PARTS = [Part("images", 3, "a", 10, "00", 2), Part("tars", 3, "b", 500, "00", 0), Part("images", 4, "c", 5, "00", 1)]


class Reports:
    def __init__(self, outputs):
        self._outputs = outputs

    @reported("a step")
    def process(self, element):
        """What it does."""
        for output in self._outputs:
            time.sleep(0.02)
            yield output


def test_a_report_gets_its_step_partition_time_and_sums_by_table():
    before = time.time() * 1000
    (done,) = Reports([Done(PARTS, [Tally("in", 2)])]).process(None)
    (work,) = done.work
    assert (work.step, work.partition, work.tallies) == ("a step", 3, [Tally("in", 2)])
    assert (work.rows, work.sizes) == ([("images", 3), ("tars", 0)], [("images", 15), ("tars", 500)])
    assert before <= work.ended <= time.time() * 1000 + 1
    assert 20 <= work.took < 5_000
    assert done._replace(work=()) == Done(PARTS, [Tally("in", 2)])


def test_a_tagged_report_keeps_its_tag_and_what_is_none_passes_as_it_is():
    outputs = [beam.pvalue.TaggedOutput("edges", 7), beam.pvalue.TaggedOutput("done", Done(PARTS, [])), "x"]
    edges, done, other = Reports(outputs).process(None)
    assert (edges.tag, edges.value, other) == ("edges", 7, "x")
    assert (done.tag, done.value.work[0].partition) == ("done", 3)


def test_each_of_several_reports_has_the_time_since_the_one_before():
    one, two = Reports([Done(PARTS, []), Done([], [])]).process(None)
    assert one.work[0].took < 20 + two.work[0].took
    assert two.work[0].partition == 0


def test_the_decorated_method_still_says_what_it_is():
    assert (Reports.process.__name__, Reports.process.__doc__) == ("process", "What it does.")


def test_no_parts_have_no_sums():
    assert by_table([], lambda part: part.rows) == []


def run_fetch(folder, screened, server):
    place = AttemptPlace(str(folder), "attempt-1")
    urls = [f"http://a.kr/{name}" for name in ("1.jpg", "gone.jpg", "text.jpg")]
    rows = [screened._replace(candidate_id=url, image_url=url) for url in urls]
    part = write_part(place, "screened", 0, ScreenedRow, rows)
    pipeline = make_pipeline(PipelineOptions([]))
    settings = ImageSettings(processes=1)
    paths = [str(folder / part.path)]
    fetch.expand(pipeline, paths, place=place, network=network(server), settings=settings, partitions=8)
    result = pipeline.run()
    result.wait_until_finish()
    return {
        (counter.key.step, counter.key.metric.name): counter.committed
        for counter in result.metrics().query()["counters"]
        if counter.key.metric.namespace == NAMESPACE and counter.committed
    }


def test_an_engine_shows_what_a_fetch_got_kept_and_dropped(tmp_path, screened):
    out = io.BytesIO()
    Image.new("RGB", (320, 240), "red").save(out, "JPEG")
    routes = {"a.kr/1.jpg": reply(200, out.getvalue()), "a.kr/text.jpg": reply(200, b"not an image")}

    async def run():
        async with Server(routes) as server:
            return await asyncio.to_thread(run_fetch, tmp_path, screened, server)

    shown = asyncio.run(run())
    assert {step for step, _ in shown} == {"fetch/ParDo(FetchPartition)"}
    found = {name: number for (_, name), number in shown.items()}
    (tar,) = tmp_path.rglob("staging-*.tar")
    images = sum(path.stat().st_size for path in tmp_path.rglob("images-*.parquet"))
    assert found == {
        "done": 3,
        "in": 3,
        "keep": 1,
        "drop:http_status": 1,
        "drop:image_format_refused": 1,
        "image_bytes": len(out.getvalue()) + len(b"not an image"),
        "images_decoded": 1,
        "rows:images": 3,
        "rows:staging": 1,
        "bytes:images": images,
        "bytes:staging": tar.stat().st_size,
    }


class Raises:
    def __init__(self, message):
        self._message = message

    @reported("a step")
    def process(self, element):
        yield element
        try:
            raise ValueError(self._message)
        except ValueError as error:
            raise ExceptionGroup("two at once", [KeyError(self._message)]) from error


def test_what_the_work_raises_quotes_no_resident_number_to_the_engine():
    number = "900101-1234567"  # made up: the check digit does not fit
    with pytest.raises(RuntimeError, match="ValueError: 홍길순 \\[주민등록번호\\]") as raised:
        list(Raises(f"홍길순 {number}").process(None))
    assert str(raised.value).startswith("ExceptionGroup: two at once")
    assert "in process" in str(raised.value)
    assert number not in "".join(traceback.format_exception(raised.value))


def test_what_quotes_nobody_is_raised_as_it_is():
    with pytest.raises(ExceptionGroup, match="two at once"):
        list(Raises("no picture").process(None))
