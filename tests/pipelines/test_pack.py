import io
import json
import tarfile
import unicodedata

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import pack, storage
from pipelines.pack import (
    PackShard,
    Shard,
    ShardWriter,
    Span,
    batches,
    parquet_schema,
    plan_shards,
    read_span,
    shards_of,
)
from pipelines.parts import ROWS_PER_GROUP, AttemptPlace, read_rows, write_part
from pipelines.runner import make_pipeline, parse_options
from pipelines.stage import Committed, StageManifest
from pipelines.storage import ContentFile
from schemas.identity import canonical_json, sha256_hex
from schemas.records import ImageHashes, LineageRow, SelectedRow

JPEG = b"\xff\xd8 not quite a picture \xff\xd9"


def sample(number, *, jpeg=JPEG, caption="", offset=0):
    key = f"{number:032x}"
    caption = caption or f"돌하르방 {number}"
    metadata = {
        "key": key,
        "caption": caption,
        "url": f"http://a.test/{number}.jpg",
        "page_url": "http://a.test/",
        "width": 400,
        "height": 300,
        "sha256": sha256_hex(jpeg),
        "phash": "8" * 16,
        "cluster": f"{number % 256:02x}" + "0" * 62,
        "page_title": "제주",
    }
    hashes = ImageHashes(sha256_hex(caption.encode()), "8" * 16, "4" * 64, 60, "", "", 0, 120_000, b"", b"")
    lineage = LineageRow(key, "warc", "/a.warc", 17, "d", "", "http://a.test/", metadata["url"], "", "", 200, "", [])
    return SelectedRow(
        key, caption, canonical_json(metadata), lineage, hashes, "attempt-1/staging.tar", offset, len(jpeg)
    )


# Planning


@settings(max_examples=200, deadline=None)
@given(rows=st.lists(st.integers(0, 12), max_size=6), size=st.integers(1, 9))
def test_every_row_is_in_one_shard_in_order_and_only_the_last_shard_is_smaller(rows, size):
    shards = plan_shards([(f"p{n}", number) for n, number in enumerate(rows)], size)
    flat = [(span.path, at) for shard in shards for span in shard.spans for at in range(span.start, span.stop)]
    assert flat == [(f"p{n}", at) for n, number in enumerate(rows) for at in range(number)]
    assert [shard.number for shard in shards] == list(range(len(shards)))
    sizes = [sum(span.stop - span.start for span in shard.spans) for shard in shards]
    assert all(found == size for found in sizes[:-1])
    assert all(0 < found <= size for found in sizes)


def test_a_shard_may_span_parts():
    assert plan_shards([("a", 3), ("b", 0), ("c", 2)], 2) == [
        Shard(0, [Span("a", 0, 2)]),
        Shard(1, [Span("a", 2, 3), Span("c", 0, 1)]),
        Shard(2, [Span("c", 1, 2)]),
    ]
    assert plan_shards([], 5) == []


def test_a_span_is_read_across_batches(tmp_path):
    rows = [sample(number) for number in range(ROWS_PER_GROUP + 5)]
    part = write_part(AttemptPlace(str(tmp_path), "attempt-1"), "selected", 0, SelectedRow, rows)
    path = str(tmp_path / part.path)
    assert (
        list(read_span(Span(path, ROWS_PER_GROUP - 2, ROWS_PER_GROUP + 3)))
        == rows[ROWS_PER_GROUP - 2 : ROWS_PER_GROUP + 3]
    )
    assert list(read_span(Span(path, 0, 1))) == rows[:1]
    assert list(read_span(Span(path, 4, 4))) == []


# Writing


def written(folder, rows, jpeg=JPEG):
    """Write one shard; return the tar's and the Parquet file's bytes."""
    with ContentFile(str(folder)) as tar, ContentFile(str(folder)) as parquet:
        writer = ShardWriter(tar, parquet)
        for row in rows:
            writer.add(row, jpeg)
        writer.close()
        assert writer.samples == len(rows)
        found = []
        for content in (tar, parquet):
            content.file.seek(0)
            found.append(content.file.read())
    return found


def test_the_same_samples_are_the_same_bytes(tmp_path):
    rows = [sample(number) for number in range(pack._ROW_GROUP + 3)]
    assert written(tmp_path / "a", rows) == written(tmp_path / "b", rows)
    assert written(tmp_path / "a", rows) != written(tmp_path / "b", rows[::-1])


def test_captions_that_are_listed_are_columns_of_their_own(tmp_path):
    listed = {"captions": ["돌하르방 1", "석상"], "caption_pages": ["http://a.test/", "http://b.test/"]}
    row = sample(1)
    row = row._replace(metadata=canonical_json(json.loads(row.metadata) | listed))
    tables = []
    for captions_listed in (True, False):
        with ContentFile(str(tmp_path)) as tar, ContentFile(str(tmp_path)) as parquet:
            writer = ShardWriter(tar, parquet, captions_listed=captions_listed)
            writer.add(row, JPEG)
            writer.close()
            parquet.file.seek(0)
            tables.append(pq.read_table(io.BytesIO(parquet.file.read())))
    assert tables[0].select(list(listed)).to_pylist() == [listed]
    assert tables[1].column_names == tables[0].column_names[:-2] == parquet_schema().names
    features = json.loads(tables[0].schema.metadata[b"huggingface"])["info"]["features"]
    assert list(features) == tables[0].column_names


def test_a_sample_is_three_members_in_order_with_no_time_and_no_owner(tmp_path):
    tar, _ = written(tmp_path, [sample(1), sample(2)])
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        members = archive.getmembers()
        assert [m.name for m in members] == [f"{n:032x}.{e}" for n in (1, 2) for e in ("jpg", "txt", "json")]
        assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {(0, 0, 0, "", "", 0o644)}
        content = [archive.extractfile(member).read() for member in members]
    assert content[0] == JPEG
    assert content[1].decode() == "돌하르방 1"
    assert content[2].decode() == sample(1).metadata


def test_a_caption_is_written_in_normal_form_c(tmp_path):
    tar, parquet = written(tmp_path, [sample(1, caption=unicodedata.normalize("NFD", "돌하르방"))])
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        assert archive.extractfile(archive.getmembers()[1]).read().decode() == "돌하르방"
    assert pq.read_table(io.BytesIO(parquet))["caption"].to_pylist() == ["돌하르방"]


def test_the_parquet_twin_holds_the_same_samples_as_hugging_face_loads_them(tmp_path):
    rows = [sample(number) for number in range(pack._ROW_GROUP + 1)]
    _, parquet = written(tmp_path, rows)
    found = pq.ParquetFile(io.BytesIO(parquet))
    assert [found.metadata.row_group(n).num_rows for n in range(found.num_row_groups)] == [pack._ROW_GROUP, 1]
    table = found.read()
    first = table.slice(0, 1).to_pylist()[0]
    assert first["image"] == {"bytes": JPEG, "path": f"{0:032x}.jpg"}
    assert (first["key"], first["caption"], first["metadata"]) == (rows[0].key, "돌하르방 0", rows[0].metadata)
    assert (first["width"], first["height"], first["sha256"]) == (400, 300, sha256_hex(JPEG))
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert list(features) == table.column_names == parquet_schema().names
    assert features["image"] == {"_type": "Image"}
    assert all(
        table.schema.field(name).type == (pa.int64() if about["dtype"] == "int64" else pa.string())
        for name, about in features.items()
        if name != "image"
    )


def test_a_shard_without_samples_can_be_read(tmp_path):
    tar, parquet = written(tmp_path, [])
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        assert archive.getnames() == []
    assert pq.read_table(io.BytesIO(parquet)).num_rows == 0


# The stage


@pytest.fixture
def staged(tmp_path):
    """Five samples whose images lie behind one another in a staging file; return the committed stage and the images."""
    folder = tmp_path / "stages" / "select-1"
    (tmp_path / "fetch" / "attempt-1").mkdir(parents=True)
    jpegs = [bytes([number]) * (number + 1) for number in range(5)]
    (tmp_path / "fetch" / "attempt-1" / "staging.tar").write_bytes(b"head" + b"".join(jpegs))
    rows, offset = [], 4
    for number, jpeg in enumerate(jpegs):
        rows.append(sample(number, jpeg=jpeg, offset=offset))
        offset += len(jpeg)
    place = AttemptPlace(str(folder), "attempt-1")
    parts = [write_part(place, "selected", n, SelectedRow, some) for n, some in enumerate((rows[:3], rows[3:]))]
    manifest = StageManifest(stage="select", fingerprint="", covers={}, parts=parts[::-1], tallies={})
    return Committed(folder=str(folder), manifest=manifest), jpegs


def test_a_shard_is_packed_with_its_twin_and_its_lineage(tmp_path, staged):
    selected, jpegs = staged
    shards = shards_of(selected, 2)
    assert [[(span.start, span.stop) for span in shard.spans] for shard in shards] == [
        [(0, 2)],
        [(2, 3), (0, 1)],
        [(1, 2)],
    ]
    place = AttemptPlace(str(tmp_path / "stages" / "pack-1"), "attempt-1")
    (done,) = PackShard(place, str(tmp_path / "fetch")).process(shards[1])
    assert [(part.table, part.partition, part.rows) for part in done.parts] == [
        ("shards", 1, 2),
        ("parquet", 1, 2),
        ("lineage", 1, 2),
    ]
    assert dict(done.tallies) == {"in": 2, "keep": 2}
    paths = {part.table: tmp_path / "stages" / "pack-1" / part.path for part in done.parts}
    with tarfile.open(paths["shards"]) as archive:
        assert [archive.extractfile(m).read() for m in archive if m.name.endswith(".jpg")] == jpegs[2:4]
    assert [row.key for row in read_rows(str(paths["lineage"]), LineageRow)] == [f"{n:032x}" for n in (2, 3)]


def test_images_that_lie_near_one_another_on_a_store_come_by_one_request(tmp_path, staged, s3_folder, s3_proxy):
    selected, jpegs = staged
    near = (tmp_path / "fetch" / "attempt-1" / "staging.tar").read_bytes()
    rows = [row for path in selected.paths("selected") for row in read_rows(path, SelectedRow)]
    far = len(near) + (1 << 20) + 1  # from the end of the last of the five
    rows += [sample(number, jpeg=JPEG, offset=far) for number in (5, 6)]  # one image that two samples have
    storage.write_bytes(f"{s3_folder}/fetch/attempt-1/staging.tar", near.ljust(far, b"-") + JPEG)
    place = AttemptPlace(f"{s3_folder}/select-1", "attempt-1")
    part = write_part(place, "selected", 0, SelectedRow, rows)
    do_fn = PackShard(AttemptPlace(f"{s3_folder}/pack-1", "attempt-1"), f"{s3_folder}/fetch")
    (done,) = do_fn.process(Shard(0, [Span(f"{s3_folder}/select-1/{part.path}", 0, len(rows))]))
    asked = [path for method, path in s3_proxy.asked if method == "GET" and path.endswith("/staging.tar")]
    assert len(asked) == 2
    (tar,) = (part.path for part in done.parts if part.table == "shards")
    with tarfile.open(fileobj=io.BytesIO(storage.read_bytes(f"{s3_folder}/pack-1/{tar}"))) as archive:
        images = [archive.extractfile(m).read() for m in archive if m.name.endswith(".jpg")]
    assert images == [*jpegs, JPEG, JPEG]


def test_images_are_read_in_batches_of_so_many_bytes():
    half = pack._BATCH_BYTES // 2
    rows = [sample(number)._replace(staging_length=length) for number, length in enumerate((half - 1, half, half, 1))]
    assert [[row.staging_length for row in batch] for batch in batches(rows)] == [[half - 1, half, half], [1]]
    assert list(batches([])) == []


def test_a_staging_file_that_ends_early_is_an_error_and_leaves_nothing(tmp_path, staged):
    selected, _ = staged
    (tmp_path / "fetch" / "attempt-1" / "staging.tar").write_bytes(b"head")
    place = AttemptPlace(str(tmp_path / "stages" / "pack-1"), "attempt-1")
    with pytest.raises(OSError, match="wanted 3 bytes at 4, found 0"):
        list(PackShard(place, str(tmp_path / "fetch")).process(shards_of(selected, 2)[0]))
    assert [path for path in (tmp_path / "stages" / "pack-1").rglob("*") if path.is_file()] == []


def test_no_samples_no_shards(tmp_path):
    manifest = StageManifest(stage="select", fingerprint="", covers={}, parts=[], tallies={})
    assert shards_of(Committed(folder=str(tmp_path), manifest=manifest), 5) == []
    with make_pipeline(parse_options([])) as pipeline:
        pack.expand(pipeline, [], PackShard(AttemptPlace(str(tmp_path), "attempt-1"), str(tmp_path)))
    assert list(tmp_path.iterdir()) == []


def test_a_shard_survives_the_way_to_its_worker(tmp_path, staged):
    selected, _ = staged
    place = AttemptPlace(str(tmp_path / "stages" / "pack-1"), "attempt-1")
    with make_pipeline(parse_options([])) as pipeline:
        pack.expand(pipeline, shards_of(selected, 2), PackShard(place, str(tmp_path / "fetch")))
    found = sorted(path.name.split("-")[0] for path in (tmp_path / "stages" / "pack-1" / "attempt-1").glob("*.tar"))
    assert found == ["00000", "00001", "00002"]
