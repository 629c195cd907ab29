import gzip
import io

import pytest
import warcio.archiveiterator
from fastwarc.warc import ArchiveIterator, WarcRecordType

from pipelines.warc import BrokenRecord, PageRecord, PassedRecord, WarcWriter, read_pages

PAGE = "<html><body><img src=a.jpg alt='성산일출봉의 아침'></body></html>".encode()
HEADERS = (("Content-Type", "text/html; charset=utf-8"), ("Content-Encoding", "gzip"), ("X-Robots-Tag", "nosnippet"))


def archive(*pages):
    out = io.BytesIO()
    writer = WarcWriter(out)
    for url, body in pages:
        writer.add(
            url=url, fetched_at="2026-01-02T03:04:05Z", address="127.0.0.1", status=200, headers=HEADERS, body=body
        )
    return out.getvalue()


def read(data, may_matter=lambda block: True):
    return list(read_pages(io.BytesIO(data), may_matter=may_matter))


def record(block, url="http://a.test/"):
    head = f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:1>\r\nWARC-Target-URI: {url}\r\n"
    head += "WARC-Date: 2026-01-01T00:00:00Z\r\nContent-Type: application/http; msgtype=response\r\n"
    return head.encode() + f"Content-Length: {len(block)}\r\n\r\n".encode() + block + b"\r\n\r\n"


def test_what_is_written_is_read_back_with_its_offset():
    data = archive(("http://a.test/1", PAGE), ("http://a.test/2", PAGE))
    first, second = read(data)
    assert isinstance(first, PageRecord)
    assert (first.url, first.status, first.body) == ("http://a.test/1", 200, PAGE)
    assert first.captured_at == "2026-01-02T03:04:05Z"
    assert first.header("x-robots-tag") == "nosnippet"
    assert read(data[second.offset :])[0].url == "http://a.test/2"


def test_warcio_and_fastwarc_read_what_is_written():
    data = archive(("http://a.test/1", PAGE))
    kinds = []
    for found in warcio.archiveiterator.ArchiveIterator(io.BytesIO(data), check_digests="raise"):
        kinds.append(found.rec_type)
        if found.rec_type == "response":
            assert found.http_headers.get_header("X-Archive-Orig-Content-Encoding") == "gzip"
            assert found.content_stream().read() == PAGE
    assert kinds == ["warcinfo", "response"]
    fast = next(iter(ArchiveIterator(io.BytesIO(data), record_types=WarcRecordType.response)))
    assert fast.verify_payload_digest()
    assert fast.reader.read() == PAGE


def test_the_same_pages_are_the_same_bytes():
    assert archive(("http://a.test/1", PAGE)) == archive(("http://a.test/1", PAGE))


def test_transfer_and_content_encodings_are_undone():
    packed = gzip.compress(PAGE)
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(packed[i : i + 9]), packed[i : i + 9]) for i in range(0, len(packed), 9))
    block = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    (page,) = read(record(block))
    assert page.body == PAGE


def test_a_body_decoded_under_the_headers_of_the_encoded_one_is_read_as_it_is():
    (page,) = read(record(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + PAGE))
    assert page.body == PAGE


def test_a_block_that_cannot_matter_is_passed_over_undecoded():
    (passed,) = read(record(b"HTTP/1.1 200 OK\r\n\r\nplain english"), may_matter=lambda block: b"\xea" in block)
    assert isinstance(passed, PassedRecord)


def test_an_encoded_block_is_decoded_before_it_is_judged():
    block = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(PAGE)
    (page,) = read(record(block), may_matter=lambda block: False)
    assert page.body == PAGE


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        (b"", "no HTTP response head"),
        (b"garbage", "no HTTP response head"),
        (b"HTTP/1.1 abc\r\n\r\nxx", "no HTTP response head"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + b"\x1f\x8b\x08\x00garbage" * 9, "cannot be decoded"),
    ],
)
def test_a_record_that_is_no_page_says_why(block, problem):
    (broken,) = read(record(block))
    assert isinstance(broken, BrokenRecord)
    assert problem in broken.problem


def test_a_record_cut_at_the_end_of_the_file_is_told():
    whole = record(b"HTTP/1.1 200 OK\r\n\r\n" + PAGE)
    good, cut = read(whole + whole[:-30])
    assert good.body == PAGE
    assert isinstance(cut, BrokenRecord)
    assert "cut after" in cut.problem


def test_a_header_cut_at_the_end_of_the_file_is_told():
    whole = record(b"HTTP/1.1 200 OK\r\n\r\n" + PAGE)
    assert isinstance(read(whole + whole[:60])[-1], BrokenRecord)


@pytest.mark.parametrize("data", [b"hello" * 100, gzip.compress(b"hello" * 100, mtime=0)])
def test_what_is_no_archive_raises(data):
    with pytest.raises(OSError, match="Invalid WARC header"):
        read(data)


def test_an_archive_that_breaks_in_the_middle_gives_what_came_before():
    data = archive(("http://a.test/1", PAGE), ("http://a.test/2", PAGE * 50))
    offset = read(data)[1].offset
    pages = read_pages(io.BytesIO(data[: offset + 40] + b"\xff" * 400), may_matter=lambda block: True)
    assert next(pages).url == "http://a.test/1"
    with pytest.raises(OSError, match="ecompress"):
        next(pages)


def test_a_gzip_member_that_is_cut_is_told_wherever_it_is_cut():
    data = archive(("http://a.test/1", PAGE), ("http://a.test/2", PAGE))
    first, second = (page.offset for page in read(data))
    for cut in (first + 1, second + 1, second + 9, second + 40, *range(second + 50, len(data) - 1, 7)):
        try:
            found = read(data[:cut])
        except OSError:
            continue  # told by the archive as a whole
        assert isinstance(found[-1], BrokenRecord), cut
    found = read(data[: second + 40])
    assert found[1:] == [BrokenRecord("", second, "the gzip member is cut after 40 bytes")]


def test_what_follows_the_last_member_is_no_cut_one():
    data = archive(("http://a.test/1", PAGE))
    for tail in (b"", gzip.compress(b"", mtime=0)):
        assert [type(found) for found in read(data + tail)] == [PageRecord]


def test_a_record_is_copied_bit_for_bit():
    data = archive(("http://a.test/1", PAGE), ("http://a.test/2", PAGE * 9_000), ("http://a.test/3", PAGE))
    offsets = [page.offset for page in read(data)]
    out = io.BytesIO()
    writer = WarcWriter(out)
    copied = [writer.copy(io.BytesIO(data), offset) for offset in (offsets[1], offsets[2])]
    assert [(page.url, page.offset, page.body) for page in read(out.getvalue())] == [
        ("http://a.test/2", copied[0], PAGE * 9_000),
        ("http://a.test/3", copied[1], PAGE),
    ]
    assert out.getvalue()[copied[0] :] == data[offsets[1] :]


@pytest.mark.parametrize(("cut", "at", "problem"), [(-5, 0, "is cut"), (None, 1, "no gzip member"), (0, 0, "is cut")])
def test_a_record_that_is_not_whole_is_not_copied(cut, at, problem):
    data = archive(("http://a.test/1", PAGE))
    offset = read(data)[0].offset
    out = io.BytesIO()
    writer = WarcWriter(out)
    before = out.getvalue()
    with pytest.raises(OSError, match=problem):
        writer.copy(io.BytesIO(data[:cut]), offset + at)
    assert out.getvalue() == before
