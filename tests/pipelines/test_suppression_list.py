import pickle
import resource

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from filters.suppression import Suppression
from pipelines.errors import InputRefused
from pipelines.suppression_list import NOTHING_LISTED, compile_list, content_of

SHA, PHASH = "ab" * 32, "0123456789abcdef"


def compiled(tmp_path, *files, **inline):
    return compile_list(Suppression(files=files, **inline), str(tmp_path / "out"), key="network.opt_out", radius=6)


def named_by_all(listed):
    urls = ("http://a.kr/1.jpg", "http://img.b.kr/")
    return [*map(listed.url, urls), listed.image((SHA,), ""), listed.image((), PHASH)]


def test_lines_csv_and_parquet_name_the_same(tmp_path):
    lines, table, parquet = (str(tmp_path / name) for name in ("list.txt", "list.csv", "list.parquet"))
    (tmp_path / "list.txt").write_bytes(f"\ufeff# wishes\r\n\nhttp://a.kr/1.jpg\r\nb.kr\n{SHA}\n{PHASH}".encode())
    (tmp_path / "list.csv").write_text(f"who,url,host,sha256,phash\n가,http://a.kr/1.jpg,b.kr,,\n나,,,{SHA},{PHASH}\n")
    columns = {"url": ["http://a.kr/1.jpg", None], "host": ["b.kr", ""], "sha256": [None, SHA], "phash": [None, PHASH]}
    pq.write_table(pa.table(columns), parquet)
    kinds = ("url a.kr/1.jpg", "host b.kr", f"sha256 {SHA}", f"phash {PHASH}")
    for path, places in ((lines, (3, 4, 5, 6)), (table, (2, 2, 3, 3)), (parquet, (1, 1, 2, 2))):
        expected = [f"{kind} ({path}:{place})" for kind, place in zip(kinds, places, strict=True)]
        assert named_by_all(compiled(tmp_path, path).load()) == expected


def test_entries_of_the_workflow_are_named_by_their_key(tmp_path):
    held = compiled(tmp_path, urls=("http://a.kr/1.jpg",), hosts=("x.kr", "b.kr"), sha256=(SHA,), phash=(PHASH,)).load()
    assert [named.partition(" (")[2] for named in named_by_all(held)] == [
        "network.opt_out.urls:1)",
        "network.opt_out.hosts:2)",
        "network.opt_out.sha256:1)",
        "network.opt_out.phash:1)",
    ]


def test_nothing_listed_is_no_file(tmp_path):
    assert compiled(tmp_path) == NOTHING_LISTED
    assert NOTHING_LISTED.load() is None
    assert not (tmp_path / "out").exists()


def test_a_list_is_compiled_once_and_again_when_it_grows(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("a.kr\n")
    first = compiled(tmp_path, str(path))
    before = content_of(Suppression(files=(str(path),)))
    assert compiled(tmp_path, str(path)) == first
    path.write_text("a.kr\nb.kr\n")
    grown = compiled(tmp_path, str(path))
    assert grown != first
    assert content_of(Suppression(files=(str(path),))) != before
    assert grown.load().url("http://b.kr/")
    assert not first.load().url("http://b.kr/")
    assert pickle.loads(pickle.dumps(grown)) == grown


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("list.txt", "a.kr\nwhat is this\n", "list.txt:2: 'what is this' is neither a URL"),
        ("list.txt", "ftp://a.kr/\n", "list.txt:1: 'ftp://a.kr/' is not a URL that could be requested"),
        ("list.csv", "url\na.kr\n", "list.csv:2: 'a.kr' is not a URL"),
        ("list.csv", "phash\nabc\n", "list.csv:2: 'abc' is not a phash: that has 16"),
        ("list.csv", "address\na.kr\n", "has no column of url, host, sha256, phash"),
        ("list.csv", "", "has no column of"),
        ("list.parquet", "no", "not a Parquet file"),
        ("list.txt", "\udcff", "list.txt: is not UTF-8; save it as UTF-8"),
    ],
)
def test_a_list_that_cannot_be_read_to_its_end_is_refused(tmp_path, name, text, message):
    (tmp_path / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputRefused) as refused:
        compiled(tmp_path, str(tmp_path / name))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(InputRefused, match=r"none\.txt: the list cannot be read"):
        content_of(Suppression(files=(str(tmp_path / "none.txt"),)))


def test_an_entry_of_the_workflow_that_is_none_is_told(tmp_path):
    with pytest.raises(InputRefused, match=r"network\.opt_out\.sha256: entry 2: 'ab' is not a sha256"):
        compiled(tmp_path, sha256=(SHA, "ab"))


def test_a_hundred_thousand_entries_take_little_memory(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("".join(f"http://s{n % 977}.kr/img/{n}.jpg\n" for n in range(100_000)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    held = compiled(tmp_path, str(path)).load()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert held.url("https://s976.kr/img/976.jpg").endswith("list.txt:977)")
    assert grown < 64
