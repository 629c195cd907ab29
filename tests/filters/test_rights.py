from __future__ import annotations

import pytest

from filters.rights import consent_grade, page_refusal, refused, response_consent
from filters.tdmrep import Reservation
from schemas.records import Consent


def test_nothing_said():
    assert response_consent([("Content-Type", "image/jpeg")], agent="harubang") == []
    assert page_refusal([], [], agent="harubang") is None
    assert not refused([])


def test_every_channel_is_heard_in_any_case():
    headers = [("X-ROBOTS-TAG", "NoAI"), ("TDM-Reservation", "1"), ("content-usage", "train-ai=n")]
    found = response_consent(headers, [("Robots", "none")], agent="harubang")
    assert [consent.channel for consent in found] == ["x-robots-tag", "meta-robots", "tdmrep-header", "content-usage"]
    assert refused(found)
    assert all(refused([consent]) for consent in found)


def test_consent_given_beside_a_refusal_does_not_lift_it():
    headers = [("content-usage", "train-ai=y"), ("X-Robots-Tag", "noai")]
    assert refused(response_consent(headers, agent="harubang"))
    assert page_refusal(headers, [], agent="harubang") == Consent("x-robots-tag", "noai", allowed=False)


def test_the_header_supersedes_the_file_and_the_meta_the_header():
    entry = Reservation("/", reserved=True)
    for headers, metas, expected in (
        ([], [], False),
        ([("tdm-reservation", "0")], [], True),
        ([("tdm-reservation", "0")], [("tdm-reservation", "1")], False),
    ):
        (found,) = response_consent(headers, metas, agent="harubang", reservation=entry)
        assert found.allowed is expected


@pytest.mark.parametrize(
    ("consents", "grade"),
    [
        ([], 0),
        ([Consent("robots.txt", "HTTP 404", True)], 0),
        ([Consent("robots.txt", "allow sha256:00", True)], 1),
        ([Consent("robots.txt", "allow sha256:00", True), Consent("tdm-reservation", "0", True)], 2),
        ([Consent("robots.txt", "HTTP 404", True), Consent("content-usage", "train-ai=y", True)], 2),
        ([Consent("content-usage", "train-ai=y", True), Consent("x-robots-tag", "noai", False)], -1),
    ],
)
def test_an_express_permission_is_worth_more_than_a_robots_txt_and_that_more_than_silence(consents, grade):
    assert consent_grade(consents) == grade


@pytest.mark.parametrize("name", ["Content-Usage", "content-signal"])
def test_usage_is_heard_in_a_header_and_in_a_meta(name):
    expected = [Consent("content-usage", "ai-train=no", allowed=False)]
    assert response_consent([(name, "ai-train=no")], agent="harubang") == expected
    assert response_consent([], [(name, "ai-train=no")], agent="harubang") == expected


def test_evidence_holds_no_resident_number():
    number = "900101-1234567"  # made up: the check digit does not fit
    (found,) = response_consent([("X-Robots-Tag", f"noai, {number}")], agent="harubang")
    assert (found.value, found.allowed) == ("noai, [주민등록번호]", False)
