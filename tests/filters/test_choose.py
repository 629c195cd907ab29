"""The order of evidence among the texts around an image."""

import itertools

import pytest

from filters.choose import LIKELIHOOD, rank
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
    assert rank(captions(("file_name", "돌하르방")), "") == []
    assert [o.candidate.kind for o in rank(captions(("file_name", "돌하르방"), ("heading", "제주")), "")] == ["heading"]


def test_agreement_of_different_places_wins():
    texts = captions(("figcaption", "제주 바다"), ("alt", "첨성대 야경"), ("json_ld", "그림 3. 첨성대, 야경"))
    choice = rank(texts, "")[0]
    assert choice.cleaned.text == "첨성대, 야경"
    assert choice.agreement == 2
    assert choice.why == "json_ld 0.55 and alt 0.52"


def test_attributes_of_one_element_are_one_witness():
    texts = captions(
        ("figcaption", "제주 바다"), ("alt", "첨성대 야경"), ("title", "첨성대 야경"), ("aria_label", "첨성대 야경")
    )
    assert rank(texts, "")[0].cleaned.text == "제주 바다"


def test_texts_are_near_equal_when_one_holds_most_of_the_other():
    texts = captions(("figcaption", "경복궁 근정전의 야경"), ("alt", "경복궁 근정전의 야경2"))
    assert rank(texts, "")[0].agreement == 2
    texts = captions(("figcaption", "경복궁"), ("alt", "경복궁 근정전의 야경"))
    assert rank(texts, "")[0].agreement == 1


def test_repetition_over_a_site_takes_weight():
    texts = captions(("figcaption", "우리 동네 소식"), ("alt", "첨성대 야경"))
    images = {"우리 동네 소식": 5, "첨성대 야경": 1}
    choice = rank(texts, "", images.get)[0]
    assert choice.cleaned.text == "첨성대 야경"
    assert rank(texts, "", images.get)[1].why == "figcaption 0.66, on 5 images of the site"


def test_an_attribute_that_repeats_the_page_title_counts_half():
    texts = captions(("alt", "제주 여행 후기"), ("aria_label", "성산일출봉 전경"))
    assert rank(texts, "")[0].cleaned.text == "제주 여행 후기"
    assert rank(texts, "제주 여행 후기")[0].cleaned.text == "성산일출봉 전경"


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
    assert rank([], "제목") == []
    assert rank(captions(("alt", " "), ("title", "ⓒ 홍길동"), ("figcaption", "\ufffd")), "") == []


def named(*names):
    return frozenset(names).__contains__


def test_the_site_s_name_is_stripped_and_the_text_is_counted_with_it():
    (option,) = rank(captions(("alt", "돌하르방의 유래 | 제주문화원")), "", is_name=named("제주문화원"))
    assert option.cleaned == ("돌하르방의 유래", ("site_name",), "")
    assert option.counted == "돌하르방의 유래 | 제주문화원"


def test_a_title_agrees_without_the_site_s_name():
    texts = captions(("alt", "돌하르방의 유래"), ("og_title", "돌하르방의 유래 - 제주문화원"))
    assert rank(texts, "")[0].agreement == 1
    assert rank(texts, "", is_name=named("제주문화원"))[0].agreement == 2


def test_an_attribute_that_is_the_page_title_but_for_the_site_s_name_counts_half():
    (option,) = rank(captions(("alt", "제주 여행")), "제주 여행 | 제주문화원", is_name=named("제주문화원"))
    assert option.support == LIKELIHOOD["alt"] / 2


def test_attributes_of_an_image_that_links_to_a_page_count_half():
    texts = captions(("alt", "돌하르방 공원 개장"), ("figcaption", "돌하르방 두 기"))
    supports = {o.candidate.kind: o.support for o in rank(texts, "", is_linked_title=lambda _text: False)}
    assert supports == {"alt": LIKELIHOOD["alt"] / 2, "figcaption": LIKELIHOOD["figcaption"]}


@pytest.mark.parametrize("kind", ["alt", "figcaption", "heading"])
def test_the_title_of_the_linked_page_counts_as_a_page_title_and_has_no_support(kind):
    texts = captions((kind, "돌하르방 공원 개장"), ("title", "돌하르방 공원 개장"))
    option = next(o for o in rank(texts, "", is_linked_title="돌하르방 공원 개장".__eq__) if o.candidate.kind == kind)
    assert option.support == min(LIKELIHOOD[kind], LIKELIHOOD["og_title"])
    assert option.why == f"title of the linked page {option.support:.2f}"
