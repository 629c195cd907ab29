import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.outcome import outcome_row
from pipelines.parts import AttemptPlace, write_part
from pipelines.report_charts import Bar
from pipelines.report_counts import HostCounts, ImageCounts, OutcomeCounts, SampleCounts
from pipelines.sample import selected_row
from schemas.reasons import Reason, Stage
from schemas.records import ImageRow, OutcomeRow, Score, SelectedRow


@pytest.fixture
def write(tmp_path):
    def write_rows(record, *rows):
        part = write_part(AttemptPlace(str(tmp_path), "a"), "table", 0, record, rows)
        return str(tmp_path / part.path)

    return write_rows


def filled(counts):
    """Return {bin number: count} of the bins with something in them."""
    return {place: count for place, count in enumerate(counts.series("").counts) if count}


def test_outcomes_are_counted_by_stage_and_reason(write, screened):
    counts = OutcomeCounts()
    counts.read(
        write(
            OutcomeRow,
            outcome_row(screened, Stage.SELECT, "", ""),
            outcome_row(screened, Stage.SCREEN, Reason.CAPTION_SPAM, ""),
            outcome_row(screened, Stage.SCREEN, Reason.CAPTION_SPAM, ""),
        )
    )
    assert counts.books == {("select", "keep", ""): 1, ("screen", "drop", "caption_spam"): 2}


def test_caption_lengths_are_those_kept_and_those_dropped_at_the_screen_with_a_text(write, screened):
    counts = OutcomeCounts()
    counts.read(
        write(
            OutcomeRow,
            outcome_row(screened._replace(caption="돌하르방"), Stage.SELECT, "", ""),
            outcome_row(screened._replace(caption="한복 한 벌"), Stage.SCREEN, Reason.CAPTION_SPAM, ""),
            outcome_row(screened._replace(caption=""), Stage.SCREEN, Reason.CAPTION_MISSING, ""),
            outcome_row(screened._replace(caption="첨성대"), Stage.FETCH, Reason.TIMED_OUT, ""),
        )
    )
    assert filled(counts.kept_lengths) == {0: 1}
    assert filled(counts.dropped_lengths) == {1: 1}


@pytest.mark.parametrize(
    ("page_url", "image_url", "host"),
    [
        ("http://a.test:8080/x", "http://cdn.test/1.jpg", "a.test"),
        ("", "https://cdn.test/1.jpg", "cdn.test"),
        ("http://[::1]:80/", "", "[::1]"),
        ("http://user@a.test/", "", "a.test"),
        ("", "data:image/png;base64,AA", "(no address)"),
        ("", "", "(no address)"),
    ],
)
def test_a_candidate_counts_for_the_host_of_its_page_or_else_of_its_image(write, screened, page_url, image_url, host):
    counts = OutcomeCounts()
    row = screened._replace(page_url=page_url, image_url=image_url)
    counts.read(
        write(OutcomeRow, outcome_row(row, Stage.SELECT, "", ""), outcome_row(row, Stage.FETCH, "timed_out", ""))
    )
    assert counts.hosts.top(5) == (Bar(host, 1, 2),)


def test_hosts_stand_by_kept_then_candidates_then_name():
    hosts = HostCounts()
    for host, candidates, kept in (("b", 9, 1), ("a", 9, 1), ("c", 99, 1), ("d", 5, 5), ("e", 500, 0)):
        hosts.add(host, candidates, kept)
    assert [bar.label for bar in hosts.top(4)] == ["d", "c", "a", "b"]
    assert hosts.note() == "5 of 5, those with the most kept first"


def test_more_hosts_than_are_held_let_the_rarest_go_and_say_so():
    hosts = HostCounts(4)
    for n in range(100):
        hosts.add("common", 10, 5)
        hosts.add(f"rare{n}", 1, 0)
    assert hosts.top(1) == (Bar("common", 500, 1000),)
    assert len(hosts.top(100)) <= 4
    assert "too low" in hosts.note()


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 9), st.integers(0, 1)), max_size=30))
def test_where_all_hosts_are_held_nothing_is_lost(rows):
    hosts = HostCounts()
    for row in rows:
        hosts.add(*row)
    assert sum(bar.whole for bar in hosts.top(10)) == sum(candidates for _, candidates, _ in rows)


def test_images_are_measured_where_they_were_fetched(write, image):
    counts = ImageCounts("/nowhere")
    scores = [Score("entropy", 0.3), Score("sharpness", 100.0)]
    counts.read(
        write(ImageRow, image._replace(scores=scores), image._replace(outcome="drop", reason="timed_out")), set()
    )
    assert {name: sum(filled(bins).values()) for name, bins in counts.counts.items()} == {
        "short_side": 1, "area": 1, "aspect": 1, "stored_bytes": 1, "sharpness": 1, "entropy": 1
    }  # fmt: skip
    assert filled(counts.counts["aspect"]) == {3: 1}  # 800x600
    assert filled(counts.counts["entropy"]) == {1: 1}
    assert counts.pictures == {}


def test_a_wanted_image_that_cannot_be_read_is_noted_as_none(write, image, tmp_path):
    counts = ImageCounts(str(tmp_path))
    counts.read(write(ImageRow, image), {image.image_url})
    assert counts.pictures == {image.image_url: None}


def test_samples_are_counted_from_their_metadata(write, contender, tmp_path):
    counts = SampleCounts(str(tmp_path))
    row = selected_row(contender, [])
    counts.read(write(SelectedRow, row), {row.key})
    assert counts.kinds == {"alt": 1}
    assert filled(counts.morphemes) == {5: 1}
    assert filled(counts.counts["aspect"]) == {3: 1}
    assert counts.winners == {row.key: None}
    (sample,) = counts.kept()
    assert sample == (row.key, "공원에 선 돌하르방", "alt", "a.test", 400, 300, None)


def test_each_licence_that_a_page_names_is_counted(write, contender, tmp_path):
    counts = SampleCounts(str(tmp_path))
    named = "https://creativecommons.org/licenses/by/4.0/ kogl:1"
    rows = [
        selected_row(contender._replace(screened=contender.screened._replace(licences=licences)), [])
        for licences in (named, "kogl:1", "")
    ]
    counts.read(write(SelectedRow, *rows), set())
    assert [(bar.label, bar.part) for bar in counts.licence_bars()] == [
        ("kogl:1", 2), ("creativecommons.org/licenses/by/4.0/", 1), ("none named", 1)
    ]  # fmt: skip


def test_empty_tables_are_counted_as_nothing(write, tmp_path):
    outcomes, images, samples = OutcomeCounts(), ImageCounts(str(tmp_path)), SampleCounts(str(tmp_path))
    outcomes.read(write(OutcomeRow))
    images.read(write(ImageRow), {"x"})
    samples.read(write(SelectedRow), {"x"})
    assert not outcomes.books
    assert outcomes.hosts.top(5) == ()
    assert samples.kept() == ()
    assert not any(filled(bins) for bins in (*images.counts.values(), *samples.counts.values()))
