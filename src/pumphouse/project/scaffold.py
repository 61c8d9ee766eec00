"""A new project that runs: around a small table of orders, or around a file of the user's own.

The file is gathered at once, by the same source that gathers it later, so what cannot be read is said before anything
is left behind, and the first table is written from the columns that were really found.
"""

from __future__ import annotations

import json
import keyword
import re
import shutil
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import httpx

from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.parameters import quoted
from pumphouse.errors import ConfigError, SourceError
from pumphouse.graph.names import RESERVED
from pumphouse.lake.lake import Lake
from pumphouse.project.config import FILE, read_config
from pumphouse.project.project import Project

STARTER = Path(__file__).parent / "starter" / "orders.csv"
ENDINGS = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet")
BY_CONTENT_TYPE = {
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/json": ".json",
    "application/x-ndjson": ".jsonl",
    "application/vnd.apache.parquet": ".parquet",
}
DOWNLOAD_TIMEOUT_S = 60.0
DOWNLOAD_BYTES_MAX = 20 * 1024**3
NAME_LENGTH_MAX = 60
BARS_MAX = 24
DAYS_FOR_WEEKS, DAYS_FOR_MONTHS = 45, 730
"""Rows are counted by day in a table that spans up to so many days, then by week, then by month."""

_ID = re.compile(r"(^|_)(id|key|uuid|guid|code|number|no|nr)$|[a-z]I[Dd]$", re.IGNORECASE)
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaffold:
    """What was written: names of the source, of the table made from it, and of the report."""

    folder: Path
    source: str
    table: str
    report: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """A column of the source, and what it is called in the table."""

    name: str
    type: str
    alias: str


def scaffold(folder: Path, *, start: str | None = None) -> Scaffold:
    """The project that was written to `folder`, with its source gathered. `start` is a file or an address.

    Raises ConfigError where the folder is not free or the file is of no kind that is read, and SourceError where it
    can't be read; nothing is left behind then.
    """
    _refuse_taken(folder)
    is_new = not folder.exists()
    try:
        (folder / "data").mkdir(parents=True, exist_ok=True)
        file = _fetched(start or str(STARTER), folder / "data")
        return _written(folder, file)
    except BaseException:
        for left in [folder] if is_new else list(folder.iterdir()):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        raise


def _refuse_taken(folder: Path) -> None:
    if folder.is_dir() and any(folder.iterdir()):
        raise ConfigError(f"the folder {folder} is not empty", mend="Choose another name, or empty it.")
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file", mend="Choose another name.")


def _fetched(start: str, into: Path) -> Path:
    """The user's file within the project, under a name that is one in SQL and Python."""
    if start.startswith(("http://", "https://")):
        return _downloaded(start, into)
    path = Path(start)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is not there"
        raise ConfigError(f"{start} {what}", mend="Name a file, or an address that begins with https://.")
    target = into / _file_name(path.name, ending=_ending(path.name, start))
    try:
        shutil.copyfile(path, target)
    except OSError as error:
        raise SourceError(f"{start} can't be copied: {error.strerror}", mend="Is it yours to read?") from None
    return target


def _downloaded(address: str, into: Path) -> Path:
    try:
        with httpx.stream("GET", address, follow_redirects=True, timeout=DOWNLOAD_TIMEOUT_S) as answer:
            if answer.is_error:
                raise SourceError(f"{address} answered {answer.status_code}", mend="Is the address right?")
            name = unquote(PurePosixPath(urlsplit(address).path).name) or "download"
            kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
            target = into / _file_name(name, ending=_ending(name, address, otherwise=BY_CONTENT_TYPE.get(kind)))
            size_bytes = 0
            with target.open("wb") as file:
                for chunk in answer.iter_bytes():
                    size_bytes += file.write(chunk)
                    if size_bytes > DOWNLOAD_BYTES_MAX:
                        raise SourceError(f"{address} is larger than {DOWNLOAD_BYTES_MAX // 1024**3} GiB")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SourceError(
            f"{address} can't be downloaded: {error}", mend="Is the address right, and can this machine reach it?"
        ) from None
    return target


def _ending(name: str, said: str, *, otherwise: str | None = None) -> str:
    packed = ".gz" if name.lower().endswith(".gz") else ""
    ending = Path(name.lower().removesuffix(".gz")).suffix
    if ending in ENDINGS:
        return ending + packed
    if otherwise is not None:
        return otherwise
    raise ConfigError(
        f"{said}: its ending does not say what is in it",
        mend=f"Files that can be started from end in {', '.join(ENDINGS)}, also with .gz. Is it one of them? Rename it.",
    )


def _file_name(name: str, *, ending: str) -> str:
    stem = name[: -len(ending)] if name.lower().endswith(ending) else Path(name).stem
    return _identifier(stem, otherwise="rows").lower() + ending


def _identifier(text: str, *, otherwise: str) -> str:
    """The text as a name: letters, digits and single underscores, not a digit first."""
    words = re.findall(r"[^\W_]+", unicodedata.normalize("NFC", text))
    name = "_".join(words)[:NAME_LENGTH_MAX].rstrip("_")
    if not name:
        return otherwise
    return name if name.isidentifier() else f"{otherwise}_{name}"


def _written(folder: Path, file: Path) -> Scaffold:
    stem = file.name.partition(".")[0]
    reserved = _reserved_words()
    table = stem.removeprefix("raw_")
    if table in reserved or keyword.iskeyword(table):
        table += "_rows"
    source, report = f"raw_{table}", f"{table}_report"
    _write(folder / FILE, _TOML.format(name=json.dumps(folder.absolute().name, ensure_ascii=False)))
    _write(folder / ".gitignore", "lake/\n.pumphouse/\n")
    _write(folder / "gather.py", _GATHER.format(file=file.name, source=source))
    with Project(read_config(folder)) as project:
        (result,) = project.run(source, only=True).results
        if result.error is not None:
            raise result.error
        lake = project.lake
        columns = _columns(lake, source, reserved=reserved)
        key = _likely_key(lake, source, columns)
        grouping = _grouping(lake, source, columns, reserved=reserved)
        rows = lake.count(source)
    _write(folder / f"{table}.sql", _sql(file.name, source, columns, key=key, reserved=reserved))
    checked = key or columns[0]
    condition = f"{_name(checked.alias, reserved)} IS NOT NULL"
    _write(
        folder / "checks.py",
        _CHECKS.format(name=_identifier(f"{table}_has_{checked.alias}", otherwise="check"), table=table, condition=json.dumps(condition, ensure_ascii=False)),
    )
    _write(folder / f"{report}.md", _REPORT.format(title=table.replace("_", " ").capitalize(), table=table, grouping=grouping.format(table=table)))
    _write(folder / "README.md", _README.format(name=folder.absolute().name, file=file.name, source=source, table=table, report=report))
    return Scaffold(folder=folder, source=source, table=table, report=report, rows=rows)
