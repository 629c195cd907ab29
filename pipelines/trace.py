"""Tracing: the whole story of a sample key, candidate id, URL or sha256, from what the stages committed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from filters.url import normalize
from pipelines import storage
from pipelines.errors import InputRefused
from pipelines.run import RunRecord, recorded_run
from pipelines.stage import Committed
from pipelines.status import committed_at
from schemas.reasons import Stage

_LIMIT = 1_000  # candidates told in one answer; a page or a host may have more
_HEX = re.compile(r"[0-9a-f]{32}|[0-9a-f]{64}")


def trace(out: str, identity: str) -> dict[str, Any]:
    """Return everything ``out`` knows of ``identity``: pages, candidates, screening, images, clusters, outcomes.

    ``earlier`` are other answers that earlier runs had from the same URLs: what a retry asked for again.

    Raises:
        InputRefused: ``out`` holds no run, or nothing in it has this identity.
    """
    record = recorded_run(out)
    stages = _committed_stages(out, record)
    is_hash = _HEX.fullmatch(identity.lower()) is not None
    names = {identity.lower()} if is_hash else {identity, normalize(identity) or identity}
    story = _by_hash(stages, names) if is_hash else _by_url(stages, names)
    if not any(story.values()):
        raise InputRefused(
            f"{identity}: nothing in {out} has this identity; give a sample key, candidate id, URL or sha256"
        )
    return {"id": identity, **story, "earlier": _earlier(out, record, story)}


def _earlier(out: str, record: RunRecord, story: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return what stages that are not of the last run have of the story's URLs, each answer once."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    kinds = (
        (Stage.CRAWL, "pages", "crawled", "page_url", "captured_at"),
        (Stage.FETCH, "images", "images", "image_url", "fetched_at"),
    )
    for stage, table, told, url, when in kinds:
        urls = {row[url] for row in story[told]}
        known = {(row[url], row[when]) for row in story[told]}
        for path in storage.below(storage.join(out, "stages"), f"{stage}-*/manifest.json"):
            folder = path.rsplit("/", 2)[1]
            other = committed_at(out, folder)
            if other is None or folder == record.folders.get(stage):
                continue
            for row in _rows({stage: other}, stage, table, {url: urls}):
                if (row[url], row[when]) not in known:
                    found.setdefault((row[url], row[when]), {"stage": folder, **row})
    return [found[key] for key in sorted(found)]


def _committed_stages(out: str, record: RunRecord) -> dict[str, Committed]:
    found = {stage: committed_at(out, folder) for stage, folder in record.folders.items()}
    return {stage: committed for stage, committed in found.items() if committed is not None}


def _by_url(stages: dict[str, Committed], names: set[str]) -> dict[str, list[dict[str, Any]]]:
    images = _rows(stages, Stage.FETCH, "images", {"image_url": names, "final_url": names})
    urls = names | {row["image_url"] for row in images}
    candidates = _rows(stages, Stage.EXTRACT, "candidates", {"image_url": urls, "page_url": names})
    if not images:
        images = _rows(stages, Stage.FETCH, "images", {"image_url": {row["image_url"] for row in candidates}})
    return _story(stages, candidates, images, names)


def _by_hash(stages: dict[str, Committed], names: set[str]) -> dict[str, list[dict[str, Any]]]:
    images = _rows(stages, Stage.FETCH, "images", {"raw_sha256": names, "stored_sha256": names})
    urls = {row["image_url"] for row in images}
    candidates = _rows(
        stages, Stage.EXTRACT, "candidates", {"candidate_id": names, "source_digest": names, "image_url": urls}
    )
    if not images:
        images = _rows(stages, Stage.FETCH, "images", {"image_url": {row["image_url"] for row in candidates}})
    return _story(stages, candidates, images, {row["page_url"] for row in candidates})


def _story(
    stages: dict[str, Committed], candidates: list[dict[str, Any]], images: list[dict[str, Any]], pages: set[str]
) -> dict[str, list[dict[str, Any]]]:
    ids = {row["candidate_id"] for row in candidates}
    urls = {row["image_url"] for row in images}
    return {
        "crawled": _rows(stages, Stage.CRAWL, "pages", {"page_url": pages}),
        "pages": _rows(stages, Stage.EXTRACT, "pages", {"page_url": pages}),
        "candidates": candidates,
        "screened": _rows(stages, Stage.SCREEN, "screened", {"candidate_id": ids}),
        "images": images,
        "clusters": _rows(stages, Stage.DEDUPE, "clusters", {"image_url": urls}),
        "outcomes": _rows(stages, Stage.SELECT, "outcomes", {"candidate_id": ids}),
        "lineage": _rows(stages, Stage.PACK, "lineage", {"key": ids}),
    }


def _rows(stages: dict[str, Committed], stage: Stage, table: str, wanted: dict[str, set[str]]) -> list[dict[str, Any]]:
    """Return the rows of a stage's table in which any of the columns holds one of its values."""
    values = {column: names for column, names in wanted.items() if names}
    if stage not in stages or not values:
        return []
    rows: list[dict[str, Any]] = []
    for path in stages[stage].paths(table):
        rows.extend(_matching(path, values))
        if len(rows) >= _LIMIT:
            break
    return rows[:_LIMIT]


def _matching(path: str, values: dict[str, set[str]]) -> Iterator[dict[str, Any]]:
    """Read only the columns that decide, and the row groups that hold a match."""
    with storage.open_to_read(path) as file, pq.ParquetFile(file) as parquet:
        for number in range(parquet.num_row_groups):
            columns = parquet.read_row_group(number, columns=list(values))
            mask = None
            for column, names in values.items():
                found = pc.is_in(columns.column(column), value_set=pa.array(sorted(names), pa.string()))
                mask = found if mask is None else pc.or_(mask, found)
            if pc.any(mask).as_py():
                yield from parquet.read_row_group(number).filter(mask).to_pylist()


def tell(story: dict[str, Any]) -> Iterator[str]:
    """Yield the story as lines for a person."""
    yield story["id"]
    for row in story["crawled"]:
        end = row["reason"] or row["detail"] or "archived"
        yield f"  crawled    {row['page_url']}  {row['captured_at']}  HTTP {row['http_status']}  {end}"
    for row in story["pages"]:
        place = row["source"] if row["source_offset"] is None else f"{row['source']}@{row['source_offset']}"
        yield f"  page       {row['page_url']}  in {place}  {row['detail'] or row['charset']}"
    ends = {row["candidate_id"]: row for row in story["outcomes"]}
    for row in story["screened"]:
        unit = "candidate" if row["unit"] == "image" else row["unit"]
        yield f"  {unit:<9}  {row['candidate_id']}  {row['image_url']}".rstrip()
        yield f"             on {row['page_url'] or row['source']}"
        if row["unit"] == "image":
            yield f"    caption  {row['caption'] or '(none)'}  [{row['caption_kind'] or '-'}] {row['why']}"
        end = ends.get(row["candidate_id"])
        if end is not None:
            won = f" (preferred: {end['winner_id']})" if end["winner_id"] else ""
            yield f"    outcome  {end['outcome']} {end['reason']} {end['detail']}{won}".rstrip()
    for row in story["images"]:
        size = f"{row['width']}x{row['height']}" if row["stored_sha256"] else row["reason"]
        yield f"  image      {row['image_url']}  {row['fetched_at']}  HTTP {row['http_status']}  {size}"
        for evidence in row["consent"]:
            said = "allowed" if evidence["allowed"] else "refused"
            yield f"    consent  {said} by {evidence['channel']}: {evidence['value'][:80]}"
    for row in story["earlier"]:
        when = row.get("fetched_at") or row.get("captured_at")
        url = row.get("image_url") or row.get("page_url")
        end = row["reason"] or row["detail"] or row["outcome"]
        yield f"  earlier    {url}  {when}  HTTP {row['http_status']}  {end}  in {row['stage']}"
    for row in story["lineage"]:
        yield f"  sample     {row['key']}  from {row['source']}@{row['source_offset']}"
        if row["licences"]:
            yield f"    licence  {row['licences']}"
