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
        st.sampled_from(["", "돌하르방 | 제주", "게시판 - 제주", "제주"]),
        st.sampled_from(["", "http://a.kr/", "http://b.kr/"]),
    ),
    max_size=12,
)


def row(page="http://a.kr/", image="http://i.kr/1.jpg", texts=(), lost=False, title="", linked=""):
    captions = [CaptionCandidate("alt", text, "/") for text in texts]
    reason = "url_refused" if lost else ""
    found = CandidateRow("0" * 32, "image", image, page, title, captions, "warc", "a.warc", 0, "d", "", reason, "")
    return found._replace(linked_page=linked)


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
    rows = [row(*fields) for fields in found]
    kept = [r for r in rows if not r.reason]
    corpus = CountedCorpus(
        CaptionInput(tuple(r.captions), r.page_title, r.page_url, r.image_url, r.linked_page) for r in kept
    )
    counts = counted(tmp_path_factory, rows, cuts, partitions)
    for candidate in kept:
        for caption in candidate.captions:
            text = clean(caption.text).text
            if text:
                site = site_of(candidate.page_url)
                assert counts.counts(site, text) == corpus.counts(site, text)
                if candidate.linked_page:
                    linked = candidate.linked_page
                    assert counts.is_title_of(linked, text) == corpus.is_title_of(linked, text)
        for part in ("제주", "돌하르방", "없는 말"):
            site = site_of(candidate.page_url)
            assert counts.named_pages(site, part) == max(1, corpus.named_pages(site, part))


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
    none = CorpusCounts([])
    assert none.counts("a.kr", "돌하르방") == TextCounts(1, 1, 1)
    assert (none.named_pages("a.kr", "돌하르방"), none.is_title_of("http://a.kr/", "돌하르방")) == (1, False)


def test_a_text_beside_a_link_and_the_title_of_the_page_it_leads_to(tmp_path_factory):
    rows = [
        row("http://a.kr/", texts=["첫눈 온 한라산", "제주 소식"], linked="http://a.kr/1"),
        row("http://a.kr/1", texts=["첨성대"], title="첫눈 온 한라산 | 제주문화원"),
        row("http://a.kr/2", texts=["첨성대"], title="제주 소식"),
    ]
    counts = counted(tmp_path_factory, rows, 2)
    assert counts.is_title_of("http://a.kr/1", "첫눈 온 한라산")
    assert not counts.is_title_of("http://a.kr/1", "제주 소식")
    assert not counts.is_title_of("http://a.kr/2", "제주 소식")


def test_a_part_of_the_titles_of_five_pages(tmp_path_factory):
    rows = [
        row(f"http://a.kr/{n}", image=f"http://i.kr/{i}.jpg", title=f"기사 {n} | 제주문화원")
        for n in range(5)
        for i in "ab"
    ]
    rows.append(row("http://b.kr/", title="기사 | 제주문화원"))
    assert counted(tmp_path_factory, rows, 2).named_pages("a.kr", "제주 문화원") == 5
