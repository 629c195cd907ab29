import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.errors import InputRefused
from pipelines.link_table import LinkTable, format_of, read_rows

ROWS = [
    {"url": "http://a.test/1.jpg", "caption": '쉼표, 따옴표 "와" 줄\n바꿈', "page": "http://a.test/"},
    {"url": "http://a.test/2.jpg", "caption": "첨성대", "page": ""},
]
TABLE = LinkTable(path="x", page="page")


def parquet_bytes():
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([{**row, "other": 1} for row in ROWS]), out)
    return out.getvalue()


def separated(delimiter):
    import csv

    out = io.StringIO()
    writer = csv.DictWriter(out, ["url", "caption", "page"], delimiter=delimiter)
    writer.writeheader()
    writer.writerows(ROWS)
    return out.getvalue().encode()


FILES = {
    "t.parquet": parquet_bytes(),
    "t.csv": separated(","),
    "t.tsv": separated("\t"),
    "t.json": json.dumps(ROWS).encode(),
    "t.jsonl": b"\n".join(json.dumps(row).encode() for row in ROWS),
}


def read(name, data, table=TABLE):
    return list(read_rows(io.BytesIO(data), table, name))


@pytest.mark.parametrize("name", FILES)
def test_every_format_gives_the_same_rows(name):
    rows = read(name, FILES[name])
    assert [(row.position, row.url, row.caption, row.page, row.problem) for row in rows] == [
        (0, ROWS[0]["url"], ROWS[0]["caption"], ROWS[0]["page"], ""),
        (1, ROWS[1]["url"], ROWS[1]["caption"], "", ""),
    ]


@pytest.mark.parametrize("name", [name for name in FILES if name != "t.parquet"])
def test_gzip_is_undone(name):
    assert read(f"{name}.gz", gzip.compress(FILES[name])) == read(name, FILES[name])


def test_a_byte_order_mark_is_no_part_of_the_first_column():
    assert read("t.csv", b"\xef\xbb\xbf" + FILES["t.csv"])[0].url == ROWS[0]["url"]


def test_a_txt_table_is_urls():
    assert [row.url for row in read("t.txt", b"http://a.test/1.jpg\n\n http://a.test/2.jpg \n")] == [
        "http://a.test/1.jpg",
        "http://a.test/2.jpg",
    ]


@pytest.mark.parametrize("record", [{"url": None}, {"url": " "}, {"url": 7}, {"caption": "첨성대"}, {}])
def test_a_row_without_a_url_says_so(record):
    assert read("t.jsonl", json.dumps(record).encode())[0].problem == "no URL in column 'url'"


def test_a_caption_that_is_not_text_says_so():
    assert "does not hold text" in read("t.jsonl", b'{"url": "http://a.test/", "caption": 5}')[0].problem


@pytest.mark.parametrize("line", [b"[1]", b"{broken", b"5"])
def test_a_line_that_is_no_record_is_a_row_with_its_problem(line):
    rows = read("t.jsonl", line + b'\n{"url": "http://a.test/"}')
    assert rows[0].problem == "the row is not a record of named columns"
    assert rows[1].url == "http://a.test/"


@pytest.mark.parametrize(
    ("name", "data"), [("t.parquet", b"PAR1 not"), ("t.json", b'{"a": 1}'), ("t.json", b"[1,"), ("t.csv", b"\xff\xfe")]
)
def test_a_file_not_of_its_format_raises(name, data):
    with pytest.raises(ValueError):
        read(name, data)


def test_a_gzip_that_is_cut_raises():
    with pytest.raises((EOFError, OSError)):
        read("t.csv.gz", gzip.compress(FILES["t.csv"] * 50)[:60])


@pytest.mark.parametrize("name", ["t.xlsx", "t", "t.parquet.gz"])
def test_an_unknown_ending_is_refused(name):
    with pytest.raises(InputRefused, match="rename it to end in one of"):
        format_of(name)
