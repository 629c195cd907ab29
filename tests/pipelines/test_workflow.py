import msgspec
import pytest

from filters.image import ImageAspect, ImageMinSide, default_filters
from pipelines.decoded import ImageSettings
from pipelines.errors import InputRefused
from pipelines.link_table import LinkTable
from pipelines.workflow import Crawl, EmbeddedWebSource, Workflow, as_plain, load_workflow

GOOD = "name: 제주\nsources: {warc: [a.warc.gz]}\n"


@pytest.fixture
def load(tmp_path):
    """Write a workflow and load it."""

    def load(text, *overrides):
        path = tmp_path / "w.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_workflow(str(path), overrides)

    return load


def test_a_small_workflow_has_every_default(load):
    workflow = load(GOOD)
    assert (workflow.name, workflow.sources.warc) == ("제주", ("a.warc.gz",))
    assert workflow.select.filters == default_filters()
    assert (workflow.select.on_unknown, workflow.screen.on_unknown) == ("drop", "drop")
    limits = (workflow.select.max_same_caption, workflow.select.max_near_captions)
    assert (workflow.select.captions, *limits) == ("best", None, None)
    assert workflow.pack.samples_per_shard == 5_000
    assert workflow.dedupe.radius == 6
    assert (workflow.fetch.engine, workflow.fetch.images) == ("harubang", ImageSettings())


def test_every_section_is_read(load):
    workflow = load(
        GOOD
        + """
network: {contact: "mailto:a@a.kr", delay_seconds: 2}
screen: {filters: [{type: caption_length}], on_unknown: keep}
fetch: {max_side: 256, engine: img2dataset}
dedupe: {radius: 4}
select:
  filters: [{type: image_aspect, max_aspect: 2.5}, {type: image_min_side}]
  takedowns: {hosts: [b.kr]}
pack: {licence: cc-by-4.0}
"""
    )
    assert workflow.network.delay_seconds == 2.0
    assert [f.name for f in workflow.screen.filters] == ["caption_length"]
    assert (workflow.fetch.engine, workflow.fetch.images) == ("img2dataset", ImageSettings(max_side=256))
    assert workflow.dedupe.radius == 4
    assert workflow.select.filters == (ImageAspect(max_aspect=2.5), ImageMinSide())
    assert workflow.select.takedowns.hosts == ("b.kr",)
    assert workflow.pack.licence == "cc-by-4.0"


def test_each_source_alone_is_enough(load):
    assert load("name: x\nsources: {embedded_web: {}}").sources.embedded_web == EmbeddedWebSource(seed=1)
    assert load("name: x\nsources: {crawl: {sitemaps: [http://a.kr/s.xml]}}").sources.crawl == Crawl(
        sitemaps=("http://a.kr/s.xml",)
    )
    assert load("name: x\nsources: {tables: [{path: a.csv, page: p}]}").sources.tables == (
        LinkTable(path="a.csv", page="p"),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD + "colour: blue\n", "Object contains unknown field `colour`"),
        (GOOD + "network: {agnet: x}\n", "unknown field `agnet` - at `$.network`"),
        (GOOD + "select: {takedowns: {url: []}}\n", "unknown field `url` - at `$.select.takedowns`"),
        (GOOD + "fetch: {max_side: wide}\n", "Expected `int`, got `str` - at `$.fetch.max_side`"),
        (GOOD + "fetch: {max_side: 1.5}\n", "Expected `int`, got `float` - at `$.fetch.max_side`"),
        (GOOD + "select: {filters: [{type: image_lovely}]}\n", "image_lovely"),
        (GOOD + "select: {on_unknown: perhaps}\n", "on_unknown is drop or keep"),
        (GOOD + "select: {exclude_near: [{name: x}]}\n", "missing required field `path`"),
        (GOOD + "select: {captions: all}\n", "'all' - at `$.select.captions`"),
        (GOOD + "select: {max_same_caption: 0}\n", "max_same_caption is 0: it must be at least 1, or left out"),
        (GOOD + "select: {max_near_captions: -1}\n", "max_near_captions is -1"),
        (GOOD + "screen: {on_unknown: perhaps}\n", "'perhaps' - at `$.screen.on_unknown`"),
        (GOOD + "pack: {samples_per_shard: 0}\n", "samples_per_shard is at least 1"),
        (GOOD + "dedupe: {radius: 17}\n", "radius is 17: expected 0 to 16 bits"),
        (GOOD + "network: {agent: '한글'}\n", "agent: use 3 to 64 letters"),
        (GOOD + "pack: {licence: a}\nname: y\n", "line 4: key 'name' stands twice; remove one"),
        (GOOD + "pack:\n  licence: a\n  licence: b\n", "line 5: key 'licence' stands twice; remove one"),
        ("name: [x\n", "not YAML"),
        ("", "a workflow is a mapping with at least 'name' and 'sources'"),
        ("- x\n", "a workflow is a mapping"),
        ("sources: {warc: [a]}\n", "missing required field `name`"),
        ("name: x\n", "missing required field `sources`"),
        ("name: x\nsources: {}\n", "sources is empty; give warc, crawl, tables, img2dataset or embedded_web"),
        ("name: x\nsources: {warc: []}\n", "sources is empty"),
        ("name: x\nsources: {crawl: {depth: 2}}\n", "sources.crawl has no seeds and no sitemaps; give at least one"),
        ("name: x\nsources: {crawl: {seeds: [http://a.kr]}, embedded_web: {}}\n", "both crawl and embedded_web"),
        ("name: x\nsources: {tables: [{url: u}]}\n", "missing required field `path` - at `$.sources.tables[0]`"),
        (b"name: \xb5\xb9\xc7\xcf\xb8\xa3\xb9\xe6\n", "it is not UTF-8 text"),
        ("name: !!python/object/apply:os.getcwd []\n", "not YAML"),
    ],
)
def test_what_is_wrong_is_told_in_one_line_with_its_place(load, tmp_path, text, message):
    with pytest.raises(InputRefused) as refused:
        load(text)
    assert message in str(refused.value)
    assert str(refused.value).startswith(str(tmp_path / "w.yaml"))
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(InputRefused, match=r"none\.yaml: cannot be read \(No such file or directory\)"):
        load_workflow(str(tmp_path / "none.yaml"))
    with pytest.raises(InputRefused, match="Is a directory"):
        load_workflow(str(tmp_path))


def test_a_merge_key_is_no_key_that_stands_twice(load):
    workflow = load("name: x\nsources: {warc: [a]}\npack: {<<: {licence: a, samples_per_shard: 3}, licence: b}\n")
    assert (workflow.pack.licence, workflow.pack.samples_per_shard) == ("b", 3)


# Overrides


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("pack.samples_per_shard=7", lambda w: w.pack.samples_per_shard == 7),
        ("name=other", lambda w: w.name == "other"),
        ("name=a=b", lambda w: w.name == "a=b"),
        ("sources.warc=[a.warc, b.warc]", lambda w: w.sources.warc == ("a.warc", "b.warc")),
        ("sources.crawl={seeds: ['http://a.kr/'], depth: 1}", lambda w: w.sources.crawl.depth == 1),
        (
            "select.filters=[{type: image_min_side, min_side: 9}]",
            lambda w: w.select.filters == (ImageMinSide(min_side=9),),
        ),
        ("select.filters=[]", lambda w: w.select.filters == ()),
        ("network.allow_loopback=true", lambda w: w.network.allow_loopback is True),
        ("select.takedowns.hosts=[b.kr]", lambda w: w.select.takedowns.hosts == ("b.kr",)),
    ],
)
def test_an_override_sets_a_key_whether_it_is_there_or_not(load, override, value):
    assert value(load(GOOD, override))


def test_the_last_override_of_a_key_holds(load):
    assert load(GOOD, "name=one", "name=two").name == "two"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("pack", "--set pack: write key=value, as in --set"),
        ("", "write key=value"),
        ("=3", "write key=value"),
        ("pack.=3", "write key=value"),
        (".pack=3", "write key=value"),
        ("name.x=3", "--set name.x=3: 'name' is not a mapping"),
        ("sources.warc.0=b", "'warc' is not a mapping"),
        ("name=[a", "--set name=[a: the value is not YAML; put it in quotes"),
        ("pack.shards=3", "unknown field `shards` - at `$.pack`"),
        ("pack.samples_per_shard=many", "Expected `int`, got `str` - at `$.pack.samples_per_shard`"),
        ("pack={licence: a, licence: b}", "--set pack={licence: a, licence: b}: line 1: key 'licence' stands twice"),
    ],
)
def test_an_override_that_cannot_be_applied_is_told(load, override, message):
    with pytest.raises(InputRefused) as refused:
        load(GOOD, override)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_config_as_plain_values_spells_every_default_out_and_reads_back(load):
    workflow = load(GOOD)
    plain = as_plain(workflow)
    assert plain["pack"] == {"samples_per_shard": 5_000, "licence": "other"}
    assert plain["select"]["filters"][0] == {"type": "image_min_side", "min_side": 200}

    assert msgspec.convert(plain, Workflow) == workflow
