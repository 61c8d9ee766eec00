"""Declaring files as a source, and what is in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pumphouse.declare.asset import Common, Declaration, Time, names, place_of_caller


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedWidth:
    """Lines cut by position, after white space is taken off: `fixed_width(customer_id=5, bought_at="date", ...)`.

    A column is either a width in characters (read as an integer where all of it is digits, else text), or the name of
    a form: "date" (YYYYMMDD), "money" (a decimal), "integer", "text", which reaches to the next white space.
    """

    columns: tuple[tuple[str, int | str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delimited:
    """CSV or TSV with a header line; `delimiter=None` finds it."""

    delimiter: str | None = None
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Spec of kind "files". `format=None` goes by the file's ending."""

    pattern: str
    format: FixedWidth | Delimited | None
    connection: str | None = None
    cursor: str | None = None
    history: bool = False


def files(
    pattern: str,
    *,
    format: FixedWidth | Delimited | None = None,
    connection: str | None = None,
    key: str | tuple[str, ...] | None = None,
    cursor: str | None = None,
    time: Mapping[str, str] | None = None,
    every: str | None = None,
    history: bool = False,
    required: str | tuple[str, ...] | None = None,
    doc: str = "",
) -> Declaration:
    """A table made of all files that match `pattern`, relative to the project's folder, or at an address.

    At each run new and changed files are seen, and only they are read; the bytes of each are stored before. Without
    `format` the ending tells: csv, tsv, json, jsonl, parquet, each also as .gz.

    `key` and `cursor` upsert, a `cursor` alone appends, a `key` alone compares the whole, neither replaces.
    `history=True` keeps every version of a key.

    An address is https://..., or one of object storage: s3://bucket/..., gs://bucket/..., az://container/.... It is
    looked at when a run builds the table: say `every`. `connection` names one of pumphouse.toml with the keys for it.

    For example:

        raw_visits = ph.files("visits/*.csv.gz", key="visit_id", time={"event": "began_at"})
    """
    return Declaration(
        kind="files",
        spec=Files(pattern=pattern, format=format, connection=connection, cursor=cursor, history=history),
        common=Common(doc=doc, key=names(key), required=names(required), time=Time(**(time or {})), every=every),
        place=place_of_caller(),
    )


def fixed_width(**columns: int | str) -> FixedWidth:
    """A format of lines cut by position: each column is a width in characters, or a form that reads to the next blank.

    A width is read as an integer where all of it is digits, else as text. The forms are "date" (YYYYMMDD), "money" (a
    decimal), "integer" and "text".

    For example:

        lines = ph.fixed_width(customer_id=5, bought_at="date", cds="integer", amount_usd="money")
        raw_purchases = ph.files("purchases/*.txt", format=lines)
    """
    return FixedWidth(columns=tuple(columns.items()))


def csv(*, delimiter: str | None = None, encoding: str = "utf-8") -> Delimited:
    """A format of delimited lines with a header, for files whose ending or encoding doesn't tell.

    Without `delimiter` it is found in the file.

    For example:

        raw_bookings = ph.files("bookings/*.txt", format=ph.csv(delimiter=";", encoding="latin-1"))
    """
    return Delimited(delimiter=delimiter, encoding=encoding)
