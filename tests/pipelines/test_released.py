import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from filters import near_duplicates
from filters.hamming import near_pairs
from filters.near_duplicates import (
    DuplicateRules,
    Views,
    closest_bits,
    confirmed,
    content_ids,
    follow_leaders,
    hash_words,
)
from filters.union_find import add_edges, empty, labels
from pipelines import hash_index
from pipelines.concept_counts import ConceptCounts
from pipelines.dataset import publish
from pipelines.dedupe import Matching, run_dedupe
from pipelines.hash_index import KEPT, files_of, find_released, index_bytes
from pipelines.ledger import Ledger
from pipelines.parts import Done, read_rows, write_part
from pipelines.stage import Attempt, StagePlan
from pipelines.storage import join, read_bytes
from schemas.identity import sha256_hex
from schemas.records import ClusterRow, ImageRow, KeptRow

RULES = DuplicateRules(radius=2, verify_radius=3, max_spread=4)


def stage(root, name):
    plan = StagePlan(stage=name, covers={}, root=str(root))
    return Attempt(plan=plan, name="attempt-1", options=PipelineOptions([]))


def release(root, rows, against=(), *, unkept=(), rules=RULES, cuts=1):
    """Dedupe ``rows`` and publish what a run would; return the dataset's folder and the clusters by image URL.

    Every representative of its own has a sample, but those of the ``unkept`` digests.
    """
    attempt = stage(root, "dedupe")
    parts = [write_part(attempt.place, "images", cut, ImageRow, rows[cut::cuts]) for cut in range(cuts)]
    paths = [join(attempt.plan.folder, part.path) for part in parts]
    out = join(str(root), "dataset")
    released = find_released(against, rules, out)
    clustered = attempt.commit(run_dedupe(attempt, paths, Matching(rules, len(rows), released)), expected=len(rows))
    found = {row.image_url: row for path in clustered.paths("clusters") for row in read_rows(path, ClusterRow)}
    clusters = sorted({row.cluster for row in found.values() if not row.released_key} - set(unkept))
    kept = [KeptRow(int(content_ids([digest])[0]), digest[:32]) for digest in clusters]
    attempt = stage(root, "pack")
    packed = attempt.commit(Done([write_part(attempt.place, KEPT, 0, KeptRow, kept)], []))
    publish(
        str(root),
        packed,
        hashes=files_of(clustered, packed),
        index=index_bytes(rules, len(rows)),
        name="모음",
        licence="other",
        ledger=Ledger(0, 0, {}, True),
        concepts=ConceptCounts((), {}),
        stages={},
        version="0.1",
    )
    return out, found


# From scratch, by comparing all


def views_of(row, rules):
    trimmed = (row.trimmed_phash, row.trimmed_phash256, row.trimmed_clear_bits) if row.trimmed_phash else None
    seen = [(row.phash, row.phash256, row.clear_bits), *([trimmed] if trimmed else [])]
    clear = [view for view in seen if view[2] >= rules.min_clear_bits] or seen[:1]
    return [view[:2] for view in clear]


def components(contents, rules):
    """Return the component of each of ``contents``, which are in the order in which they may lead."""
    clear = [
        (number, *view)
        for number, row in enumerate(contents)
        for view in dict.fromkeys(views_of(row, rules))
        if max(row.clear_bits, row.trimmed_clear_bits) >= rules.min_clear_bits
    ]
    ids = np.array([view[0] for view in clear], np.int64)
    seen = Views(ids, hash_words([v[1] for v in clear], 64)[:, 0], hash_words([v[2] for v in clear], 256))
    leader, searchable = follow_leaders(seen, rules)
    rows = np.flatnonzero(searchable)
    pairs = near_pairs(seen.phash[rows], rules.radius)
    pairs = pairs._replace(left=rows[pairs.left], right=rows[pairs.right])
    sure = confirmed(seen, pairs, rules)
    forest = add_edges(empty(), ids, ids[leader])
    nodes, roots = labels(add_edges(forest, ids[pairs.left[sure]], ids[pairs.right[sure]]))
    named = dict(zip(nodes.tolist(), roots.tolist(), strict=True))
    return [named.get(number, number) for number in range(len(contents))]


def from_scratch(batches, rules):
    """Return the representative of each content of the last batch, those of earlier ones having the first pick."""
    contents, leaders, chosen = [], {}, {}
    for number, batch in enumerate(batches):
        fresh = {row.raw_sha256: row for row in batch if row.raw_sha256 not in {c.raw_sha256 for c in contents}}
        contents += [fresh[digest] for digest in sorted(fresh)]
        component = components(contents, rules)
        of = {row.raw_sha256: component[at] for at, row in enumerate(contents)}
        order = sorted(batch, key=lambda row: (-row.original_width, row.raw_sha256))
        chosen = {}
        for row in order:
            fixed = [
                other
                for other in sorted(leaders.values(), key=lambda o: (o[0], -o[1].original_width, o[1].raw_sha256))
                if of[other[1].raw_sha256] == of[row.raw_sha256]
            ]
            near = next(
                (
                    o
                    for _, o in fixed[: near_duplicates.MAX_LEADERS]
                    if closest_bits(views_of(row, rules), views_of(o, rules))[1] <= rules.max_spread
                ),
                None,
            )
            if near is None:
                leaders[row.raw_sha256] = (number + 1, row)
            chosen[row.raw_sha256] = (near or row).raw_sha256
        leaders = {digest: (0, row) for digest, (_, row) in leaders.items()}
    return chosen


@pytest.fixture(scope="module")
def small_files():
    """Indexes of a few images are cut as those of millions are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hash_index, "_ROWS_PER_BUCKET", 3)
        patch.setattr(hash_index, "_ROWS_PER_IMAGES_FILE", 5)
        patch.setattr(near_duplicates, "MAX_LEADERS", 3)
        yield


drawn = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9), st.integers(1, 3), st.integers(-9, 9)), max_size=14)


def rows_of(picture, batch, number):
    rows = []
    for at, (base, flips, pixels, trimmed) in enumerate(batch):
        content = (base, flips, pixels, trimmed)
        row = picture(f"{number}-{at}", content, base, flips, pixels=pixels, clear=10 if base == 2 else 64)
        if trimmed < -4:  # one pHash for many pictures
            row = row._replace(phash=picture(0, 0, base).phash)
        if trimmed >= 0:
            inside = picture(0, 0, base ^ 1, trimmed)
            row = row._replace(
                trimmed_phash=inside.phash, trimmed_phash256=inside.phash256, trimmed_clear_bits=40 - 2 * trimmed
            )
        rows.append(row)
    return rows


@settings(max_examples=4, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(batches=st.lists(drawn, min_size=2, max_size=3), order=st.randoms(use_true_random=False), cuts=st.integers(1, 3))
def test_against_releases_is_as_from_scratch_with_the_released_first(
    tmp_path_factory, picture, small_files, batches, order, cuts
):
    batches = [rows_of(picture, batch, number) for number, batch in enumerate(batches)]
    folders, names, kept = [], {}, {}
    for number, batch in enumerate(batches):
        order.shuffle(batch)
        unkept = {row.raw_sha256 for row in batch if row.raw_sha256[0] in "01234"}
        root = tmp_path_factory.mktemp("release")
        folder, found = release(root, batch, folders, unkept=unkept, cuts=cuts)
        want = from_scratch(batches[: number + 1], RULES)
        assert {row.raw_sha256: found[row.image_url].cluster for row in batch} == want
        for row in found.values():
            before = kept.get(row.cluster)
            assert (row.released_in, row.released_key) == (
                (before, row.cluster[:32]) if before else (names.get(row.cluster, ""), "")
            )
        again, other = release(tmp_path_factory.mktemp("again"), batch[::-1], folders, unkept=unkept)
        assert other == found
        assert hashes(again) == hashes(folder), "the index does not depend on order or parts"
        label = find_released([folder], RULES, "")[0].label
        for digest in sorted({row.cluster for row in found.values() if not row.released_key} - unkept):
            kept[digest] = label
        for row in batch:
            names.setdefault(row.raw_sha256, label)
        folders.append(folder)


def hashes(folder):
    manifest = msgspec.json.decode(read_bytes(join(folder, "manifest.json")))
    return [file for file in manifest["files"] if file["path"].startswith("hashes/")]


def test_a_second_crawl_names_the_release_and_the_sample_that_its_images_are_copies_of(tmp_path, picture):
    first = [picture("a", "a", pixels=200), picture("b", "b", 1), picture("plain", "plain", 2, clear=10)]
    folder, _ = release(tmp_path / "one", first, rules=DuplicateRules())
    label = find_released([folder], DuplicateRules(), "")[0].label
    second = [
        picture("same", "a", pixels=200),
        picture("larger", "larger", 0, 5, pixels=900),
        picture("chained", "chained", 0, 10, pixels=800),
        picture("plain again", "plain", 2, clear=10),
        picture("plain too", "plain too", 2, clear=10),
        picture("new", "new", 3),
        picture("new too", "new too", 3, 2),
    ]
    _, found = release(tmp_path / "two", second, [folder], rules=DuplicateRules())
    twin = sha256_hex(b"a")
    told = {url[12:-4]: row for url, row in found.items()}
    assert told["larger"] == ClusterRow(
        "http://a.kr/larger.jpg", twin, "http://a.kr/same.jpg", "near", "phash", "phash256", 5, 5, 4, label, twin[:32]
    )
    assert [told[name].match for name in ("same", "chained", "plain again")] == ["exact", "near", "exact"]
    assert {told[name].released_key for name in ("same", "larger", "chained")} == {twin[:32]}
    assert told["plain again"].released_key == sha256_hex(b"plain")[:32]
    assert [told[name].released_in for name in ("plain too", "new", "new too")] == ["", "", ""]
    assert told["new too"].cluster == told["new"].cluster


def test_a_cluster_of_which_the_release_has_no_sample_is_still_to_be_had(tmp_path, picture):
    twin = sha256_hex(b"a")
    folder, _ = release(tmp_path / "one", [picture(1, "a", pixels=200)], unkept=[twin])
    second, found = release(tmp_path / "two", [picture(2, "b", 0, 1)], [folder])
    row = found["http://a.kr/2.jpg"]
    assert (row.cluster, row.representative_url, row.released_in, row.released_key, row.size) == (
        twin,
        "",
        find_released([folder], RULES, "")[0].label,
        "",
        2,
    )
    _, found = release(tmp_path / "three", [picture(3, "c", 0, 2)], [folder, second])
    row = found["http://a.kr/3.jpg"]
    label = find_released([second], RULES, "")[0].label
    assert (row.cluster, row.released_in, row.released_key) == (twin, label, twin[:32])


def test_a_run_without_images_and_a_release_without_any(tmp_path, picture):
    empty, _ = release(tmp_path / "one", [])
    assert [file["path"] for file in hashes(empty)] == ["hashes/index.json", "hashes/kept-00000.parquet"]
    full, found = release(tmp_path / "two", [picture(1, "a")], [empty])
    assert found["http://a.kr/1.jpg"].released_in == ""
    assert release(tmp_path / "three", [], [empty, full])[1] == {}


def test_the_index_holds_every_content_once_and_every_view_in_every_band(tmp_path, picture):
    rows = [picture(1, "a"), picture(2, "a"), picture(3, "b", 0, 1), picture(4, "plain", 1, clear=10)]
    folder, _ = release(tmp_path, rows)
    images = pq.read_table(join(folder, "hashes/images-00000.parquet"))
    assert images["id"].to_pylist() == sorted(content_ids([sha256_hex(name) for name in (b"a", b"b", b"plain")]))
    assert set(images["released_in"].to_pylist()) == {""}
    bands = [file for file in hashes(folder) if "band=" in file["path"]]
    assert [file["rows"] for file in bands] == [2] * len(hash_index.index_bands(RULES.radius))
