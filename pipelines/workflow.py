"""The workflow file: what to read, how to fetch, what to keep. One YAML file, checked before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from filters.caption_engine import CaptionRules
from filters.caption_safety import CaptionSafety
from filters.concept_balance import ConceptBalance
from filters.image import ImageFilter, default_filters
from filters.near_duplicates import DuplicateRules
from filters.suppression import Suppression
from filters.url import normalize
from pipelines.concept_lexicon import Concepts
from pipelines.coverage import Release
from pipelines.decoder import ImageSettings
from pipelines.download_shards import Download
from pipelines.errors import InputRefused
from pipelines.evaluation_sets import EvaluationSet
from pipelines.link_table import LinkTable
from pipelines.network import Network


class Crawl(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A crawl from seed pages and sitemaps.

    ``scope`` lists URL prefixes that may be visited (``http://site.kr/news/``, ``https://*.site.kr/``); empty means
    the sites of the seeds. ``depth`` is the number of links followed from a seed; a seed has depth 0.
    """

    seeds: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()
    scope: tuple[str, ...] = ()
    depth: int = 3
    max_pages: int = 100_000


class EmbeddedWebSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The web that harubang draws and serves itself on loopback, for the demo and the tests."""

    seed: int = 1


class Sources(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where candidates come from: any of WARC files (paths or globs), a crawl, URL–caption tables, the embedded web.

    ``img2dataset`` are folders that it downloaded into: their images are read from there and never asked for again.
    """

    warc: tuple[str, ...] = ()
    crawl: Crawl | None = None
    tables: tuple[LinkTable, ...] = ()
    img2dataset: tuple[Download, ...] = ()
    embedded_web: EmbeddedWebSource | None = None


class Fetch(ImageSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What gets images (``engine``), and what is accepted and stored of them: see `ImageSettings`."""

    engine: Literal["harubang", "img2dataset"] = "harubang"

    @property
    def images(self) -> ImageSettings:
        """What the decoder is told."""
        return ImageSettings(**{name: getattr(self, name) for name in ImageSettings.__struct_fields__})


class Select(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Thresholds on images, in the order given; what to do where a score is unknown; takedowns.

    ``captions`` says what becomes of the captions of one picture: ``best`` keeps one sample with the winner's,
    ``list`` gives that sample all distinct ones, ``each`` makes a sample of each. ``max_same_caption`` and
    ``max_near_captions`` are the most samples that may carry one caption, and captions that differ only in digits,
    spaces and signs; None is no limit. ``balance`` thins out what is left by concept. ``exclude_near``
    names evaluation sets.

    Raises:
        ValueError: ``on_unknown`` is another word, or a limit is below 1.
    """

    filters: tuple[ImageFilter, ...] = msgspec.field(default_factory=default_filters)
    on_unknown: str = "drop"
    takedowns: Suppression = Suppression()
    captions: Literal["best", "list", "each"] = "best"
    max_same_caption: int | None = None
    max_near_captions: int | None = None
    balance: ConceptBalance | None = None
    exclude_near: tuple[str | EvaluationSet, ...] = ()

    def __post_init__(self) -> None:
        if self.on_unknown not in ("drop", "keep"):
            raise ValueError("on_unknown is drop or keep")
        for name in ("max_same_caption", "max_near_captions"):
            limit = getattr(self, name)
            if limit is not None and limit < 1:
                raise ValueError(f"{name} is {limit}: it must be at least 1, or left out")


class Dedupe(DuplicateRules, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When two images are copies, and the releases (their ``dataset`` folders) whose images are not to come again."""

    against: tuple[str, ...] = ()

    def rules(self) -> DuplicateRules:
        """Return the thresholds alone."""
        return DuplicateRules(**{name: getattr(self, name) for name in DuplicateRules.__struct_fields__})


class Pack(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the dataset is written. ``licence`` and ``language`` go to the dataset card."""

    samples_per_shard: int = 5_000
    licence: str = "other"

    def __post_init__(self) -> None:
        if self.samples_per_shard < 1:
            raise ValueError("samples_per_shard is at least 1")


class Workflow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A whole run."""

    name: str
    description: str = ""
    sources: Sources
    network: Network = Network()
    screen: CaptionRules = CaptionRules()
    safety: CaptionSafety = CaptionSafety()
    concepts: Concepts = Concepts()
    fetch: Fetch = Fetch()
    dedupe: Dedupe = Dedupe()
    select: Select = Select()
    pack: Pack = Pack()
    release: Release = Release()


class _StrictLoader(yaml.SafeLoader):
    """YAML as the specification has it: a key stands once in a mapping. PyYAML alone keeps the last silently."""


def _mapping(loader: _StrictLoader, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
    seen: set[str] = set()
    for key_node, _ in node.value:
        key = str(key_node.value)
        if key in seen:
            raise InputRefused(f"line {key_node.start_mark.line + 1}: key {key!r} stands twice; remove one")
        seen.add(key)
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=deep)


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def load_workflow(path: str, overrides: Sequence[str] = ()) -> Workflow:
    """Return the workflow in the file ``path`` with ``overrides`` (``dotted.key=YAML value``) applied.

    Raises:
        InputRefused: the file is missing or unreadable, is not YAML, has a key twice, an unknown key, a wrong type or
            value, or no source.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputRefused(f"{path}: cannot be read ({_why(error)}); give the path of a workflow file") from error
    try:
        data = yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader
    except InputRefused as error:
        raise InputRefused(f"{path}, {error}") from error
    except yaml.YAMLError as error:
        raise InputRefused(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict):
        raise InputRefused(f"{path}: a workflow is a mapping with at least 'name' and 'sources'")
    for override in overrides:
        _override(data, override)
    try:
        workflow = msgspec.convert(data, type=Workflow)
    except (msgspec.ValidationError, ValueError) as error:
        raise InputRefused(f"{path}: {error}") from error
    _check_sources(workflow, path)
    return workflow


def _why(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "it is not UTF-8 text"


def _override(data: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals or not all(key.split(".")):
        raise InputRefused(f"--set {override}: write key=value, as in --set pack.samples_per_shard=1000")
    *parents, last = key.split(".")
    place = data
    for name in parents:
        inner = place.get(name)
        if inner is None:
            inner = place[name] = {}
        if not isinstance(inner, dict):
            raise InputRefused(f"--set {override}: {name!r} is not a mapping")
        place = inner
    try:
        place[last] = yaml.load(value, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader
    except InputRefused as error:
        raise InputRefused(f"--set {override}: {error}") from error
    except yaml.YAMLError as error:
        raise InputRefused(f"--set {override}: the value is not YAML; put it in quotes") from error


def _check_sources(workflow: Workflow, path: str) -> None:
    sources = workflow.sources
    if not (sources.warc or sources.crawl or sources.tables or sources.img2dataset or sources.embedded_web):
        raise InputRefused(f"{path}: sources is empty; give warc, crawl, tables, img2dataset or embedded_web")
    if sources.crawl is not None and not (sources.crawl.seeds or sources.crawl.sitemaps):
        raise InputRefused(f"{path}: sources.crawl has no seeds and no sitemaps; give at least one")
    for field in ("seeds", "sitemaps") if sources.crawl is not None else ():
        for number, url in enumerate(getattr(sources.crawl, field), 1):
            if normalize(url) is None:
                raise InputRefused(
                    f"{path}: sources.crawl.{field}: entry {number} is no URL that can be asked for; "
                    "write http:// or https://, a host and no password"
                )
    if sources.crawl is not None and sources.embedded_web is not None:
        raise InputRefused(f"{path}: sources has both crawl and embedded_web; use one")


def as_plain(struct: msgspec.Struct) -> dict[str, Any]:
    """Return a config struct as plain JSON values, every default spelled out."""
    plain: dict[str, Any] = msgspec.to_builtins(struct)
    return plain
