import hashlib
import re
from itertools import combinations
from urllib.parse import urljoin, urlsplit

import imagehash
import pytest
from PIL import Image

from filters.charset import decode_page
from filters.harvest import harvest
from pipelines.embedded_web.build import build
from pipelines.embedded_web.cases import CASE_GROUPS, CASE_PAGES
from pipelines.embedded_web.drawing import PHASH_GAP
from pipelines.embedded_web.sites import HIDDEN_ARTICLES, SEEDS, SITES, hosts, sitemap_urls
from pipelines.sitemap import parse_sitemap

SAMPLE = 60


def pages_of(web):
    return {url: resource for url, resource in web.resources.items() if resource.content_type.startswith("text/html")}


def read(web, url):
    resource = web.resources[url]
    decoded = decode_page(resource.make(), resource.content_type)
    assert decoded is not None
    return harvest(decoded.text, url)


def follow(web):
    """Return every page that a crawl from the seeds and sitemaps meets, and those that links alone lead to."""
    linked, queue = set(), list(SEEDS)
    while queue:
        url = queue.pop()
        if url in linked or url not in pages_of(web) or "johab" in url:
            continue
        linked.add(url)
        queue += read(web, url).links
    mapped, queue = set(), list(sitemap_urls())
    while queue:
        found = parse_sitemap(web.resources[queue.pop()].make())
        if found.is_index:
            queue += found.locations
        else:
            mapped.update(found.locations)
    return linked, mapped


def test_counts(web):
    good = [url for url, resource in pages_of(web).items() if resource.status == 200]
    assert len(hosts()) >= 12
    assert len(good) >= 150
    assert len(web.photos) >= 500
    assert len(set(web.photos)) == len(web.photos)


def test_hosts_are_those_that_are_served(web):
    served = {urlsplit(url).netloc for url in web.resources}
    assert served | {"closed.harubang.test"} == set(hosts())


def test_every_site_has_a_robots_txt(web):
    assert {f"http://{site.name}.harubang.test/robots.txt" for site in SITES} <= set(web.resources)


def test_a_crawl_meets_every_page_and_some_only_by_sitemap(web):
    linked, mapped = follow(web)
    pages = set(pages_of(web))
    assert pages - linked - mapped <= {url for url in pages if "johab" in url or urlsplit(url).path.endswith(".jpg")}
    with_sitemap = sum(site.sitemap != "none" for site in SITES)
    assert len(mapped - linked) == HIDDEN_ARTICLES * with_sitemap


def test_pages_name_the_photos_that_are_served(web):
    found = {}
    for url in pages_of(web):
        if "/article/" in url:
            for image in read(web, url).images:
                assert image.url in web.resources, (url, image.url)
                found.setdefault(image.url, []).extend(caption.text for caption in image.captions)
    for photo in web.photos:
        assert any(web.captions[photo] == text.removeprefix("▲ ") for text in found[photo]), photo


def test_captions_are_rarely_equal(web):
    assert len(set(web.captions.values())) >= 0.99 * len(web.photos)


def test_case_pages_name_their_images(web):
    for page in CASE_PAGES:
        named = read(web, page.url)
        urls = {image.url for image in named.images} | {refused.raw_url for refused in named.refused}
        assert {case.image_url for case in page.cases} <= urls, page.url
    for group in CASE_GROUPS:
        assert set(group.image_urls) == {image.url for image in read(web, group.page_url).images}


def test_pages_link_to_nothing_that_is_missing(web):
    dead = set()
    for url in pages_of(web):
        if "johab" not in url:
            dead |= {urljoin(url, link) for link in read(web, url).links} - set(web.resources)
    assert dead == set()


def test_no_url_has_a_port(web):
    assert not [url for url in web.resources if re.match(r"https?://[^/]*:", url)]


def fingerprint(web, urls):
    return [hashlib.sha256(web.resources[url].make()).hexdigest() for url in urls]


@pytest.fixture(scope="module")
def again():
    return build(1)


def test_the_same_seed_gives_the_same_bytes(web, again):
    assert list(web.resources) == list(again.resources)
    urls = [*pages_of(web), *web.photos[::20]]
    assert fingerprint(web, urls) == fingerprint(again, urls)


def test_another_seed_gives_another_web_at_the_same_places(web):
    other = build(2)
    photos = web.photos[::50]
    assert [url for url in web.resources if "/article/" in url] == [u for u in other.resources if "/article/" in u]
    shared = [url for url in photos if url in other.resources]
    assert shared
    assert not set(fingerprint(web, shared)) & set(fingerprint(other, shared))
    assert web.captions[photos[0]] != other.captions[photos[0]]


def test_no_two_photos_are_near_duplicates(web):
    import io

    hashes = []
    for url in web.photos[:: len(web.photos) // SAMPLE]:
        with Image.open(io.BytesIO(web.resources[url].make())) as image:
            ground = Image.new("RGB", image.size, "white")
            layer = image.convert("RGBA")
            ground.paste(layer, mask=layer.getchannel("A"))
            hashes.append(imagehash.phash(ground))
            assert 240 <= min(image.size) <= max(image.size) <= 1400
    assert len(hashes) >= SAMPLE
    assert min(one - other for one, other in combinations(hashes, 2)) > PHASH_GAP
