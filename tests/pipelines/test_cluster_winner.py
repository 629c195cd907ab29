import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from filters.caption_caps import caption_caps
from pipelines.cluster_winner import choose, over_cap, rank
from schemas.records import Chosen, Consent, Contender, Verdict

EXPRESS = [Consent("tdm-reservation", "0", True)]


def make(base, identity, *, pixels=(800, 600), morphemes=5, consent=(), caption="", raw="a", bits=0):
    """Return a contender whose pHashes have ``bits`` bits set."""
    mask = (1 << bits) - 1
    url = f"http://a.test/{identity}.jpg"
    return Contender(
        base.screened._replace(
            candidate_id=identity * 32,
            morphemes=morphemes,
            caption=caption or f"돌하르방 {identity}",
            image_url=url,
            page_url=f"http://a.test/{identity}.html",
        ),
        base.image._replace(
            image_url=url,
            original_width=pixels[0],
            original_height=pixels[1],
            raw_sha256=raw * 64,
            consent=list(consent),
            phash=f"{mask:016x}",
            phash256=f"{mask:064x}",
        ),
        base.cluster._replace(image_url=url, match="near", proposed_by="phash", confirmed_by="phash256", distance=3),
        [Verdict("image_min_side@1", "keep", "", 300.0, 200.0)],
    )


def settled(contenders, captions="best"):
    """Return (samples by the first digit of their key, outcomes of the losers by theirs)."""
    found = list(choose(contenders, captions))
    won = {row.sample.key[0]: row for row in found if isinstance(row, Chosen)}
    lost = {row.candidate_id[0]: row for row in found if not isinstance(row, Chosen)}
    assert len(won) + len(lost) == len(contenders)
    return won, lost


def metadata_of(chosen):
    metadata = json.loads(chosen.sample.metadata)
    return metadata | {"details": json.loads(metadata["details"])}


@pytest.fixture
def three(contender):
    return [
        make(contender, "1", pixels=(10, 10), bits=4),
        make(contender, "2", raw="c"),
        make(contender, "3", pixels=(10, 10), raw="c"),
    ]


@pytest.mark.parametrize(
    ("one", "other", "winner"),
    [
        ({"morphemes": 99, "consent": EXPRESS}, {"pixels": (801, 600)}, "2"),
        ({"morphemes": 5, "consent": EXPRESS}, {"pixels": (600, 800), "morphemes": 6}, "2"),
        ({}, {"consent": EXPRESS}, "2"),
        ({"consent": EXPRESS}, {"consent": EXPRESS}, "1"),
        ({}, {}, "1"),
    ],
)
def test_more_pixels_win_then_more_morphemes_then_stronger_consent_then_the_smaller_id(contender, one, other, winner):
    pair = [make(contender, "1", **one), make(contender, "2", **other)]
    for contenders in (pair, pair[::-1]):
        assert list(settled(contenders)[0]) == [winner]


def test_a_page_of_the_image_s_own_wins_over_one_that_lists_it(contender):
    listed = make(contender, "1", morphemes=9)
    listed = listed._replace(screened=listed.screened._replace(linked_page="http://a.test/article"))
    own = make(contender, "2", morphemes=3)
    for order in ([listed, own], [own, listed]):
        won, lost = settled(order)
        assert (list(won), lost["1"].winner_id) == (["2"], "2" * 32)
        assert rank(won["2"])[1] is False


def test_losers_name_their_winner_and_how_they_are_its_copies(three):
    won, lost = settled(three)
    kept = won["2"].outcome
    assert (kept.candidate_id, kept.outcome, kept.stage, kept.reason, kept.winner_id) == (
        "2" * 32,
        "keep",
        "select",
        "",
        "",
    )
    near, exact = lost["1"], lost["3"]
    assert (near.stage, near.reason, near.winner_id) == ("dedupe", "duplicate_near", "2" * 32)
    assert near.detail == (
        "4 of 64 and 4 of 256 bits from http://a.test/2.jpg; "
        "near in cluster c1 by phash and phash256: 3 and 0 bits from http://a.test/1.jpg, tones agree to 1.0"
    )
    assert (exact.reason, exact.detail) == ("duplicate_exact", "the bytes of http://a.test/2.jpg")
    assert near.verdicts[-1].filter_id == "image_min_side@1"


def test_a_duplicates_distances_are_to_the_image_that_is_kept_and_its_seat_is_told_beside_them(three):
    details = metadata_of(settled(three)[0]["2"])["details"]
    near, exact = details["duplicates"]
    assert (near["match"], near["distance"], near["verify_distance"]) == ("near", 4, 4)
    assert (near["cluster"]["distance"], near["cluster"]["representative_url"]) == (3, "http://a.test/1.jpg")
    assert (exact["match"], exact["distance"], exact["verify_distance"]) == ("exact", 0, 0)
    assert details["cluster"] == {
        "cluster": "c1",
        "representative_url": "http://a.test/1.jpg",
        "match": "near",
        "proposed_by": "phash",
        "confirmed_by": "phash256",
        "distance": 3,
        "verify_distance": 0,
        "size": 1,
        "released_in": "",
        "agreement": 1.0,
    }


def test_one_contender_wins(three):
    won, lost = settled(three[:1])
    assert (list(won), lost) == (["1"], {})
    assert metadata_of(won["1"])["details"]["duplicates"] == []


@pytest.fixture
def told(contender):
    """A winner, the same picture with another caption, and two with captions that stood before."""
    return [
        make(contender, "1", pixels=(900, 900), caption="제주 돌하르방"),
        make(contender, "2", caption="공원 입구의 석상", morphemes=9),
        make(contender, "3", caption="공원 입구의 석상."),
        make(contender, "4", caption="제주 돌하르방!"),
    ]


def test_the_best_caption_alone_is_the_default(told):
    won, lost = settled(told)
    assert (list(won), sorted(lost)) == (["1"], ["2", "3", "4"])
    assert "captions" not in metadata_of(won["1"])


def test_a_list_holds_every_distinct_caption_with_its_page_the_samples_own_first(told):
    won, lost = settled(told, "list")
    metadata = metadata_of(won["1"])
    assert (won["1"].sample.caption, sorted(lost)) == ("제주 돌하르방", ["2", "3", "4"])
    assert metadata["captions"] == ["제주 돌하르방", "공원 입구의 석상"]
    assert metadata["caption_pages"] == ["http://a.test/1.html", "http://a.test/2.html"]
    assert metadata_of(settled(told[:1], "list")[0]["1"])["captions"] == ["제주 돌하르방"]


def test_each_distinct_caption_is_a_sample_with_the_winners_image(told):
    won, lost = settled(told, "each")
    assert (sorted(won), sorted(lost)) == (["1", "2"], ["3", "4"])
    assert {key: row.winner_id[0] for key, row in lost.items()} == {"3": "2", "4": "1"}
    other = won["2"]
    metadata = metadata_of(other)
    assert (other.outcome.outcome, other.outcome.reason, other.outcome.winner_id) == ("keep", "", "1" * 32)
    assert other.outcome.detail == "another caption of http://a.test/1.jpg"
    assert (other.outcome.image_url, other.sample.caption) == ("http://a.test/2.jpg", "공원 입구의 석상")
    assert (metadata["url"], metadata["original_width"]) == ("http://a.test/1.jpg", 900)
    assert (metadata["page_url"], metadata["key"]) == ("http://a.test/2.html", "2" * 32)
    assert (other.sample.lineage.image_url, other.sample.lineage.page_url) == (
        "http://a.test/1.jpg",
        "http://a.test/2.html",
    )
    assert other.sample.staging_offset == told[0].image.staging_offset
    assert [lost["candidate_id"][0] for lost in metadata["details"]["duplicates"]] == ["3"]
    assert (other.pixels, other.morphemes) == (810_000, 9)


# The fixture is a tuple that nothing changes.
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    drawn=st.lists(
        st.tuples(st.integers(1, 2), st.integers(1, 2), st.booleans(), st.sampled_from(["탑", "탑.", "절"])),
        min_size=1,
        max_size=9,
    ),
    captions=st.sampled_from(["best", "list", "each"]),
    order=st.randoms(use_true_random=False),
)
def test_the_order_of_the_contenders_changes_nothing(contender, drawn, captions, order):
    rows = [
        make(
            contender,
            f"{number:x}",
            pixels=(side, 9),
            morphemes=words,
            consent=EXPRESS if said else (),
            caption=caption,
        )
        for number, (side, words, said, caption) in enumerate(drawn)
    ]
    first = list(choose(rows, captions))
    order.shuffle(rows)
    assert list(choose(rows, captions)) == first
    samples = [row for row in first if isinstance(row, Chosen)]
    assert len(samples) == (len({caption.strip(".") for *_, caption in drawn}) if captions == "each" else 1)


def test_a_sample_over_a_cap_says_which(three):
    chosen = settled(three)[0]["2"]
    (cap,) = caption_caps(max_same=None, max_near=7)
    dropped = over_cap(chosen, cap)
    assert (dropped.stage, dropped.outcome, dropped.reason) == ("select", "drop", "caption_near_repeated")
    assert dropped.detail == "beyond the first 7 of '돌하르방'"
    assert dropped.verdicts[-1] == Verdict("max_near_captions@1", "drop", "caption_near_repeated", None, 7)
    assert rank(chosen) == (-480_000, False, -5, 0, "2" * 32)
