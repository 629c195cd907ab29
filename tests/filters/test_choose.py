"""The order of evidence among the texts around an image."""

import itertools

import pytest

from filters.choose import LIKELIHOOD, choose, rank
from filters.page_captions import CaptionKind
from schemas.records import CaptionCandidate


def captions(*pairs):
    return [CaptionCandidate(kind, text, f"/{i}") for i, (kind, text) in enumerate(pairs)]


def test_kinds_in_the_measured_order():
    order = ["caption_paragraph", "figcaption", "alt", "og_title", "heading"]
    found = rank(captions(*((kind, f"서로 다른 글 {kind}") for kind in reversed(order))), "")
    assert [option.candidate.kind for option in found] == order


def test_every_kind_but_the_file_name_has_a_likelihood():
    assert set(LIKELIHOOD) == set(CaptionKind) - {CaptionKind.FILE_NAME}


def test_a_file_name_never_wins():
    assert choose(captions(("file_name", "돌하르방")), "").candidate is None
    assert choose(captions(("file_name", "돌하르방"), ("heading", "제주")), "").candidate.kind == "heading"


def test_agreement_of_different_places_wins():
    texts = captions(("figcaption", "제주 바다"), ("alt", "첨성대 야경"), ("json_ld", "그림 3. 첨성대, 야경"))
    choice = choose(texts, "")
    assert choice.cleaned.text == "첨성대, 야경"
    assert choice.agreement == 2
    assert choice.why == "json_ld 0.55 and alt 0.52"


def test_attributes_of_one_element_are_one_witness():
    texts = captions(
        ("figcaption", "제주 바다"), ("alt", "첨성대 야경"), ("title", "첨성대 야경"), ("aria_label", "첨성대 야경")
    )
    assert choose(texts, "").cleaned.text == "제주 바다"


def test_texts_are_near_equal_when_one_holds_most_of_the_other():
    texts = captions(("figcaption", "경복궁 근정전의 야경"), ("alt", "경복궁 근정전의 야경2"))
    assert choose(texts, "").agreement == 2
    texts = captions(("figcaption", "경복궁"), ("alt", "경복궁 근정전의 야경"))
    assert choose(texts, "").agreement == 1


def test_repetition_over_a_site_takes_weight():
    texts = captions(("figcaption", "우리 동네 소식"), ("alt", "첨성대 야경"))
    images = {"우리 동네 소식": 5, "첨성대 야경": 1}
    choice = choose(texts, "", images.get)
    assert choice.cleaned.text == "첨성대 야경"
    assert rank(texts, "", images.get)[1].why == "figcaption 0.66, on 5 images of the site"


def test_an_attribute_that_repeats_the_page_title_counts_half():
    texts = captions(("alt", "제주 여행 후기"), ("aria_label", "성산일출봉 전경"))
    assert choose(texts, "").cleaned.text == "제주 여행 후기"
    assert choose(texts, "제주 여행 후기").cleaned.text == "성산일출봉 전경"


def test_a_page_title_wins_no_support_from_an_alt():
    texts = captions(("og_title", "경복궁의 야경"), ("alt", "경복궁의 야경"))
    supports = {option.candidate.kind: option.support for option in rank(texts, "")}
    assert supports["og_title"] == LIKELIHOOD["og_title"]
    assert supports["alt"] > LIKELIHOOD["alt"]


@pytest.mark.parametrize("page_title", ["", "경복궁"])
def test_the_order_given_does_not_matter(page_title):
    texts = captions(
        ("alt", "경복궁"), ("title", "경복궁 전경"), ("figcaption", "근정전"), ("alt", "창덕궁"), ("heading", "궁궐")
    )
    rankings = [rank(list(order), page_title) for order in itertools.permutations(texts)]
    assert all(ranking == rankings[0] for ranking in rankings)


def test_nothing_to_choose_from():
    assert choose([], "제목") == (None, ("", (), ""), "no text", 0)
    assert choose(captions(("alt", " "), ("title", "ⓒ 홍길동"), ("figcaption", "\ufffd")), "").candidate is None
