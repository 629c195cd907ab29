import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import saved
from pipelines.parts import AttemptPlace, Part
from pipelines.storage import ContentFile
from schemas.reasons import Reason

PLACE = AttemptPlace("", "attempt-1")


def unit(folder, name="00003"):
    return saved.place_of(PLACE._replace(folder=str(folder)), name)


def part(place, data, table="images"):
    with ContentFile(place.path) as content:
        content.file.write(data)
        return place.part(table, 3, content.publish(table, ".bin"), len(data))


def test_saved_work_is_the_stage_s_and_the_unit_s(tmp_path):
    place = unit(tmp_path)
    assert (place.folder, place.attempt) == (str(tmp_path), "saved/00003")
    saved.save(place, [part(place, b"a")])
    assert saved.records(unit(tmp_path, "00004")) == []
    assert saved.records(unit(tmp_path / "other")) == []
    assert [[p.path.split("-")[0] for p in parts] for parts in saved.records(place)] == [["saved/00003/images"]]


def test_nothing_saved_is_no_record(tmp_path):
    assert saved.records(unit(tmp_path)) == []


def test_the_same_work_saved_twice_is_one_record(tmp_path):
    place = unit(tmp_path)
    for _ in range(2):
        saved.save(place, [part(place, b"a")])
    assert len(saved.records(place)) == 1


@pytest.mark.parametrize("damage", ["gone", "shorter", "longer", "other bytes", "torn record", "no record"])
def test_a_record_is_taken_only_with_all_its_files_as_it_says(tmp_path, damage):
    place = unit(tmp_path)
    files = [part(place, b"rows"), part(place, b"tar bytes", "staging")]
    saved.save(place, files)
    kept = [part(place, b"more rows")]
    saved.save(place, kept)
    assert sorted(saved.records(place)) == sorted([files, kept])
    path = tmp_path / files[1].path
    record = next(p for p in (tmp_path / place.attempt).glob("record-*") if b"staging" in p.read_bytes())
    if damage == "gone":
        path.unlink()
    elif damage == "torn record":
        record.write_bytes(record.read_bytes()[:-9])
    elif damage == "no record":
        record.unlink()
    else:
        path.write_bytes({"shorter": b"tar", "longer": b"tar bytes!", "other bytes": b"TAR bytes"}[damage])
    assert saved.records(place) == [kept]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.binary(max_size=4), min_size=1, max_size=3), max_size=5), st.data())
def test_what_is_read_back_is_what_was_saved_less_what_was_damaged(chunks, data):
    with tempfile.TemporaryDirectory() as folder:
        place = unit(folder)
        written: list[list[Part]] = [[part(place, content) for content in chunk] for chunk in chunks]
        for parts in written:
            saved.save(place, parts)
        paths = sorted({p.path for parts in written for p in parts})
        lost = data.draw(st.sets(st.sampled_from(paths))) if paths else set()
        for path in lost:
            Path(folder, path).unlink()
        whole = {tuple(parts) for parts in written if not lost & {p.path for p in parts}}
        assert {tuple(parts) for parts in saved.records(place)} == whole
        assert len(saved.records(place)) == len(whole)


@pytest.mark.parametrize(("rows", "size", "seconds"), [(3, 1 << 30, 1e9), (10**9, 30, 1e9)])
def test_work_is_saved_by_rows_or_by_bytes(monkeypatch, rows, size, seconds):
    monkeypatch.setattr(saved, "ROWS", rows)
    monkeypatch.setattr(saved, "BYTES", size)
    monkeypatch.setattr(saved, "SECONDS", seconds)
    due = saved.Due()
    assert [due.count(10) for _ in range(4)] == [False, False, True, True]


def test_work_is_saved_by_time(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(saved.time, "monotonic", lambda: now[0])
    due = saved.Due()
    now[0] = 129.9
    assert not due.count(0)
    now[0] = 130.0
    assert due.count(0)


@pytest.mark.parametrize(
    ("reason", "status", "expected"),
    [
        ("", 200, True),
        (Reason.HTTP_STATUS, 404, True),
        (Reason.IMAGE_UNDECODABLE, 200, True),
        (Reason.HTTP_STATUS, 503, False),
        (Reason.TIMED_OUT, None, False),
        (Reason.OPTED_OUT, 200, False),
        (Reason.PAGE_OPTED_OUT, 200, False),
        (Reason.OPT_OUT_LISTED, None, False),
        (Reason.OPT_OUT_LISTED, 200, False),
        (Reason.ROBOTS_DISALLOWED, None, False),
    ],
)
def test_an_end_stands_unless_time_may_change_it_or_somebody_refused(reason, status, expected):
    assert saved.stands(reason, status) is expected
