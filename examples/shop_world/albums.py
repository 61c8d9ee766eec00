"""The shop's web site of albums. Artists and titles are made up from a seed; any likeness is chance."""

from __future__ import annotations

from html import escape
from random import Random
from typing import NamedTuple

ALBUMS = 60
ALBUMS_PER_PAGE = 12
SEED = 1997
GENRES = ("Rock", "Pop", "Jazz", "Classical", "Country", "Electronic", "Folk", "Soundtrack")
# The prices of one CD that CDNOW's customers paid most often.
PRICES = ("$11.77", "$14.96", "$13.97", "$14.37", "$12.99", "$15.36", "$12.49", "$14.99")

ROBOTS = "User-agent: *\nDisallow: /shop/private/\n"
PRIVATE_PATH = "/shop/private/CD-9001"

_FIRST = ("Velvet", "Paper", "Copper", "Midnight", "Hollow", "Tin", "Saffron", "Quiet", "Harbour", "Electric", "Ash")
_SECOND = ("Lanterns", "Orchard", "Telegraph", "Foxgloves", "Admirals", "Sparrows", "Engines", "Atlas", "Meridian")
_PLACES = ("Marrowgate", "Quillhaven", "Ostermoor", "Val d'Étoile", "Brindlewick", "Löwenfurt", "Tessaly & Sons")
_TITLES = ("{0} over {2}", "Songs for {0} {1}", "The {2} Sessions", "{0} <{1}>", "Letters from {2}", "{1} at Dusk")


class Album(NamedTuple):
    """One album; `price` as the page shows it, in US dollars."""

    sku: str
    title: str
    artist: str
    genre: str
    price: str
    released: int


def catalogue() -> tuple[Album, ...]:
    """All albums on sale, the same each time, by sku."""
    random = Random(SEED)
    return tuple(_album(f"CD-{number:04}", random) for number in range(1, ALBUMS + 1))


def pages() -> dict[str, str]:
    """Every page of the site, path -> HTML: lists of albums linked by `a.next`, and a page an album, `a.product`.

    The start page also links one page that robots.txt forbids. It looks like an album's, so that a visitor who does
    not ask robots.txt is told apart by a row too many.
    """
    albums = catalogue()
    private = Album("CD-9001", "Staff only", "Nobody", "Rock", "$0.01", 1997)
    found = {f"/shop/album/{album.sku}": _album_page(album) for album in albums}
    found[PRIVATE_PATH] = _album_page(private)
    starts = range(0, len(albums), ALBUMS_PER_PAGE)
    for number, start in enumerate(starts, start=1):
        links = [(f"/shop/album/{album.sku}", album.title) for album in albums[start : start + ALBUMS_PER_PAGE]]
        if number == 1:
            links.append((PRIVATE_PATH, "Staff only"))
        following = _list_path(number + 1) if number < len(starts) else None
        found[_list_path(number)] = _list_page(links, number=number, following=following)
    return found


def _album(sku: str, random: Random) -> Album:
    words = random.choice(_FIRST), random.choice(_SECOND), random.choice(_PLACES)
    return Album(
        sku=sku,
        title=random.choice(_TITLES).format(*words),
        artist=f"The {random.choice(_FIRST)} {random.choice(_SECOND)}",
        genre=random.choice(GENRES),
        price=random.choice(PRICES),
        released=random.choice(range(1962, 1998)),
    )


def _list_path(number: int) -> str:
    return "/shop/" if number == 1 else f"/shop/page/{number}"


def _list_page(links: list[tuple[str, str]], *, number: int, following: str | None) -> str:
    items = "\n".join(f'<li><a class="product" href="{path}">{escape(title)}</a></li>' for path, title in links)
    after = f'\n<p><a class="next" rel="next" href="{following}">More albums</a></p>' if following else ""
    return _document(f"Albums, page {number}", f"<h1>Albums, page {number}</h1>\n<ul>\n{items}\n</ul>{after}")


def _album_page(album: Album) -> str:
    return _document(
        album.title,
        f"""<article>
<h1>{escape(album.title)}</h1>
<p class="artist">{escape(album.artist)}</p>
<p>No. <span data-sku="{album.sku}">{album.sku}</span>, <span class="genre">{album.genre}</span>,
<span class="released">{album.released}</span></p>
<p class="price">{album.price}</p>
</article>
<p><a href="/shop/">All albums</a></p>""",
    )


def _document(title: str, body: str) -> str:
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{escape(title)}</title></head>
<body>
{body}
<footer>Artists and albums here are fictional; any likeness is chance.</footer>
</body>
</html>
"""
