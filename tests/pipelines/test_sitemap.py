import gzip

from pipelines.sitemap import parse_sitemap

URLS = b"""<?xml version="1.0"?><urlset><url><loc> http://a.test/?a=1&amp;b=2 </loc></url>
<url><loc><![CDATA[http://a.test/2]]></loc></url></urlset>"""


def test_locations_are_read_with_entities_undone():
    assert parse_sitemap(URLS) == (("http://a.test/?a=1&b=2", "http://a.test/2"), False)


def test_gzip_is_undone():
    assert parse_sitemap(gzip.compress(URLS)) == parse_sitemap(URLS)


def test_an_index_is_told_from_a_list():
    found = parse_sitemap(b"<sitemapindex><sitemap><loc>http://a.test/s.xml</loc></sitemap></sitemapindex>")
    assert found == (("http://a.test/s.xml",), True)


def test_a_text_sitemap_is_a_url_a_line():
    assert parse_sitemap(b"http://a.test/1\nnot a url\nhttp://a.test/2\n").locations == (
        "http://a.test/1",
        "http://a.test/2",
    )


def test_entities_of_a_document_type_are_not_expanded():
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><urlset><url><loc>http://a.test/&a;</loc></url></urlset>'
    assert parse_sitemap(bomb).locations == ("http://a.test/&a;",)


def test_what_is_no_sitemap_lists_nothing():
    for body in (b"", b"\x1f\x8bbroken", b"<html></html>"):
        assert parse_sitemap(body) == ((), False)
