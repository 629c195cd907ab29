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


def test_ranges_are_read_in_the_order_of_their_offsets_each_once(tmp_path):
    path = str(tmp_path / "a")
    storage.write_bytes(path, b"0123456789")
    assert list(storage.read_ranges(path, [(8, 2), (3, 4), (0, 1), (3, 4)])) == [(0, b"0"), (3, b"3456"), (8, b"89")]
    assert list(storage.read_ranges(path, [])) == []
    with pytest.raises(OSError, match="wanted 4 bytes at 8, found 2"):
        list(storage.read_ranges(path, [(0, 1), (8, 4)]))


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


def test_below_lists_what_matches_even_in_a_folder_with_a_pattern_s_name(tmp_path):
    folder = tmp_path / "out[1]*"
    for name in ("b/x.json", "a/x.json", "a/y.txt"):
        storage.write_bytes(str(folder / name), b"")
    assert storage.below(str(folder), "*/x.json") == [f"{folder}/a/x.json", f"{folder}/b/x.json"]
    assert storage.below(str(tmp_path / "none"), "*") == []


@pytest.mark.parametrize("links", [True, False])
def test_a_second_name_has_the_same_bytes_replaces_what_is_there_and_outlives_the_first(tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(os, "link", lambda *paths: (_ for _ in ()).throw(OSError("no links here")))
    source, target = str(tmp_path / "a"), str(tmp_path / "deep" / "b")
    storage.write_bytes(source, b"data")
    storage.write_bytes(target, b"torn")
    for _ in range(2):
        storage.link(source, target)
        assert storage.read_bytes(target) == b"data"
        assert os.listdir(tmp_path / "deep") == ["b"]
    os.unlink(source)
    assert storage.read_bytes(target) == b"data"
    with pytest.raises(FileNotFoundError):
        storage.link(source, target)
    assert os.listdir(tmp_path / "deep") == ["b"]


def test_what_is_not_listed_goes_and_empty_folders_with_it(tmp_path):
    for name in ("saved/1/a", "saved/1/b", "saved/2/c", "other/d"):
        storage.write_bytes(str(tmp_path / name), b"")
    storage.remove_unlisted(str(tmp_path), "saved", {"saved/1/a"})
    left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*"))
    assert left == ["other", "other/d", "saved", "saved/1", "saved/1/a"]
    storage.remove_unlisted(str(tmp_path), "none", set())
