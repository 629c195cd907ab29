import csv
import io
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pipelines.errors import InputRefused
from pipelines.evaluation_sets import (
    CAPTION_COLUMNS,
    EvaluationFile,
    EvaluationSet,
    Item,
    check_items,
    find_files,
    identity,
    read_items,
)

PHASH, LONGER = "8" * 16, "a" * 64


def png():
    data = io.BytesIO()
    Image.new("RGB", (4, 4), "red").save(data, "PNG")
    return data.getvalue()


@pytest.fixture
def folder(tmp_path):
    """A folder with two images of which one has a caption beside it, tables, and files of no use."""
    root = tmp_path / "eval-ko"
    (root / "val").mkdir(parents=True)
    (root / "val" / "1.png").write_bytes(png())
    (root / "val" / "1.txt").write_text("공원에 선 돌하르방\n", encoding="utf-8")
    (root / "noname").write_bytes(png())
    (root / "README.md").write_text("x")
    (root / "notes.txt").write_text("x")
    pq.write_table(pa.table({"text": ["한옥"]}), root / "t.parquet")
    return root


def items(path, name="x", columns=CAPTION_COLUMNS):
    files = find_files([EvaluationSet(path=str(path), name=name, captions=columns)])
    return [item for file in files for item in read_items(file)]


def test_what_cannot_be_read_is_refused_by_its_first_item(folder):
    check_items(find_files([str(folder)]))
    (folder / "t.parquet").write_bytes(b"nope")
    (folder / "z.csv").write_text("a,b\n")
    with pytest.raises(InputRefused, match=r"^select\.exclude_near: eval-ko: t\.parquet: Parquet file size is 4 bytes"):
        check_items(find_files([str(folder)]))
    with pytest.raises(InputRefused, match=r"^select\.exclude_near: z\.csv: there is no column of image bytes"):
        check_items(find_files([str(folder / "z.csv")]))


def test_a_folder_gives_images_captions_beside_them_and_tables(folder):
    found = find_files([str(folder)])
    assert [(file.set_name, file.item, file.kind) for file in found] == [
        ("eval-ko", "noname", "image"),
        ("eval-ko", "t.parquet", "parquet"),
        ("eval-ko", "val/1.png", "image"),
        ("eval-ko", "val/1.txt", "captions"),
    ]
    assert items(folder) == [
        Item("x", "noname", image=png()),
        Item("x", "t.parquet#0", caption="한옥"),
        Item("x", "val/1.png", image=png()),
        Item("x", "val/1.txt", caption="공원에 선 돌하르방\n"),
    ]


def test_a_file_and_a_glob_are_sets_too(folder, tmp_path):
    assert [file.item for file in find_files([f"{folder}/val/1.png"])] == ["1.png"]
    assert [file.item for file in find_files([f"{folder}/val/*"])] == ["1.png", "1.txt"]
    (tmp_path / "captions.txt").write_text("a")
    assert find_files([EvaluationSet(path=str(tmp_path / "captions.txt"), name="ko")]) == [
        EvaluationFile("ko", "captions.txt", str(tmp_path / "captions.txt"), "lines", list(CAPTION_COLUMNS))
    ]
    assert find_files([]) == []


def test_a_path_that_leads_to_nothing_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    for path in ("gone", "empty", "gone/*.tar"):
        with pytest.raises(InputRefused, match=f"select.exclude_near: .*{path.replace('*', '.')}: no image"):
            find_files([str(tmp_path / path)])


def test_the_identity_covers_names_and_bytes(folder):
    def told():
        return identity(find_files([str(folder)]))

    first = told()
    assert told() == first == identity(find_files([f"{folder}/"]))
    (folder / "README.md").write_text("y")
    assert told() == first
    (folder / "val" / "1.txt").write_text("공원에 선 돌하루방\n", encoding="utf-8")
    changed = told()
    (folder / "val" / "1.png").rename(folder / "val" / "2.png")
    assert len({first, changed, told(), identity([])}) == 4


# What files hold


def test_a_tar_gives_images_and_texts(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name, data in (("1.jpg", b"\xff\xd8"), ("1.txt", "한옥".encode()), ("1.json", b"{}"), ("a/2.PNG", png())):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    assert items(tmp_path / "a.tar") == [
        Item("x", "a.tar/1.jpg", image=b"\xff\xd8"),
        Item("x", "a.tar/1.txt", caption="한옥"),
        Item("x", "a.tar/a/2.PNG", image=png()),
    ]


def test_a_parquet_file_gives_image_columns_and_captions_but_no_hashes_beside_images(tmp_path):
    table = pa.table(
        {
            "image": [{"bytes": png(), "path": "1.png"}, {"bytes": None, "path": "2.png"}],
            "jpg": pa.array([b"\xff\xd8", b"\xff\xd9"], pa.binary()),
            "captions": [["한옥", "기와집"], []],
            "phash": [PHASH, PHASH],
            "other": ["x", "y"],
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    assert items(tmp_path / "a.parquet") == [
        Item("x", "a.parquet#0", image=png()),
        Item("x", "a.parquet#0", image=b"\xff\xd8"),
        Item("x", "a.parquet#0", caption="한옥"),
        Item("x", "a.parquet#0", caption="기와집"),
        Item("x", "a.parquet#1", problem="there are no image bytes"),
        Item("x", "a.parquet#1", image=b"\xff\xd9"),
    ]
    only = items(tmp_path / "a.parquet", columns=("other",))
    assert [item.caption for item in only if item.caption] == ["x", "y"]


def test_hash_lists_of_every_form(tmp_path):
    expected = [("8" * 16, LONGER), ("8" * 16, "")]
    (tmp_path / "a.txt").write_text(f"{PHASH} {LONGER}\n\n{PHASH}\n")
    (tmp_path / "b.csv").write_text(f"name,phash,phash256\nx,{PHASH},{LONGER}\ny,{PHASH.upper()},\n")
    (tmp_path / "c.csv").write_text(f"{PHASH},{LONGER}\n{PHASH},\n")
    (tmp_path / "d.tsv").write_text(f"phash\tphash256\n{PHASH}\t{LONGER}\n{PHASH}\t\n")
    pq.write_table(pa.table({"phash": [PHASH, PHASH], "phash256": [LONGER, None]}), tmp_path / "e.parquet")
    for name in ("a.txt", "b.csv", "c.csv", "d.tsv", "e.parquet"):
        assert [(item.phash, item.phash256) for item in items(tmp_path / name)] == expected, name
    assert [item.item for item in items(tmp_path / "a.txt")] == ["a.txt:1", "a.txt:3"]


def test_captions_one_a_line_and_in_tables(tmp_path):
    (tmp_path / "a.txt").write_text("\ufeff한옥\n\n기와집\n", encoding="utf-8")
    assert [item.caption for item in items(tmp_path / "a.txt")] == ["한옥", "기와집"]
    with (tmp_path / "b.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["caption", "x"], ["한옥, 밤", "y"]])
    assert items(tmp_path / "b.csv") == [Item("x", "b.csv:2", caption="한옥, 밤")]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.txt", f"{PHASH}\n한옥\n".encode(), "not a pHash of 16 hex digits, with one of 64 after it or none"),
        ("a.txt", b"\xff\xfe\xff", "is not UTF-8 (invalid start byte); save it as UTF-8"),
        ("a.csv", b"a,b\n1,2\n", "there is no column of image bytes, of captions or of phash"),
        ("a.csv", b"phash\n12\n", "phash is not 16 hex digits, or phash256 not 64"),
        ("a.csv", b"", "there is no column"),
        ("a.parquet", b"PAR1", "Parquet"),
        ("a.tar", b"x" * 600, "header"),
    ],
)
def test_what_cannot_be_read_is_a_problem_of_its_item(tmp_path, name, content, problem):
    (tmp_path / name).write_bytes(content)
    (bad,) = (item for item in items(tmp_path / name) if item.problem)
    assert problem in bad.problem
    assert bad.item.startswith(name)


def test_a_torn_tar_is_a_problem(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        info = tarfile.TarInfo("1.jpg")
        info.size = 5000
        tar.addfile(info, io.BytesIO(b"x" * 5000))
    (tmp_path / "a.tar").write_bytes((tmp_path / "a.tar").read_bytes()[:2000])
    assert [bool(item.problem) for item in items(tmp_path / "a.tar")] == [True]
