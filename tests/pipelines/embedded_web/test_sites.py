from pipelines.embedded_web.kinds import KINDS
from pipelines.embedded_web.markup import FORMS
from pipelines.embedded_web.sites import SEEDS, SITES, hosts, sitemap_urls


def test_sites_speak_of_known_kinds_in_known_ways():
    assert len(SITES) >= 12
    assert {kind for site in SITES for kind in site.kinds} == set(KINDS)
    assert {form for site in SITES for form in site.forms} == set(FORMS)


def test_every_charset_and_kind_of_sitemap_is_there():
    assert {(site.charset, site.declared_by) for site in SITES} >= {
        ("utf-8", "meta"),
        ("euc-kr", "header"),
        ("cp949", "meta"),
    }
    assert {site.sitemap for site in SITES} == {"none", "plain", "gzip", "index"}


def test_places_to_start_from():
    assert SEEDS == ("http://portal.harubang.test/",)
    assert "http://market.harubang.test/sitemap.xml.gz" in sitemap_urls()
    assert len(sitemap_urls()) == sum(site.sitemap != "none" for site in SITES)


def test_hosts():
    assert len(hosts()) == len(set(hosts())) >= 24
    assert all(name.endswith(".harubang.test") for name in hosts())
