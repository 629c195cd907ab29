"""No element that crosses a shuffle is large, and none grows with the input, from the crawl to the shards."""

import json

from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.dedupe import Matching, run_dedupe
from pipelines.parts import write_part
from pipelines.run import Run
from pipelines.stage import Attempt, StagePlan
from pipelines.workflow import Dedupe, load_workflow
from schemas.identity import sha256_hex
from schemas.records import ImageRow
from tests.loopback_web import LoopbackWeb, small_site, small_workflow
from tests.shuffles import LIMIT, crossed  # noqa: F401 - a fixture


def assert_flat(small, large):
    """A size of one input and that of one four times as large: a number more in a path or a count is no growth."""
    assert small.keys() == large.keys()
    for coder, sizes in large.items():
        assert max(sizes) < LIMIT, coder
        assert max(sizes) < 1.25 * max(small[coder]) + 50, coder


def test_a_whole_run(crossed, tmp_path):  # noqa: F811
    seen = []
    for copies in (1, 4):
        web = LoopbackWeb(small_site(copies))
        workflow, out = tmp_path / f"{copies}.yaml", tmp_path / str(copies)
        workflow.write_text(json.dumps(small_workflow(web, copies)))
        out.mkdir()
        manifest = Run(load_workflow(str(workflow)), str(out), PipelineOptions([])).execute()
        web.close()
        assert manifest.ledger.candidates == 36 * copies
        seen.append(dict(crossed))
        crossed.clear()
    assert_flat(*seen)


def test_the_edges_between_many_copies(crossed, tmp_path, image):  # noqa: F811
    seen = []
    for images in (1_000, 4_000):
        rows = [
            image._replace(
                image_url=f"http://a.test/{number:06d}.jpg",
                raw_sha256=sha256_hex(str(number).encode()),
                phash=f"{number // 2 * 0x9E3779B97F4A7C15 % 2**64:016x}",
                phash256=f"{number // 2 * 0x9E3779B97F4A7C15 % 2**64:064x}",
            )
            for number in range(images)
        ]
        plan = StagePlan(stage="dedupe", covers={}, root=str(tmp_path / str(images)))
        attempt = Attempt(plan=plan, name="attempt-1", options=PipelineOptions([]))
        part = write_part(attempt.place, "images", 0, ImageRow, rows)
        done = run_dedupe(attempt, [f"{plan.folder}/{part.path}"], Matching(Dedupe().rules(), images))
        assert next(part for part in done.parts if part.table == "labels").rows == images
        seen.append(dict(crossed))
        crossed.clear()
    assert_flat(*seen)
