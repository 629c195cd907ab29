"""The table of clusters, made in columns: what `schemas.records.ClusterRow` says of every image."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from filters.near_duplicates import EVIDENCE, NEAR, TRIMMED, Clusters
from filters.sorted_ids import Ids, find_ids
from pipelines.released import TWIN_COLUMNS
from schemas.arrow import arrow_schema
from schemas.records import ClusterRow


def cluster_table(table: pa.Table, found: Clusters, released: pa.Table) -> pa.Table:
    """Return the row of each image of ``table``, by URL; ``found`` begins with those rows.

    A representative content is shown by the smallest of its URLs, and by none where only a release has it.
    """
    leaders = found.representative[: table.num_rows]
    by_url = table.sort_by([("id", "ascending"), ("image_url", "ascending")]).select(["id", "image_url", "raw_sha256"])
    shown_ids, first = np.unique(by_url["id"].to_numpy(), return_index=True)
    shown = by_url.take(first).take(_places(shown_ids, leaders))
    released_ids, first = np.unique(released["id"].to_numpy(), return_index=True)
    twins = released.take(first).take(_places(released_ids, leaders))
    kinds = sorted(EVIDENCE)
    kind = np.searchsorted(kinds, found.match[: table.num_rows])
    named = [(NEAR if name == TRIMMED else name, *EVIDENCE[name]) for name in kinds]
    match, proposed, confirmed = (pa.array(column, pa.string()).take(kind) for column in zip(*named, strict=True))
    numbers = (found.distance, found.verify_distance, found.size)
    columns = [
        table["image_url"],
        pc.fill_null(pc.coalesce(shown["raw_sha256"], twins["raw_sha256"]), ""),
        pc.fill_null(shown["image_url"], ""),
        match,
        proposed,
        confirmed,
        *(pa.array(column[: table.num_rows]) for column in numbers),
        *(pc.fill_null(twins[name], "") for name in TWIN_COLUMNS),
        pa.array(found.agreement[: table.num_rows]),
    ]
    return pa.table(columns, schema=arrow_schema(ClusterRow)).sort_by("image_url")


def _places(ids: Ids, wanted: Ids) -> pa.Array:
    """Return where each of ``wanted`` stands in ``ids`` (ascending, distinct); null where it does not."""
    known, places = find_ids(wanted, ids)
    return pa.array(places, mask=~known)
