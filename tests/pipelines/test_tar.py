import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.tar import TarWriter


def written(members):
    out = io.BytesIO()
    tar = TarWriter(out)
    offsets = [tar.add(name, data) for name, data in members]
    tar.close()
    return out.getvalue(), offsets


def names(data):
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return tar.getnames()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=1500), max_size=6))
def test_what_is_added_lies_where_add_says_and_tarfile_reads_it(contents):
    members = [(f"{n:032x}.jpg", data) for n, data in enumerate(contents)]
    data, offsets = written(members)
    assert [data[at : at + len(content)] for at, content in zip(offsets, contents, strict=True)] == contents
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert [(info.name, tar.extractfile(info).read()) for info in tar] == members
        assert [info.offset_data for info in tar.getmembers()] == offsets


def test_the_same_members_are_the_same_bytes_with_no_time_and_no_owner():
    members = [("a.jpg", b"1"), ("a.txt", "돌하르방".encode())]
    data, _ = written(members)
    assert written(members)[0] == data
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for info in tar:
            assert (info.mtime, info.uid, info.gid, info.uname, info.gname, info.mode) == (0, 0, 0, "", "", 0o644)
            assert info.isreg()


@pytest.mark.parametrize(("name", "size"), [("a.jpg", 0), ("n" * 100, 511), (f"{7:032x}.jpg", 123_456)])
def test_a_header_is_the_one_that_tarfile_writes(name, size):
    info = tarfile.TarInfo(name)
    info.size = size
    assert written([(name, bytes(size))])[0][: tarfile.BLOCKSIZE] == info.tobuf(tarfile.USTAR_FORMAT)


def test_no_members_is_still_a_tar():
    data, _ = written([])
    assert names(data) == []
    assert len(data) % tarfile.RECORDSIZE == 0


def test_a_name_of_100_characters_is_the_longest():
    assert names(written([("n" * 100, b"")])[0]) == ["n" * 100]
    with pytest.raises(ValueError, match="name is too long"):
        written([("n" * 101, b"")])
