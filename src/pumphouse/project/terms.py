"""Which words of a table's column look like shorthand that a project's dictionaries do not have yet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pumphouse.cleaning.dictionaries.files import read_dictionaries
from pumphouse.cleaning.dictionaries.history import read_history, refused
from pumphouse.cleaning.dictionaries.proposals import Term, terms
from pumphouse.engines.parameters import quoted
from pumphouse.errors import UnknownName, did_you_mean
from pumphouse.project.reading import Reader

TEXTS_MAX = 50_000
"""Different texts that are looked at, the most frequent first."""


def terms_of(reader: Reader, column: str, *, dictionaries: Sequence[str], folder: Path) -> list[Term]:
    """The words of `table.column` that look like shorthand, most frequent first. The read is logged.

    A dictionary that is not there has nothing yet. Raises UnknownName for a table or a column that is not there.
    """
    table, _, name = column.partition(".")
    rows = reader.table(table)
    known = rows.schema.names
    if name not in known:
        raise UnknownName(
            f"there is no column '{column}'",
            mend=did_you_mean(name, known) or f"Name it as TABLE.COLUMN; {table} has {', '.join(known)}.",
        )
    present = [file for file in dictionaries if (folder / file).exists()]
    dictionary = read_dictionaries(folder, present)
    never = frozenset[tuple[str, str]]().union(*(refused(read_history(folder / file)) for file in dictionaries))
    texts = reader.sql(
        f"SELECT CAST({quoted(name)} AS VARCHAR) AS text, count(*) AS texts FROM {quoted(table)} "
        f"WHERE {quoted(name)} IS NOT NULL GROUP BY 1 ORDER BY texts DESC, text LIMIT {TEXTS_MAX}"
    ).to_arrow()
    pairs = zip(texts.column("text").to_pylist(), texts.column("texts").to_pylist(), strict=True)
    return terms(list(pairs), dictionary, refused=never)
