import os

import pytest

from pipelines import storage


def test_find_lists_files_of_a_glob_sorted_and_without_folders(tmp_path):
    for name in ("b.txt", "a.txt"):
        (tmp_path / name).write_bytes(b"xy")
    (tmp_path / "c.txt").mkdir()
    found = storage.find(f"{tmp_path}/*.txt")
    assert [(file.path, file.size) for file in found] == [(f"{tmp_path}/a.txt", 2), (f"{tmp_path}/b.txt", 2)]


def test_find_of_a_missing_path_is_empty(tmp_path):
    assert storage.find(f"{tmp_path}/none.warc") == []


def test_write_bytes_replaces_whole_and_leaves_no_other_file(tmp_path):
    path = str(tmp_path / "deep" / "file")
    storage.write_bytes(path, b"old")
    storage.write_bytes(path, b"new")
    assert storage.read_bytes(path) == b"new"
    assert os.listdir(tmp_path / "deep") == ["file"]


def test_read_range_gives_the_bytes_or_says_they_are_not_there(tmp_path):
    path = str(tmp_path / "file")
    storage.write_bytes(path, b"0123456789")
    assert storage.read_range(path, 3, 4) == b"3456"
    with pytest.raises(OSError, match="wanted 4 bytes at 8, found 2"):
        storage.read_range(path, 8, 4)


def test_a_content_file_is_named_by_its_bytes(tmp_path):
    names = []
    for _ in range(2):
        with storage.ContentFile(str(tmp_path)) as content:
            content.file.write("돌하르방".encode())
            names.append(content.publish("part", ".bin"))
    assert names[0] == names[1]
    assert names[0].path == f"{tmp_path}/part-{names[0].sha256[:12]}.bin"
    assert os.listdir(tmp_path) == [os.path.basename(names[0].path)]


def test_a_content_file_that_is_not_published_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), storage.ContentFile(str(tmp_path)) as content:
        content.file.write(b"half")
        raise RuntimeError
    assert os.listdir(tmp_path) == []


def test_remove_tree_of_nothing_is_nothing(tmp_path):
    storage.remove_tree(str(tmp_path / "none"))
