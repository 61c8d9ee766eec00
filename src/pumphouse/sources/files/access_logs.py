"""Access logs of web servers: a line is a request.

A format, in Apache's words or nginx's, becomes one regular expression that cuts all lines of a chunk at once. A line
that it does not match is withheld. `-` is null, and for bytes, where servers write it for none, 0. A request that is no
"METHOD path PROTOCOL" stands whole in the column `request`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pumphouse.declare.formats import AccessLog
from pumphouse.errors import ConfigError
from pumphouse.sources import columns
from pumphouse.sources.files.texts import StoredFile
from pumphouse.sources.rows import Column
from pumphouse.sources.spool import Spool

CHUNK_BYTES = 8 * 1024 * 1024

COMMON = '%h %l %u %t "%r" %>s %b'
FORMATS = {
    "common": COMMON,
    "combined": f'{COMMON} "%{{Referer}}i" "%{{User-Agent}}i"',
    "vhost_combined": f'%v:%p {COMMON} "%{{Referer}}i" "%{{User-Agent}}i"',
}

TIME = r"\d{2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4}"
REQUEST = (
    r'(?:(?P<method>[A-Z]+) (?P<path>[^ "\\]*(?:\\.[^ "\\]*)*)(?: (?P<protocol>HTTP/\d(?:\.\d)?))?'
    r'|(?P<request>[^"\\]*(?:\\.[^"\\]*)*))'
)
APACHE = {
    "h": "ip", "a": "ip", "l": "identity", "u": "user", "t": "time", "r": "request", "s": "status", "b": "bytes",
    "B": "bytes", "O": "bytes_sent", "I": "bytes_received", "D": "duration_us", "T": "duration_s", "v": "server",
    "V": "server", "p": "port", "m": "method", "U": "path", "q": "query", "H": "protocol", "P": "process",
    "k": "keepalives", "X": "connection", "f": "file", "A": "server_ip", "L": "log_id", "R": "handler",
    "S": "bytes_both",
}  # fmt: skip
NGINX = {
    "remote_addr": "ip", "remote_user": "user", "time_local": "time", "request": "request", "status": "status",
    "body_bytes_sent": "bytes", "http_referer": "referrer", "http_user_agent": "user_agent", "request_method": "method",
    "uri": "path", "request_uri": "path", "server_protocol": "protocol", "request_time": "duration_s",
    "time_iso8601": "time_iso8601",
}  # fmt: skip
HEADERS = {"referer": "referrer", "user-agent": "user_agent", "host": "host"}
TYPES = {
    "time": columns.MOMENT,
    **dict.fromkeys(
        (
            "status",
            "bytes",
            "bytes_sent",
            "bytes_received",
            "bytes_both",
            "duration_us",
            "port",
            "process",
            "keepalives",
        ),
        pa.int64(),
    ),
    "duration_s": pa.float64(),
}
NONE_IS_ZERO = frozenset(("bytes",))
END = r"\s*$"
LINES_LOOKED_AT = 20
"""From so many it is told whether a file is an access log."""
_NONE = ("-", "")
_APACHE = re.compile(r"%(?:[<>]|!?\d{3}(?:,\d{3})*)?(?:\{([^}]*)\})?(\^?[a-zA-Z]{1,2}|%)")
_NGINX = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_MONTHS = tuple("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split())  # no array yet: Arrow would import pandas


QUOTED = r'[^"\\]*(?:\\.[^"\\]*)*'
"""Up to a quote that no backslash stands before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """How a line is cut: the pattern, the columns in their order, and the format as a person says it."""

    pattern: str
    names: tuple[str, ...]
    said: str


def format_of(start: bytes) -> AccessLog | None:
    """What a file that begins so is read as, where most of its first whole lines are of a usual format; else None."""
    lines = [line for line in start.decode(errors="replace").split("\n")[:-1] if line.strip()][:LINES_LOOKED_AT]
    for form in (AccessLog(), AccessLog(format="vhost_combined")):
        pattern = re.compile(_cut(form).pattern)
        if sum(pattern.match(line) is not None for line in lines) > len(lines) / 2:
            return form
    return None


def read(file: StoredFile, form: AccessLog, spool: Spool) -> bool:
    """Read a log into the spool; false where there is no line in it. Raises SourceError where none is of the format."""
    cut = _cut(form, asset=file.asset)
    spool.declare({name: TYPES.get(name, "text") for name in cut.names})
    first, found, matched = 1, 0, 0
    with file.path.open("rb") as stream:
        while (lines := stream.readlines(CHUNK_BYTES)) and not spool.is_full:
            texts = _texts(lines)
            # A line that is no UTF-8 is null, and no pattern fits it.
            is_blank = pc.fill_null(pc.match_substring_regex(texts, r"^\s*$"), False)  # noqa: FBT003
            cells = pc.extract_regex(texts, cut.pattern)
            made, fits = _columns(cells, cut.names)
            found += len(lines) - (pc.sum(is_blank).as_py() or 0)
            matched += pc.sum(fits).as_py() or 0
            for at in pc.indices_nonzero(pc.and_not(pc.invert(fits), is_blank)).to_pylist():
                spool.ledger.row(
                    row_id=file.row_id(first + at),
                    original=lines[at].decode(errors="backslashreplace").rstrip("\r\n"),
                    reason=f"line {first + at:,} of {file.name} is not of the format {cut.said}",
                )
            first += len(lines)
            if pc.any(fits).as_py():
                spool.add_columns(
                    {name: Column(values.filter(fits), {values.type}) for name, values in made.items()}, raw=file.raw
                )
    if found and not matched:
        with file.path.open("rb") as stream:
            line = next(line for line in stream if line.strip())[:200].decode(errors="backslashreplace").strip()
        raise file.error(
            f"no line of it is of the format {cut.said}, as this one: {line}",
            mend="Give what stands in the server's settings: format=ph.access_log('%h %l %u %t \"%r\" %>s %b').",
        )
    return found > 0


def _cut(form: AccessLog, *, asset: str | None = None) -> _Cut:
    given = form.format
    if given is None:
        common, combined = _cut(AccessLog(format="common")), _cut(AccessLog(format="combined"))
        start = common.pattern.removesuffix(END)
        rest = combined.pattern.removeprefix(start).removesuffix(END)
        return _Cut(pattern=f"{start}(?:{rest})?{END}", names=combined.names, said="common or combined")
    text = FORMATS.get(given, given).strip().replace('\\"', '"')
    marks = _NGINX if "$" in text and not _APACHE.search(text) else _APACHE
    pattern, last = "^", 0
    names: list[str] = []
    for mark in marks.finditer(text):
        before, after = text[last : mark.start()], text[mark.end() : mark.end() + 1]
        pattern += re.escape(before)
        last = mark.end()
        if mark[0] == "%%":
            pattern += "%"
            continue
        name = _nginx(mark) if marks is _NGINX else _apache(mark)
        if name is None:
            raise ConfigError(
                f"access_log's format has {mark[0]}, which is not known",
                asset=asset,
                mend="Write what its text is.",
            )
        if name in names or (name == "request" and {"method", "path", "protocol"} & set(names)):
            name = f"{name}_{len(names) + 1}"
        pattern += _pattern(name, before=text[mark.start() - 1 : mark.start()], after=after)
        names += ["method", "path", "protocol", "request"] if name == "request" else [name]
    if not names:
        raise ConfigError(
            f"access_log's format {given!r} names no column",
            asset=asset,
            mend=f"It is one of {', '.join(FORMATS)}, or as Apache's LogFormat or nginx's log_format.",
        )
    return _Cut(pattern=f"{pattern}{re.escape(text[last:])}{END}", names=tuple(names), said=repr(given))


def _apache(mark: re.Match[str]) -> str | None:
    inner, letter = mark[1], mark[2]
    if inner is None or letter in ("p", "P", "a", "T", "h"):
        return APACHE.get(letter)
    if letter == "t":
        return "time_text"
    name = inner.lower()
    if letter not in ("i", "o", "C", "e", "n", "^ti", "^to"):
        return None
    return HEADERS.get(name, re.sub(r"\W+", "_", name)) if letter == "i" else re.sub(r"\W+", "_", name)


def _nginx(mark: re.Match[str]) -> str:
    name = mark[1] or mark[2]
    return NGINX.get(name, name.removeprefix("http_"))


def _pattern(name: str, *, before: str, after: str) -> str:
    if name == "request":
        return REQUEST
    if name == "time":
        return rf"\[(?P<time>{TIME})\]" if before != "[" else f"(?P<time>{TIME})"
    if before == after == '"':
        return f"(?P<{name}>{QUOTED})"
    if before == "[" and after == "]":
        return rf"(?P<{name}>[^\]]*)"
    if name.startswith("upstream_"):  # one for each server that was asked: 0.1, 0.2
        return f"(?P<{name}>.*?)"
    return f"(?P<{name}>\\S*?)" if after not in ("", " ") else rf"(?P<{name}>\S+)"


def _texts(lines: list[bytes]) -> pa.Array:
    """Lines as text, null where one is none."""
    packed = pa.array(lines, pa.binary())
    try:
        return packed.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([_decoded(line) for line in lines], pa.string())


def _decoded(line: bytes) -> str | None:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return None


def _columns(cells: pa.StructArray, names: tuple[str, ...]) -> tuple[dict[str, pa.Array], pa.Array]:
    """The columns, and in which lines all of them have the value that is written there."""
    made, fits = {}, pc.is_valid(cells)
    for name in names:
        texts = pc.struct_field(cells, name)
        if name == "time":
            made[name] = _moments(texts)
            fits = pc.and_(fits, pc.is_valid(made[name]))
            continue
        none = "0" if name in NONE_IS_ZERO else None
        texts = pc.if_else(pc.is_in(texts, pa.array(_NONE)), pa.scalar(none, pa.string()), texts)
        kind = TYPES.get(name, pa.string())
        if kind == pa.int64():
            texts = pc.replace_substring_regex(texts, r"^0+(\d)", r"\1")
        made[name] = columns.fit(texts, kind)
        fits = pc.and_(fits, pc.or_(pc.is_valid(made[name]), pc.is_null(texts)))
    return made, fits


def _moments(texts: pa.Array) -> pa.Array:
    """`17/May/2015:10:05:03 +0200` as a moment; null where there is no such day or time."""
    cut = pc.extract_regex(
        texts, r"^(?P<day>..)/(?P<month>...)/(?P<year>....):(?P<time>.{8}) (?P<sign>.)(?P<h>..)(?P<m>..)$"
    )
    part = {name: pc.struct_field(cut, name) for name in ("day", "month", "year", "time", "sign", "h", "m")}
    month = pc.utf8_lpad(pc.cast(pc.add(pc.index_in(part["month"], pa.array(_MONTHS)), 1), pa.string()), 2, padding="0")
    written = pc.binary_join_element_wise(
        pc.binary_join_element_wise(part["year"], month, part["day"], "-"), part["time"], " "
    )
    moment = pc.strptime(written, format="%Y-%m-%d %H:%M:%S", unit="s", error_is_null=True)
    # The 31st of June is read as the 1st of July: what is not written back as it was is none.
    is_one = pc.equal(pc.strftime(moment, format="%Y-%m-%d %H:%M:%S"), written)
    east_s = pc.add(pc.multiply(pc.cast(part["h"], pa.int64()), 3600), pc.multiply(pc.cast(part["m"], pa.int64()), 60))
    east_s = pc.if_else(pc.equal(part["sign"], "-"), pc.negate(east_s), east_s)
    utc = pc.assume_timezone(pc.subtract(moment, pc.cast(east_s, pa.duration("s"))), "UTC").cast(columns.MOMENT)
    return pc.if_else(is_one, utc, pa.scalar(None, columns.MOMENT))
