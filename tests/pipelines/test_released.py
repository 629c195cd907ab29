from collections import Counter
from functools import partial

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from filters import hamming_index
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
from filters.tones import BYTES
from filters.union_find import add_edges, empty, labels
from pipelines import hash_index, index_writer
from pipelines.concept_counts import ConceptCounts
from pipelines.dataset import publish
from pipelines.dedupe import Matching, run_dedupe
from pipelines.hash_index import files_of, find_released, index_bytes
from pipelines.ledger import Ledger
from pipelines.parts import read_rows, write_part
from pipelines.stage import Attempt, StagePlan
from pipelines.storage import join, read_bytes
from schemas.identity import sha256_hex
from schemas.records import ClusterRow, ImageHashes, ImageRow, LineageRow, SelectedRow

RULES = DuplicateRules(radius=2, verify_radius=3, max_spread=4)


def stage(root, name):
    plan = StagePlan(stage=name, covers={}, root=str(root))
    return Attempt(plan=plan, name="attempt-1", options=PipelineOptions([]))


def release(root, rows, against=(), *, unkept=(), rules=RULES, cuts=1):
    """Dedupe ``rows`` and publish what a run would; return the dataset's folder and the clusters by image URL.

    Every representative that no release has is a sample, but those of the ``unkept`` digests.
    """
    attempt = stage(root, "dedupe")
    parts = [write_part(attempt.place, "images", cut, ImageRow, rows[cut::cuts]) for cut in range(cuts)]
    paths = [join(attempt.plan.folder, part.path) for part in parts]
    out = join(str(root), "dataset")
    released = find_released(against, rules, out)
    clustered = attempt.commit(run_dedupe(attempt, paths, Matching(rules, len(rows), released)), expected=len(rows))
    found = {row.image_url: row for path in clustered.paths("clusters") for row in read_rows(path, ClusterRow)}
    kept = sorted({row.cluster for row in found.values() if not row.released_key} - set(unkept))
    leading = {row.raw_sha256: row for row in rows}
    samples = [sample_of(leading[digest]) for digest in kept]
    attempt = stage(root, "pack")
    parts = [write_part(attempt.place, "selected", cut, SelectedRow, samples[cut::cuts]) for cut in range(cuts)]
    paths = [join(attempt.plan.folder, part.path) for part in parts]
    job = partial(index_writer.expand, paths=paths, place=attempt.place, rules=rules, samples=len(samples))
    packed = attempt.commit(attempt.run(job))
    publish(
        str(root),
        packed,
        hashes=files_of(packed),
        index=index_bytes(rules, len(samples)),
        name="모음",
        licence="other",
        ledger=Ledger(0, 0, {}, True),
        concepts=ConceptCounts((), {}),
        stages={},
        version="0.1",
    )
    return out, found


def sample_of(row):
    fields = {name: getattr(row, name) for name in ImageHashes._fields if name != "pixels"}
    hashes = ImageHashes(**fields, pixels=row.original_width * row.original_height)
    lineage = LineageRow("", "", "", None, "", "", "", row.image_url, "", "", None, "", [])
    return SelectedRow(row.raw_sha256[:32], "", "{}", lineage, hashes, "", 0, 0)


# From scratch, by comparing all


def views_of(row):
    trimmed = (row.trimmed_phash, row.trimmed_phash256, row.trimmed_clear_bits)
    return [(row.phash, row.phash256, row.clear_bits), *([trimmed] if row.trimmed_phash else [])]


def components(contents, rules):
    """Return the component of each of ``contents``, which are in the order in which they may lead."""
    clear = [
        (number, *view)
        for number, row in enumerate(contents)
        for view in {view[:2]: view for view in views_of(row) if view[2] >= rules.min_clear_bits}
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


def from_scratch(released, batch, rules):
    """Return the representative of each content of ``batch`` in a run over it and the ``released`` rows.

    Those have the first pick, in the order given.
    """
    fresh = {row.raw_sha256: row for row in batch if row.raw_sha256 not in {c.raw_sha256 for c in released}}
    contents = [*released, *(fresh[digest] for digest in sorted(fresh))]
    component = components(contents, rules)
    of = {row.raw_sha256: component[at] for at, row in enumerate(contents)}
    leaders = sorted(released, key=lambda row: (-row.original_width, row.raw_sha256))
    chosen = {row.raw_sha256: row.raw_sha256 for row in released}
    for row in sorted(fresh.values(), key=lambda row: (-row.original_width, row.raw_sha256)):
        near = next(
            (
                other
                for other in leaders
                if of[other.raw_sha256] == of[row.raw_sha256]
                and closest_bits(views_of(row), views_of(other), rules)[1] <= rules.max_spread
            ),
            row,
        )
        if near is row:
            leaders.append(row)
        chosen[row.raw_sha256] = near.raw_sha256
    return {row.raw_sha256: chosen[row.raw_sha256] for row in batch}


@pytest.fixture(scope="module")
def small_files():
    """Indexes of a few images are cut as those of millions are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hash_index, "_ROWS_PER_BUCKET", 3)
        patch.setattr(hash_index, "_ROWS_PER_BAND_FILE", 3)
        patch.setattr(hash_index, "_ROWS_PER_IMAGES_FILE", 5)
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


@settings(max_examples=3, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(batches=st.lists(drawn, min_size=2, max_size=3), order=st.randoms(use_true_random=False), cuts=st.integers(1, 3))
def test_against_releases_is_as_from_scratch_with_the_released_first(
    tmp_path_factory, picture, small_files, batches, order, cuts
):
    batches = [rows_of(picture, batch, number) for number, batch in enumerate(batches)]
    folders, labels, released = [], {}, []
    for batch in batches:
        order.shuffle(batch)
        unkept = {row.raw_sha256 for row in batch if row.raw_sha256[0] in "01234"}
        folder, found = release(tmp_path_factory.mktemp("release"), batch, folders, unkept=unkept, cuts=cuts)
        assert {row.raw_sha256: found[row.image_url].cluster for row in batch} == from_scratch(released, batch, RULES)
        for row in found.values():
            label = labels.get(row.cluster, "")
            assert (row.released_in, row.released_key) == (label, row.cluster[:32] if label else "")
        (label,) = (release.label for release in find_released([folder], RULES, ""))
        led = {row.cluster for row in found.values() if not row.released_key} - unkept
        contents = {row.raw_sha256: row for row in batch}
        released += [contents[digest] for digest in sorted(led)]
        labels |= dict.fromkeys(led, label)
        folders.append(folder)
    again, other = release(tmp_path_factory.mktemp("again"), batch[::-1], folders[:-1], unkept=unkept)
    assert other == found
    assert hashes(again) == hashes(folder), "the index does not depend on order or parts"


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


def test_a_released_picture_that_only_the_tones_tell_apart_is_no_twin(tmp_path, picture):
    form, filled = bytes(BYTES), b"\x77" * 2 + bytes(BYTES - 2)
    folder, _ = release(tmp_path / "one", [picture("a", "a")._replace(tones=form)])
    second = [picture("b", "b", 0, 1)._replace(tones=filled), picture("c", "c", 0, 2)._replace(tones=form)]
    _, found = release(tmp_path / "two", second, [folder])
    assert [row.released_key for row in found.values()] == ["", sha256_hex(b"a")[:32]]
    assert [row.match for row in found.values()] == ["unique", "near"]


def test_what_a_release_dropped_or_took_down_is_not_in_its_index_and_holds_nothing_back(tmp_path, picture):
    gone = sha256_hex(b"a")
    rows = [picture(1, "a", pixels=200), picture(2, "b", 0, 1), picture(3, "c", 1)]
    folder, found = release(tmp_path / "one", rows, unkept=[gone])
    assert found["http://a.kr/2.jpg"].cluster == gone
    listed = pq.read_table(join(folder, "hashes/images-00000.parquet"))
    assert listed["raw_sha256"].to_pylist() == [sha256_hex(b"c")]
    assert listed["key"].to_pylist() == [sha256_hex(b"c")[:32]]
    tables = [file["path"] for file in hashes(folder) if file["path"].endswith(".parquet")]
    assert len(tables) == 1 + len(hamming_index.tables(RULES.radius))
    for path in tables:
        table = pq.read_table(join(folder, path))
        assert table.num_rows == 1
        if "id" in table.column_names:
            assert table["id"].to_pylist() == content_ids([sha256_hex(b"c")]).tolist()
    _, found = release(tmp_path / "two", [picture(4, "d", 0, 1), picture(5, "e", 1, 1)], [folder])
    assert [(row.released_in != "", row.size) for _, row in sorted(found.items())] == [(False, 1), (True, 2)]


def test_of_two_releases_that_have_a_picture_the_first_is_named(tmp_path, picture):
    first, _ = release(tmp_path / "one", [picture(1, "a")])
    second, _ = release(tmp_path / "two", [picture(2, "a"), picture(3, "b", 1)])
    for folders in ([first, second], [second, first]):
        _, found = release(tmp_path / folders[0][-20:-8].replace("/", "-"), [picture(4, "c", 0, 1)], folders)
        (label,) = (other.label for other in find_released(folders[:1], RULES, ""))
        row = found["http://a.kr/4.jpg"]
        assert (row.released_in, row.released_key) == (label, sha256_hex(b"a")[:32])


def test_a_run_without_images_and_a_release_without_any(tmp_path, picture):
    empty, _ = release(tmp_path / "one", [])
    assert [file["path"] for file in hashes(empty)] == ["hashes/index.json"]
    full, found = release(tmp_path / "two", [picture(1, "a")], [empty])
    assert found["http://a.kr/1.jpg"].released_in == ""
    assert release(tmp_path / "three", [], [empty, full])[1] == {}


def test_the_index_holds_every_picture_of_a_sample_once_and_its_views_in_every_band(tmp_path, picture):
    rows = [picture(1, "a"), picture(2, "a"), picture(3, "b", 1), picture(4, "plain", 2, clear=10)]
    folder, _ = release(tmp_path, rows)
    images = pq.read_table(join(folder, "hashes/images-00000.parquet"))
    assert images["id"].to_pylist() == sorted(content_ids([sha256_hex(name) for name in (b"a", b"b", b"plain")]))
    views = Counter()
    for file in hashes(folder):
        if "band=" in file["path"]:
            views[file["path"].split("/")[1]] += file["rows"]
    assert views == {f"band={number}": 2 for number in range(len(hamming_index.tables(RULES.radius)))}
