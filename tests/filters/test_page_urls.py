from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from filters.page_tree import PageTree
from filters.page_urls import PageUrls
from filters.url import normalize


def urls_of(html: str, page_url: str) -> PageUrls:
    return PageUrls(PageTree(html, frozenset({"base"}), re.compile(r"(?!)")), page_url, with_links=True)


@settings(max_examples=500, deadline=None)
@given(
    st.text(alphabet="ab./?#=%~:&- 한", max_size=12) | st.text(max_size=6),
    st.sampled_from(
        ["http://a.kr/", "http://a.kr/b/c.html?d=/e", "https://a.kr:8443/b/", "http://a.kr/b//c", "nonsense"]
    ),
)
def test_the_short_cut_resolves_as_the_rule_does(reference: str, page_url: str) -> None:
    assert urls_of("", page_url).resolve(reference) == normalize(reference, page_url)


def test_a_base_that_is_no_url_is_passed_over() -> None:
    assert urls_of("<base href='javascript:x'>", "http://a.kr/b/c").resolve("d") == "http://a.kr/b/d"
    assert urls_of("<base href='/e/'>", "http://a.kr/b/c").resolve("d") == "http://a.kr/e/d"
