import io
import random

import pytest

from pipelines import s3, storage
from pipelines.errors import InputRefused

MEGABYTE = 1 << 20


def open_uploads(folder):
    place = s3._split(folder)
    return s3._client().list_multipart_uploads(Bucket=place["Bucket"], Prefix=place["Key"]).get("Uploads", [])


def failing(fault, *, method="PUT", times=99, part=""):
    """A fault of the first ``times`` requests of one method whose path holds ``part``."""
    left = [times]

    def rule(asked, path):
        if asked == method and part in path and left[0]:
            left[0] -= 1
            return fault
        return None

    return rule


# Objects


def test_what_is_written_is_read_whole_and_in_part(s3_folder):
    path = f"{s3_folder}/file"
    assert not storage.exists(path)
    storage.write_bytes(path, b"0123456789")
    assert storage.exists(path)
    assert (storage.read_bytes(path), storage.read_range(path, 3, 4)) == (b"0123456789", b"3456")
    assert storage.read_range(path, 3, 0) == b""
    with pytest.raises(OSError, match="wanted 4 bytes at 8, found 2"):
        storage.read_range(path, 8, 4)


def test_an_object_that_is_not_there(s3_folder):
    path = f"{s3_folder}/none"
    assert s3.head(path) is None
    assert storage.find(path) == []
    for read in (storage.read_bytes, storage.open_to_read, lambda path: storage.read_range(path, 0, 1)):
        with pytest.raises(FileNotFoundError, match="there is no such object"):
            read(path)
    storage.remove_tree(path)


def test_an_empty_object(s3_folder):
    storage.write_bytes(f"{s3_folder}/empty", b"")
    with storage.open_to_read(f"{s3_folder}/empty") as file:
        assert file.read() == b""
    assert storage.find(f"{s3_folder}/empty")[0].size == 0


def test_reading_on_asks_for_more_and_more_and_any_order_gives_the_bytes(s3_folder, s3_proxy):
    data = random.Random(1).randbytes(3 * MEGABYTE)
    storage.write_bytes(f"{s3_folder}/file", data)
    s3_proxy.asked.clear()
    with storage.open_to_read(f"{s3_folder}/file") as file:
        assert b"".join(iter(lambda: file.read(10_000), b"")) == data
    assert len([method for method, _ in s3_proxy.asked if method == "GET"]) == 4  # 256 kB, 512 kB, 1 MB, the rest
    draw = random.Random(2)
    with storage.open_to_read(f"{s3_folder}/file") as file:
        for _ in range(40):
            start, length = draw.randrange(len(data)), draw.randrange(200_000)
            file.seek(start)
            assert file.read(length) == data[start : start + length]
        file.seek(-5, io.SEEK_END)
        assert (file.read(), file.read(), file.tell()) == (data[-5:], b"", len(data))


def test_an_open_file_is_of_one_version(s3_folder):
    path = f"{s3_folder}/file"
    storage.write_bytes(path, b"a" * MEGABYTE)
    with storage.open_to_read(path) as file:
        file.read(10)
        storage.write_bytes(path, b"b" * MEGABYTE)
        with pytest.raises(s3.Changed):
            file.read()


def test_find_knows_globs_and_sorts(s3_folder):
    for name in ("b.txt", "a.txt", "c.bin", "deep/d.txt"):
        storage.write_bytes(f"{s3_folder}/{name}", b"xy")
    assert [file.path for file in storage.find(f"{s3_folder}/*.txt")] == [f"{s3_folder}/{n}.txt" for n in "ab"]
    assert storage.files_below(s3_folder) == ["a.txt", "b.txt", "c.bin", "deep/d.txt"]
    assert list(storage.folders(s3_folder, "de")) == ["deep"]
    storage.link(f"{s3_folder}/a.txt", f"{s3_folder}/deep/e.txt")
    storage.remove_unlisted(s3_folder, "deep", {"deep/e.txt"})
    assert storage.files_below(f"{s3_folder}/deep") == ["e.txt"]
    storage.remove_tree(f"{s3_folder}/deep")
    assert storage.files_below(s3_folder) == ["a.txt", "b.txt", "c.bin"]


# Publishing


def test_a_content_file_is_named_by_its_bytes(s3_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with storage.ContentFile(s3_folder) as content:
        content.file.write("돌하르방".encode())
        published = content.publish("part", ".bin")
    assert published.path == f"{s3_folder}/part-{published.sha256[:12]}.bin"
    assert storage.read_bytes(published.path) == "돌하르방".encode()
    assert s3.head(published.path).metadata == {"sha256": published.sha256}
    assert list(tmp_path.iterdir()) == []


def test_a_content_file_that_is_not_published_leaves_nothing(s3_folder):
    with pytest.raises(RuntimeError), storage.ContentFile(s3_folder) as content:
        content.file.write(b"half")
        raise RuntimeError
    assert storage.files_below(s3_folder) == []


def test_a_large_file_goes_in_parts(s3_folder, s3_proxy):
    data = random.Random(3).randbytes(40 * MEGABYTE)
    s3.upload(io.BytesIO(data), f"{s3_folder}/large", "digest")
    assert len([path for method, path in s3_proxy.asked if method == "PUT" and "partNumber" in path]) == 3
    assert storage.hash_file(f"{s3_folder}/large")[0] == len(data)
    assert open_uploads(s3_folder) == []


@pytest.mark.parametrize("fault", [403, 500, 503, "reset"])
def test_an_upload_that_fails_in_the_middle_is_aborted_and_seen_by_nobody(s3_folder, s3_proxy, fault):
    s3_proxy.fault = failing(fault, part="partNumber=2")
    with pytest.raises(s3.StoreRefused):
        s3.upload(io.BytesIO(bytes(40 * MEGABYTE)), f"{s3_folder}/large", "digest")
    s3_proxy.fault = failing(None)
    assert s3.head(f"{s3_folder}/large") is None
    assert open_uploads(s3_folder) == []


def test_what_a_killed_upload_left_open_is_aborted(s3_folder):
    place = s3._split(f"{s3_folder}/stage/large")
    s3._client().create_multipart_upload(**place)
    s3._client().create_multipart_upload(**s3._split(f"{s3_folder}/other/large"))
    storage.remove_unfinished(f"{s3_folder}/stage")
    assert [upload["Key"] for upload in open_uploads(s3_folder)] == [place["Key"].replace("stage", "other")]
    storage.remove_unfinished(s3_folder)


def test_a_conditional_put_is_refused_where_something_else_is_there(s3_folder):
    path = f"{s3_folder}/lock"
    first = s3.put(path, b"1", only_if=s3.ABSENT)
    with pytest.raises(s3.Changed):
        s3.put(path, b"2", only_if=s3.ABSENT)
    second = s3.put(path, b"3", only_if=first)
    with pytest.raises(s3.Changed):
        s3.put(path, b"4", only_if=first)
    assert (s3.read(path), s3.head(path).etag) == (b"3", second)
    s3.delete([path])
    with pytest.raises(s3.Changed):
        s3.put(path, b"5", only_if=second)


def test_a_copy_keeps_bytes_and_notes(s3_folder):
    s3.upload(io.BytesIO(b"shard"), f"{s3_folder}/one", "digest")
    s3.copy(f"{s3_folder}/one", f"{s3_folder}/two")
    assert s3.read(f"{s3_folder}/two") == b"shard"
    assert s3.head(f"{s3_folder}/two").metadata == {"sha256": "digest"}


# Failures


@pytest.mark.parametrize(
    ("fault", "said"),
    [(403, "403 AccessDenied"), (500, "500 InternalError"), (503, "503 SlowDown"), ("reset", "Connection")],
)
@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD"])
def test_a_store_that_fails_is_one_clear_line(s3_folder, s3_proxy, method, fault, said):
    path = f"{s3_folder}/file"
    storage.write_bytes(path, b"whole")
    s3_proxy.fault = failing(fault, method=method)
    act = {"GET": s3.read, "PUT": lambda path: s3.put(path, b"new"), "HEAD": s3.head}[method]
    with pytest.raises(s3.StoreRefused) as refused:
        act(path)
    assert path in str(refused.value) or fault == "reset"
    assert "\n" not in str(refused.value)
    assert (said if method != "HEAD" else said.split()[0]) in str(refused.value)
    s3_proxy.fault = failing(None)
    assert s3.read(path) == b"whole"


@pytest.mark.parametrize("fault", [500, 503, "reset", "cut"])
def test_a_failure_that_passes_is_not_seen(s3_folder, s3_proxy, fault):
    storage.write_bytes(f"{s3_folder}/file", b"whole")
    s3_proxy.fault = failing(fault, method="GET", times=1)
    assert s3.read(f"{s3_folder}/file") == b"whole"


def test_an_answer_that_always_breaks_off_is_no_shorter_file(s3_folder, s3_proxy):
    storage.write_bytes(f"{s3_folder}/file", b"whole")
    s3_proxy.fault = failing("cut", method="GET")
    with pytest.raises(s3.StoreRefused):
        s3.read(f"{s3_folder}/file")


def test_a_bucket_that_is_not_there_and_none_named(s3_proxy):
    with pytest.raises(InputRefused, match="no such bucket; make it"):
        s3.put("s3://no-such-bucket/x", b"")
    with pytest.raises(InputRefused, match="names no bucket"):
        s3.head("s3:///x")


def test_a_name_that_no_bucket_can_have(s3_proxy):
    with pytest.raises(InputRefused, match=r'Invalid bucket name "a bucket".*; write s3://bucket/folder$'):
        s3.head("s3://a bucket/x")


@pytest.mark.parametrize(
    ("name", "value"),
    [("AWS_ENDPOINT_URL", "nowhere"), ("AWS_MAX_ATTEMPTS", "many"), ("AWS_RETRY_MODE", "never"), ("AWS_PROFILE", "x")],
)
def test_an_environment_that_makes_no_client(name, value, monkeypatch):
    monkeypatch.setattr(s3, "_clients", [])
    monkeypatch.setenv(name, value)
    with pytest.raises(InputRefused, match=f"s3:// cannot be set up: .*{value}.*; mend the environment's AWS_"):
        s3.head("s3://bucket/x")


def test_no_credentials(s3_proxy, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with pytest.raises(InputRefused, match="no credentials; set AWS_ACCESS_KEY_ID"):
        s3.head("s3://bucket/x")


def test_output_elsewhere_is_refused():
    with pytest.raises(InputRefused, match="the local disk or to s3://bucket/folder"):
        storage.check_output("gs://bucket/out")
    storage.check_output("s3://bucket/out")
    storage.check_output("out")
