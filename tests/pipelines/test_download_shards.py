import json
import tarfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.download_shards import Downloaded, Lost, decode_json, find_shards, read_shard, why_failed
from pipelines.link_table import LinkTable
from pipelines.stored_image import ImageReader
from schemas.reasons import Reason
from tests.pipelines.download_maker import FORMS, picture, sample, write_download

COLUMNS = LinkTable(path="x", page="page")
SAMPLES = [sample(0, picture(0)), sample(1), sample(2, picture(2)), sample(3, picture(3))]


def read(shard, columns=COLUMNS):
    found = list(read_shard(shard, columns))
    return [row for row in found if isinstance(row, Downloaded)], [row for row in found if isinstance(row, Lost)]


def told(lost):
    return [(one.unit, one.reason, one.detail) for one in lost]


# Whole shards


@pytest.mark.parametrize("form", FORMS)
def test_every_row_has_its_outcome_and_every_image_its_place(form, tmp_path):
    rows, lost = read(write_download(tmp_path / "out", form, SAMPLES))
    assert lost == []
    assert [(row.link.url, row.reason) for row in rows] == [
        ("http://a.test/0.jpg", ""),
        ("http://a.test/1.jpg", Reason.HTTP_STATUS),
        ("http://a.test/2.jpg", ""),
        ("http://a.test/3.jpg", ""),
    ]
    assert rows[1].detail == "failed_to_download: HTTP Error 404: Not Found"
    assert (rows[2].link.caption, rows[2].link.page) == ("공원에 선 돌하르방 2", "http://a.test/page/2")
    assert rows[2].member == "000000002.jpg"
    assert {row.captured_at for row in rows} == {"2026-01-01T00:00:00Z"}
    with ImageReader(1 << 20) as images:
        for row, (_, image) in zip(rows, SAMPLES, strict=True):
            assert bool(row.reason) or images.read(row.source, row.offset).data == image


def test_columns_may_have_other_names(tmp_path):
    shard = write_download(tmp_path / "out", "webdataset", SAMPLES[:1])
    (row,), _ = read(shard, LinkTable(path="x", caption="sha256", page=""))
    assert (row.link.caption, row.link.page) == ("", "")


def test_shards_of_all_forms_are_found_in_order(tmp_path):
    out = tmp_path / "out"
    for number, form in enumerate(FORMS):
        write_download(out, form, SAMPLES, shard=number)
    (out / "_tmp").mkdir()
    (out / "_tmp" / "3.json").write_text("{}")
    (out / "README.md").write_text("")
    (out / "00009_stats.json").write_text("{}")
    found = find_shards(str(out))
    assert [Path(file.path).name for file in found] == ["00000", "00001", "00002"]
    assert found[2].size == (out / "00002.parquet").stat().st_size + (out / "00002_stats.json").stat().st_size
    assert find_shards(f"{out}/") == found
    assert find_shards(str(tmp_path / "gone")) == []


def test_an_image_that_changes_in_a_folder_changes_the_shard(tmp_path):
    shard = write_download(tmp_path / "out", "files", SAMPLES)
    (before,) = find_shards(str(tmp_path / "out"))
    Path(shard, "000000000.jpg").write_bytes(b"x")
    (after,) = find_shards(str(tmp_path / "out"))
    assert before.size != after.size


# Torn, gone, wrong


@pytest.mark.parametrize("form", ["webdataset", "files"])
def test_without_its_table_a_shard_is_read_from_the_samples_and_says_so(form, tmp_path):
    shard = write_download(tmp_path / "out", form, SAMPLES, count=3)
    Path(shard + ".parquet").unlink()
    rows, lost = read(shard)
    assert [(row.link.url, row.link.caption, row.reason) for row in rows] == [
        (f"http://a.test/{n}.jpg", f"공원에 선 돌하르방 {n}", "") for n in (0, 2, 3)
    ]
    detail = "the table is gone, and with it the rows that failed"
    assert told(lost) == [("source", Reason.SOURCE_MISSING, detail)]


def test_a_torn_table_leaves_the_samples(tmp_path):
    shard = write_download(tmp_path / "out", "webdataset", SAMPLES)
    Path(shard + ".parquet").write_bytes(b"PAR1 torn")
    rows, lost = read(shard)
    assert [row.reason for row in rows] == ["", "", ""]
    assert [one.reason for one in lost] == [Reason.SOURCE_UNREADABLE, Reason.SOURCE_COUNT_WRONG]


@pytest.mark.parametrize("form", ["webdataset", "files"])
def test_an_image_that_is_not_there_is_missing(form, tmp_path):
    samples = [*SAMPLES[:3], sample(3, None, status="success", error_message=None)]
    rows, lost = read(write_download(tmp_path / "out", form, samples))
    assert lost == []
    assert (rows[3].reason, rows[3].detail) == (Reason.IMAGE_MISSING, "the download has no image 000000003")
    assert (rows[3].source.rsplit("/", 1)[1], rows[3].offset) == ("00000.parquet", 3)


@pytest.mark.parametrize("cut", ["inside the last image", "at a header", "before the end mark"])
def test_a_torn_tar_costs_what_is_torn(cut, tmp_path):
    shard = write_download(tmp_path / "out", "webdataset", SAMPLES)
    path = Path(shard + ".tar")
    with tarfile.open(path) as tar:
        last = tar.getmember("000000003.jpg")
        end = tar.offset
    keep = {"inside the last image": last.offset_data + 100, "at a header": last.offset + 99}.get(cut, end)
    path.write_bytes(path.read_bytes()[:keep])
    rows, lost = read(shard)
    whole = cut == "before the end mark"
    assert [row.reason for row in rows] == ["", Reason.HTTP_STATUS, "", "" if whole else Reason.IMAGE_MISSING]
    assert [(one.unit, one.reason) for one in lost] == [("source", Reason.SOURCE_UNREADABLE)]


def test_a_damaged_header_ends_the_tar_and_is_told(tmp_path):
    shard = write_download(tmp_path / "out", "webdataset", SAMPLES)
    path = Path(shard + ".tar")
    with tarfile.open(path) as tar:
        at = tar.getmember("000000002.jpg").offset
    data = bytearray(path.read_bytes())
    data[at : at + 512] = b"\xff" * 512
    path.write_bytes(data)
    rows, lost = read(shard)
    assert [row.reason for row in rows] == ["", Reason.HTTP_STATUS, Reason.IMAGE_MISSING, Reason.IMAGE_MISSING]
    assert told(lost) == [("source", Reason.SOURCE_UNREADABLE, f"the tar breaks off at byte {at}")]


def test_a_tar_that_is_none_is_told(tmp_path):
    shard = write_download(tmp_path / "out", "webdataset", SAMPLES)
    Path(shard + ".tar").write_bytes(b"not a tar" * 100)
    rows, lost = read(shard)
    assert [row.reason for row in rows].count(Reason.IMAGE_MISSING) == 3
    assert [(one.unit, one.reason) for one in lost] == [("source", Reason.SOURCE_UNREADABLE)]


def test_a_sample_that_nothing_tells_of_and_one_that_stands_twice_are_told(tmp_path):
    shard = write_download(tmp_path / "out", "webdataset", SAMPLES)
    (tmp_path / "000000008.jpg").write_bytes(picture(8))
    (tmp_path / "000000009.jpg").write_bytes(picture(9))
    (tmp_path / "000000009.json").write_text("{torn")
    (tmp_path / "000000000.jpg").write_bytes(picture(7))
    with tarfile.open(shard + ".tar", "a") as tar:
        for name in ("000000008.jpg", "000000009.jpg", "000000009.json", "000000000.jpg"):
            tar.add(tmp_path / name, name)
    rows, lost = read(shard)
    assert len(rows) == 4
    assert [one.reason for one in lost] == [Reason.RECORD_UNREADABLE] * 3
    assert [one.detail.split(":")[0] for one in lost] == [
        "000000000.jpg stands twice",
        "000000008.jpg has no metadata",
        "000000009.jpg",
    ]


def test_a_sample_without_a_row_is_read_from_its_json(tmp_path):
    shard = write_download(tmp_path / "out", "webdataset", SAMPLES)
    table = pq.read_table(shard + ".parquet")
    pq.write_table(table.slice(0, 3), shard + ".parquet")
    rows, lost = read(shard)
    assert [row.link.url[-5:] for row in rows] == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]
    assert lost == []


def test_rows_that_img2dataset_lost_are_counted(tmp_path):
    shard = write_download(tmp_path / "out", "webdataset", SAMPLES, count=6)
    _, lost = read(shard)
    detail = "the shard's statistics count 6 rows, 4 are there"
    assert told(lost) == [("source", Reason.SOURCE_COUNT_WRONG, detail)]


@pytest.mark.parametrize("text", ["{torn", "[]", ""])
def test_torn_statistics_are_told_and_none_are_well(text, tmp_path):
    shard = write_download(tmp_path / "out", "webdataset", SAMPLES)
    Path(shard + "_stats.json").write_text(text)
    rows, lost = read(shard)
    assert (len(rows), {row.captured_at for row in rows}) == (4, {""})
    assert [(one.unit, one.reason) for one in lost] == [("source", Reason.SOURCE_UNREADABLE)]
    Path(shard + "_stats.json").unlink()
    assert read(shard)[1] == []


def test_an_empty_shard_is_empty(tmp_path):
    assert read(write_download(tmp_path / "out", "webdataset", [])) == ([], [])


# Messages


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("HTTP Error 403: Forbidden", Reason.HTTP_STATUS),
        ("Use of image disallowed by X-Robots-Tag directive", Reason.OPTED_OUT),
        ("<urlopen error timed out>", Reason.TIMED_OUT),
        ("The read operation timed out", Reason.TIMED_OUT),
        ("<urlopen error [Errno -2] Name or service not known>", Reason.HOST_UNRESOLVED),
        ("<urlopen error [Errno -3] Temporary failure in name resolution>", Reason.HOST_UNRESOLVED),
        ("<urlopen error [Errno -5] No address associated with hostname>", Reason.HOST_UNRESOLVED),
        ("<urlopen error [Errno 111] Connection refused>", Reason.CONNECTION_FAILED),
        ("<urlopen error [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed>", Reason.CONNECTION_FAILED),
        ("Remote end closed connection without response", Reason.CONNECTION_FAILED),
        ("[Errno 104] Connection reset by peer", Reason.CONNECTION_FAILED),
        ("IncompleteRead(10 bytes read, 90 more expected)", Reason.BODY_INVALID),
        ("hash mismatch", Reason.BODY_INVALID),
        ("<urlopen error unknown url type: ftps>", Reason.URL_REFUSED),
        ("unknown url type: 'x.jpg'", Reason.URL_REFUSED),
        ("URL can't contain control characters. '/a b' (found at least ' ')", Reason.URL_REFUSED),
        ("image too small", Reason.IMAGE_TOO_SMALL),
        ("image area too large", Reason.IMAGE_TOO_MANY_PIXELS),
        ("aspect ratio too large", Reason.IMAGE_ASPECT),
        ("Image decoding error", Reason.IMAGE_UNDECODABLE),
        ("something new", Reason.DOWNLOAD_FAILED),
        ("", Reason.DOWNLOAD_FAILED),
    ],
)
def test_messages_have_reasons(message, reason):
    assert why_failed(message) == reason


def test_a_failed_row_without_a_message_says_its_status(tmp_path):
    samples = [sample(0, None, status="failed_to_resize", error_message=None)]
    (row,), _ = read(write_download(tmp_path / "out", "webdataset", samples))
    assert (row.reason, row.detail) == (Reason.DOWNLOAD_FAILED, "failed_to_resize: no message")


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", json.dumps({"a": "x" * (1 << 20)}).encode(), b"[" * 9999])
def test_what_is_no_small_json_object_is_refused(data):
    with pytest.raises(ValueError, match=r"."):
        decode_json(data)
