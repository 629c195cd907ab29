import numpy as np
import pyarrow as pa
import pytest

from filters.near_duplicates import EXACT, NEAR, TRIMMED, UNIQUE, Clusters
from pipelines.cluster_table import cluster_table
from schemas.arrow import from_table
from schemas.records import ClusterRow


def images(*rows):
    """Images as (URL, content id)."""
    return pa.table(
        {
            "image_url": pa.array([url for url, _ in rows], pa.string()),
            "id": pa.array([identity for _, identity in rows], pa.int64()),
            "raw_sha256": pa.array([f"{identity:064x}" for _, identity in rows], pa.string()),
        }
    )


def found(*rows):
    """Clusters as (representative, distance, verify distance, match, size)."""
    columns = list(zip(*rows, strict=True)) or [()] * 5
    kinds = (np.int64, np.int64, np.int64, np.str_, np.int64)
    told = (np.array(column, kind) for column, kind in zip(columns, kinds, strict=True))
    return Clusters(*told, np.array([0.9 if row[3] in (NEAR, TRIMMED) else 1.0 for row in rows]))


def twins(*rows):
    """What releases have, as (content id, release, sample key)."""
    table = images(*(("", identity) for identity, _, _ in rows)).select(["id", "raw_sha256"])
    for number, name in enumerate(("released_in", "released_key"), 1):
        table = table.append_column(name, pa.array([row[number] for row in rows], pa.string()))
    return table


def rows(*args):
    return list(from_table(ClusterRow, cluster_table(*args)))


def test_nothing_has_no_rows():
    assert rows(images(), found(), twins()) == []


def test_rows_come_by_url_and_a_representative_is_shown_by_the_smallest_of_its_urls():
    told = rows(
        images(("u/c", 2), ("u/b", 1), ("u/a", 1)),
        found((1, 3, 9, NEAR, 3), (1, 0, 0, EXACT, 3), (1, 0, 0, EXACT, 3)),
        twins(),
    )
    one = f"{1:064x}"
    assert told == [
        ClusterRow("u/a", one, "u/a", "exact", "sha256", "sha256", 0, 0, 3),
        ClusterRow("u/b", one, "u/a", "exact", "sha256", "sha256", 0, 0, 3),
        ClusterRow("u/c", one, "u/a", "near", "phash", "phash256", 3, 9, 3, agreement=0.9),
    ]


@pytest.mark.parametrize(
    ("match", "said"),
    [
        (UNIQUE, ("unique", "", "")),
        (EXACT, ("exact", "sha256", "sha256")),
        (NEAR, ("near", "phash", "phash256")),
        (TRIMMED, ("near", "trimmed_phash", "trimmed_phash256")),
    ],
)
def test_each_match_names_its_evidence(match, said):
    (told,) = rows(images(("u", 1)), found((1, 0, 0, match, 1)), twins())
    assert (told.match, told.proposed_by, told.confirmed_by) == said


def test_a_released_representative_is_named_and_has_no_url_here():
    (told,) = rows(images(("u", 1)), found((9, 2, 5, NEAR, 1), (9, 0, 0, UNIQUE, 1)), twins((9, "web 1234abcd", "k")))
    near = ("near", "phash", "phash256", 2, 5, 1)
    assert told == ClusterRow("u", f"{9:064x}", "", *near, "web 1234abcd", "k", agreement=0.9)
