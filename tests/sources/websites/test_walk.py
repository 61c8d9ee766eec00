from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.sources.conftest import Reply, Works, World, html_reply

from pumphouse.declare.asset import Declaration
from pumphouse.declare.websites import website
from pumphouse.errors import SourceError
from pumphouse.lake.context import Connection

POLICY = Path("/usr/share/doc/debian-policy/policy.html")
XML = {"Content-Type": "application/xml"}


@pytest.fixture
def site(works: Works, world: World) -> World:
    works.connections["site"] = Connection(name="site", url=world.url, options={"tries": 1})
    world.replies["/robots.txt"] = Reply(b"User-agent: *\nDisallow: /private/\n")
    return world


def pages(**options: object) -> Declaration:
    return website("site", **{"item": {"url": {"page": "url"}, "name": "h1"}, "follow": "a", "key": "url", **options})


def paths(works: Works, world: World) -> list[str]:
    return [row[0].removeprefix(world.url) for row in works.rows("raw", "url")]


def page(name: str, *links: str) -> Reply:
    return html_reply(f"<h1>{name}</h1>" + "".join(f'<a href="{link}">{link}</a>' for link in links))


def locations(*addresses: str, of: str = "url") -> bytes:
    inside = "".join(f"<{of}><loc> {address}\n</loc><lastmod>2026-01-01</lastmod></{of}>" for address in addresses)
    return (
        f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{inside}</urlset>'.encode()
    )


def test_sitemaps_that_robots_names_lead_to_pages_that_no_link_does(works, site):
    site.replies |= {
        "/robots.txt": Reply(f"User-agent: *\nDisallow: /private/\nSitemap: {site.url}/maps.xml\n".encode()),
        "/maps.xml": Reply(
            locations(f"{site.url}/one.xml.gz", f"{site.url}/two.txt", "http://elsewhere.example/x.xml", of="sitemap"),
            headers=XML,
        ),
        "/one.xml.gz": Reply(gzip.compress(locations(f"{site.url}/a", f"{site.url}/private/b", "http://other.example/"))),
        "/two.txt": Reply(f"{site.url}/c\r\n\r\n{site.url}/a\n".encode()),
        "/": page("home"), "/a": page("a"), "/c": page("c"),
    }  # fmt: skip
    built = works.run(works.asset(pages(sitemap=True)))
    assert paths(works, site) == ["/", "/a", "/c"]
    assert set(built.warnings) == {"sitemaps left out: 1", "links not followed, since robots.txt forbids it: 1"}
    asked = len(site.asked)
    works.run((works.assets["raw"], pages()), mode="full")
    assert len(site.asked) == asked


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<urlset><url>", "no whole XML"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><urlset/>', "declares entities"),
        (gzip.compress(b"<urlset/>", mtime=0)[:-6], "cut off"),
    ],
)
def test_a_sitemap_that_is_none_is_named(works, site, body, why):
    site.replies |= {"/": page("home"), "/sitemap.xml": Reply(body, headers=XML)}
    with pytest.raises(SourceError, match=rf"the sitemap .*/sitemap\.xml can't be read: .*{why}"):
        works.run(works.asset(pages(sitemap=True)))


def test_patterns_and_depth_bound_a_walk(works, site):
    site.replies |= {
        "/": page("home", "/shop/a", "/shop/basket", "/blog/x"),
        "/shop/a": page("a", "/shop/b", "/shop/list?page=2"),
        "/shop/b": page("b", "/shop/c"),
        "/shop/list": page("list"),
        "/shop/c": page("c"),
    }
    built = works.run(works.asset(pages(bounds={"only": "/shop/*", "skip": ("*basket", "*page=*"), "depth_max": 2})))
    assert paths(works, site) == ["/shop/a", "/shop/b"]
    assert built.warnings == ("links not followed, since depth_max is 2: 1",)
    assert "/blog/x" not in site.asked


def test_declared_hosts_are_walked_too_each_by_its_own_rules(works, site, other_world):
    works.connections["site"] = Connection(
        name="site", url=site.url, options={"hosts": [f"127.0.0.1:{other_world.server_port}"]}
    )
    other_world.replies |= {
        "/robots.txt": Reply(b"User-agent: *\nDisallow: /no\n"),
        "/yes": page("yes"),
        "/no": page("no"),
    }
    site.replies["/"] = page(
        "home", f"{other_world.url}/yes", f"{other_world.url}/no", "http://10.0.0.1/", "/private/x"
    )
    works.run(works.asset(pages()))
    assert [row[0] for row in works.rows("raw", "name")] == ["home", "yes"]
    assert other_world.asked == ["/robots.txt", "/yes"]


@pytest.fixture
def other_world(world: World) -> Iterator[World]:
    import threading

    with World() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def chain(site: World, count: int) -> None:
    site.replies |= {f"/{n}": page(f"page {n}", f"/{n + 1}") for n in range(1, count)}
    site.replies |= {"/": page("home", "/1"), f"/{count}": page("last")}


def test_a_walk_that_failed_goes_on_where_it_was(works, site):
    chain(site, 6)
    site.replies["/4"] = Reply(status=500)
    made = works.asset(pages())
    with pytest.raises(SourceError, match="/4 answered 500"):
        works.run(made)
    assert works.lake.tables() == ()
    chain(site, 6)
    site.asked.clear()
    works.run(made)
    assert site.asked == ["/robots.txt", "/4", "/5", "/6"]
    assert paths(works, site) == ["/", "/1", "/2", "/3", "/4", "/5", "/6"]
    site.asked.clear()
    assert works.run(made).snapshot is None
    assert len(site.asked) == 8  # a walk that ended begins anew
    works.run(made, mode="full")
    assert len(works.rows()) == 7


def test_a_page_that_is_unchanged_is_not_sent_again(works, site):
    chain(site, 2)
    site.replies["/1"].headers["ETag"] = '"one"'
    made = works.asset(pages())
    works.run(made)
    site.replies["/1"] = lambda target: (
        Reply(status=304) if site.headers[-1].get("If-None-Match") == '"one"' else page("page 1", "/2")
    )
    site.replies["/2"] = page("changed")
    works.run(made)
    assert works.rows("raw", "name") == [("changed",), ("home",), ("page 1",)]
    works.run(made, mode="full")
    assert works.rows("raw", "name") == [("changed",), ("home",), ("page 1",)]
    works.run(made, mode="refetch")
    assert "If-None-Match" not in site.headers[-2]


@pytest.mark.parametrize("how", ["a day later", "refetch", "another site"])
def test_a_walk_that_failed_long_ago_or_elsewhere_begins_anew(works, site, how):
    chain(site, 3)
    site.replies["/2"] = Reply(status=500)
    with pytest.raises(SourceError):
        works.run(works.asset(pages()))
    chain(site, 3)
    site.asked.clear()
    if how == "a day later":
        works.now += timedelta(days=1)
    if how == "another site":
        works.connections["site"] = Connection(name="site", url=site.url.replace("127.0.0.1", "localhost"))
    works.run(works.asset(pages()), mode="refetch" if how == "refetch" else "normal")
    assert len(site.asked) == 5


def test_rules_that_changed_while_a_walk_was_broken_off_hold(works, site):
    chain(site, 3)
    site.replies["/2"] = Reply(status=500)
    with pytest.raises(SourceError):
        works.run(works.asset(pages()))
    chain(site, 3)
    site.replies["/robots.txt"] = Reply(b"User-agent: *\nDisallow: /1\n")
    works.run(works.asset(pages()))
    assert paths(works, site) == ["/"]


def test_a_journal_that_was_cut_off_by_a_crash_is_read_as_far_as_it_goes(works, site):
    chain(site, 3)
    site.replies["/3"] = Reply(status=500)
    made = works.asset(pages())
    with pytest.raises(SourceError):
        works.run(made)
    journal = works.lake.folder / "scratch" / "walk_raw.jsonl"
    journal.write_bytes(journal.read_bytes()[:-20])
    chain(site, 3)
    site.asked.clear()
    works.run(made)
    assert site.asked == ["/robots.txt", "/2", "/3"]
    assert len(works.rows()) == 4
    assert not journal.exists()


@pytest.fixture(scope="module")
def policy() -> Iterator[str]:
    """The Debian policy manual, served by Python's own server in another process."""
    if not POLICY.is_dir():
        pytest.skip("no web site to read: apt-get install debian-policy")
    serving = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(POLICY)]
    with subprocess.Popen(serving, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout
        yield server.stdout.readline().split("(")[1].split(")")[0].rstrip("/")
        server.kill()


def test_a_real_manual_is_read_whole_and_again_without_change(works, policy):
    works.connections["site"] = Connection(name="site", url=policy)
    item = {"url": {"page": "url"}, "title": "h1", "text": {"page": "main_text"}, "next": {"link": 'a[rel~="next"]'}}
    made = works.asset(pages(item=item, follow=("a.internal", "a[accesskey]"), bounds={"skip": "*genindex*"}))
    built = works.run(made)
    rows = works.rows("raw", "url, title, text")
    assert len(rows) == len({row[0] for row in rows}) > 20
    assert all(policy in row[0] for row in rows)
    chapter = next(text for url, _, text in rows if url.endswith("/ch-source.html"))
    assert "debian/changelog" in chapter
    assert "<p>" not in chapter
    assert built.counts.withheld == built.counts.quarantined == 0
    assert works.run(made).snapshot is None
    works.run(made, mode="full")
    assert works.rows("raw", "url, title, text") == rows


@pytest.mark.parametrize("link", ["{}/x/../private/a", "{}/./private/a", "/x/%2e%2E/private/a"])
def test_dots_in_a_link_lead_to_no_page_that_robots_forbids(works, site, link):
    site.replies |= {"/": page("home", link.format(site.url)), "/private/a": page("a")}
    built = works.run(works.asset(pages()))
    assert site.asked == ["/robots.txt", "/"]
    assert built.warnings == ("links not followed, since robots.txt forbids it: 1",)


def test_a_sitemap_of_what_is_no_address_leads_nowhere(works, site):
    site.replies |= {
        "/robots.txt": Reply(b"Sitemap: http://[::1\nSitemap: /maps.xml\n"),
        "/maps.xml": Reply(locations("http://[::1", "/a"), headers=XML),
        "/": page("home"), "/a": page("a"),
    }  # fmt: skip
    works.run(works.asset(pages(sitemap=True)))
    assert paths(works, site) == ["/", "/a"]
