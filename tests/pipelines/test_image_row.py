import asyncio

import pytest

from pipelines.decoded import Decoded
from pipelines.image_row import READ_LANES, image_row, in_lanes
from pipelines.web_client import Fetched
from schemas.reasons import Reason
from schemas.records import Consent, ImageRow, Score

FETCHED = Fetched(
    "http://a.kr/1.jpg",
    "http://b.kr/1.jpg",
    "2026-01-01T00:00:00Z",
    "127.0.0.1",
    200,
    (),
    b"body",
    "",
    "",
    (Consent("robots.txt", "sha256:00", True),),
    ("http://a.kr/1.jpg", "http://b.kr/1.jpg"),
)


def test_a_row_joins_what_the_network_and_the_decoder_gave():
    decoded = Decoded(
        reason="",
        jpeg=b"jpeg!",
        raw_sha256="a" * 64,
        raw_format="PNG",
        stored_sha256="b" * 64,
        width=4,
        height=3,
        original_width=8,
        original_height=6,
        orientation=6,
        frames=2,
        reencoded=True,
        phash="8" * 16,
        phash256="8" * 64,
        dhash="1" * 16,
        clear_bits=60,
        scores=[Score("short_side", 6.0)],
    )
    row = image_row(FETCHED, decoded)
    assert (row.outcome, row.reason, row.detail) == ("keep", "", "")
    assert (row.image_url, row.final_url, row.http_status) == ("http://a.kr/1.jpg", "http://b.kr/1.jpg", 200)
    assert (row.raw_bytes, row.stored_bytes) == (4, 5)
    assert (row.staging, row.staging_offset, row.staging_length) == ("", 0, 5)
    same = set(ImageRow._fields) & set(Decoded._fields) - {"reason", "detail", "consent"}
    assert {name: getattr(row, name) for name in same} == {name: getattr(decoded, name) for name in same}
    assert row.consent == [Consent("robots.txt", "sha256:00", True)]


def test_a_refusal_of_the_network_is_the_row_s_reason():
    refused = FETCHED._replace(body=b"", status=None, reason=Reason.TIMED_OUT, detail="over 1 s")
    row = image_row(refused, None)
    assert (row.outcome, row.reason, row.detail) == ("drop", Reason.TIMED_OUT, "over 1 s")
    assert (row.raw_sha256, row.stored_bytes, row.staging_length, row.http_status) == ("", 0, 0, None)
    assert row.consent == [Consent("robots.txt", "sha256:00", True)]


def test_a_refusal_of_the_decoder_is_the_row_s_reason_and_the_bytes_are_named():
    decoded = Decoded(reason=Reason.IMAGE_UNDECODABLE, detail="cut", raw_sha256="a" * 64)
    row = image_row(FETCHED, decoded)
    assert (row.outcome, row.reason, row.detail) == ("drop", Reason.IMAGE_UNDECODABLE, "cut")
    assert (row.raw_sha256, row.raw_bytes, row.stored_bytes) == ("a" * 64, 4, 0)


def test_lanes_do_every_item_once_and_so_many_at_a_time():
    done, at_once, most = [], 0, 0

    async def work(item):
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.001)
        at_once -= 1
        done.append(item)

    asyncio.run(in_lanes(range(100), work))
    assert sorted(done) == list(range(100))
    assert most == READ_LANES


def test_lanes_without_an_item():
    async def work(item):
        raise AssertionError

    asyncio.run(in_lanes([], work))


def test_what_work_raises_comes_out_of_the_lanes():
    async def work(item):
        raise ValueError(item)

    with pytest.raises(ExceptionGroup) as raised:
        asyncio.run(in_lanes(["a"], work))
    assert [str(error) for error in raised.value.exceptions] == ["a"]
