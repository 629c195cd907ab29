import io

import pytest

from pipelines import progress
from pipelines.progress import (
    Job,
    Pace,
    Progress,
    ProgressLine,
    ProgressNotes,
    begin_job,
    describe,
    done_so_far,
    job_at_work,
    pace,
)


def job(total):
    return Job("fetch", total, "images", None, 0.0)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_notes_of_several_workers_are_added_up(tmp_path):
    one, other = ProgressNotes(str(tmp_path)), ProgressNotes(str(tmp_path))
    one.advance(3)
    other.advance()
    other.advance(4)
    one.finish()
    assert done_so_far(str(tmp_path)).partitions == 1
    other.finish()
    assert done_so_far(str(tmp_path)) == (8, 0, 2)


def test_a_note_is_written_at_the_most_twice_a_second_and_in_the_end(tmp_path):
    notes = ProgressNotes(str(tmp_path))
    notes.advance()
    for _ in range(20):
        notes.advance()
    assert done_so_far(str(tmp_path)).done < 21
    notes.finish()
    assert done_so_far(str(tmp_path)) == (21, 0, 1)


def test_nothing_noted_is_nothing_done(tmp_path):
    assert done_so_far(str(tmp_path)) == (0, 0, 0)
    assert done_so_far(str(tmp_path / "none")) == (0, 0, 0)


def test_a_note_being_written_counts_as_nothing_yet(tmp_path):
    folder = tmp_path / "progress"
    folder.mkdir()
    (folder / "1-a").write_text("")
    (folder / "1-b").write_text("5 1 0")
    assert done_so_far(str(tmp_path)) == (5, 1, 0)


def test_a_note_that_goes_while_it_is_read_counts_as_nothing(tmp_path):
    folder = tmp_path / "progress"
    folder.mkdir()
    (folder / "1-a").symlink_to(tmp_path / "gone")
    (folder / "1-b").write_text("5 1 0")
    assert done_so_far(str(tmp_path)) == (5, 1, 0)


def test_what_was_done_before_is_told_apart(tmp_path):
    notes = ProgressNotes(str(tmp_path))
    notes.reuse(5)
    notes.advance(2)
    notes.finish()
    assert done_so_far(str(tmp_path)) == (7, 5, 1)


def test_on_an_object_store_notes_are_written_too_and_none_is_worth_the_work(s3_folder, s3_proxy):
    notes = ProgressNotes(s3_folder)
    notes.advance(3)
    assert done_so_far(s3_folder) == (3, 0, 0)
    s3_proxy.fault = lambda method, path: 503 if method == "PUT" else None
    notes.advance(4)
    notes.finish()
    assert done_so_far(s3_folder) == (3, 0, 0)


@pytest.mark.parametrize(
    ("done", "reused", "total", "seconds", "line"),
    [
        (0, 0, None, 0.0, "fetch    0 images  0.0/s  0 s"),
        (1500, 0, None, 10.0, "fetch    1,500 images  150.0/s  10 s"),
        (1500, 0, 3000, 10.0, "fetch    1,500/3,000 images  150.0/s  10 s  10 s left"),
        (3000, 0, 3000, 10.0, "fetch    3,000/3,000 images  300.0/s  10 s"),
        (0, 0, 3000, 10.0, "fetch    0/3,000 images  0.0/s  10 s"),
        (1500, 1200, 3000, 10.0, "fetch    1,500/3,000 images (1,200 done before)  30.0/s  10 s  50 s left"),
        (1200, 1200, 3000, 10.0, "fetch    1,200/3,000 images (1,200 done before)  0.0/s  10 s"),
    ],
)
def test_the_line_says_how_far_how_fast_and_how_long(done, reused, total, seconds, line):
    assert describe(Job("fetch", total, "images", 8, 0.0), Progress(done, reused, 0), seconds) == line


def test_a_file_gets_whole_lines_and_the_last_count(tmp_path):
    stream = io.StringIO()
    with ProgressLine(job(4), str(tmp_path), stream=stream):
        notes = ProgressNotes(str(tmp_path))
        notes.advance(4)
        notes.finish()
    assert stream.getvalue().startswith("fetch    4/4 images  ")
    assert stream.getvalue().count("\n") == 1
    assert "\r" not in stream.getvalue()


def test_a_terminal_gets_one_line_that_is_written_over(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "_NOTE_EVERY", 0.01)
    stream = Terminal()
    with ProgressLine(job(None), str(tmp_path), stream=stream) as line:
        while stream.getvalue().count("\r\x1b[K") < 2:
            line._stopped.wait(0.005)
    assert stream.getvalue().endswith("\n")
    assert stream.getvalue().count("\n") == 1


def test_the_line_ends_also_where_the_stage_fails(tmp_path):
    stream = io.StringIO()
    with pytest.raises(KeyError), ProgressLine(job(None), str(tmp_path), stream=stream):
        raise KeyError
    assert stream.getvalue().endswith(" s\n")


def test_a_line_that_is_not_to_be_shown_says_nothing(tmp_path):
    stream = io.StringIO()
    with ProgressLine(job(4), str(tmp_path), shown=False, stream=stream):
        pass
    assert stream.getvalue() == ""


def test_a_job_says_what_it_has_to_do_and_forgets_what_the_one_before_it_noted(tmp_path):
    assert job_at_work(str(tmp_path)) is None
    begin_job(str(tmp_path), job(4))
    notes = ProgressNotes(str(tmp_path))
    notes.advance(4)
    notes.finish()
    second = Job("fetch", 9, "images", 8, 1.5)
    begin_job(str(tmp_path), second)
    assert job_at_work(str(tmp_path)) == second
    assert done_so_far(str(tmp_path)) == (0, 0, 0)
    (tmp_path / "job.json").write_text("[")
    assert job_at_work(str(tmp_path)) is None


def test_the_pace_leaves_out_what_was_done_before():
    assert pace(Progress(30, 10, 1), 50, 10.0) == Pace(2.0, 10.0)
    assert pace(Progress(10, 10, 1), 50, 10.0) == Pace(0.0, None)
    assert pace(Progress(30, 10, 1), None, 10.0) == Pace(2.0, None)
    assert pace(Progress(50, 0, 1), 50, 10.0) == Pace(5.0, None)
    assert pace(Progress(0, 0, 0), 50, 0.0) == Pace(0.0, None)
