"""Captions of real Korean sites: what is kept of manuals with captions, and how little of one without any."""

import os
from collections import Counter
from pathlib import Path

import pytest

from filters.caption_corpus import CountedCorpus
from filters.caption_engine import CaptionInput, judge
from filters.charset import decode_page
from filters.harvest import harvest
from filters.morphology import analyze
from schemas.reasons import Outcome, Reason
from schemas.records import CaptionCandidate

DATA = Path(os.environ.get("HARUBANG_DATA") or Path(__file__).parents[2].parent / "shared" / "data")
pytestmark = pytest.mark.skipif(not (DATA / "sites").is_dir(), reason=f"the real test data is not at {DATA}")


def site(name):
    inputs = []
    for path in sorted((DATA / "sites" / name / "site").rglob("*.htm*")):
        page = decode_page(path.read_bytes(), "text/html")
        if page is not None:
            url = f"http://{name}.kr/{path.name}"
            found = harvest(page.text, url)
            inputs += [CaptionInput(image.captions, found.title, url, image.url) for image in found.images]
    return judge(inputs, evidence=CountedCorpus(inputs))


def kept(found):
    return {j.caption for j in found if j.outcome == Outcome.KEEP}


def test_a_site_whose_alts_are_file_names_gives_next_to_nothing():
    found = site("entry_docs")
    share = sum(j.outcome == Outcome.KEEP for j in found) / len(found)
    assert len(found) > 300
    assert share <= 0.02
    reasons = Counter(j.reason for j in found)
    assert reasons[Reason.CAPTION_FILE_NAME] > len(found) / 3


@pytest.mark.parametrize("name", ["apache_manual_ko_euckr", "debian_faq_ko", "debian_handbook_ko"])
def test_icons_and_foreign_figures_give_nothing(name):
    found = site(name)
    assert found
    assert kept(found) == set()


def test_figure_captions_lose_their_numbers():
    captions = kept(site("gimp_help_ko"))
    assert len(captions) >= 150
    assert {
        "알파 채널 예제: 기본 이미지",
        "탭 메뉴의 하위 메뉴인 탭 형태 메뉴",
        "배경을 흑백으로 만든 결과",
    } <= captions
    assert not [caption for caption in captions if caption.startswith(("그림 ", "["))]


def test_noun_phrase_alts_are_kept():
    captions = kept(site("egovframe"))
    assert len(captions) >= 400
    assert {"커뮤니티 목록조회", "DB서비스모니터링 클래스 다이어그램", "프로젝트 생성 완료"} <= captions
    assert not captions & {"image", "단추", "사용법 1", "클래스 다이어그램"}


def texts(name, count):
    rows = (DATA / "text" / f"{name}.tsv").read_text("utf-8").splitlines()[1:]
    return [row.split("\t")[-1] for row in rows][:count]


def share_of(found, reason):
    return sum(j.reason == reason for j in found) / len(found)


def judged(lines):
    return judge([CaptionInput((CaptionCandidate("alt", line, "/"),)) for line in lines])


def test_image_descriptions_are_no_remarks():
    found = judged(texts("korsts_captions_mt_vs_ht", 1000))
    assert share_of(found, Reason.CAPTION_REMARK) <= 0.005
    assert sum(j.outcome == Outcome.KEEP for j in found) >= 0.99 * len(found)


def test_news_sentences_are_no_remarks():
    assert share_of(judged(texts("klue_dp_native", 600)), Reason.CAPTION_REMARK) <= 0.08


def test_film_reviews_are_often_remarks():
    found = judged(texts("nsmc_reviews_native", 1000))
    assert share_of(found, Reason.CAPTION_REMARK) >= 0.33


def test_morphemes_do_not_depend_on_the_batch():
    lines = texts("klue_ner_native", 120) + texts("korsts_captions_mt_vs_ht", 120)
    whole = analyze(lines)
    assert analyze(lines[:50]) + analyze(lines[50:]) == whole
    assert [analyze([line])[0] for line in lines] == whole
