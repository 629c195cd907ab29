import numpy as np
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.near_duplicates import DuplicateRules, clusters, content_ids, hash_words
from filters.near_duplicates import Images as Columns
from filters.tones import BYTES
from pipelines.dedupe import JoinEdges, Matching, run_dedupe
from pipelines.hash_columns import write_edges
from pipelines.parts import read_rows, write_part
from pipelines.released import read_labels
from pipelines.stage import Attempt, StagePlan
from pipelines.storage import join
from schemas.identity import sha256_hex
from schemas.records import ClusterRow, ImageRow

RULES = DuplicateRules()


def run(root, rows, cuts, options=()):
    """Match ``rows`` cut into ``cuts`` parts; return the cluster rows by URL and the tallies."""
    plan = StagePlan(stage="dedupe", covers={"cuts": cuts}, root=str(root))
    attempt = Attempt(plan=plan, name="attempt-1", options=PipelineOptions(list(options)))
    parts = [write_part(attempt.place, "images", cut, ImageRow, rows[cut::cuts]) for cut in range(cuts)]
    kept = [row for row in rows if row.outcome == "keep"]
    done = run_dedupe(attempt, [join(plan.folder, part.path) for part in parts], Matching(RULES, len(kept)))
    attempt.commit(done, expected=len(kept))
    found = [
        row
        for part in done.parts
        if part.table == "clusters"
        for row in read_rows(join(plan.folder, part.path), ClusterRow)
    ]
    assert len(found) == len(kept)
    return {row.image_url: row for row in found}, dict(done.tallies)


def expected(rows):
    """Return what `clusters` says of the kept ``rows``, by URL."""
    rows = [row for row in rows if row.outcome == "keep"]
    ids = content_ids([row.raw_sha256 for row in rows])
    columns = Columns(
        ids,
        hash_words([row.phash for row in rows], 64),
        hash_words([row.phash256 for row in rows], 256)[:, None],
        np.array([[row.clear_bits] for row in rows]),
        np.array([row.original_width * row.original_height for row in rows]),
        np.stack([np.frombuffer(row.tones or bytes(BYTES), np.uint8)[None] for row in rows]),
    )
    found = clusters(columns, RULES)
    digest = {int(identity): row.raw_sha256 for identity, row in zip(ids, rows, strict=True)}
    shown = {}
    for row in sorted(rows, key=lambda r: r.image_url):
        shown.setdefault(row.raw_sha256, row.image_url)
    return {
        row.image_url: (
            digest[int(found.representative[at])],
            shown[digest[int(found.representative[at])]],
            str(found.match[at]),
            int(found.distance[at]),
            int(found.verify_distance[at]),
            int(found.size[at]),
            float(found.agreement[at]),
        )
        for at, row in enumerate(rows)
    }


def as_said(row):
    return row.cluster, row.representative_url, row.match, row.distance, row.verify_distance, row.size, row.agreement


@settings(max_examples=3, deadline=None, derandomize=True)
@given(
    drawn=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(1, 3)), min_size=1, max_size=25),
    order=st.randoms(use_true_random=False),
    cuts=st.integers(1, 4),
)
def test_the_stage_finds_what_one_process_finds_whatever_the_split(tmp_path_factory, picture, drawn, order, cuts):
    rows = [
        picture(n, (base, flips, pixels), base, flips, pixels=pixels, clear=10 if base == 3 else 64)
        for n, (base, flips, pixels) in enumerate(drawn)
    ]
    other = bytes([0x70]) * BYTES
    rows = [row._replace(tones=other) if row.raw_sha256 < "8" else row for row in rows]
    rows += [picture(100 + n, "lost", outcome="drop") for n in range(3)]
    order.shuffle(rows)
    found, tallies = run(tmp_path_factory.mktemp("dedupe"), rows, cuts)
    assert {url: as_said(row) for url, row in found.items()} == expected(rows)
    assert tallies == {"in": len(drawn), "keep": len(drawn)}


def test_two_worker_processes_find_the_same(tmp_path, picture):
    rows = [
        picture(n, (n % 5, n % 7, n), base=n % 5, flips=n % 7, pixels=1 + n % 3, clear=10 if n % 5 == 4 else 64)
        for n in range(40)
    ]
    workers = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]
    one, _ = run(tmp_path / "one", rows, 1)
    two, tallies = run(tmp_path / "two", rows[::-1], 3, workers)
    assert two == one
    assert {url: as_said(row) for url, row in one.items()} == expected(rows)
    assert tallies == {"in": 40, "keep": 40}


def test_exact_near_and_unique_images_with_their_evidence(tmp_path, picture):
    rows = [
        picture(1, "big", flips=0, pixels=200),
        picture(2, "big", flips=0, pixels=200),
        picture(3, "small", flips=4, pixels=100),
        picture(4, "another", base=1),
        picture(5, "plain", base=2, clear=31),
        picture(6, "plain as well", base=2, clear=31),
        picture(7, "at the limit", base=4, clear=32),
        picture(8, "at the limit as well", base=4, flips=6, clear=32),
        picture(9, "beyond", base=5),
        picture(10, "beyond as well", base=5, flips=7),
    ]
    found, _ = run(tmp_path, rows, 3)
    told = {int(url[12:-4]): row for url, row in found.items()}
    assert [told[n].match for n in range(1, 11)] == ["exact"] * 2 + ["near"] + ["unique"] * 3 + [
        told[7].match,
        told[8].match,
        "unique",
        "unique",
    ]
    assert {told[7].match, told[8].match} == {"exact", "near"}
    assert told[3] == ClusterRow(
        "http://a.kr/3.jpg", sha256_hex(b"big"), "http://a.kr/1.jpg", "near", "phash", "phash256", 4, 4, 3
    )
    assert (told[2].cluster, told[2].proposed_by, told[2].confirmed_by) == (sha256_hex(b"big"), "sha256", "sha256")
    assert told[2].representative_url == "http://a.kr/1.jpg"
    assert (told[4].proposed_by, told[4].size, told[4].cluster) == ("", 1, sha256_hex(b"another"))


@pytest.mark.parametrize(("flips", "clear", "match"), [(6, 32, "near"), (7, 32, "unique"), (6, 31, "unique")])
def test_a_framed_copy_is_found_by_its_trimmed_hashes(tmp_path, picture, flips, clear, match):
    whole, inside = picture(1, "whole", pixels=200), picture(2, "inside", 0, flips)
    framed = picture(3, "framed", base=1)._replace(
        trimmed_phash=inside.phash, trimmed_phash256=inside.phash256, trimmed_clear_bits=clear
    )
    found, _ = run(tmp_path, [whole, framed], 2)
    near = (whole.raw_sha256, whole.image_url, "near", "trimmed_phash", "trimmed_phash256", 6, 6, 2)
    alone = (framed.raw_sha256, framed.image_url, "unique", "", "", 0, 0, 1)
    assert found[framed.image_url] == ClusterRow(framed.image_url, *(near if match == "near" else alone))


@pytest.mark.parametrize("outcomes", [[], ["drop"]])
def test_no_image_no_cluster(tmp_path, picture, outcomes):
    found, tallies = run(tmp_path, [picture(n, n, outcome=outcome) for n, outcome in enumerate(outcomes)], 1)
    assert (found, tallies) == ({}, {})


# Its parts


def test_edges_of_all_files_are_joined_in_any_order(attempt):
    files = [[(1, 2), (8, 9)], [(2, 3)], [(4, 4)]]
    slices = [
        piece
        for edges in files
        for _, piece in write_edges(attempt.place, *(np.array(side) for side in zip(*edges, strict=True)))
    ]
    parts = set()
    for turned in (slices, slices[::-1]):
        (part,) = next(JoinEdges(attempt.place).process((0, turned))).parts
        parts.add(part)
        found = read_labels(join(attempt.plan.folder, part.path))
        assert (found.nodes.tolist(), found.roots.tolist()) == ([1, 2, 3, 8, 9], [1, 1, 1, 8, 8])
    assert len(parts) == 1
    assert read_labels("").of(np.array([5])).tolist() == [5]
