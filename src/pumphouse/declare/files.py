"""Declaring files as a source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pumphouse.declare.asset import Common, Declaration, names, place_of_caller, time_of
from pumphouse.declare.formats import Format
from pumphouse.declare.layouts import layout_of
from pumphouse.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Spec of kind "files". `format=None` goes by the file's ending."""

    pattern: str
    format: Format | None
    connection: str | None = None
    cursor: str | None = None
    history: bool = False


def files(
    pattern: str,
    *,
    format: Format | None = None,
    connection: str | None = None,
    key: str | tuple[str, ...] | None = None,
    cursor: str | None = None,
    time: Mapping[str, str] | None = None,
    every: str | None = None,
    history: bool = False,
    required: str | tuple[str, ...] | None = None,
    layout: Mapping[str, str | tuple[str, ...]] | None = None,
    doc: str = "",
) -> Declaration:
    """A table made of all files that match `pattern`, relative to the project's folder, or at an address.

    At each run new and changed files are seen, and only they are read; the bytes of each are stored before. Without
    `format` the ending tells: csv, tsv, json, jsonl, parquet, avro, xlsx, xls, ods, each also as gz, zst, bz2, xz or in
    a zip.

    `key` and `cursor` upsert, a `cursor` alone appends, a `key` alone compares the whole, neither replaces.
    `history=True` keeps every version of a key. `layout` says how rows lie in the table's files, as of `ph.table`.

    An address is https://..., or one of object storage: s3://bucket/..., gs://bucket/..., az://container/.... It is
    looked at when a run builds the table: say `every`. `connection` names one of pumphouse.toml with the keys for it.

    For example:

        raw_visits = ph.files("visits/*.csv.gz", key="visit_id", time={"event": "began_at"})
    """
    if isinstance(format, str):
        raise ConfigError(
            f"format of files is {format!r}, a word",
            mend="Leave it out where the file's ending says it. Else: ph.csv(), ph.excel(), ph.xml(records=...).",
        )
    return Declaration(
        kind="files",
        spec=Files(pattern=pattern, format=format, connection=connection, cursor=cursor, history=history),
        common=Common(
            doc=doc, key=names(key), required=names(required), time=time_of(time), every=every, layout=layout_of(layout)
        ),
        place=place_of_caller(),
    )
