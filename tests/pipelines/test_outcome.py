import pytest

from filters.image import ImageBlank, ImageMinSide
from filters.suppression import Suppression
from pipelines.outcome import Lists, decide, judge_image, named_by, outcome_row
from pipelines.suppression_list import compile_list
from pipelines.workflow import Select
from schemas.reasons import Reason, Stage
from schemas.records import Contender, Score, Verdict

NO_FILTERS = Select(filters=())
SMALL = Select(filters=(ImageMinSide(min_side=301),))
BLANK = Select(filters=(ImageBlank(),))


def test_a_candidate_with_nothing_against_it_contends(screened, image, cluster):
    assert decide(screened, image, cluster, NO_FILTERS) == Contender(screened, image, cluster, [])


@pytest.mark.parametrize(
    ("changes", "stage", "reason"),
    [
        ({"outcome": "drop", "reason": "caption_url"}, Stage.SCREEN, Reason.CAPTION_URL),
        ({"outcome": "drop", "reason": "duplicate_candidate"}, Stage.SCREEN, Reason.DUPLICATE_CANDIDATE),
        ({"outcome": "drop", "reason": "unknown"}, Stage.SCREEN, Reason.UNKNOWN),
        ({"outcome": "unknown", "reason": ""}, Stage.SCREEN, Reason.UNKNOWN),
        ({"outcome": "drop", "reason": "url_refused"}, Stage.EXTRACT, Reason.URL_REFUSED),
        ({"outcome": "drop", "reason": "page_opted_out", "unit": "page"}, Stage.EXTRACT, Reason.PAGE_OPTED_OUT),
        ({"outcome": "drop", "reason": "record_raised", "unit": "page"}, Stage.EXTRACT, Reason.RECORD_RAISED),
        ({"outcome": "drop", "reason": "record_raised"}, Stage.SCREEN, Reason.RECORD_RAISED),
        ({"outcome": "drop", "reason": "source_missing", "unit": "source"}, Stage.EXTRACT, Reason.SOURCE_MISSING),
    ],
)
def test_what_was_dropped_before_keeps_its_reason_and_stage(screened, changes, stage, reason):
    row = screened._replace(**changes, detail="why")
    found = decide(row, None, None, NO_FILTERS)
    assert (found.stage, found.outcome, found.reason, found.detail) == (stage, "drop", reason, "why")
    assert found.verdicts == screened.verdicts


def test_an_image_that_was_not_had_is_dropped_by_the_fetch(screened, image):
    lost = image._replace(outcome="drop", reason="timed_out", detail="over 1 s")
    found = decide(screened, lost, None, NO_FILTERS)
    assert (found.stage, found.outcome, found.reason, found.detail) == (Stage.FETCH, "drop", "timed_out", "over 1 s")


@pytest.mark.parametrize(
    ("match", "how"),
    [("near", "3 of 64 and 11 of 256 bits (tones agree to 1.0) from"), ("exact", "the bytes of")],
)
def test_what_a_release_has_is_dropped_and_the_release_named(screened, image, cluster, match, how):
    held = cluster._replace(
        match=match, distance=3, verify_distance=11, released_in="한옥 01234567", released_key="f" * 32
    )
    found = decide(screened, image, held, NO_FILTERS)
    assert (found.stage, found.reason) == (Stage.DEDUPE, Reason.DUPLICATE_RELEASED)
    assert found.detail == f"한옥 01234567: sample {'f' * 32}; {how} image c1"
    assert decide(screened, image, held, SMALL).reason != Reason.DUPLICATE_RELEASED, "filters come first"
    without = held._replace(released_key="")
    assert isinstance(decide(screened, image, without, NO_FILTERS), Contender), "the release has no sample of it"


def test_a_row_that_was_lost_on_the_way_fails_the_stage(screened, image):
    with pytest.raises(LookupError, match="passed the screen but was never fetched"):
        decide(screened, None, None, NO_FILTERS)
    with pytest.raises(LookupError, match="was fetched but is in no cluster"):
        decide(screened, image, None, NO_FILTERS)


@pytest.mark.parametrize(("side", "reason"), [(300.0, Reason.IMAGE_TOO_SMALL), (301.0, "")])
def test_a_threshold_holds_where_the_workflow_puts_it(screened, image, cluster, side, reason):
    found = decide(screened, image._replace(scores=[Score("short_side", side)]), cluster, SMALL)
    judged = Verdict("image_min_side@1", "drop" if reason else "keep", reason, side, 301)
    if reason:
        assert (found.stage, found.reason) == (Stage.SELECT, reason)
        assert found.verdicts == [*screened.verdicts, judged]
    else:
        assert found == Contender(screened, image._replace(scores=[Score("short_side", side)]), cluster, [judged])


def test_a_score_that_is_missing_is_unknown_and_the_workflow_says_what_follows(screened, image, cluster):
    unscored = image._replace(scores=[])
    found = decide(screened, unscored, cluster, BLANK)
    assert (found.stage, found.outcome, found.reason) == (Stage.SELECT, "drop", Reason.UNKNOWN)
    assert found.verdicts[-1] == Verdict("image_blank@1", "unknown", "", None, 4.0)
    kept = decide(screened, unscored, cluster, Select(filters=(ImageBlank(),), on_unknown="keep"))
    assert isinstance(kept, Contender)
    assert kept.verdicts[-1].outcome == "unknown"


def test_the_first_filter_that_drops_names_the_reason_and_every_filter_is_told(image):
    judges = (ImageMinSide(min_side=301), ImageBlank(), ImageMinSide(min_side=9))
    scored = image._replace(scores=[Score("short_side", 300.0), Score("grey_std", 0.0)])
    reason, verdicts = judge_image(scored, judges, "drop")
    assert reason == Reason.IMAGE_TOO_SMALL
    assert [verdict.reason for verdict in verdicts] == ["image_too_small", "image_blank", ""]
    assert judge_image(scored, judges[::-1], "drop")[0] == Reason.IMAGE_BLANK
    assert judge_image(image, (), "drop") == ("", [])
    assert judge_image(image, (ImageBlank(), ImageMinSide(min_side=301)), "keep")[0] == Reason.IMAGE_TOO_SMALL
    assert judge_image(image, (ImageBlank(), ImageMinSide(min_side=301)), "drop")[0] == Reason.UNKNOWN


NAMED = [
    (Suppression(urls=("http://a.test/1.jpg",)), "url a.test/1.jpg (list.urls:1)"),
    (Suppression(urls=("http://b.test/", "HTTPS://A.test:443/./1.jpg#top")), "url a.test/1.jpg (list.urls:2)"),
    (Suppression(urls=("http://final.test/1.jpg",)), "url final.test/1.jpg (list.urls:1)"),
    (Suppression(urls=("http://page.test/",)), "url page.test/ (list.urls:1)"),
    (Suppression(hosts=("a.test",)), "host a.test (list.hosts:1)"),
    (Suppression(hosts=("final.test",)), "host final.test (list.hosts:1)"),
    (Suppression(hosts=("page.test",)), "host page.test (list.hosts:1)"),
    (Suppression(sha256=("a" * 64,)), f"sha256 {'a' * 64} (list.sha256:1)"),
    (Suppression(sha256=("B" * 64,)), f"sha256 {'b' * 64} (list.sha256:1)"),
    (Suppression(phash=("8" * 15 + "b",)), f"phash {'8' * 15}b, 2 bits from {'8' * 16} (list.phash:1)"),
    (Suppression(phash=("8" * 14 + "77",)), ""),
    (Suppression(), ""),
    (Suppression(urls=("http://a.test/",), hosts=("1.a.test",), sha256=("c" * 64,)), ""),
]


def lists(suppression, folder):
    return compile_list(suppression, str(folder), key="list", radius=2).load()


@pytest.mark.parametrize(("suppression", "named"), NAMED)
def test_a_list_names_urls_hosts_bytes_and_pictures(tmp_path, screened, image, cluster, suppression, named):
    row = screened._replace(page_url="http://page.test/")
    moved = image._replace(final_url="http://final.test/1.jpg", phash="8" * 16)
    held = lists(suppression, tmp_path)
    assert named_by(row, moved, held) == named
    for reason, both in ((Reason.TAKEDOWN, Lists(takedowns=held)), (Reason.OPT_OUT_LISTED, Lists(opt_outs=held))):
        found = decide(row, moved, cluster, NO_FILTERS, both)
        if named:
            assert (found.stage, found.outcome, found.reason, found.detail) == (Stage.SELECT, "drop", reason, named)
        else:
            assert isinstance(found, Contender)


@pytest.mark.parametrize("page", ["", "no page", "http://", "//x", "http://[::1"])
def test_a_candidate_without_a_page_is_asked_about_by_its_image_alone(tmp_path, screened, image, page):
    held = lists(Suppression(hosts=("b.test",)), tmp_path)
    assert named_by(screened._replace(page_url=page), image, held) == ""


def test_an_outcome_carries_where_the_candidate_was_found(screened):
    row = outcome_row(screened, Stage.SELECT, "", "")
    assert (row.outcome, row.source, row.source_offset, row.captured_at) == (
        "keep",
        "/data/a.warc.gz",
        17,
        "2026-01-01T00:00:00Z",
    )
    assert outcome_row(screened, Stage.SELECT, "takedown", "x").outcome == "drop"
