import io
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from PIL import Image, ImageFilter

from filters.near_duplicates import DuplicateRules
from pipelines import decontaminate, select
from pipelines.decoded import ImageSettings
from pipelines.decontaminate import NO_TABLES, pictures_of, pieces_of, read_tables, units_of
from pipelines.errors import InputRefused
from pipelines.evaluation_sets import EvaluationFile, EvaluationSet, find_files
from pipelines.parts import Done, Part, read_rows, write_part
from pipelines.pixels import process
from pipelines.select import SelectRules
from pipelines.stage import Attempt, StagePlan
from pipelines.storage import join
from pipelines.workflow import Select
from schemas.arrow import to_table
from schemas.records import ClusterRow, EvaluationImage, ImageRow, OutcomeRow, ScreenedRow

SETTINGS = ImageSettings(processes=1)
RULES = DuplicateRules()
NO_FILTERS = SelectRules(Select(filters=()))


def picture(seed, side=192):
    """Return a picture of soft shapes, each seed another."""
    noise = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((side, side), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(2))


def encoded(image, kind="JPEG", **options):
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


@pytest.fixture
def attempt(tmp_path):
    plan = StagePlan(stage="select", covers={}, root=str(tmp_path / "out"))
    return Attempt(plan=plan, name="attempt-1", options=PipelineOptions([]))


@pytest.fixture
def corpus(screened, image, cluster):
    """Candidates of six distinct pictures, fetched at 192 pixels, of which the last two are of one cluster."""
    rows, images, clusters = [], [], []
    for n in range(6):
        url = f"http://a.test/{n}.jpg"
        made = process(encoded(picture(n), quality=92), SETTINGS)
        rows.append(screened._replace(candidate_id=f"{n}" * 32, image_url=url, caption=f"돌하르방 {'가나다라마바'[n]}"))
        fields = {name: getattr(made, name) for name in ("raw_sha256", "stored_sha256", "phash", "phash256")}
        images.append(image._replace(image_url=url, clear_bits=made.clear_bits, **fields))
        clusters.append(cluster._replace(image_url=url, cluster=f"c{min(n, 4)}"))
    return rows, images, clusters


def selected(attempt, corpus, sets, cuts=1):
    """Run the stage over ``corpus`` with ``sets`` excluded; return its outcomes by the candidate's number."""
    read, tables = read_tables(attempt, find_files(sets), SETTINGS, RULES)
    inputs = []
    for (name, record), rows in zip(
        (("screened", ScreenedRow), ("images", ImageRow), ("clusters", ClusterRow)), corpus, strict=True
    ):
        parts = [write_part(attempt.place, name, cut, record, rows[cut::cuts]) for cut in range(cuts)]
        inputs.append((name, record, [join(attempt.plan.folder, part.path) for part in parts]))
    done = attempt.run(
        lambda p: select.expand(p, inputs, place=attempt.place, rules=NO_FILTERS, partitions=3, evaluation=tables)
    )
    committed = attempt.commit(Done([*read.parts, *done.parts], done.tallies), expected=len(corpus[0]))
    outcomes = [row for path in committed.paths("outcomes") for row in read_rows(path, OutcomeRow)]
    assert len(outcomes) == len(corpus[0])
    assert committed.manifest.rows("selected") == sum(row.outcome == "keep" for row in outcomes)
    return {int(row.candidate_id[0]): row for row in outcomes}


@pytest.fixture
def sets(tmp_path, corpus):
    """An evaluation set of every form: a folder (0 resized), a tar (1), a Parquet file (2), a hash list (3)."""
    folder = tmp_path / "eval-ko"
    folder.mkdir()
    (folder / "0.png").write_bytes(encoded(picture(0, 150), "PNG"))
    (folder / "99.webp").write_bytes(encoded(picture(99), "WEBP"))
    with tarfile.open(tmp_path / "eval.tar", "w") as tar:
        data = encoded(picture(1), quality=92)
        info = tarfile.TarInfo("1.jpg")
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    image = {"bytes": encoded(picture(2), quality=60), "path": "2.jpg"}
    pq.write_table(pa.table({"image": [image], "caption": ["눈 덮인 한옥"]}), tmp_path / "eval.parquet")
    (tmp_path / "hashes.txt").write_text(f"{corpus[1][3].phash}\n")
    return [
        str(folder),
        str(tmp_path / "eval.tar"),
        EvaluationSet(path=str(tmp_path / "eval.parquet"), name="bench"),
        str(tmp_path / "hashes.txt"),
    ]


def test_what_is_near_an_evaluation_image_is_dropped_and_told(attempt, corpus, sets):
    found = selected(attempt, corpus, sets)
    assert [found[n].reason for n in range(6)] == ["near_evaluation_image"] * 4 + ["", "duplicate_near"]
    assert {found[n].stage for n in range(4)} == {"select"}
    assert found[0].detail.startswith("eval-ko: 0.png, ")
    assert found[0].detail.endswith("bits apart")
    assert found[1].detail == "eval.tar: eval.tar/1.jpg, the same bytes"
    assert found[2].detail.startswith("bench: eval.parquet#0, ")
    assert found[3].detail == "hashes.txt: hashes.txt:1, 0 of 64 bits apart"
    judged = found[0].verdicts[-1]
    assert (judged.filter_id, judged.outcome, judged.reason, judged.threshold) == (
        "exclude_near@2",
        "drop",
        "near_evaluation_image",
        6.0,
    )
    assert 0 <= judged.score <= 6


def test_the_copies_of_an_evaluation_image_go_with_it(attempt, corpus, tmp_path):
    (tmp_path / "5.jpg").write_bytes(encoded(picture(5), quality=92))
    found = selected(attempt, corpus, [str(tmp_path / "5.jpg")])
    assert [found[n].reason for n in range(6)] == [""] * 4 + ["near_evaluation_image"] * 2
    assert found[5].detail == "5.jpg: 5.jpg, the same bytes"
    assert found[4].detail == "5.jpg: 5.jpg, the same bytes as its copy http://a.test/5.jpg"


def test_a_candidate_that_falls_for_another_reason_keeps_it_and_its_copy_still_goes(attempt, corpus, tmp_path):
    rows, images, clusters = corpus
    rows[5] = rows[5]._replace(outcome="drop", reason="caption_url")
    (tmp_path / "5.jpg").write_bytes(encoded(picture(5), quality=92))
    found = selected(attempt, (rows, images, clusters), [str(tmp_path / "5.jpg")])
    assert (found[5].reason, found[4].reason) == ("caption_url", "near_evaluation_image")


def test_an_evaluation_caption_is_dropped_and_told(attempt, corpus, tmp_path):
    (tmp_path / "ko.txt").write_text("[사진] 돌하르방  나.\n돌하르방 하\n...\n", encoding="utf-8")
    found = selected(attempt, corpus, [str(tmp_path / "ko.txt")])
    assert [n for n in range(6) if found[n].reason == "evaluation_caption"] == [1]
    assert (found[1].stage, found[1].detail) == ("select", "ko.txt: ko.txt:1")


def test_pieces_and_parts_change_nothing(tmp_path, corpus, sets, monkeypatch):
    told = []
    for number, (cuts, rows, order) in enumerate([(1, 10**6, 1), (3, 1, -1)]):
        monkeypatch.setattr(decontaminate, "ROWS_PER_PIECE", rows)
        plan = StagePlan(stage="select", covers={"n": number}, root=str(tmp_path / "out"))
        attempt = Attempt(plan=plan, name="attempt-1", options=PipelineOptions([]))
        told.append(selected(attempt, [table[::order] for table in corpus], sets[::order], cuts))
    assert told[0] == told[1]


def test_what_cannot_be_read_is_refused_with_its_place(attempt, tmp_path):
    folder = tmp_path / "eval-ko"
    folder.mkdir()
    (folder / "1.jpg").write_bytes(encoded(picture(1)))
    (folder / "2.jpg").write_bytes(b"\xff\xd8\xff broken")
    (folder / "3.tif").write_bytes(encoded(picture(1), "TIFF"))
    with pytest.raises(InputRefused) as refusal:
        read_tables(attempt, find_files([str(folder)]), SETTINGS, RULES)
    assert str(refusal.value).startswith("select.exclude_near: eval-ko: 2.jpg: image_undecodable")
    assert str(refusal.value).endswith("(and 1 more); mend it, take it out, or give its pHash in a list")


def test_no_sets_no_tables(attempt):
    assert read_tables(attempt, [], SETTINGS, RULES) == (Done([], []), NO_TABLES)


def hashes_of(made):
    whole = (made.phash, made.phash256, made.clear_bits)
    return *whole, made.trimmed_phash, made.trimmed_phash256, made.trimmed_clear_bits


def test_the_tables_hold_what_the_fetch_would_have_hashed(attempt, tmp_path):
    data = encoded(picture(1))
    (tmp_path / "1.jpg").write_bytes(data)
    done, tables = read_tables(attempt, find_files([str(tmp_path / "1.jpg")]), SETTINGS, RULES)
    (part,) = (part for part in done.parts if part.table == "evaluation_images")
    made = process(data, SETTINGS)
    assert list(read_rows(join(attempt.plan.folder, part.path), EvaluationImage)) == [
        EvaluationImage("1.jpg", "1.jpg", made.raw_sha256, made.stored_sha256, *hashes_of(made), "")
    ]
    assert (len(tables.images), tables.captions, tables.rules) == (1, [], RULES)


# Units and pieces


def test_images_are_read_many_at_a_time_and_tables_one_by_one(monkeypatch):
    monkeypatch.setattr(decontaminate, "_FILES_PER_UNIT", 2)
    kinds = ["image", "captions", "image", "tar", "image", "parquet", "lines"]
    files = [EvaluationFile("x", str(n), "", kind, []) for n, kind in enumerate(kinds)]
    units = units_of(files)
    assert [[file.kind for file in unit.files] for unit in units] == [
        ["image", "captions"],
        ["image"],
        ["tar"],
        ["image"],
        ["parquet"],
        ["lines"],
    ]
    assert [unit.number for unit in units] == list(range(6))
    assert units_of([]) == []


def test_pieces_hold_so_many_rows_or_one_part(monkeypatch):
    monkeypatch.setattr(decontaminate, "ROWS_PER_PIECE", 10)
    sizes = [6, 4, 1, 12, 0, 3]
    parts = [Part("t", n, f"p{n}", 0, "", rows) for n, rows in enumerate(sizes)] + [Part("u", 0, "q", 0, "", 5)]
    assert pieces_of(Done(parts[::-1], []), "/f", "t") == [["/f/p0", "/f/p1"], ["/f/p2"], ["/f/p3"], ["/f/p5"]]


def test_an_image_with_margins_has_a_second_view_that_has_no_bytes_of_its_own():
    plain = EvaluationImage("set", "1", "a" * 64, "", "0" * 16, "", 40, "", "", 0, "")
    framed = plain._replace(item="2", trimmed_phash="f" * 16, trimmed_phash256="1" * 64, trimmed_clear_bits=50)
    seen = pictures_of(to_table(EvaluationImage, [plain, framed]))
    assert seen.image.tolist() == [0, 1, 1]
    assert seen.phash.tolist() == [0, 0, 2**64 - 1]
    assert seen.verifiable.tolist() == [False, False, True]
    assert seen.clear_bits.tolist() == [40, 40, 50]
    assert (seen.bytes_ids >= 0).tolist() == [[True, False], [True, False], [False, False]]
    assert pictures_of(to_table(EvaluationImage, [])).image.tolist() == []
