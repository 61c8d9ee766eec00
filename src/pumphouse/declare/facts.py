"""Facts about an asset point at it by name: a search index, a delivery, a bet. A report is a file of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pumphouse.declare.asset import Common, Declaration, names, place_of_caller
from pumphouse.errors import ConfigError, did_you_mean

LANGUAGES = (
    "arabic", "danish", "dutch", "english", "finnish", "french", "german", "greek", "hungarian", "italian",
    "norwegian", "portuguese", "romanian", "russian", "spanish", "swedish", "turkish",
)  # fmt: skip
"""Languages whose endings a search index takes off words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Spec of kind "report": a `.md` file of the project with SQL and chart blocks."""

    text: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Spec of kind "search": which columns of a table are searched, filtered by and sorted by."""

    table: str
    text: tuple[str, ...]
    filter: tuple[str, ...]
    sort: str | None
    """The first of the columns to sort by, by which the newest can come first."""
    languages: tuple[tuple[str, str], ...] = ()
    """Columns of text with their language."""
    store: bool = False
    """Whether the index keeps the text itself."""
    synonyms: str | None = None
    """A CSV file of the project; each line has words and phrases that mean the same."""
    facet: tuple[str, ...] = ()
    """Columns whose values are counted with each search."""
    sorts: tuple[str, ...] = ()
    """The other ones."""

    @property
    def whole(self) -> tuple[str, ...]:
        """The columns whose value as a whole the index has."""
        return tuple(dict.fromkeys([*self.filter, *self.facet, *([self.sort] if self.sort else []), *self.sorts]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Spec of kind "deliver": where a table goes, in which form."""

    asset: str
    to: str
    format: Literal["csv", "table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bet:
    """Spec of kind "bet": who is expected to use something, to decide what, and when that is looked at."""

    asset: str
    users: tuple[str, ...]
    decision: str
    check_after: str


def search(
    table: str,
    *,
    text: list[str] | str,
    filter: list[str] | str | None = None,
    facet: list[str] | str | None = None,
    sort: list[str] | str | None = None,
    language: str | Mapping[str, str] | None = None,
    synonyms: str | None = None,
    store: bool = False,
    embed: Callable[[list[str]], Any] | None = None,
) -> Declaration:
    """An index over a table's text that follows it from snapshot to snapshot. The table needs a key.

    `text` are the columns whose words are searched, `filter` those compared as a whole, `facet` those whose values are
    counted with each answer, `sort` the one by which the newest can come first, or several. Each of the last three can
    be filtered, counted and sorted by. `language`, of all of the text or by column, makes words that differ by their
    endings alone one word. `synonyms` names a CSV file, in which each line has words and phrases that mean the same.
    `store` keeps the text in the index, so that a page of hits needs no row of the table.
    `embed` is a function of yours that gives as many vectors as it is given texts: `semantic=True` then finds by
    meaning too.

    For example:

        tickets_search = ph.search("tickets", text=["subject", "body"], facet=["account"], sort="opened_at")
    """
    sorts = names(sort)
    columns = names(tuple(text) if isinstance(text, list) else text)
    return Declaration(
        kind="search",
        spec=Search(
            table=table,
            text=columns,
            filter=names(tuple(filter) if isinstance(filter, list) else filter),
            sort=sorts[0] if sorts else None,
            languages=_languages(language, columns),
            synonyms=synonyms,
            store=store,
            facet=names(facet),
            sorts=sorts[1:],
        ),
        common=Common(),
        place=place_of_caller(),
        inputs=(table,),
        files=(synonyms,) if synonyms else (),
        function=embed,
    )


def _languages(language: str | Mapping[str, str] | None, columns: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    by_column = dict.fromkeys(columns, language) if isinstance(language, str) else dict(language or {})
    for column, name in by_column.items():
        if column not in columns:
            mend = did_you_mean(column, columns) or f"Text is in {', '.join(columns)}."
            raise ConfigError(f"language names '{column}', which is not in text", mend=mend)
        if name not in LANGUAGES:
            mend = f"{did_you_mean(name, LANGUAGES)} There are {', '.join(LANGUAGES)}; or leave it out."
            raise ConfigError(f"search has no language '{name}'", mend=mend.lstrip())
    return tuple(sorted(by_column.items()))


def deliver(asset: str, *, to: str, format: Literal["csv", "table"] = "csv", every: str | None = None) -> Declaration:
    """A table handed to people outside, whole, each time it or the declaration changed, or on a schedule.

    `to` is "folder:out/buyers" for a file (format "csv"), or "sqlite:out/shop.db" or the name of a connection to
    PostgreSQL for a table (format "table").

    For example:

        to_buyers = ph.deliver("customers", to="folder:out/buyers", format="csv", every="mon 07:00 Europe/Berlin")
    """
    kind, is_address, _ = to.partition(":")
    form = "csv" if kind == "folder" else "table"
    if format not in ("csv", "table") or (is_address and kind in ("folder", "sqlite") and format != form):
        raise ConfigError(f"'{to}' takes no format '{format}'", mend=f'Write format="{form}".')
    return Declaration(
        kind="deliver",
        spec=Delivery(asset=asset, to=to, format=format),
        common=Common(every=every),
        place=place_of_caller(),
        inputs=(asset,),
    )


def bet(asset: str, *, users: list[str] | tuple[str, ...], decision: str, check_after: str = "30 days") -> Declaration:
    """What is expected of something built: who uses it, and what they decide with it. The access log gives the verdict.

    For example:

        weekly_bet = ph.bet("weekly_sales", users=["buyer-1", "buyer-2"], decision="which titles to reorder")
    """
    return Declaration(
        kind="bet",
        spec=Bet(asset=asset, users=tuple(users), decision=decision, check_after=check_after),
        common=Common(),
        place=place_of_caller(),
        inputs=(asset,),
    )
