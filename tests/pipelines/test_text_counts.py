import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.caption import TextCounts
from filters.caption_corpus import CaptionInput, CountedCorpus, site_of
from filters.clean import clean
from pipelines import storage, text_counts
from pipelines.parts import write_part
from pipelines.stage import Attempt, StagePlan
from pipelines.text_counts import CorpusCounts, Counted, Pair, count_pairs, hashed, pairs_of
from schemas.records import CandidateRow, CaptionCandidate

TEXTS = [
    "돌하르방",
    "돌 하르방!",
    "제주시 101번 버스",
    "서귀포시 202번 버스",
    "게시판 3",
    "게시판 4",
    "",
    "  ",
    "<b>돌하르방</b>",
]
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["http://a.kr/", "http://www.a.kr/2", "http://b.kr/", ""]),
        st.sampled_from(["http://i.kr/1.jpg", "http://i.kr/2.jpg", "http://i.kr/3.jpg"]),
        st.lists(st.sampled_from(TEXTS), max_size=3),
        st.booleans(),
    ),
    max_size=12,
)


def row(page="http://a.kr/", image="http://i.kr/1.jpg", texts=(), lost=False):
    captions = [CaptionCandidate("alt", text, "/") for text in texts]
    reason = "url_refused" if lost else ""
    return CandidateRow("0" * 32, "image", image, page, "", captions, "warc", "a.warc", 0, "d", "", reason, "")


def counted(tmp_path_factory, rows, cuts=1, partitions=8):
    """Count rows, cut into parts, in one Beam job; return the lookup."""
    root = str(tmp_path_factory.mktemp("count"))
    plan = StagePlan(stage="screen", covers={}, root=root)
    attempt = Attempt(plan=plan, name="attempt-1", options=PipelineOptions([]))
    paths = []
    for cut in range(cuts):
        part = write_part(attempt.place, "candidates", cut, CandidateRow, rows[cut::cuts])
        paths.append(storage.join(plan.folder, part.path))
    done = attempt.run(lambda p: text_counts.expand(p, paths, attempt.place, partitions))
    return CorpusCounts([storage.join(plan.folder, part.path) for part in done.parts])


def test_a_hash_is_of_the_words_and_of_where_they_end():
    assert hashed("ab", "c") == hashed("ab", "c")
    assert len({hashed("ab", "c"), hashed("a", "bc"), hashed("abc"), hashed("c", "ab")}) == 4
    assert -(2**63) <= hashed("\ud800") < 2**63


def test_a_row_adds_each_of_its_texts_once_to_each_count():
    pairs = pairs_of(row(texts=["돌하르방", "<b>돌하르방</b>", "", "제주 목관아"]))
    assert len(pairs) == 2 * 3
    assert {pair.on for pair in pairs} > {hashed("http://i.kr/1.jpg")}
    assert pairs_of(row(texts=["", " "])) == set()


def test_only_counts_above_one_are_kept_in_the_order_of_what_is_counted():
    pairs = [Pair(5, 1), Pair(5, 2), Pair(5, 2), Pair(-7, 1), Pair(-7, 3), Pair(-7, 4), Pair(9, 1), Pair(9, 1)]
    assert count_pairs(pairs) == [Counted(-7, 3), Counted(5, 2)]
    assert count_pairs([]) == []


@settings(max_examples=50, deadline=None)
@given(pairs=st.lists(st.builds(Pair, st.integers(-2, 2), st.integers(0, 3)), max_size=20))
def test_counts_are_of_distinct_pairs(pairs):
    numbers = {key: len({on for counted, on in pairs if counted == key}) for key, _ in pairs}
    assert dict(count_pairs(pairs)) == {key: number for key, number in numbers.items() if number > 1}


@settings(max_examples=4, deadline=None, derandomize=True)
@given(found=ROWS, cuts=st.integers(1, 3), partitions=st.integers(1, 9))
def test_the_counts_are_those_of_a_corpus_in_memory_whatever_the_split(tmp_path_factory, found, cuts, partitions):
    rows = [row(page, image, texts, lost) for page, image, texts, lost in found]
    kept = [r for r in rows if not r.reason]
    corpus = CountedCorpus(CaptionInput(tuple(r.captions), "", r.page_url, r.image_url) for r in kept)
    counts = counted(tmp_path_factory, rows, cuts, partitions)
    for candidate in kept:
        for caption in candidate.captions:
            text = clean(caption.text).text
            if text:
                site = site_of(candidate.page_url)
                assert counts.counts(site, text) == corpus.counts(site, text)


@pytest.mark.parametrize("cuts", [1, 3])
def test_a_text_on_three_images_of_one_site_and_one_of_another(tmp_path_factory, cuts):
    rows = [row(image=f"http://i.kr/{n}.jpg", texts=["돌하르방 사진"]) for n in (1, 2, 3, 3)]
    rows += [
        row("http://b.kr/", "http://i.kr/9.jpg", ["돌하르방 사진"]),
        row(texts=["게시판 1"]),
        row(texts=["게시판 2"]),
    ]
    counts = counted(tmp_path_factory, rows, cuts)
    assert counts.counts("a.kr", "돌하르방 사진") == TextCounts(3, 4, 1)
    assert counts.counts("b.kr", "돌하르방 사진") == TextCounts(1, 4, 1)
    assert counts.counts("a.kr", "게시판 1") == TextCounts(1, 1, 2)


def test_no_candidates_no_counts():
    assert CorpusCounts([]).counts("a.kr", "돌하르방") == TextCounts(1, 1, 1)
