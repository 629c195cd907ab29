"""The demo with img2dataset as the fetch engine: the same dataset, byte for byte."""

import pytest

from pipelines.parts import read_rows
from pipelines.run import read_run_record
from pipelines.status import committed_at
from schemas.records import ImageRow
from tests.e2e.conftest import DEMO, root_of


@pytest.fixture(scope="module")
def theirs(tmp_path_factory, run_harubang):
    out = tmp_path_factory.mktemp("img2dataset") / "out"
    done = run_harubang("run", DEMO, "--out", out, "--set", "fetch.engine=img2dataset", timeout=600)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return out


def rows_of(out):
    fetched = committed_at(str(out), read_run_record(str(out)).folders["fetch"])
    rows = [row for path in fetched.paths("images") for row in read_rows(path, ImageRow)]
    return {row.image_url: row._replace(fetched_at="", staging="", staging_offset=0) for row in rows}


def test_both_engines_give_one_root(demo, theirs):
    assert root_of(theirs) == root_of(demo)


def test_every_row_is_the_same_but_for_its_time_and_place(demo, theirs):
    ours = rows_of(demo)
    assert len(ours) > 500
    assert rows_of(theirs) == ours
