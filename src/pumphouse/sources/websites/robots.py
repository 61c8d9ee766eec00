"""What a site's robots.txt allows us (RFC 9309)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pumphouse.errors import SourceError
from pumphouse.sources.http.asking import Answer

if TYPE_CHECKING:
    from protego import Protego

NAME = "pumphouse"
"""What a robots.txt calls us."""
TEXT_BYTES_MAX = 512 * 1024
PAUSE_S_MAX = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Robots:
    """The rules of one site for us."""

    text: str
    parsed: Protego

    def allows(self, url: str) -> bool:
        """Whether an address may be read."""
        return bool(self.parsed.can_fetch(url, NAME))

    def rule_against(self, url: str) -> str:
        """The line that forbids an address: the longest that does so by itself."""
        from protego import Protego

        forbidding = [
            line.strip()
            for line in self.text.splitlines()
            if line.strip().lower().startswith("disallow")
            and not Protego.parse(f"User-agent: *\n{line.strip()}").can_fetch(url, NAME)
        ]
        return max(forbidding, key=len, default="Disallow")

    @property
    def sitemaps(self) -> tuple[str, ...]:
        """The sitemaps that it names."""
        return tuple(self.parsed.sitemaps)

    @property
    def pause_s(self) -> float:
        """Seconds to wait between two pages."""
        return float(self.parsed.crawl_delay(NAME) or 0.0)


def robots_of(answer: Answer, *, asset: str) -> Robots:
    """The rules in an answer to /robots.txt. A site without one (4xx) allows everything.

    A server that fails (5xx) allows nothing; asking for it has raised before. Raises SourceError where the site wants
    more time between pages than PAUSE_S_MAX.
    """
    from protego import Protego

    text = "" if answer.status >= 400 else answer.body[:TEXT_BYTES_MAX].decode("utf-8-sig", errors="replace")
    robots = Robots(text=text, parsed=Protego.parse(text))
    if robots.pause_s > PAUSE_S_MAX:
        raise SourceError(
            f"{answer.url} asks for {robots.pause_s:,.0f} s between two pages, and {PAUSE_S_MAX:.0f} s is the most",
            asset=asset,
            mend="Ask the site for another way to its data.",
        )
    return robots
