import io

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipelines import report_samples
from pipelines.outcome import outcome_row
from pipelines.parts import AttemptPlace, write_part
from pipelines.report_samples import (
    DroppedDraw,
    Smallest,
    evidence_of,
    rows_with,
    sheets,
    short_address,
    staged_thumbnail,
    thumbnail,
    without_identifiers,
)
from schemas.arrow import to_table
from schemas.reasons import Reason, Stage
from schemas.records import OutcomeRow, Verdict

PHONE = "010-1234-5678"


def jpeg(width, height, *, noise=False):
    pixels = np.random.default_rng(1).integers(0, 255, (height, width, 3), np.uint8) if noise else None
    image = Image.fromarray(pixels) if noise else Image.new("RGB", (width, height), "red")
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90, exif=Image.Exif())
    return out.getvalue()


def outcomes(*rows):
    return to_table(OutcomeRow, rows)


@settings(max_examples=50)
@given(st.lists(st.text("abcdef", min_size=1, max_size=3)), st.integers(1, 5), st.randoms())
def test_the_draw_does_not_depend_on_order_or_batches(keys, size, random):
    def drawn(values):
        smallest = Smallest(4, ["key"])
        for start in range(0, len(values), size):
            smallest.offer(pa.table({"key": pa.array(values[start : start + size], pa.string())}))
        return [row["key"] for row in smallest.rows]

    shuffled = random.sample(keys, len(keys))
    assert drawn(keys) == drawn(shuffled) == sorted(keys)[:4]


def test_a_draw_holds_a_few_of_each_stage_and_reason(screened):
    rows = [
        outcome_row(screened._replace(candidate_id=f"{n:032x}"), Stage.SCREEN, reason, "")
        for n in range(40)
        for reason in (Reason.CAPTION_SPAM, Reason.CAPTION_URL)
    ]
    draw = DroppedDraw(3)
    draw.offer(outcomes(*rows[::-1], outcome_row(screened, Stage.SELECT, "", "")))
    found = [(stage, reason, [row["candidate_id"][-2:] for row in drawn]) for stage, reason, drawn in draw.rows()]
    assert found == [("screen", "caption_spam", ["00", "01", "02"]), ("screen", "caption_url", ["00", "01", "02"])]
    assert draw.texts_wanted() == {f"{n:032x}" for n in range(3)}
    assert draw.images_wanted() == draw.winners_wanted() == set()


def test_images_are_wanted_where_one_was_fetched_and_may_be_shown(screened):
    draw = DroppedDraw()
    draw.offer(
        outcomes(
            outcome_row(screened._replace(image_url="http://a.test/small"), Stage.SELECT, Reason.IMAGE_TOO_SMALL, ""),
            outcome_row(screened._replace(image_url="http://a.test/gone"), Stage.SELECT, Reason.TAKEDOWN, ""),
            outcome_row(screened._replace(image_url="http://a.test/404"), Stage.FETCH, Reason.HTTP_STATUS, ""),
            outcome_row(
                screened._replace(image_url="http://a.test/twin"),
                Stage.DEDUPE,
                Reason.DUPLICATE_NEAR,
                "",
                winner_id="w",
            ),
        )
    )
    assert draw.images_wanted() == {"http://a.test/small", "http://a.test/twin"}
    assert draw.winners_wanted() == {"w"}


def sheet_of(row, texts=None, pictures=None):
    draw = DroppedDraw()
    draw.offer(outcomes(row))
    (sheet,) = sheets(draw, {(row.stage, row.reason): 1}, texts or {}, pictures or {})
    return sheet.samples[0]


def test_a_dropped_text_is_shown_raw_with_its_kind_and_no_identifier(screened):
    row = outcome_row(screened, Stage.SCREEN, Reason.CAPTION_SPAM, f"alt: {PHONE}")
    raw = {"caption_raw": f"문의 {PHONE} 돌하르방", "caption_kind": "alt"}
    sample = sheet_of(row, {(row.candidate_id, row.reason): raw})
    assert sample.text.startswith("문의 ")
    assert sample.text.endswith(" 돌하르방")
    assert PHONE not in sample.text + sample.evidence
    assert (sample.kind, sample.pictures) == ("alt", ())


def test_a_text_whose_filter_did_not_know_is_found_by_its_empty_reason(screened):
    row = outcome_row(screened, Stage.SCREEN, Reason.UNKNOWN, "")
    sample = sheet_of(row, {(row.candidate_id, ""): {"caption_raw": "원문", "caption_kind": "title"}})
    assert (sample.text, sample.kind) == ("원문", "title")


@pytest.mark.parametrize(
    ("stage", "reason"), [(Stage.SELECT, Reason.TAKEDOWN), (Stage.EXTRACT, Reason.PAGE_IDENTIFIER)]
)
def test_what_a_takedown_names_and_where_a_page_shows_an_identifier_is_not_shown(screened, stage, reason):
    row = outcome_row(screened, stage, reason, "http://a.test/1.jpg")
    sample = sheet_of(row, pictures={row.image_url: thumbnail(jpeg(9, 9))})
    assert sample == (row.candidate_id, "", "", "", "", ())


@pytest.mark.parametrize("reason", [Reason.CAPTION_IDENTIFIER, Reason.URL_IDENTIFIER])
def test_a_text_dropped_for_an_identifier_is_not_shown(screened, reason):
    row = outcome_row(screened._replace(image_url=f"http://a.test/{PHONE}.jpg"), Stage.SCREEN, reason, "")
    sample = sheet_of(row, {(row.candidate_id, row.reason): {"caption_raw": PHONE, "caption_kind": "alt"}})
    assert sample.text == ""
    assert sample.address == "a.test/REDACTED.jpg"


def test_a_duplicate_is_shown_beside_the_one_that_was_kept(screened):
    mine, other = thumbnail(jpeg(8, 8)), thumbnail(jpeg(16, 8))
    row = outcome_row(screened, Stage.DEDUPE, Reason.DUPLICATE_NEAR, "near", winner_id="w")
    assert sheet_of(row, pictures={row.image_url: mine, "w": other}).pictures == (mine, other)
    assert sheet_of(row, pictures={"w": None}).pictures == (None, None)
    assert sheet_of(row).pictures == (None,)  # the winner was balanced out


def test_sheets_stand_by_stage_and_the_most_frequent_first(screened):
    pairs = [
        (Stage.SELECT, Reason.IMAGE_BLANK, 5),
        (Stage.SCREEN, Reason.CAPTION_URL, 1),
        (Stage.SCREEN, Reason.CAPTION_SPAM, 9),
        (Stage.EXTRACT, Reason.URL_REFUSED, 1),
    ]
    draw = DroppedDraw()
    draw.offer(outcomes(*(outcome_row(screened, stage, reason, "") for stage, reason, _ in pairs)))
    made = sheets(draw, {(stage, reason): n for stage, reason, n in pairs}, {}, {})
    assert [sheet.reason for sheet in made] == ["url_refused", "caption_spam", "caption_url", "image_blank"]


@pytest.mark.parametrize(
    ("verdict", "shown"),
    [
        (Verdict("image_min_side@1", "drop", "image_too_small", 150.0, 200.0), "image_min_side 150, threshold 200"),
        (Verdict("image_min_side@1", "drop", "image_too_small", None, 200.0), "image_min_side"),
        (Verdict("image_min_side@1", "keep", "", 250.0, 200.0), "why"),
    ],
)
def test_the_evidence_is_the_deciding_verdict_or_else_the_detail(verdict, shown):
    assert evidence_of("image_too_small", [verdict._asdict()], "why") == shown


def test_an_address_has_no_query_and_no_identifier():
    assert short_address("http://a.test/%EB%8F%8C.jpg?token=1#x") == "a.test/돌.jpg"
    assert PHONE not in short_address(f"http://a.test/{PHONE}.jpg")
    assert short_address("") == ""
    cut = short_address("http://a.test/" + "x" * 500 + "/돌하르방.jpg")
    assert len(cut) == 81
    assert cut.endswith("/돌하르방.jpg")


def test_a_text_without_identifiers_stays_as_it_is():
    assert without_identifiers("공원에 선 돌하르방 3기") == "공원에 선 돌하르방 3기"


def test_rows_are_found_by_value(tmp_path, screened):
    rows = [outcome_row(screened._replace(candidate_id=c * 32), Stage.SELECT, "", "") for c in "abc"]
    part = write_part(AttemptPlace(str(tmp_path), "a"), "outcomes", 0, OutcomeRow, rows)
    path = str(tmp_path / part.path)
    assert list(rows_with(path, "candidate_id", {"b" * 32, "x"}, ["candidate_id"])) == [{"candidate_id": "b" * 32}]
    assert list(rows_with(path, "candidate_id", set(), ["candidate_id"])) == []


@pytest.mark.parametrize(
    ("size", "shown"),
    [((320, 200), (160, 100)), ((100, 50), (100, 50)), ((10, 900), (2, 160)), ((160, 160), (160, 160))],
)
def test_a_thumbnail_keeps_the_ratio_and_is_never_enlarged(size, shown):
    small = thumbnail(jpeg(*size))
    assert (small.width, small.height) == shown
    with Image.open(io.BytesIO(small.jpeg)) as image:
        assert (image.format, image.size) == ("JPEG", shown)
        red, green, blue = image.getpixel((0, 0))
    assert red > 240
    assert max(green, blue) < 20


def test_a_busy_picture_is_kept_small():
    assert len(thumbnail(jpeg(160, 160, noise=True)).jpeg) <= 1.2 * report_samples._THUMBNAIL_BYTES


def test_what_is_no_picture_has_no_thumbnail():
    assert thumbnail(b"") is None
    assert thumbnail(b"<script>") is None


def test_a_staged_image_is_read_by_its_place(tmp_path):
    data = jpeg(40, 20)
    (tmp_path / "s.tar").write_bytes(b"x" * 512 + data)
    row = {"staging": "s.tar", "staging_offset": 512, "staging_length": len(data)}
    assert staged_thumbnail(str(tmp_path), row) == thumbnail(data)
    assert staged_thumbnail(str(tmp_path), {**row, "staging": "gone.tar"}) is None
    assert staged_thumbnail(str(tmp_path), {**row, "staging_length": 10**6}) is None
