import asyncio
import shutil

import pytest

from pipelines import saved
from pipelines.parts import AttemptPlace, Done, read_rows
from pipelines.staging import EarlierRow, Staging
from pipelines.storage import read_range
from schemas.identity import sha256_hex
from schemas.reasons import Reason
from schemas.records import ImageRow

URLS = [f"http://a.kr/{n}.jpg" for n in range(6)]


@pytest.fixture
def make(image):
    """Rows as the network and the decoder give them: kept with bytes, or dropped."""

    def row(url, data=b"", reason="", **changes):
        digest = sha256_hex(data) if data else ""
        return image._replace(
            image_url=url,
            outcome="drop" if reason else "keep",
            reason=reason,
            raw_sha256=digest,
            stored_sha256=digest,
            stored_bytes=len(data),
            staging="",
            staging_offset=0,
            staging_length=len(data),
            **changes,
        ), data

    return row


def stage(folder, *rows, wanted=URLS, earlier=(), die=False):
    """Resume, take over, add ``rows``; return the report, or None where the run dies before its last save."""
    with Staging(AttemptPlace(str(folder), "attempt-1"), 3, wanted) as staging:
        staging.resume()
        staging.take_over(earlier)
        for row, data in rows:
            asyncio.run(staging.add(row, data))
        if die:
            return None
        asyncio.run(staging.save())
        reports = list(staging.done())
    return reports[0] if reports else Done([], [])


def rows_of(folder, done):
    found = [r for p in done.parts if p.table == "images" for r in read_rows(str(folder / p.path), ImageRow)]
    for row in found:
        if row.outcome == "keep":
            assert row.staging in {part.path for part in done.parts}
            data = read_range(str(folder / row.staging), row.staging_offset, row.staging_length)
            assert sha256_hex(data) == row.stored_sha256
    return {row.image_url: row for row in found}


def missing(folder, wanted=URLS):
    with Staging(AttemptPlace(str(folder), "attempt-2"), 3, wanted) as staging:
        staging.resume()
        return staging.missing


def tars(folder):
    return sorted(path.name for path in (folder / "saved" / "00003").glob("*.tar"))


def test_rows_are_reported_with_their_images_and_books(tmp_path, make):
    done = stage(tmp_path, make(URLS[0], b"one"), make(URLS[1], reason=Reason.OPTED_OUT), wanted=URLS[:2])
    assert list(rows_of(tmp_path, done)) == URLS[:2]
    assert dict(done.tallies) == {"in": 2, "keep": 1, "drop:opted_out": 1}
    assert [(part.table, part.partition, part.rows) for part in done.parts] == [("images", 3, 2), ("staging", 3, 1)]


def test_nothing_wanted_reports_nothing_and_leaves_nothing(tmp_path):
    assert stage(tmp_path, wanted=[]) == Done([], [])
    assert list(tmp_path.iterdir()) == []


def test_what_was_saved_before_a_death_is_not_wanted_again(tmp_path, make, monkeypatch):
    monkeypatch.setattr(saved, "ROWS", 2)
    added = [make(url, bytes([65 + n])) for n, url in enumerate(URLS)]
    assert stage(tmp_path, *added[:5], die=True) is None
    assert missing(tmp_path) == URLS[4:]
    done = stage(tmp_path, *added[4:])
    assert sorted(rows_of(tmp_path, done)) == URLS
    assert dict(done.tallies) == {"in": 6, "keep": 6, "reused": 4}
    again = stage(tmp_path)
    assert sorted(again.parts) == sorted(done.parts)
    assert dict(again.tallies) == {"in": 6, "keep": 6, "reused": 6}


def test_a_failure_that_was_saved_is_not_asked_for_again(tmp_path, make):
    stage(tmp_path, make(URLS[0], reason=Reason.TIMED_OUT))
    assert missing(tmp_path) == URLS[1:]


def test_saved_images_whose_tar_is_gone_are_wanted_again(tmp_path, make, monkeypatch):
    monkeypatch.setattr(saved, "ROWS", 2)
    added = [make(url, bytes([65 + n])) for n, url in enumerate(URLS)]
    # The last row has the bytes of the first: it lies in the first tar, and goes with it.
    stage(tmp_path, *added[:4], make(URLS[4], b"A"), make(URLS[5], reason=Reason.OPTED_OUT))
    assert len(tars(tmp_path)) == 2
    first = rows_of(tmp_path, stage(tmp_path))[URLS[0]].staging
    (tmp_path / first).unlink()
    assert missing(tmp_path) == [URLS[0], URLS[1], URLS[4], URLS[5]]


def test_work_that_two_bundles_did_is_counted_once(tmp_path, make):
    with Staging(AttemptPlace(str(tmp_path), "attempt-1"), 3, URLS[:2]) as zombie:
        stage(tmp_path, make(URLS[0], b"one"), wanted=URLS[:1])
        for row, data in (make(URLS[0], b"other"), make(URLS[1], b"two")):
            asyncio.run(zombie.add(row, data))
        asyncio.run(zombie.save())
    # Two records name the first URL; one of them is taken, and what it does not hold is done again.
    with Staging(AttemptPlace(str(tmp_path), "attempt-2"), 3, URLS[:2]) as staging:
        staging.resume()
        left = staging.missing
        for url in left:
            asyncio.run(staging.add(*make(url, b"two")))
        asyncio.run(staging.save())
        (done,) = staging.done()
    assert sorted(rows_of(tmp_path, done)) == URLS[:2]
    assert dict(done.tallies)["in"] == 2


def test_saved_work_on_urls_that_are_not_wanted_is_left(tmp_path, make):
    stage(tmp_path, make(URLS[0], b"one"), make(URLS[1], b"two"))
    assert missing(tmp_path, URLS[:1]) == URLS[:1]


# Looking up by content


def test_equal_bytes_from_several_urls_are_stored_once(tmp_path, make, monkeypatch):
    monkeypatch.setattr(saved, "ROWS", 2)
    done = stage(tmp_path, *(make(url, b"same") for url in URLS))
    assert len({(row.staging, row.staging_offset) for row in rows_of(tmp_path, done).values()}) == 1
    assert len(tars(tmp_path)) == 1
    assert [part.rows for part in done.parts if part.table == "staging"] == [1]


# Earlier stages


def earlier(folder, done):
    return [EarlierRow(str(folder), row) for row in rows_of(folder, done).values()]


def test_what_an_earlier_stage_has_is_taken_over_but_for_transient_failures_and_refusals(tmp_path, make):
    before = stage(
        tmp_path / "old",
        make(URLS[0], b"one"),
        make(URLS[1], reason=Reason.TIMED_OUT),
        make(URLS[2], reason=Reason.OPTED_OUT),
        make(URLS[3], reason=Reason.HTTP_STATUS, http_status=404),
        make(URLS[4], b"two"),
    )
    rows = earlier(tmp_path / "old", before)
    done = stage(tmp_path / "new", make(URLS[1], b"late"), wanted=URLS[:4], earlier=rows)
    shutil.rmtree(tmp_path / "old")
    found = rows_of(tmp_path / "new", done)
    assert {url: row.reason for url, row in found.items()} == {
        URLS[0]: "",
        URLS[1]: "",
        URLS[3]: Reason.HTTP_STATUS,
    }
    assert dict(done.tallies) == {"in": 3, "keep": 2, "drop:http_status": 1, "reused": 2}


def test_of_two_earlier_rows_the_later_is_taken(tmp_path, make):
    rows = []
    for name, when in (("a", "2026-01-02T00:00:00Z"), ("b", "2026-01-01T00:00:00Z"), ("c", "2025-01-01T00:00:00Z")):
        rows += earlier(tmp_path / name, stage(tmp_path / name, make(URLS[0], name.encode(), fetched_at=when)))
    for order in (rows, rows[::-1]):
        done = stage(tmp_path / f"new-{order[0].row.fetched_at[:4]}", wanted=URLS[:1], earlier=order)
        (part,) = (part for part in done.parts if part.table == "images")
        (row,) = read_rows(str(tmp_path / f"new-{order[0].row.fetched_at[:4]}" / part.path), ImageRow)
        assert row.stored_sha256 == sha256_hex(b"a")


@pytest.mark.parametrize("damage", ["gone", "other bytes"])
def test_an_earlier_image_whose_tar_is_gone_or_differs_is_wanted(tmp_path, make, damage):
    before = stage(tmp_path / "old", make(URLS[0], b"one"), make(URLS[1], reason=Reason.IMAGE_UNDECODABLE))
    rows = earlier(tmp_path / "old", before)
    tar = tmp_path / "old" / next(part.path for part in before.parts if part.table == "staging")
    tar.unlink() if damage == "gone" else tar.write_bytes(b"other")
    with Staging(AttemptPlace(str(tmp_path / "new"), "attempt-1"), 3, URLS[:2]) as staging:
        staging.take_over(rows)
        assert (staging.missing, staging.reused) == ([URLS[0]], 1)


def test_bytes_that_an_earlier_stage_has_from_another_url_are_not_stored_again(tmp_path, make):
    before = stage(tmp_path / "old", make("http://a.kr/other.jpg", b"same"), wanted=["http://a.kr/other.jpg"])
    rows = earlier(tmp_path / "old", before)
    done = stage(tmp_path / "new", make(URLS[0], b"same"), wanted=URLS[:1], earlier=rows)
    assert rows_of(tmp_path / "new", done)[URLS[0]].stored_sha256 == sha256_hex(b"same")
    (old,) = tars(tmp_path / "old")
    assert tars(tmp_path / "new") == [old]


def test_a_run_that_dies_after_taking_over_has_it_all_the_same(tmp_path, make):
    rows = earlier(tmp_path / "old", stage(tmp_path / "old", make(URLS[0], b"one")))
    assert stage(tmp_path / "new", make(URLS[1], b"two"), earlier=rows, die=True) is None
    shutil.rmtree(tmp_path / "old")
    assert missing(tmp_path / "new") == URLS[1:]
