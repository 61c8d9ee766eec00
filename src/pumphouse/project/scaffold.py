"""A new project that runs: around a small table of orders, or around a file of the user's own.

The file is gathered at once, by the source that gathers it ever after. So what can't be read is said before anything is
left behind, and the first table is written from the columns that were really found.
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
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit

import httpx
from sqlglot.dialects.duckdb import DuckDB as Dialect

from pumphouse.declare.formats import AccessLog
from pumphouse.engines.parameters import quoted
from pumphouse.errors import ConfigError, PumphouseError, SourceError
from pumphouse.graph.names import RESERVED
from pumphouse.lake.lake import Lake
from pumphouse.project import starter
from pumphouse.project.config import FILE, read_config
from pumphouse.project.project import Project
from pumphouse.sources.files import access_logs
from pumphouse.sources.files.encodings import encoding_of
from pumphouse.sources.files.packing import start_of, unpacked
from pumphouse.sources.files.reading import READ
from pumphouse.sources.files.texts import StoredFile

ENDINGS = tuple(READ)
ENDING_OF_TYPE = {
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/json": ".json",
    "application/x-ndjson": ".jsonl",
    "application/vnd.apache.parquet": ".parquet",
}
START_BYTES = 64 * 1024
"""Of a file whose ending does not say what is in it, so much is looked at."""
DOWNLOAD_TIMEOUT_S = 60.0
DOWNLOAD_BYTES_MAX = 20 * 1024**3
NAME_LENGTH_MAX = 60
BARS_MAX = 24
BY_DAY_DAYS_MAX, BY_WEEK_DAYS_MAX = 45, 730
"""A report counts rows by day where they span so many days, beyond by week, and beyond that by month."""

_FORMATS = "ph.fixed_width(...), ph.xml(...) and ph.access_log(...)"
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*")
_CALLED_A_KEY = re.compile(r"(^|[_\W])(id|key|uuid|code|number|no|nr)$|(?-i:[a-z]I[dD])$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaffold:
    """What was written: the names of the source, of the table made from it, and of the report; the rows gathered.

    `encoding` is what the file is read in where that is not UTF-8, told by its words; `gather.py` says it.
    """

    folder: Path
    source: str
    table: str
    report: str
    rows: int
    withheld: int
    encoding: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of the source, its type in SQL, and what the table calls it. `_sql` is as SQL spells a name."""

    name: str
    name_sql: str
    type: str
    alias: str
    alias_sql: str


def scaffold(folder: Path, *, start: str | None = None) -> Scaffold:
    """A project written to `folder`, its source gathered. `start` is a file or an address, None some made-up orders.

    Raises ConfigError where the folder is taken or the file is of no kind that is read, SourceError where it can't be
    read. Nothing is left behind then.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise ConfigError(f"the folder {folder} is not empty", mend="Choose another name, or empty it.")
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file", mend="Choose another name.")
    was_there = folder.exists()
    try:
        (folder / "data").mkdir(parents=True)
    except OSError as error:
        raise ConfigError(
            f"the folder {folder} can't be made: {error.strerror}", mend="Choose another place."
        ) from None
    try:
        return _written(folder, _file_for(start, folder / "data"), start=start)
    except BaseException:
        for left in list(folder.iterdir()) if was_there else [folder]:
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        raise


def _file_for(start: str | None, into: Path) -> Path:
    """The file to start from, in the project's data, under a name that is one in SQL and Python."""
    if start is None:
        file = into / "orders.csv"
        file.write_text(starter.ORDERS, encoding="utf-8")
        return file
    if start.startswith(("http://", "https://")):
        return _downloaded(start, into)
    path = Path(start)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is not there"
        raise ConfigError(f"{start} {what}", mend="Name a file, or an address that begins with https://.")
    try:
        file = into / _file_name(path.name, path, said=start)
        shutil.copyfile(path, file)
    except OSError as error:
        raise SourceError(f"{start} can't be copied: {error.strerror}", mend="Is it yours to read?") from None
    return file


def _downloaded(address: str, into: Path) -> Path:
    try:
        with httpx.stream("GET", address, follow_redirects=True, timeout=DOWNLOAD_TIMEOUT_S) as answer:
            if answer.is_error:
                raise SourceError(f"{address} answered {answer.status_code}", mend="Is the address right?")
            name = unquote(PurePosixPath(urlsplit(address).path).name)
            kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
            coming, file, size_bytes = into / "coming", None, 0
            with coming.open("wb") as target:
                for chunk in answer.iter_bytes(START_BYTES):
                    size_bytes += target.write(chunk)
                    if file is None:
                        target.flush()
                        file = into / _file_name(name, coming, said=address, otherwise=ENDING_OF_TYPE.get(kind))
                    if size_bytes > DOWNLOAD_BYTES_MAX:
                        raise SourceError(f"{address} is larger than {DOWNLOAD_BYTES_MAX // 1024**3} GiB")
            if file is None:
                raise SourceError(f"{address}: nothing in it", mend="Is the address right?")
            return coming.rename(file)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        why = str(error) or type(error).__name__
        raise SourceError(f"{address} can't be downloaded: {why}", mend="Does this machine reach it?") from None


def _file_name(name: str, file: Path, *, said: str, otherwise: str | None = None) -> str:
    """A name in words with the ending that says what is in the file, or else `otherwise`, or that of a log.

    Raises ConfigError where neither the name nor the file's first lines say what is in it.
    """
    found = re.fullmatch(rf"(.*?)((?:{'|'.join(map(re.escape, ENDINGS))})(?:\.gz)?)", name, re.IGNORECASE | re.DOTALL)
    stem, ending = (found[1], found[2].lower()) if found else (name, otherwise)
    if ending is None:
        if _log_format(file) is None:
            raise ConfigError(
                f"{said}: its ending does not say what is in it, and its first lines are of no web server's access log",
                mend=f"What can be begun with ends in {', '.join(ENDINGS)}, also with .gz: if it is one of them, rename"
                " it. Of another format, make a project without --from, put the file into its data/, and say in"
                f' gather.py what it is: ph.files("data/...", format=ph.csv(...)); there are {_FORMATS} too.',
            )
        packed = ".gz" if name.lower().endswith(".gz") else ""
        stem = re.sub(r"\.(log|txt|dat)$", "", name[: len(name) - len(packed)], flags=re.IGNORECASE)
        ending = f".log{packed}"
    return _in_words(stem, otherwise="rows") + ending


def _log_format(file: Path) -> AccessLog | None:
    return access_logs.format_of(start_of(file, most_bytes=START_BYTES))


def _written(folder: Path, file: Path, *, start: str | None) -> Scaffold:
    name = folder.absolute().name
    stem = file.name.partition(".")[0].removeprefix("raw_")
    source = f"raw_{stem}"
    _write(folder / FILE, starter.CONFIG, name=_string(name))
    _write(folder / ".gitignore", starter.IGNORED)
    named = f"data/{file.name}"
    encoding = _encoding(file)
    log = _log_format(file) if file.name.removesuffix(".gz").endswith(".log") else None
    form = f", format=ph.csv({_csv_options(file, encoding)})" if encoding else ""
    if log is not None:
        form = f", format=ph.access_log({_string(log.format) if log.format else ''})"
    _write(folder / "gather.py", starter.GATHER, source=source, file=_string(named), format=form)
    with Project(read_config(folder)) as project:
        (result,) = project.run(source, only=True).results
        if result.error is not None:
            raise _about(result.error, named=named, start=start)
        reserved = _reserved(project.lake)
        table = f"{stem}_rows" if stem in reserved else stem
        columns = _columns(project.lake, source, reserved=reserved)
        key = _likely_key(project.lake, source, columns) if log is None else None
        chart = _chart(project.lake, source, columns, table=table)
        rows = project.lake.count(source)
        withheld = project.lake.builds()[source].counts.withheld
    about, report = key or columns[0], f"{table}_report"
    title = table.replace("_", " ").capitalize()
    names = {"project": name, "file": file.name, "source": source, "table": table, "report": report, "title": title}
    _write(folder / f"{table}.sql", starter.TABLE, **names, key=_key_line(key), columns=_select(columns))
    _write(
        folder / "checks.py",
        starter.CHECKS,
        **names,
        check=_in_words(f"{table}_has_{about.alias}", otherwise="check"),
        condition=_string(f"{about.alias_sql} IS NOT NULL"),
    )
    _write(folder / f"{report}.md", starter.REPORT, **names, chart=chart)
    _write(folder / "README.md", starter.README, **names)
    return Scaffold(
        folder=folder, source=source, table=table, report=report, rows=rows, withheld=withheld, encoding=encoding
    )


def _encoding(file: Path) -> str | None:
    """What a delimited file seems to be in, where that is not UTF-8."""
    if not file.name.removesuffix(".gz").endswith((".csv", ".tsv")):
        return None
    stored = StoredFile(asset="", name=file.name, sha="", path=file)
    with TemporaryDirectory() as folder:
        found = unpacked(stored, folder=Path(folder), choose=list, told=[])
        return next((encoding_of(one.path) for one in found), None)


def _csv_options(file: Path, encoding: str) -> str:
    delimiter = 'delimiter="\\t", ' if file.name.removesuffix(".gz").endswith(".tsv") else ""
    return f"{delimiter}encoding={_string(encoding)}"


def _about(error: PumphouseError, *, named: str, start: str | None) -> PumphouseError:
    """The error, about the file as the person named it: there is no project in which it has another name."""
    if start is not None:
        error.what = error.what.replace(named, start)
    return error


def _reserved(lake: Lake) -> frozenset[str]:
    """Words that DuckDB, SQLGlot or Python read as more than a name, in lower case."""
    words = lake.engine.fork().execute(
        "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category <> 'unreserved'"
    )
    ours = (*RESERVED, *keyword.kwlist, *Dialect.Tokenizer.KEYWORDS)
    return frozenset([*(word for (word,) in words), *(word.lower() for word in ours)])


def _columns(lake: Lake, source: str, *, reserved: frozenset[str]) -> tuple[Column, ...]:
    """The source's columns. A name that SQL takes as it is stays so in the table; others are spelled in words."""
    scan = lake.scan(source)
    found: dict[str, Column] = {}
    for name, kind, *_ in lake.engine.fork().execute(f"DESCRIBE {scan.only(scan.columns).relation}"):
        alias = name if _PLAIN.fullmatch(name) else _in_words(name, otherwise="column")
        number = 1
        while (unique := alias if number == 1 else f"{alias}_{number}").lower() in found:
            number += 1
        found[unique.lower()] = Column(
            name=name, name_sql=_sql(name, reserved), type=kind, alias=unique, alias_sql=_sql(unique, reserved)
        )
    if not found:
        raise SourceError("there is no column in it", asset=source, mend="Start from a file with rows.")
    return tuple(found.values())


def _likely_key(lake: Lake, source: str, columns: Sequence[Column]) -> Column | None:
    """The first column that is called like a key, or else the very first, in which each row has a value of its own."""
    for column in [one for one in columns if _CALLED_A_KEY.search(one.name)] or columns[:1]:
        name = quoted(column.name)
        rows, different = _one(lake, source, f"count(*), count(DISTINCT {name})")
        if rows and rows == different:
            return column
    return None


def _chart(lake: Lake, source: str, columns: Sequence[Column], *, table: str) -> str:
    """A block that counts rows by the first time, or else by the first text with few values, and its chart."""
    for column in columns:
        name = quoted(column.name)
        if column.type.startswith(("DATE", "TIMESTAMP")):
            (days,) = _one(lake, source, f"date_diff('day', min({name}), max({name}))")
            if days is not None:
                unit = "day" if days <= BY_DAY_DAYS_MAX else "week" if days <= BY_WEEK_DAYS_MAX else "month"
                by = f"CAST(date_trunc('{unit}', {column.alias_sql}) AS DATE)"
                return starter.CHART.format(block=f"by_{unit}", by=by, name=unit, table=table)
    for column in columns:
        if column.type == "VARCHAR":
            (different,) = _one(lake, source, f"count(DISTINCT {quoted(column.name)})")
            if 1 < different <= BARS_MAX:
                block = _in_words(f"by_{column.alias}", otherwise="counted")
                return starter.CHART.format(block=block, by=column.alias_sql, name="value", table=table)
    return ""


def _one(lake: Lake, source: str, columns: str) -> tuple[int, ...]:
    return lake.engine.fork().execute(f"SELECT {columns} FROM ({lake.scan(source).relation})")[0]


def _select(columns: Sequence[Column]) -> str:
    """Each column on a line with its type beside it."""
    spelled = [
        column.name_sql if column.alias == column.name else f"{column.name_sql} AS {column.alias_sql}"
        for column in columns
    ]
    spelled = [f"{text}," for text in spelled[:-1]] + spelled[-1:]
    width = max(map(len, spelled))
    return "\n".join(f"    {text:<{width}}  -- {column.type}" for text, column in zip(spelled, columns, strict=True))


def _key_line(key: Column | None) -> str:
    return f"key = {_string(key.alias)}\n" if key else ""


def _in_words(text: str, *, otherwise: str) -> str:
    """The text as a name in lower case: letters, digits and single underscores, a letter first."""
    name = "_".join(re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).lower()))[:NAME_LENGTH_MAX].rstrip("_")
    return name if name.isidentifier() else "_".join(filter(None, (otherwise, name)))


def _sql(name: str, reserved: frozenset[str]) -> str:
    return name if _PLAIN.fullmatch(name) and name.lower() not in reserved else quoted(name)


def _string(text: str) -> str:
    """The text as a string of TOML and of Python."""
    return json.dumps(text, ensure_ascii=False)


def _write(path: Path, template: str, **values: str) -> None:
    path.write_text(template.format(**values), encoding="utf-8")
