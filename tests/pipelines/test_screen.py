import random

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from filters.caption_engine import CaptionRules, Judged, judge
from filters.caption_safety import CaptionSafety
from filters.concepts import Concept
from pipelines import screen
from pipelines.parts import read_rows, write_part
from pipelines.screen import ScreenRules, dropped, engine_versions, run_screen, screen_rows
from pipelines.stage import Attempt, StagePlan
from pipelines.storage import join
from schemas.reasons import Reason
from schemas.records import CandidateRow, CaptionCandidate, ScreenedRow

RULES = ScreenRules(CaptionRules(), CaptionSafety())
GOOD = "제주 목관아 앞 돌하르방 두 기"


def row(number=0, text=GOOD, *, source="/data/a.warc", offset=0, reason="", detail="", unit="image"):
    captions = [CaptionCandidate("alt", text, "/img")] if text else []
    url = f"http://a.test/{number}.jpg"
    return CandidateRow(
        f"{number:032x}",
        unit,
        url,
        "http://a.test/",
        "",
        captions,
        "warc",
        source,
        offset,
        "d" * 64,
        "",
        reason,
        detail,
    )


def test_a_good_caption_goes_on_with_all_that_was_known_of_it():
    (found,) = screen_rows([row(1)], RULES)
    assert (found.outcome, found.reason, found.caption, found.caption_kind) == ("keep", "", GOOD, "alt")
    assert (found.caption_raw, found.caption_path, found.image_url) == (GOOD, "/img", "http://a.test/1.jpg")
    assert found.morphemes > 0
    assert {verdict.outcome for verdict in found.verdicts} == {"keep"}
    assert {verdict.filter_id for verdict in found.verdicts} >= {"caption_length@1", "identifiers@2", "spam_text@1"}
    assert "돌하르방" in found.concepts
    assert found.captions == row(1).captions


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Reason.CAPTION_MISSING),
        ("A stone grandfather in the park", Reason.CAPTION_NOT_KOREAN),
        ("로고", Reason.CAPTION_BOILERPLATE),
    ],
)
def test_a_bad_caption_is_dropped_for_its_reason(text, reason):
    (found,) = screen_rows([row(1, text)], RULES)
    assert (found.outcome, found.reason) == ("drop", reason)


RESIDENT = "900101-1234567"  # made up: the check digit does not fit


def test_a_caption_with_a_resident_number_is_dropped_and_the_number_is_written_nowhere():
    (found,) = screen_rows([row(1, f"{GOOD} {RESIDENT}")._replace(page_title=RESIDENT)], RULES)
    assert (found.outcome, found.reason) == ("drop", Reason.CAPTION_IDENTIFIER)
    assert found.concepts == []
    assert RESIDENT not in repr(found)
    assert found.page_title == "[주민등록번호]"


def test_a_telephone_number_is_replaced_in_every_text_and_the_step_is_told():
    (found,) = screen_rows([row(1, f"{GOOD} 문의 010-1234-5678")._replace(page_title="예약 010-1234-5678")], RULES)
    assert found.outcome == "keep"
    assert "[휴대전화번호]" in found.caption
    assert "010-1234-5678" not in repr(found)
    assert found.steps[-1] == "identifiers"


@pytest.mark.parametrize(
    ("text", "reason"),
    [("카지노 토토 대출 상담 문의 전화", Reason.CAPTION_SPAM), ("시발놈아 꺼져라 이 개새끼야", Reason.CAPTION_ABUSE)],
)
def test_a_caption_that_would_be_kept_but_for_what_it_says(text, reason, monkeypatch):
    def kept(batch, rules, evidence):
        return [Judged(caption=item.captions[0].text, outcome="keep", detail="") for item in batch]

    monkeypatch.setattr(screen, "judge", kept)
    (found,) = screen_rows([row(1, text)], RULES)
    assert (found.outcome, found.reason) == ("drop", reason)


def test_what_extraction_dropped_keeps_its_reason_and_is_not_judged():
    lost = row(1, reason=Reason.PAGE_OPTED_OUT, detail="x-robots-tag: noai", unit="page")
    (found,) = screen_rows([lost], RULES)
    assert (found.outcome, found.reason, found.detail) == ("drop", Reason.PAGE_OPTED_OUT, "x-robots-tag: noai")
    assert (found.unit, found.caption, found.verdicts) == ("page", "", [])


def test_of_the_same_candidate_found_twice_the_first_by_source_and_offset_goes_on():
    twice = [row(1, source="/b.warc"), row(1, source="/a.warc", offset=9), row(1, source="/a.warc", offset=2)]
    found = list(screen_rows(twice, RULES))
    assert {(f.source, f.source_offset): f.reason for f in found} == {
        ("/a.warc", 2): "",
        ("/a.warc", 9): Reason.DUPLICATE_CANDIDATE,
        ("/b.warc", 0): Reason.DUPLICATE_CANDIDATE,
    }


def test_where_a_crawl_s_archive_lies_does_not_decide_which_of_two_goes_on():
    for folder in ("/a", "/z"):
        crawled = row(1, source=f"{folder}/out/warc-00000.warc.gz")._replace(source_kind="crawl")
        found = {f.source_kind: f.reason for f in screen_rows([row(1, source="/m.warc"), crawled], RULES)}
        assert found == {"crawl": "", "warc": Reason.DUPLICATE_CANDIDATE}


def test_a_candidate_that_was_dropped_twice_keeps_its_own_reason():
    lost = [row(1, reason=Reason.URL_REFUSED, source=source) for source in ("/a.warc", "/b.warc")]
    assert [found.reason for found in screen_rows(lost, RULES)] == [Reason.URL_REFUSED] * 2


def test_the_order_of_the_rows_does_not_matter(monkeypatch):
    monkeypatch.setattr(screen, "BATCH", 3)
    rows = [row(n, f"{GOOD} {n}", source=f"/{s}.warc", offset=None if n % 2 else 5) for n in range(8) for s in "ab"]
    rows += [row(20, reason=Reason.URL_REFUSED), row(21, "로고")]
    expected = list(screen_rows(rows, RULES))
    assert len(expected) == len(rows)
    for seed in range(3):
        random.Random(seed).shuffle(rows)
        assert list(screen_rows(rows, RULES)) == expected


def test_nothing_to_screen():
    assert list(screen_rows([], RULES)) == []


def test_a_row_that_makes_the_engine_raise_costs_only_itself(monkeypatch):
    def faulty(batch, rules, evidence):
        if any("고장" in caption.text for item in batch for caption in item.captions):
            raise ZeroDivisionError("quotes 900101-1234567")
        return judge(batch, rules, evidence)

    monkeypatch.setattr(screen, "judge", faulty)
    texts = [GOOD, "고장", GOOD, GOOD, "고장 난 것", GOOD, GOOD]
    found = {f.candidate_id: f for f in screen_rows([row(n, text) for n, text in enumerate(texts)], RULES)}
    assert [found[f"{n:032x}"].reason for n in range(7)] == ["", "record_raised", "", "", "record_raised", "", ""]
    raised = found[f"{1:032x}"]
    assert raised.outcome == "drop"
    assert raised.detail.startswith("ZeroDivisionError at test_screen.py:")
    assert "900101" not in repr(raised)


def test_dropped_says_nothing_of_the_caption():
    found = dropped(row(1), Reason.URL_REFUSED, "why", RULES.safety)
    assert (found.outcome, found.reason, found.detail, found.caption, found.why) == (
        "drop",
        "url_refused",
        "why",
        "",
        "",
    )


def test_the_workflow_s_own_concepts_are_named_too():
    rules = RULES._replace(concepts=(Concept("돌하르방 두 기", "곳"),))
    shipped, added = (next(iter(screen_rows([row(1)], by))).concepts for by in (RULES, rules))
    assert "돌하르방 두 기" not in shipped
    assert {"돌하르방 두 기", "제주목관아"} <= set(added)


def test_the_engine_s_versions_name_kiwi_its_model_and_the_concepts():
    assert [text.split()[0] for text in engine_versions()] == ["kiwipiepy", "kiwipiepy-model", "concepts"]
    assert engine_versions(["d" * 64]) == [*engine_versions(), f"lexicon {'d' * 64}"]


# The stage


def test_the_stage_counts_first_and_gives_one_row_a_candidate_whatever_the_parts(tmp_path):
    rows = [row(n, f"{GOOD} {n}") for n in range(6)] + [row(7), row(7), row(8, reason=Reason.URL_REFUSED)]
    # One text over thirty images of a site is the site's furniture.
    rows += [row(100 + n, "우리 동네 맛있는 식당 안내판") for n in range(30)]
    found = []
    for cuts in (1, 3):
        plan = StagePlan(stage="screen", covers={"cuts": cuts}, root=str(tmp_path))
        attempt = Attempt(plan=plan, name="attempt-1", options=PipelineOptions([]))
        parts = [write_part(attempt.place, "in", cut, CandidateRow, rows[cut::cuts]) for cut in range(cuts)]
        done = run_screen(attempt, [join(plan.folder, part.path) for part in parts], len(rows), RULES)
        attempt.commit(done, expected=len(rows))
        paths = [join(plan.folder, part.path) for part in done.parts if part.table == "screened"]
        found.append((sorted(r for path in paths for r in read_rows(path, ScreenedRow)), done.tallies))
    assert found[0] == found[1]
    screened, tallies = found[0]
    reasons = {r.image_url: r.reason for r in screened if r.reason != Reason.DUPLICATE_CANDIDATE}
    assert reasons["http://a.test/3.jpg"] == ""
    assert {reasons[f"http://a.test/{100 + n}.jpg"] for n in range(30)} == {Reason.CAPTION_TOO_FREQUENT}
    assert dict(tallies) == {
        "in": 39,
        "keep": 7,
        "drop:caption_too_frequent": 30,
        "drop:duplicate_candidate": 1,
        "drop:url_refused": 1,
    }


@pytest.mark.parametrize("cuts", [1, 2])
def test_a_headline_on_a_listing_page_yields_to_the_article_whatever_the_parts(tmp_path, cuts):
    listing, article = "http://a.test/", "http://a.test/1"
    rows = [
        row(1, "제주 돌하르방 공원 개장")._replace(page_url=listing, linked_page=article),
        row(2, GOOD)._replace(page_url=article, page_title="제주 돌하르방 공원 개장 | 제주 소식"),
        row(3, "성산일출봉 해돋이")._replace(page_url=listing, linked_page="http://a.test/unread"),
        row(4, "제주 목관아 | 제주 소식")._replace(page_url=article, site_name="제주 소식"),
    ]
    attempt = Attempt(
        plan=StagePlan(stage="screen", covers={}, root=str(tmp_path)), name="1", options=PipelineOptions([])
    )
    parts = [write_part(attempt.place, "in", cut, CandidateRow, rows[cut::cuts]) for cut in range(cuts)]
    folder = attempt.plan.folder
    done = run_screen(attempt, [join(folder, part.path) for part in parts], len(rows), RULES)
    paths = [join(folder, part.path) for part in done.parts if part.table == "screened"]
    found = {r.image_url[14:15]: r for path in paths for r in read_rows(path, ScreenedRow)}
    assert {key: r.reason for key, r in found.items()} == {"1": Reason.CAPTION_WEAK_SOURCE, "2": "", "3": "", "4": ""}
    assert found["1"].why == "title of the linked page 0.20"
    assert found["1"].linked_page == article
    assert found["3"].why == "alt 0.26"
    assert (found["4"].caption, found["4"].caption_raw, found["4"].steps) == (
        "제주 목관아",
        "제주 목관아 | 제주 소식",
        ["site_name"],
    )
