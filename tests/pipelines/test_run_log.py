import io
import json
from pathlib import Path

import pytest

from pipelines import storage
from pipelines.parts import Tally, Work
from pipelines.run_log import RunLog


def lines_of(log):
    return [json.loads(line) for line in Path(log.path).read_bytes().splitlines()]


def work(step, partition, ended, took=1500):
    return Work(
        step, partition, ended, took, [Tally("images", 2)], [Tally("images", 900)], [Tally("drop:timed_out", 2)]
    )


def test_a_line_says_when_of_which_run_and_what(tmp_path):
    log = RunLog(str(tmp_path))
    log.add("started", {"stage": "fetch", "total": None}, at=1.5)
    log.write()
    assert Path(log.path).parent == tmp_path / "log"
    assert lines_of(log) == [
        {"at": "1970-01-01T00:00:01.500Z", "run": log.run, "event": "started", "stage": "fetch", "total": None}
    ]


def test_units_are_told_in_the_order_they_ended(tmp_path):
    log = RunLog(str(tmp_path))
    log.add_work([work("fetch", 3, 2000), work("fetch", 1, 9000, 20), work("fetch", 2, 2000)], {"stage": "fetch"})
    log.write()
    found = lines_of(log)
    assert [(line["partition"], line["at"][-10:]) for line in found] == [
        (2, "00:02.000Z"),
        (3, "00:02.000Z"),
        (1, "00:09.000Z"),
    ]
    del found[2]["at"], found[2]["run"]
    assert found[2] == {
        "event": "unit",
        "stage": "fetch",
        "step": "fetch",
        "partition": 1,
        "seconds": 0.02,
        "rows": {"images": 2},
        "bytes": {"images": 900},
        "counts": {"drop:timed_out": 2},
    }


def test_the_file_is_whole_each_time_and_a_stream_gets_each_line_as_it_comes(tmp_path):
    stream = io.StringIO()
    log = RunLog(str(tmp_path), stream=stream)
    for number in range(3):
        log.add("started", {"number": number})
        assert json.loads(stream.getvalue().splitlines()[-1])["number"] == number
        log.write()
        assert [line["number"] for line in lines_of(log)] == list(range(number + 1))
    assert stream.getvalue() == Path(log.path).read_text()


def test_two_runs_have_two_files(tmp_path):
    logs = [RunLog(str(tmp_path)) for _ in range(2)]
    assert logs[0].path != logs[1].path


def test_lines_that_cannot_be_written_go_with_the_next(tmp_path):
    log = RunLog(str(tmp_path))
    (tmp_path / "log").write_text("a file where the folder should be")
    log.add("started", {"number": 0})
    log.write_if_possible()
    with pytest.raises(OSError):
        log.write()
    (tmp_path / "log").unlink()
    log.add("started", {"number": 1})
    log.write_if_possible()
    assert [line["number"] for line in lines_of(log)] == [0, 1]


def test_on_an_object_store_it_is_one_object(s3_folder):
    log = RunLog(s3_folder)
    for number in range(2):
        log.add("started", {"number": number})
        log.write()
    assert [json.loads(line)["number"] for line in storage.read_bytes(log.path).splitlines()] == [0, 1]
